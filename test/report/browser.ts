import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { pathToFileURL } from 'node:url';

/** A real Chromium without a window, driven by the DevTools protocol over a pipe: no port, no further package. */

const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];

/** The browser on this machine, or the one that CHROMIUM names; undefined where there is none. */
export function chromium(): string | undefined {
  const named = process.env['CHROMIUM'];
  if (named !== undefined) return named;
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return folders
    .flatMap((folder) => NAMES.map((name) => join(folder, name)))
    .find((path) => existsSync(path));
}

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly message: string };
}

/** One page of it. */
export class Browser {
  private readonly folder = mkdtempSync(join(tmpdir(), 'rseqlab-browser-'));
  private readonly process: ChildProcess;
  private readonly waiting = new Map<number, { done: (value: Message) => void; method: string }>();
  private session: string | undefined;
  private next = 1;
  private text = '';
  /** Whatever the page said: errors, exceptions, anything written to its console or refused by its policy. */
  readonly complaints: string[] = [];
  /** Addresses that it asked for. */
  readonly requests: string[] = [];

  private constructor(path: string) {
    const flags = [
      '--headless=new',
      '--remote-debugging-pipe',
      `--user-data-dir=${join(this.folder, 'profile')}`,
      '--no-first-run',
      '--disable-gpu',
      '--disable-extensions',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--hide-scrollbars=false',
      '--force-color-profile=srgb',
      // Tests often run as root, in containers with a small /dev/shm.
      '--no-sandbox',
      '--disable-dev-shm-usage',
    ];
    this.process = spawn(path, [...flags, 'about:blank'], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    });
    (this.process.stdio[4] as Readable).setEncoding('utf8').on('data', (text: string) => this.read(text));
    this.process.on('exit', () => {
      for (const { done, method } of this.waiting.values())
        done({ error: { message: `${method}: the browser has ended` } });
    });
  }

  static async start(path: string): Promise<Browser> {
    const browser = new Browser(path);
    const { targetInfos } = (await browser.send('Target.getTargets')) as {
      targetInfos: { type: string; targetId: string }[];
    };
    const { targetId } = targetInfos.find(({ type }) => type === 'page')!;
    const { sessionId } = await browser.send('Target.attachToTarget', { targetId, flatten: true });
    browser.session = sessionId as string;
    for (const domain of ['Page', 'Runtime', 'Log', 'Network']) await browser.send(`${domain}.enable`);
    return browser;
  }

  /** Shows a page that lies in a file. */
  async show(html: string, hash = ''): Promise<void> {
    const file = join(this.folder, 'page.html');
    writeFileSync(file, html);
    // Another address each time: one that differs in the hash alone would not load it again.
    await this.send('Page.navigate', { url: `${pathToFileURL(file)}?${this.next}${hash}` });
    await this.ask(
      "new Promise(done => document.readyState === 'complete' ? done() : addEventListener('load', done))",
    );
    await this.painted();
  }

  /** Of the window, in CSS pixels; as a browser with this preference. */
  async look(width: number, height: number, scheme: 'light' | 'dark'): Promise<void> {
    await this.send('Emulation.setDeviceMetricsOverride', {
      width,
      height,
      deviceScaleFactor: 1,
      mobile: false,
    });
    await this.send('Emulation.setEmulatedMedia', {
      features: [{ name: 'prefers-color-scheme', value: scheme }],
    });
    await this.painted();
  }

  /** The value of an expression in the page. */
  async ask<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = (await this.send('Runtime.evaluate', {
      expression,
      returnByValue: true,
      awaitPromise: true,
    })) as { result: { value: T }; exceptionDetails?: unknown };
    if (exceptionDetails !== undefined) throw new Error(`${expression}: ${JSON.stringify(exceptionDetails)}`);
    return result.value;
  }

  /** Presses keys as a person does: `j`, `End`, `A`, `Tab`. */
  async press(...keys: readonly string[]): Promise<void> {
    for (const key of keys) {
      const text = key.length === 1 ? { text: key } : key === 'Enter' ? { text: '\r' } : {};
      const codes: Readonly<Record<string, number>> = { Tab: 9, Enter: 13, Escape: 27 };
      const windowsVirtualKeyCode = codes[key] ?? 0;
      await this.send('Input.dispatchKeyEvent', { type: 'keyDown', key, windowsVirtualKeyCode, ...text });
      await this.send('Input.dispatchKeyEvent', { type: 'keyUp', key, windowsVirtualKeyCode });
    }
    await this.painted();
  }

  /** In the middle of the first element that the selector names. */
  async click(selector: string): Promise<void> {
    const [x, y] = await this.ask<[number, number]>(
      `(() => { const b = document.querySelector(${JSON.stringify(selector)}).getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; })()`,
    );
    for (const type of ['mousePressed', 'mouseReleased'])
      await this.send('Input.dispatchMouseEvent', { type, x, y, button: 'left', buttons: 1, clickCount: 1 });
    await this.painted();
  }

  /** A PNG of the window. */
  async screenshot(): Promise<Buffer> {
    const { data } = await this.send('Page.captureScreenshot', { format: 'png' });
    return Buffer.from(data as string, 'base64');
  }

  /** A PDF, as it would be printed; gives the number of its pages too. */
  async print(): Promise<{ readonly pages: number; readonly bytes: Buffer }> {
    const { data } = await this.send('Page.printToPDF', { preferCSSPageSize: false });
    const bytes = Buffer.from(data as string, 'base64');
    return { pages: bytes.toString('latin1').match(/\/Type\s*\/Page\b/g)?.length ?? 0, bytes };
  }

  async close(): Promise<void> {
    const ended = new Promise((done) => this.process.once('exit', done));
    await this.send('Browser.close').catch(() => this.process.kill());
    await ended;
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  /** All that was to be drawn is drawn. */
  private painted(): Promise<void> {
    return this.ask('new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done())))');
  }

  private send(method: string, params: Record<string, unknown> = {}): Promise<Record<string, unknown>> {
    const id = this.next++;
    const message = { id, method, params, ...(this.session !== undefined && { sessionId: this.session }) };
    return new Promise((resolve, reject) => {
      const done = ({ error, result }: Message): void =>
        error === undefined ? resolve(result ?? {}) : reject(new Error(error.message));
      this.waiting.set(id, { done, method });
      (this.process.stdio[3] as Writable).write(`${JSON.stringify(message)}\0`);
    });
  }

  private read(text: string): void {
    const parts = (this.text + text).split('\0');
    this.text = parts.pop()!;
    for (const part of parts) this.take(JSON.parse(part) as Message);
  }

  private take(message: Message): void {
    if (message.id !== undefined) {
      this.waiting.get(message.id)?.done(message);
      this.waiting.delete(message.id);
      return;
    }
    if (message.method === 'Network.requestWillBeSent')
      this.requests.push((message.params!['request'] as { url: string }).url);
    if (COMPLAINTS.includes(message.method ?? '')) this.complaints.push(JSON.stringify(message.params));
  }
}

const COMPLAINTS = ['Runtime.exceptionThrown', 'Runtime.consoleAPICalled', 'Log.entryAdded'];
