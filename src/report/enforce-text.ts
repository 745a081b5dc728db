import { plural } from './document.js';
import type { CallSite, EnforceDocument } from './enforce-document.js';

/** For people: a block a site, and the sum. */
export function enforceText(document: EnforceDocument): string {
  const { sites, sections, processes, options, program, limits } = document;
  const blocks = sites.map((site) => siteText(site, options.mode === 'kill'));
  const calls = sites.reduce((sum, site) => sum + site.calls.reduce((all, { count }) => all + count, 0), 0);
  const ended =
    program.signal !== undefined
      ? `ended by ${program.signal}`
      : program.status === undefined
        ? 'runs on'
        : `exit status ${program.status}`;
  const found =
    calls === 0
      ? 'no system call inside a section'
      : `${plural(calls, 'system call')} inside sections, from ${plural(sites.length, 'place')}`;
  const seen = `${plural(sections, 'section')} in ${plural(processes, 'process', 'processes')}`;
  return [
    ...blocks.flatMap((block) => [...block, '']),
    ...limits.map((limit) => `not watched: ${limit}`),
    `${found} (${seen} watched); the program: ${ended}`,
    '',
  ].join('\n');
}

function siteText({ address, file, place, section, last, calls }: CallSite, killed: boolean): string[] {
  const where = last ? 'as the last instruction of' : 'inside';
  return [
    `${place}: a system call ${where} the section at ${section}`,
    `  at:     ${address} in ${file}`,
    ...calls.map(
      ({ name, count, arguments: args, pid, tid }) =>
        `  ${count === 1 ? 'once' : `${count} times`}: ${name}(${args.join(', ')})  by thread ${tid} of process ${pid}${killed ? ', which got SIGSEGV' : ''}`,
    ),
    last
      ? '  why:    --strict allows no system call at all'
      : '  why:    a thread that is preempted in or behind the call is aborted, and makes it again; a kernel with rseq_debug ends it by SIGSEGV',
    last
      ? '  mend:   nothing, unless the section must be free of calls'
      : '  mend:   make the call before or behind the section, or as its last instruction',
  ];
}
