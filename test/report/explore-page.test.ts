import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ExploreDocument } from '../../src/explore/timeline.js';
import { exploreHtml } from '../../src/report/explore-html.js';
import { Browser, chromium } from './browser.js';
import { BOUNDED, HOSTILE, LOST, long, MIGRATION, STORES, VERIFIED } from './explore-fixtures.js';

/** The page in a real browser. SCREENSHOTS names a folder for pictures to look at. */
const found = chromium();
const REASON = 'no Chromium here: apt-get install chromium, or name one in CHROMIUM';
const SHOTS = process.env['SCREENSHOTS'];

const ALL = { LOST, MIGRATION, STORES, VERIFIED, BOUNDED, HOSTILE };

describe.skipIf(found === undefined)(`the page of an exploration${found ? '' : ` (${REASON})`}`, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await Browser.start(found!);
  });
  afterAll(async () => browser?.close());
  beforeEach(async () => browser.look(1280, 800, 'light'));

  const show = (document: ExploreDocument, hash = ''): Promise<void> =>
    browser.show(exploreHtml(document), hash);
  const text = (selector: string): Promise<string> =>
    browser.ask(`document.querySelector(${JSON.stringify(selector)})?.textContent ?? ''`);
  /** The number of the row that is marked, asked of the list as a screen reader does. */
  const step = (): Promise<number> =>
    browser.ask(`(() => {
      const list = document.querySelector('[role=listbox]');
      const row = document.getElementById(list.getAttribute('aria-activedescendant'));
      if (row.getAttribute('aria-selected') !== 'true') throw new Error('not selected');
      const { top, bottom } = row.getBoundingClientRect();
      const seen = list.getBoundingClientRect();
      if (top < seen.top - 1 || bottom > seen.bottom + 1) throw new Error('out of sight');
      return Number(row.dataset.row);
    })()`);
  const watched = (name: string): Promise<string> =>
    browser.ask(`document.querySelector('[data-name="${name}"] td b').textContent`);
  const shot = async (name: string): Promise<void> => {
    if (SHOTS === undefined) return;
    mkdirSync(SHOTS, { recursive: true });
    writeFileSync(join(SHOTS, `${name}.png`), await browser.screenshot());
  };

  it('steps forward and back with every key that says so', async () => {
    await show(LOST);
    const last = LOST.results[0]!.counterexample!.rows.length - 1;
    const ways: readonly (readonly [string, number])[] = [
      ['ArrowDown', 1],
      ['j', 2],
      ['ArrowRight', 3],
      ['ArrowUp', 2],
      ['k', 1],
      ['ArrowLeft', 0],
      ['k', 0],
      ['PageDown', 10],
      ['PageUp', 0],
      ['End', last],
      ['j', last],
      ['Home', 0],
      ['v', LOST.results[0]!.counterexample!.violation.row],
    ];
    for (const [key, expected] of ways) {
      await browser.press(key);
      expect([key, await step()]).toEqual([key, expected]);
    }
  });

  it('jumps to the next abort and to the one before, round and round', async () => {
    const document = long(30, 2);
    const aborts = document.results[0]!.counterexample!.rows.flatMap(({ abort }, n) => (abort ? [n] : []));
    expect(aborts).toHaveLength(3);
    await show(document);
    const seen: number[] = [];
    for (const key of ['a', 'a', 'a', 'a', 'A', 'A']) {
      await browser.press(key);
      seen.push(await step());
    }
    expect(seen).toEqual([...aborts, aborts[0], aborts[2], aborts[1]]);
    expect(await text('.panel')).toContain('abort at increment+0x1a → increment.cold');
  });

  it('shows the memory and the tasks as they are after each step', async () => {
    await show(MIGRATION);
    const { rows } = MIGRATION.results[0]!.counterexample!;
    let value = '0';
    for (const [n, row] of rows.entries()) {
      const change = row.changes.find(({ kind }) => kind === 'memory');
      if (change !== undefined) value = `${Number(change.after)}`;
      expect([n, await watched('counters[0]')]).toEqual([n, value]);
      expect(await text('.panel')).toContain(`Step ${n}`);
      await browser.press('j');
    }
    await browser.press('Home', 'a');
    expect(await text('.panel')).toContain('waits at increment+0x2');
    await shot('migration-abort');
  });

  it('tells each step to those who listen', async () => {
    await show(MIGRATION);
    await browser.press('j');
    expect(await text('[aria-live=polite]')).toBe('Step 1: mover on cpu 0; mov (%rcx),%edx');
    await browser.press('v');
    expect(await text('[aria-live=polite]')).toMatch(
      /^Step 26: mover on cpu 1; finished; counters\[0\] == 2 does not hold/,
    );
  });

  it('does with buttons what keys do', async () => {
    await show(MIGRATION);
    const press = async (label: string): Promise<number> => {
      await browser.ask(
        `[...document.querySelectorAll('.buttons button')].find(b => b.textContent === ${JSON.stringify(label)}).id = 'wanted'`,
      );
      await browser.click('#wanted');
      await browser.ask(`document.getElementById('wanted').removeAttribute('id')`);
      return step();
    };
    expect(await press('forward ▶')).toBe(1);
    expect(await press('forward ▶')).toBe(2);
    expect(await press('◀ back')).toBe(1);
    expect(await press('next abort')).toBe(8);
    expect(await press('▶|')).toBe(26);
    expect(await press('|◀')).toBe(0);
    expect(await press('violation')).toBe(26);
    await browser.click('.row[data-row="24"]');
    expect(await step()).toBe(24);
    // The middle of the strip is the middle of the rows.
    await browser.click('.overview');
    expect(await step()).toBe(13);
    await browser.click('[data-name="counters[0]"] button');
    expect(await step()).toBe(21);
  });

  it('can be used by keyboard alone: focus goes through everything, and shows', async () => {
    await show(MIGRATION);
    const seen = new Set<string>();
    for (let n = 0; n < 24; n++) {
      await browser.press('Tab');
      const [name, outline] = await browser.ask<[string, string]>(`(() => {
        const e = document.activeElement;
        return [e.getAttribute('aria-label') ?? e.textContent.slice(0, 20), getComputedStyle(e).outlineStyle];
      })()`);
      if (await browser.ask(`document.activeElement === document.body`)) break;
      expect([name, outline]).toEqual([name, expect.stringMatching(/solid|auto/)]);
      seen.add(name);
    }
    for (const name of ['Step', 'Steps of the counterexample', 'forward ▶', '?', 'counters[0]'])
      expect([...seen]).toContain(name);
    // A key works wherever the focus is, and a button keeps its own.
    await browser.ask(`document.querySelector('.buttons button:nth-child(3)').focus()`);
    await browser.press('Home', 'Enter');
    expect(await step()).toBe(1);
  });

  it('has lanes by CPU, and by task', async () => {
    await show(MIGRATION);
    const heads = (): Promise<string[]> =>
      browser.ask(`[...document.querySelectorAll('.heads span')].map(e => e.textContent)`);
    expect(await heads()).toEqual(['#', 'cpu 0', 'cpu 1']);
    await browser.press('l');
    expect(await heads()).toEqual(['#', 'mover', 'stayer']);
    await shot('migration-by-task');
    await browser.press('l');
    expect(await heads()).toEqual(['#', 'cpu 0', 'cpu 1']);
  });

  it('shows its keys, and lets go with Escape', async () => {
    await show(LOST);
    await browser.press('?');
    expect(await browser.ask(`document.querySelector('dialog').open`)).toBe(true);
    await shot('help');
    await browser.press('j', 'Escape');
    expect(await browser.ask(`document.querySelectorAll('dialog').length`)).toBe(0);
    expect(await step()).toBe(0);
  });

  it('is light or dark as the system is, and as the reader wants it', async () => {
    const back = (): Promise<string> => browser.ask(`getComputedStyle(document.body).backgroundColor`);
    await show(LOST);
    const light = await back();
    await browser.look(1280, 800, 'dark');
    const dark = await back();
    expect(dark).not.toBe(light);
    await shot('lost-dark');
    await browser.press('t');
    expect(await back()).toBe(light);
    // It is kept.
    await show(LOST);
    expect(await back()).toBe(light);
    await browser.press('t');
    expect(await back()).toBe(dark);
    await browser.ask(`localStorage.clear()`);
  });

  it.each(['light', 'dark'] as const)(
    'can be read when it is %s: text stands out from what is behind it',
    async (scheme) => {
      await browser.look(1280, 800, scheme);
      for (const document of [MIGRATION, BOUNDED, long(1, 6)]) {
        await show(document);
        await browser.press('v');
        expect(await browser.ask(CONTRASTS)).toEqual([]);
      }
    },
  );

  it.each([1280, 1024])('fits a window of %i pixels', async (width) => {
    for (const [name, document] of Object.entries({ ...ALL, four: long(12, 4) })) {
      await browser.look(width, 720, 'light');
      await show(document);
      const [has, may] = await browser.ask<[number, number]>(
        `[document.documentElement.scrollWidth, document.documentElement.clientWidth]`,
      );
      expect([name, has]).toEqual([name, may]);
      await shot(`${name}-${width}`);
    }
  });

  it('stays fluid with ten thousand rows: few of them are in the page', async () => {
    const document = long(300, 4);
    const last = document.results[0]!.counterexample!.rows.length - 1;
    expect(last).toBeGreaterThan(10_000);
    await show(document);
    const made = (): Promise<number> => browser.ask(`document.querySelectorAll('[role=option]').length`);
    expect(await made()).toBeLessThan(100);
    await browser.press('End');
    expect(await step()).toBe(last);
    await browser.press('a', 'k', 'k');
    expect(await made()).toBeLessThan(100);
    expect(await browser.ask(`document.querySelector('[role=option]').getAttribute('aria-setsize')`)).toBe(
      `${last + 1}`,
    );
    await show(document, '#step=5000');
    expect(await step()).toBe(5000);
    await shot('long');
  });

  it('goes on paper with all its rows', async () => {
    await show(MIGRATION);
    const short = await browser.print();
    await show(long(40, 1));
    const long40 = await browser.print();
    expect(short.pages).toBeGreaterThanOrEqual(2);
    expect(long40.pages).toBeGreaterThan(short.pages + 5);
    expect(await step()).toBe(0);
  });

  it('shows what a verdict rests on', async () => {
    await show(VERIFIED);
    expect(await text('h1')).toContain('verified');
    const page = await text('.page');
    for (const assumption of VERIFIED.results[0]!.assumptions) expect(page).toContain(assumption);
    expect(page).toContain('6,204,118 states');
    expect(await browser.ask(`document.querySelectorAll('.section tbody tr').length`)).toBe(4);
    expect(await text('.section')).toContain('4 of 4 covered');
    await show(BOUNDED);
    expect(await text('.section')).toContain('2 of 4 covered');
    expect(await text('.page')).toContain('--max-states 1000000 was reached');
  });

  it('shows several scenarios, one at a time', async () => {
    await show({ ...LOST, results: [...VERIFIED.results, ...LOST.results] });
    expect(await text('h1')).toContain('verified');
    await browser.click('nav button:nth-child(2)');
    expect(await text('h1')).toContain('counterexample');
    await browser.press('j');
    expect(await step()).toBe(1);
    await shot('several');
    await browser.click('nav button:nth-child(1)');
    expect(await browser.ask(`document.querySelector('[role=listbox]')`)).toBeNull();
  });

  it('takes names for text', async () => {
    await show(HOSTILE);
    await browser.press('j', 'j', 'v', 'l');
    expect(await browser.ask(`document.querySelectorAll('img, .page b b').length`)).toBe(0);
    expect(await text('.panel')).toContain('</script><img src=x onerror=alert(1)>');
  });

  it('said nothing on the console and asked for nothing but itself', () => {
    expect(browser.complaints).toEqual([]);
    expect(browser.requests.filter((url) => !/^(file:.*page\.html\?\d+|about:blank)$/.test(url))).toEqual([]);
    expect(browser.requests.length).toBeGreaterThan(10);
  });
});

/** Texts in sight whose contrast with what is behind them is below 4.5 (WCAG 2.2, success criterion 1.4.3). */
const CONTRASTS = `(() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return canvas.getImageData(0, 0, 1, 1).data;
  };
  const light = ([r, g, b]) => [r, g, b].reduce((sum, c, n) => {
    const s = c / 255;
    return sum + [0.2126, 0.7152, 0.0722][n] * (s <= 0.04045 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4);
  }, 0);
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = rgba(getComputedStyle(e).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return [255, 255, 255];
  };
  const poor = [];
  for (const element of document.querySelectorAll('.page *')) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim() !== '');
    if (!own || element.closest('.unseen') || element.offsetParent === null) continue;
    const [a, b] = [light(rgba(getComputedStyle(element).color)), light(behind(element))].sort((x, y) => y - x);
    const contrast = (a + 0.05) / (b + 0.05);
    if (contrast < 4.5) poor.push(element.className + ' ' + element.textContent.slice(0, 30) + ' ' + contrast.toFixed(2));
  }
  return poor;
})()`;
