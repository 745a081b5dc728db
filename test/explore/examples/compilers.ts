import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { ROOT } from '../../cli/command.js';

const linux = process.platform === 'linux' && process.arch === 'x64';
const works = (command: string): boolean => linux && spawnSync(command, ['--version']).status === 0;

/** Compilers of this machine that make programs for x86-64 Linux. */
export const COMPILERS = ['gcc', 'clang', 'g++', 'clang++'].filter(works);

/** Include folders of scenarios. */
export const INCLUDES = ['include', 'examples/explore'].map((folder) => `-I${join(ROOT, folder)}`);

/** What the compiler says; throws where it fails. */
export function compile(compiler: string, ...options: readonly string[]): string {
  const { status, stderr } = spawnSync(compiler, [...INCLUDES, ...options], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${compiler} ${options.join(' ')}: ${stderr}`);
  return stderr;
}
