/** membarrier(2): its RSEQ commands abort the sections of other threads. */
export interface MembarrierCommand {
  readonly name: string;
  readonly value: number;
  readonly since: string;
  readonly comment: string;
  readonly source: string;
}

const SOURCE = 'include/uapi/linux/membarrier.h, enum membarrier_cmd';

const command = (name: string, value: number, since: string, comment: string): MembarrierCommand => ({
  name: `MEMBARRIER_CMD_${name}`,
  value,
  since,
  comment,
  source: SOURCE,
});

export const MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ = 1 << 7;
export const MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ = 1 << 8;

/** First argument of membarrier(2). */
export const MEMBARRIER_COMMANDS: readonly MembarrierCommand[] = [
  command('QUERY', 0, '4.3', 'returns the supported commands as a bit mask'),
  command('GLOBAL', 1 << 0, '4.3', 'barrier on all running threads of the system'),
  command('GLOBAL_EXPEDITED', 1 << 1, '4.16', 'barrier on the registered processes'),
  command('REGISTER_GLOBAL_EXPEDITED', 1 << 2, '4.16', 'receive GLOBAL_EXPEDITED barriers'),
  command('PRIVATE_EXPEDITED', 1 << 3, '4.14', 'barrier on the threads of this process'),
  command('REGISTER_PRIVATE_EXPEDITED', 1 << 4, '4.14', 'needed before PRIVATE_EXPEDITED, else EPERM'),
  command('PRIVATE_EXPEDITED_SYNC_CORE', 1 << 5, '4.16', 'also serializes the instruction stream'),
  command('REGISTER_PRIVATE_EXPEDITED_SYNC_CORE', 1 << 6, '4.16', 'needed before it, else EPERM'),
  command(
    'PRIVATE_EXPEDITED_RSEQ',
    MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ,
    '5.10',
    'aborts the sections that other threads of this process are in: all, or with MEMBARRIER_CMD_FLAG_CPU those on one CPU',
  ),
  command(
    'REGISTER_PRIVATE_EXPEDITED_RSEQ',
    MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ,
    '5.10',
    'needed before it, else EPERM',
  ),
  command('GET_REGISTRATIONS', 1 << 9, '6.3', 'returns the registrations of this process as a bit mask'),
];

/** Flag of PRIVATE_EXPEDITED_RSEQ: the third argument is a CPU number. */
export const MEMBARRIER_CMD_FLAG_CPU = 1 << 0;
