import { explore as search } from './search.js';
import type { Knowledge } from './semantics/knowledge.js';
import { MachineCode, type Reductions } from './semantics/machine-code.js';
import type { World } from './semantics/world.js';
import type { Options } from './verdict.js';

/** States that are looked at for it, at most. */
const MOST = 1 << 18;

type Bounds = Pick<Options, 'jobs' | 'host' | 'signal' | 'maxMemory' | 'maxStates' | 'time'>;

/** Explores the first layers with CPUs told apart, where they seem to differ there (Knowledge.toSee). */
export async function learnAhead(
  world: World,
  knowledge: Knowledge,
  options: Bounds & { readonly reductions: Reductions },
): Promise<void> {
  const { reductions, jobs, host, signal, maxMemory, maxStates = MOST, time } = options;
  if (!reductions.cpus || knowledge.seen >= knowledge.toSee) return;
  await search(() => new MachineCode(world, knowledge, { ...reductions, cpus: false }, () => undefined), {
    symmetry: reductions.symmetry && knowledge.symmetric,
    sleep: reductions.sleep,
    maxCost: knowledge.toSee,
    maxStates: Math.min(maxStates, MOST),
    ...(jobs !== undefined && { jobs }),
    ...(host !== undefined && { host }),
    ...(signal !== undefined && { signal }),
    ...(maxMemory !== undefined && { maxMemory }),
    ...(time !== undefined && { time }),
  });
  knowledge.seen = knowledge.toSee;
}
