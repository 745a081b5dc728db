import type { Event } from '../../event/event.js';
import type { AbortRange } from './liveness.js';

/** At which instructions sections were aborted. */
export class Coverage {
  /** Instructions by section: start, end and abort handler. */
  readonly sections = new Map<string, { readonly range: AbortRange; readonly aborted: Set<number> }>();

  of(range: AbortRange): Set<number> {
    const key = `${range.start} ${range.end} ${range.abort}`;
    let section = this.sections.get(key);
    if (section === undefined) {
      section = { range, aborted: new Set() };
      this.sections.set(key, section);
    }
    return section.aborted;
  }

  note(events: readonly Event[]): void {
    for (const event of events) if (event.kind === 'abort') this.of(rangeOf(event)).add(Number(event.ip));
  }
}

export const rangeOf = (event: Extract<Event, { kind: 'abort' }>): AbortRange => ({
  start: Number(event.startIp),
  end: Number(event.startIp + event.postCommitOffset),
  abort: Number(event.abortIp),
});
