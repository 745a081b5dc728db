import type { ExploreDocument, Verdict } from '../src/explore/timeline.js';
import { fill, h } from './dom.js';
import { facts } from './facts.js';
import { button, type Command, help, listen } from './keys.js';
import { Stepper } from './stepper.js';

/** The page: its data stands in the element with the id `data`. */
const data = JSON.parse(document.getElementById('data')!.textContent!) as ExploreDocument;
const root = h('div', { class: 'page' });
document.body.append(root);

let stepper: Stepper | undefined;
let shown = 0;

const THEMES = { light: 'dark', dark: 'light' } as const;
const STORED = 'rseqlab-theme';

/** What the reader chose before; storage may be forbidden to files. */
function chosenTheme(): string | null {
  try {
    return localStorage.getItem(STORED);
  } catch {
    return null;
  }
}

function setTheme(theme: string): void {
  document.documentElement.dataset['theme'] = theme;
  stepper?.repaint();
}

function switchTheme(): void {
  const dark = matchMedia('(prefers-color-scheme: dark)').matches;
  const now = (document.documentElement.dataset['theme'] ?? (dark ? 'dark' : 'light')) as keyof typeof THEMES;
  setTheme(THEMES[now]);
  try {
    localStorage.setItem(STORED, THEMES[now]);
  } catch {
    // Then it is not kept.
  }
}

const COMMANDS: readonly Command[] = [
  { keys: ['t'], text: 'light or dark', button: '◐', run: switchTheme },
  { keys: ['?'], text: 'the keys', button: '?', run: () => showHelp() },
];

/** Below a counterexample there is more. */
const FACTS: Command = {
  keys: ['f'],
  text: 'what was explored, and what that assumes',
  button: 'facts',
  run: () => document.querySelector<HTMLElement>('.facts')?.focus(),
};

const general = (): Command[] => (stepper === undefined ? [...COMMANDS] : [FACTS, ...COMMANDS]);
const commands = (): Command[] => [...(stepper?.commands ?? []), ...general()];

function showHelp(): void {
  const dialog = help(commands());
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

function head(verdict: Verdict): HTMLElement {
  const { scenario, claim, sentence, counterexample } = verdict;
  const tabs = data.results.map((result, n) =>
    h(
      'button',
      { type: 'button', class: 'tab', 'aria-pressed': `${n === shown}`, onclick: () => show(n) },
      h('i', { class: `dot ${result.verdict}`, 'aria-hidden': 'true' }),
      `${result.scenario}: ${result.verdict}`,
    ),
  );
  return h(
    'header',
    {},
    h(
      'div',
      { class: 'bar-top' },
      h('span', { class: 'brand' }, 'rseqlab explore'),
      h('span', { class: 'dim code' }, data.file),
      h('span', { class: 'end' }, ...general().map(button)),
    ),
    tabs.length > 1 && h('nav', { 'aria-label': 'Scenarios' }, ...tabs),
    h(
      'h1',
      {},
      h('span', { class: `badge ${verdict.verdict}` }, verdict.verdict),
      ` ${scenario}`,
      claim !== '' && h('span', { class: 'claim' }, ` ${claim}`),
    ),
    h('p', { class: 'sentence' }, sentence),
    counterexample !== undefined && h('p', { class: 'why' }, counterexample.explanation),
  );
}

function show(n: number): void {
  shown = n;
  const verdict = data.results[n];
  if (verdict === undefined) return;
  const { counterexample } = verdict;
  stepper =
    counterexample && counterexample.rows.length > 0 ? new Stepper(verdict, counterexample) : undefined;
  document.title = `${verdict.scenario}: ${verdict.verdict} - rseqlab explore`;
  fill(root, head(verdict), stepper?.element, facts(verdict));
  root.append(h('footer', { class: 'dim' }, `rseqlab ${data.version}`));
  stepper?.start();
}

const kept = chosenTheme();
if (kept !== null) setTheme(kept);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => stepper?.repaint());
listen(commands);
addEventListener('resize', () => stepper?.fit());
addEventListener('beforeprint', () => stepper?.print());
addEventListener('afterprint', () => stepper?.printed());
show(0);
