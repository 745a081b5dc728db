import type { Addr } from '../../abi/address.js';
import { RIP } from '../../kernel/registers.js';
import { SCENARIO_CALLS } from '../../kernel/scenario/calls.js';
import { enterFunction } from '../../kernel/scenario/phases.js';
import { Access } from './access.js';
import type { Cells } from './cells.js';
import { PrivateMemories } from './private-memory.js';
import { Refusal } from './refusal.js';
import type { World } from './world.js';

const STEP = 1_000_000;
const LONGEST = 100 * STEP;

/** Runs functions of the scenario that look at a state and change nothing: the invariant, and what comes last. */
export class Functions {
  private readonly memories = new PrivateMemories();

  constructor(
    private readonly world: World,
    private readonly cells: Cells,
  ) {}

  private nameOf(start: Addr): string {
    const { name, invariant } = this.world.scenario;
    return `${start === invariant ? 'RSEQLAB_INVARIANT' : 'RSEQLAB_FINALLY'}(${name})`;
  }

  /** What it returned, or the claim that does not hold. Throws Refusal where it does what such functions must not. */
  call(start: Addr, value: (cell: number) => bigint): { returned?: bigint; failed?: string } {
    const { world } = this;
    const { arch, calls, kernel, main, machine } = world;
    const { registers } = main;
    enterFunction(kernel, main, start);
    const stack = this.memories.change(this.memories.empty, world.mainWords, 0);
    const access = new Access(world, this.cells, world.mainWindow, stack, value, true);
    const space = kernel.spaces.of(main.mm.id);
    try {
      for (let done = 0; ; ) {
        const run = space.run(registers, STEP, true);
        done += run.done;
        const { stop } = run;
        if (stop.reason === 'budget') {
          if (done < LONGEST) continue;
          throw new Refusal(
            `${this.nameOf(start)} has not returned after ${LONGEST} instructions: it must come to an end in every state`,
          );
        }
        if (stop.reason !== 'trap' || stop.trap !== 'system-call')
          return {
            failed: `${this.nameOf(start)} crashes, by the instruction at 0x${registers[RIP]!.toString(16)}`,
          };
        const number = calls.numberOf(main);
        const [claim, file, line] = arch.arguments.map((word) => registers[word]!) as [
          bigint,
          bigint,
          bigint,
        ];
        if (number === SCENARIO_CALLS.done) return { returned: claim };
        if (number === SCENARIO_CALLS.fail) {
          const text = (at: bigint): string => kernel.memory(main.mm).text(at);
          return {
            failed: `${text(file)}:${Number(line & 0xffff_ffffn)}: ${text(claim)} does not hold`,
          };
        }
        if (number !== SCENARIO_CALLS.result)
          throw new Refusal(`${this.nameOf(start)} can make no system calls; do that in RSEQLAB_SETUP`);
      }
    } finally {
      machine.watcher = undefined;
      access.close();
    }
  }
}
