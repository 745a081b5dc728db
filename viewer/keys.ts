import { h } from './dom.js';

/** What the page can do, with its keys: one table for the keyboard, the buttons and the help. */
export interface Command {
  readonly keys: readonly string[];
  /** For the help. */
  readonly text: string;
  /** Where there is a button for it: what stands on it. */
  readonly button?: string;
  readonly run: () => void;
}

/** Runs the command of a key, wherever the focus is; what belongs to the browser or to an open dialog stays theirs. */
export function listen(commands: () => readonly Command[]): void {
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return;
    if (event.target instanceof Element && event.target.closest('input, select, textarea')) return;
    const command = commands().find(({ keys }) => keys.includes(event.key));
    if (command === undefined) return;
    event.preventDefault();
    command.run();
  });
}

export const button = ({ button, text, keys, run }: Command): HTMLElement =>
  h(
    'button',
    {
      type: 'button',
      title: `${text} (${keyName(keys[0]!)})`,
      'aria-keyshortcuts': keys.join(' '),
      onclick: run,
    },
    button!,
  );

/** The list of keys, in a dialog that Escape closes. */
export function help(commands: readonly Command[]): HTMLDialogElement {
  const close = h('button', { type: 'button', autofocus: true, onclick: () => dialog.close() }, 'Close');
  const dialog = h(
    'dialog',
    { class: 'help', 'aria-labelledby': 'help' },
    h('h2', { id: 'help' }, 'Keys'),
    h(
      'dl',
      {},
      ...commands.map(({ keys, text }) =>
        h(
          'div',
          {},
          h('dt', {}, ...keys.flatMap((key) => [h('kbd', {}, keyName(key)), ' '])),
          h('dd', {}, text),
        ),
      ),
    ),
    h(
      'p',
      {},
      h('span', { class: 'code' }, 'counters[0] = 1'),
      ' was read; ',
      h('span', { class: 'code' }, 'counters[0] 1 → 2'),
      ' was changed. A bar at the left of a lane shows which task is on the CPU; a thick one, that it is inside a critical section.',
    ),
    close,
  );
  return dialog;
}

const NAMES: Readonly<Record<string, string>> = {
  ArrowDown: '↓',
  ArrowUp: '↑',
  ArrowLeft: '←',
  ArrowRight: '→',
  PageDown: 'Page ↓',
  PageUp: 'Page ↑',
};
const keyName = (key: string): string => NAMES[key] ?? key;
