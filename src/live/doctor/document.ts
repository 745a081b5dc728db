/** What `rseqlab doctor` found out about a kernel: plain data. */
export interface DoctorDocument {
  /** Of rseqlab. */
  readonly version: string;
  readonly kernel: AskedKernel;
  readonly rows: readonly RowResult[];
  /** Why nothing could be asked; undefined: it could. */
  readonly refused: string | undefined;
}

export interface AskedKernel {
  readonly world: 'real' | 'simulated';
  /** What it calls itself: `6.18.44-foo`. */
  readonly release: string;
  readonly architecture: string;
  /** Whose promises it was held to, and the column of docs/abi.md that has them. */
  readonly promises: string;
  readonly column: string;
  /** With the checks of CONFIG_DEBUG_RSEQ or rseq_debug=1. */
  readonly debug: boolean;
}

export interface RowResult {
  readonly subject: string;
  readonly id: string;
  readonly promise: string;
  /** How the probe asks, and file and function of the kernel that answer. */
  readonly how: string;
  readonly source: string;
  /** What is right on such a kernel; several where each is. */
  readonly expected: readonly string[];
  readonly status: 'kept' | 'broken' | 'skipped';
  /** Undefined where the row was not run. */
  readonly observed: string | undefined;
  /** Why it was not run. */
  readonly reason: string | undefined;
  /** Of a broken row: how often it was asked, and how often the answer was not the promised one. */
  readonly asked: number;
  readonly wrong: number;
  /** Of a broken row: kernels that answer like that. */
  readonly like: readonly string[];
}

export const countOf = ({ rows }: Pick<DoctorDocument, 'rows'>, status: RowResult['status']): number =>
  rows.filter((row) => row.status === status).length;
