import { VERSION } from '../../node/version.js';
import { STEP_SCHEMA, type StepDocument, type Walk } from '../../report/step-document.js';
import { startKeeper } from '../keeper/door.js';
import type { StepConfig, StepMessage } from './job.js';

/** Leads threads through sections. Throws Refused, whose message is for the user. */
export async function step(
  config: StepConfig,
  { outputAside, abort }: { readonly outputAside: boolean; readonly abort?: AbortSignal },
): Promise<StepDocument> {
  const door = startKeeper<StepMessage>(
    { job: 'step', config },
    { alone: config.pid !== undefined, output: outputAside ? 'aside' : 'own' },
  );
  const stop = (): void => door.stop();
  abort?.addEventListener('abort', stop);
  const walks: Walk[] = [];
  let sections = 0;
  try {
    for await (const message of door.messages) {
      if (message.kind === 'walk') walks.push(message.walk);
      if (message.kind === 'sections') sections = message.count;
    }
  } finally {
    abort?.removeEventListener('abort', stop);
  }
  return { schema: STEP_SCHEMA, version: VERSION, sections, walks };
}
