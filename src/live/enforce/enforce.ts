import { VERSION } from '../../node/version.js';
import type { CallSite, EnforceDocument } from '../../report/enforce-document.js';
import { ENFORCE_SCHEMA } from '../../report/enforce-document.js';
import { endOf, keeperIsGone, startKeeper } from '../keeper/door.js';
import type { EnforceConfig, EnforceMessage, InsideCall } from './job.js';

/** Runs a program under `enforce`, to its end. Throws Refused, whose message is for the user. */
export async function enforce(config: EnforceConfig): Promise<EnforceDocument> {
  const keeper = startKeeper<EnforceMessage>({ job: 'enforce', config }, { alone: false });
  const sites = new Map<string, Gathered>();
  const limits = new Set<string>();
  let program: EnforceDocument['program'] | undefined;
  let watched = { sections: 0, processes: 0 };
  for await (const message of keeper.messages) {
    switch (message.kind) {
      case 'call':
        gather(sites, message);
        break;
      case 'limit':
        limits.add(message.text);
        break;
      case 'watched':
        watched = { sections: message.sections, processes: message.processes };
        break;
      case 'ended':
        program = endOf(message);
        break;
    }
  }
  // Its silence would look like a program without such calls.
  if (program === undefined) throw keeperIsGone();
  return {
    schema: ENFORCE_SCHEMA,
    version: VERSION,
    command: config.command,
    options: { mode: config.kill ? 'kill' : 'report', strict: config.strict },
    program,
    sites: [...sites.values()].map(siteOf).sort((a, b) => total(b) - total(a)),
    ...watched,
    limits: [...limits],
  };
}

/** Calls from one place, by name. */
interface Gathered {
  readonly first: InsideCall;
  readonly calls: Map<string, { count: number; readonly first: InsideCall }>;
}

function gather(sites: Map<string, Gathered>, call: InsideCall): void {
  const key = `${call.file} ${call.address} ${call.last}`;
  const site = sites.get(key) ?? { first: call, calls: new Map() };
  sites.set(key, site);
  const known = site.calls.get(call.name);
  if (known === undefined) site.calls.set(call.name, { count: 1, first: call });
  else known.count++;
}

function siteOf({ first: { address, file, place, section, last }, calls }: Gathered): CallSite {
  return {
    address,
    file,
    place,
    section,
    last,
    calls: [...calls].map(([name, { count, first }]) => ({
      name,
      count,
      arguments: first.arguments,
      pid: first.pid,
      tid: first.tid,
    })),
  };
}

const total = ({ calls }: CallSite): number => calls.reduce((sum, { count }) => sum + count, 0);
