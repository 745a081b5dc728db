import { realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';

/**
 * Writes a file under a temporary name first, then renames it: whoever reads it sees the old or the new one, never a half. What must not
 * be replaced (/dev/null, a pipe) is written to.
 */
export function writeWhole(file: string, content: string | Uint8Array): void {
  const target = targetOf(file);
  if (target === undefined) writeFileSync(file, content);
  else replace(target, content);
}

/** The file to replace, behind symbolic links; undefined for what must not be replaced. */
function targetOf(file: string): string | undefined {
  const stat = statSync(file, { throwIfNoEntry: false });
  if (stat === undefined) return file;
  if (stat.isDirectory()) throw Object.assign(new Error(), { code: 'EISDIR' });
  return stat.isFile() ? realpathSync(file) : undefined;
}

function replace(file: string, content: string | Uint8Array): void {
  const temporary = `${file}.${process.pid}.tmp`;
  try {
    writeFileSync(temporary, content);
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}
