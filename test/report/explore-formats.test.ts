import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { exploreGithub } from '../../src/report/explore-github.js';
import { exploreHtml } from '../../src/report/explore-html.js';
import { exploreJson } from '../../src/report/explore-json.js';
import { explorePerfetto } from '../../src/report/explore-perfetto.js';
import { BOUNDED, HOSTILE, LOST, long, MIGRATION, STORES, VERIFIED } from './explore-fixtures.js';

const ALL = { LOST, MIGRATION, STORES, VERIFIED, BOUNDED, HOSTILE, long: long(20, 3) };
const named = Object.entries(ALL);

describe('--format json', () => {
  const schema = new URL('../../docs/schema/explore-1.schema.json', import.meta.url);
  const validate = new Ajv({ allErrors: true, unicodeRegExp: false, strict: false }).compile(
    JSON.parse(readFileSync(schema, 'utf8')) as object,
  );

  it.each(named)(
    '%s follows docs/schema/explore-1.schema.json, and is the document itself',
    (_, document) => {
      const parsed = JSON.parse(exploreJson(document)) as typeof document;
      validate(parsed);
      expect(validate.errors ?? []).toEqual([]);
      expect(parsed).toEqual(document);
    },
  );

  it('is refused where a counterexample is missing, or an address is a number', () => {
    const [verdict] = LOST.results;
    const { counterexample: _, ...rest } = verdict!;
    expect(validate({ ...LOST, results: [rest] })).toBe(false);
    const bad = JSON.parse(exploreJson(LOST).replace('"ip": "0x401000"', '"ip": 4198400')) as object;
    expect(validate(bad)).toBe(false);
  });
});

describe('--format github', () => {
  it('annotates the line where it goes wrong', () => {
    expect(exploreGithub(MIGRATION)).toBe(
      '::error file=examples/explore/unchecked.c,line=22,title=rseqlab explore count::counters[0] is 1 after two increments of it: task mover took the number of cpu 0 and was moved to cpu 1; its section does not compare it, so it added to counters[0] while task stayer did on cpu 0\n',
    );
    expect(exploreGithub(BOUNDED)).toMatch(
      /^::warning file=examples\/explore\/early\.o,title=[^,]*::no violation so far: --max-states/,
    );
    expect(exploreGithub(VERIFIED)).toBe('');
  });
});

interface TraceEvent {
  readonly ph: string;
  readonly pid: number;
  readonly tid?: number;
  readonly ts: number;
  readonly dur?: number;
  readonly name: string;
  readonly cat?: string;
  readonly id?: number;
  readonly s?: string;
  readonly args?: Record<string, unknown>;
}
const traceOf = (document: typeof LOST): TraceEvent[] =>
  (JSON.parse(explorePerfetto(document)) as { traceEvents: TraceEvent[] }).traceEvents;

describe('--format perfetto', () => {
  it.each(named)('%s: slices of a track nest, as the Trace Event Format wants it', (_, document) => {
    const tracks = new Map<string, TraceEvent[]>();
    for (const event of traceOf(document).filter(({ ph }) => ph === 'X')) {
      const track = `${event.pid} ${event.tid}`;
      tracks.set(track, [...(tracks.get(track) ?? []), event]);
    }
    for (const slices of tracks.values()) {
      const ends: number[] = [];
      // As Perfetto does: by time, else in the file's order.
      for (const { ts, dur } of [...slices].sort((a, b) => a.ts - b.ts)) {
        while (ends.length > 0 && ends.at(-1)! <= ts) ends.pop();
        expect(dur).toBeGreaterThan(0);
        if (ends.length > 0) expect(ts + dur!).toBeLessThanOrEqual(ends.at(-1)!);
        ends.push(ts + dur!);
      }
    }
  });

  it.each(named)('%s: every event has the fields of its kind, and its track a name', (_, document) => {
    const events = traceOf(document);
    const names = new Set(
      events.filter(({ name }) => name === 'thread_name').map(({ pid, tid }) => `${pid} ${tid}`),
    );
    for (const event of events) {
      expect(event.name).not.toBe('');
      if (event.ph === 'M') continue;
      expect(event.ts).toBeGreaterThanOrEqual(0);
      if (event.ph === 'C') expect(typeof event.args?.['value']).toBe('number');
      else expect(names).toContain(`${event.pid} ${event.tid}`);
      if (event.ph === 'i') expect(event.s).toBe('t');
      if (event.ph === 's' || event.ph === 'f') expect(event.id).toBeGreaterThan(0);
    }
  });

  it('has a track a CPU and a task, an instant an abort, an arrow a migration', () => {
    const events = traceOf(MIGRATION);
    const threads = events.filter(({ name }) => name === 'thread_name').map(({ args }) => args?.['name']);
    expect(threads).toEqual(['cpu 0', 'cpu 1', 'mover', 'stayer']);
    const aborts = events.filter(({ cat }) => cat === 'abort');
    expect(aborts.map(({ ph, name }) => `${ph} ${name}`)).toEqual(
      Array.from({ length: 2 }, () => 'i abort increment+0x11 -> increment.cold'),
    );
    const arrows = events.filter(({ cat }) => cat === 'migrate').map(({ ph, tid }) => `${ph} ${tid}`);
    expect(arrows).toEqual(['s 1000', 'f 1001']);
    const values = events.filter(({ ph, name }) => ph === 'C' && name === 'counters[0]');
    expect(values.map(({ args }) => args?.['value'])).toEqual([0, 1, 1]);
  });

  it('has every instruction on its CPU and on its task, one behind the other', () => {
    const { rows } = MIGRATION.results[0]!.counterexample!;
    const slices = traceOf(MIGRATION).filter(({ cat }) => cat === 'execute');
    const executed = [...rows.entries()].filter(([, { kind }]) => kind === 'execute');
    expect(slices.filter(({ pid }) => pid === 1).map(({ ts, tid }) => [ts, tid])).toEqual(
      executed.map(([n, { cpu }]) => [n, 1000 + cpu!]),
    );
    expect(slices.filter(({ pid }) => pid === 2).map(({ ts, tid }) => [ts, tid])).toEqual(
      executed.map(([n, { task }]) => [n, 2000 + task]),
    );
  });

  it('keeps several scenarios apart', () => {
    const both = { ...LOST, results: [...LOST.results, ...VERIFIED.results, ...MIGRATION.results] };
    const processes = traceOf(both).filter(({ name }) => name === 'process_name');
    expect(new Set(processes.map(({ pid }) => pid)).size).toBe(4);
    const threads = traceOf(both).filter(({ name }) => name === 'thread_name');
    expect(new Set(threads.map(({ tid }) => tid)).size).toBe(threads.length);
  });
});

describe('--format html', () => {
  it.each(named)('%s asks for nothing from elsewhere, and its text can end no element', (_, document) => {
    const html = exploreHtml(document);
    expect(html).not.toMatch(/\b(src|href)\s*=\s*["']?(?!x\b)\w/);
    expect(html.match(/<\/script>/g)).toHaveLength(2);
    expect(html.match(/<script\b/g)).toHaveLength(2);
    const [, data] = /<script id="data" type="application\/json">(.*?)<\/script>/s.exec(html)!;
    expect(JSON.parse(data!)).toEqual(document);
  });

  it('is small', () => {
    const html = exploreHtml({ ...LOST, results: [] });
    expect(html.length).toBeLessThan(45_000);
  });
});
