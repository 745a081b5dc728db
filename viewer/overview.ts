import type { Counterexample } from '../src/explore/timeline.js';
import { abortsOf } from '../src/report/explore-rows.js';
import { h } from './dom.js';
import type { History } from './history.js';

/** Of a CPU's strip and of the space above it for the marks, in CSS pixels. */
const STRIP = 12;
const MARKS = 10;

/** All rows at a glance, from left to right: a strip a CPU in the colours of the tasks, a mark an abort, a line where it goes wrong. */
export class Overview {
  readonly element: HTMLCanvasElement;
  /** What does not change while one steps or scrolls. */
  private readonly rows = document.createElement('canvas');
  private colour: (name: string) => string = () => '';
  private row = 0;
  private sight: readonly [number, number] = [0, 0];

  constructor(
    private readonly counterexample: Counterexample,
    private readonly history: History,
    private readonly choose: (row: number) => void,
  ) {
    const { rows } = counterexample;
    this.element = h('canvas', {
      class: 'overview',
      role: 'slider',
      tabindex: 0,
      'aria-label': 'Step',
      'aria-valuemin': 0,
      'aria-valuemax': rows.length - 1,
      style: `height:${this.history.occupants.size * (STRIP + 2) + MARKS}px`,
    });
    const seek = (event: PointerEvent): void => {
      const { left, width } = this.element.getBoundingClientRect();
      const n = Math.floor(((event.clientX - left) / width) * rows.length);
      this.choose(Math.max(0, Math.min(rows.length - 1, n)));
    };
    this.element.addEventListener('pointerdown', (event) => {
      this.element.setPointerCapture(event.pointerId);
      seek(event);
    });
    this.element.addEventListener('pointermove', (event) => {
      if (event.buttons === 1) seek(event);
    });
    new ResizeObserver(() => this.repaint()).observe(this.element);
  }

  show(row: number, sight: readonly [number, number], text: string): void {
    [this.row, this.sight] = [row, sight];
    this.element.setAttribute('aria-valuenow', `${row}`);
    this.element.setAttribute('aria-valuetext', text);
    this.draw();
  }

  /** Another size, or other colours. */
  repaint(): void {
    this.colour = palette(this.element);
    this.drawRows();
    this.draw();
  }

  private draw(): void {
    const { clientWidth: width, clientHeight: height } = this.element;
    const context = start(this.element, width, height);
    if (context === null) return;
    const { rows } = this.counterexample;
    const x = (row: number): number => (row / rows.length) * width;
    context.fillStyle = this.colour('--sight');
    context.fillRect(x(this.sight[0]), 0, x(this.sight[1] + 1) - x(this.sight[0]), height);
    context.drawImage(this.rows, 0, 0, width, height);
    context.strokeStyle = this.colour('--text');
    context.lineWidth = 2;
    context.strokeRect(x(this.row), 1, Math.max(3, width / rows.length), height - 2);
  }

  private drawRows(): void {
    const { clientWidth: width, clientHeight: height } = this.element;
    const context = start(this.rows, width, height);
    if (context === null) return;
    const { colour } = this;
    const { rows, violation } = this.counterexample;
    const x = (row: number): number => (row / rows.length) * width;
    const step = Math.max(1, width / rows.length);
    const rectangle = (colour: string, left: number, top: number, wide: number, high: number): void => {
      context.fillStyle = colour;
      context.fillRect(left, top, wide, high);
    };
    for (const [strip, tasks] of [...this.history.occupants.values()].entries()) {
      const top = MARKS + strip * (STRIP + 2);
      rectangle(colour('--line'), 0, top + STRIP / 2, width, 1);
      for (let from = 0; from < tasks.length; ) {
        let to = from + 1;
        while (to < tasks.length && tasks[to] === tasks[from]) to++;
        if (tasks[from]! >= 0)
          rectangle(colour(`--t${tasks[from]! % 6}`), x(from), top, x(to) - x(from), STRIP);
        from = to;
      }
    }
    for (const row of abortsOf(this.counterexample)) {
      context.fillStyle = colour('--abort');
      context.beginPath();
      const middle = x(row) + step / 2;
      context.moveTo(middle - 4, 0);
      context.lineTo(middle + 4, 0);
      context.lineTo(middle, MARKS - 2);
      context.fill();
    }
    rectangle(colour('--bad'), x(violation.row) + step / 2 - 1, 0, 3, height);
  }
}

/** An empty canvas of this size, in CSS pixels; null where it cannot be seen. */
function start(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D | null {
  const context = canvas.getContext('2d');
  if (context === null || width === 0) return null;
  const scale = devicePixelRatio || 1;
  canvas.width = width * scale;
  canvas.height = height * scale;
  context.scale(scale, scale);
  return context;
}

/** Colours as the style sheet has them now: light or dark. A property of the kind `light-dark(...)` is only known once it is used. */
function palette(element: HTMLElement): (name: string) => string {
  const known = new Map<string, string>();
  const probe = h('i');
  element.after(probe);
  queueMicrotask(() => probe.remove());
  return (name) => {
    let colour = known.get(name);
    if (colour === undefined) {
      probe.style.color = `var(${name})`;
      colour = getComputedStyle(probe).color;
      known.set(name, colour);
    }
    return colour;
  };
}
