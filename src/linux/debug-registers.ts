/** The four debug registers of a tracee on x86-64, for instruction breakpoints (Intel SDM volume 3, 18.2; ptrace(2), PTRACE_POKEUSER). No code is changed. */
import { PTRACE } from '../abi/ptrace-requests.js';
import { call } from './libc.js';

/** offsetof(struct user, u_debugreg) (arch/x86/include/asm/user_64.h). */
const DEBUG_REGISTERS = 848;
export const COUNT = 4;
/** Its index: which of the others are on. */
const CONTROL = 7;

const poke = (tid: number, register: number, value: number): number =>
  call('ptrace', PTRACE.POKEUSER, tid, DEBUG_REGISTERS + 8 * register, value);

/** Those of one thread. New threads, children and new programs begin with none. */
export class DebugRegisters {
  private readonly addresses: number[] = Array(COUNT).fill(0);
  private enabled = 0;

  constructor(private readonly tid: number) {}

  has(address: number): boolean {
    return this.addresses.some((each, n) => each === address && (this.enabled & bit(n)) !== 0);
  }

  /** The thread, which is stopped, stops in front of the instructions at these addresses, of which there are four at most, and of no others. Throws SystemError; ENOSPC: others use them. */
  set(addresses: readonly number[]): void {
    // Those that stay are left where they are.
    const places = this.addresses.map((each) => (addresses.includes(each) ? each : 0));
    for (const address of addresses) if (!places.includes(address)) places[places.indexOf(0)] = address;
    let enabled = 0;
    for (const [n, address] of places.entries()) {
      if (address === 0) continue;
      if (this.addresses[n] !== address) {
        poke(this.tid, n, address);
        this.addresses[n] = address;
      }
      enabled |= bit(n);
    }
    if (enabled === this.enabled) return;
    poke(this.tid, CONTROL, enabled);
    this.enabled = enabled;
  }
}

/** Local enable; type and length 0: execution. */
const bit = (register: number): number => 1 << (2 * register);
