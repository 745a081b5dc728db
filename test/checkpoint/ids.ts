import { existsSync, readFileSync } from 'node:fs';

/** In what restore says where nobody may choose ids. */
export const NO_IDS = 'not permitted to choose ids of processes';

/** Ids that a process and its threads can have now: high ones, which come last. */
export function freeIds(): string {
  const most = Number(readFileSync('/proc/sys/kernel/pid_max', 'utf8'));
  for (let first = most - 200 - Math.floor(Math.random() * 4000); ; first -= 50)
    if (Array.from({ length: 20 }, (_, n) => first + n).every((id) => !existsSync(`/proc/${id}`)))
      return `${first}`;
}
