import { emitKeypressEvents, type Key } from 'node:readline';
import type { Retelling } from '../explore/retelling.js';
import type { Verdict } from '../explore/timeline.js';
import { screenLines } from '../report/explore-moment.js';
import type { Style } from '../report/style.js';
import { EXIT, UsageError } from './exit.js';
import { writeAll } from './output.js';

const HELP = 'n next, p back, a next abort, g N go to row N, home, end, q quit';
/** The other screen of a terminal, and back (xterm); clear, and to the upper left (ECMA-48). */
const ENTER = '\u001b[?1049h';
const LEAVE = '\u001b[?1049l';
const CLEAR = '\u001b[2J\u001b[H';
const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** What a key asks for: a row to go to, or the end. */
type Wish = { readonly row: number } | { readonly exit: number } | undefined;

/** Keys as they are pressed. */
class Keys {
  /** What was typed behind g. */
  typed: string | undefined;
  note = '';

  constructor(
    private readonly aborts: readonly number[],
    private readonly last: number,
  ) {}

  press(at: number, { name = '', sequence = '', ctrl = false }: Key): Wish {
    this.note = '';
    if (ctrl && name === 'c') return { exit: SIGNALS.SIGINT };
    if (ctrl && name === 'd') return { exit: EXIT.OK };
    if (this.typed !== undefined) return this.type(name, sequence);
    const to = this.rowOf(name === '' ? sequence : name, at);
    if (to !== undefined) return { row: Math.min(this.last, Math.max(-1, to)) };
    if (name === 'q' || name === 'escape') return { exit: EXIT.OK };
    if (name === 'g') this.typed = '';
    return undefined;
  }

  private rowOf(key: string, at: number): number | undefined {
    if (['n', 'right', 'down', 'space', 'return', 'enter'].includes(key)) return at + 1;
    if (['p', 'left', 'up', 'backspace'].includes(key)) return at - 1;
    if (key === 'home') return -1;
    if (key === 'end') return this.last;
    if (key !== 'a') return undefined;
    const abort = this.aborts.find((row) => row > at);
    if (abort === undefined) this.note = 'no abort behind this row';
    return abort;
  }

  private type(name: string, sequence: string): Wish {
    const typed = this.typed!;
    if (/^\d$/.test(sequence)) this.typed = `${typed}${sequence}`.slice(0, 9);
    else if (name === 'backspace') this.typed = typed.slice(0, -1);
    else this.typed = undefined;
    if ((name !== 'return' && name !== 'enter') || typed === '') return undefined;
    return { row: Math.min(this.last, Number(typed)) };
  }
}

/** Steps through a counterexample by keys; returns the exit status. The terminal is given back as it was, whatever happens. */
export async function stepThrough(verdict: Verdict, telling: Retelling, style: Style): Promise<number> {
  const { stdin, stdout } = process;
  if (!stdin.isTTY || !stdout.isTTY)
    throw new UsageError('--step needs a terminal; use --list, and --at N for one row after the other');
  const { rows } = verdict.counterexample!;
  const aborts = rows.flatMap(({ abort }, n) => (abort === undefined ? [] : [n]));
  const keys = new Keys(aborts, rows.length - 1);
  telling.goTo(-1);
  const show = (): void => {
    const width = stdout.columns || 80;
    const height = stdout.rows || 24;
    const lines = screenLines(verdict, telling.moment(), style).slice(0, Math.max(1, height - 2));
    const foot = keys.typed === undefined ? keys.note || HELP : `go to row: ${keys.typed}`;
    writeAll(`${CLEAR}${[...lines, foot].map((line) => cut(line, width)).join('\r\n')}`);
  };
  let restored = false;
  const restore = (): void => {
    if (restored) return;
    restored = true;
    stdin.setRawMode(false);
    writeAll(LEAVE);
  };
  process.on('exit', restore);
  let finish: (status: number) => void = () => {};
  let fail: (error: unknown) => void = () => {};
  const ended = new Promise<number>((resolve, reject) => {
    finish = resolve;
    fail = reject;
  });
  const pressed = (_: string | undefined, key: Key): void => {
    try {
      const wish = keys.press(telling.row, key);
      if (wish !== undefined && 'exit' in wish) return finish(wish.exit);
      if (wish !== undefined) telling.goTo(wish.row);
      show();
    } catch (error) {
      fail(error);
    }
  };
  const handlers = Object.entries(SIGNALS).map(([name, status]) => [name, () => finish(status)] as const);
  try {
    emitKeypressEvents(stdin);
    stdin.setRawMode(true);
    writeAll(ENTER);
    for (const [name, handler] of handlers) process.on(name, handler);
    stdin.on('keypress', pressed).on('end', () => finish(EXIT.OK));
    stdout.on('resize', show);
    show();
    return await ended;
  } finally {
    stdin.off('keypress', pressed).pause();
    stdout.off('resize', show);
    for (const [name, handler] of handlers) process.off(name, handler);
    restore();
    process.off('exit', restore);
  }
}

/** A line that may be painted, to the terminal's width: colours take no room. */
function cut(line: string, width: number): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: of colours
  const parts = line.split(/(\u001b\[[0-9;]*m)/);
  let room = width;
  return parts
    .map((part, n) => {
      if (n % 2 === 1) return part;
      const kept = part.slice(0, room);
      room -= kept.length;
      return kept;
    })
    .join('');
}
