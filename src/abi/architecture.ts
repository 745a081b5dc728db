/** The architectures whose kernel implements rseq(2) and whose sections librseq can express. */
export type Architecture =
  | 'x86-64'
  | 'i386'
  | 'aarch64'
  | 'arm'
  | 'ppc64'
  | 'ppc'
  | 's390x'
  | 's390'
  | 'riscv64'
  | 'riscv32'
  | 'mips'
  | 'loongarch64';

/** Those whose programs the simulated machine runs. */
export type MachineArchitecture = Extract<Architecture, 'x86-64' | 'aarch64'>;
