/** What the probe says to one row. */
export interface Answer {
  readonly output: string;
  readonly end:
    | { readonly kind: 'exit'; readonly status: number }
    | { readonly kind: 'signal'; readonly name: string }
    | { readonly kind: 'hangs' };
}

/** The probe's exit status for a row that cannot be run where it is (test/conformance/lib.c skip()). */
const SKIPPED = 77;

/** As one line: `EINVAL`, `0; killed by SIGSEGV`. A row that cannot be run: why not. */
export function told({ output, end }: Answer): { readonly text: string } | { readonly skipped: string } {
  const said = output.trim();
  if (end.kind === 'exit' && end.status === SKIPPED) return { skipped: said.replace(/^skipped: /, '') };
  const parts = said === '' ? [] : [said];
  if (end.kind === 'signal') parts.push(`killed by ${end.name}`);
  else if (end.kind === 'hangs') parts.push('hangs');
  else if (end.status !== 0) parts.push(`exit ${end.status}`);
  return { text: parts.join('; ') };
}
