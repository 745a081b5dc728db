/** A watch by ptrace(2): rseq calls, threads, signals; aborts are not to be seen that way. */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { Unavailable } from '../../linux/errors.js';
import { PACKAGE } from '../../node/version.js';
import { whyNot } from '../keeper/refusal.js';
import { type SessionOptions, TargetError } from './options.js';
import type { CommandEnd, Watch } from './session.js';
import { decodeMessage, type TracerMessage, type TracerTask } from './tracer-messages.js';
import { Translator, type TranslatorOptions } from './translator.js';

const TRACER = fileURLToPath(new URL('dist/live/trace/tracer.js', PACKAGE));
/** Milliseconds between two looks at what the tracer has said. */
const PACE = 20;

/** Throws Unavailable, TargetError. */
export async function openPtraceWatch(
  { target }: SessionOptions,
  told: Pick<TranslatorOptions, 'onEvent' | 'onRegister'>,
): Promise<Watch> {
  if (target.kind === 'all')
    throw new Unavailable(
      'the whole machine can be watched by perf only, not by ptrace; name a process with -p',
    );
  const pids = target.kind === 'processes' ? target.pids : undefined;
  const task: TracerTask = target.kind === 'command' ? { args: target.args } : { pids: target.pids };
  // Of a command the tracer is the parent: both stay in our process group, so that the terminal's keys reach the command.
  const tracer = spawn(process.execPath, [TRACER, JSON.stringify(task)], {
    stdio: [pids === undefined ? 'inherit' : 'ignore', 'inherit', 'inherit', 'pipe'],
    detached: pids !== undefined,
  });
  const link = tracer.stdio[3] as Duplex;
  const messages = new Messages(link, tracer);
  const first = await messages.first;
  if (first.kind !== 'ready') {
    link.destroy();
    const text = first.kind === 'failed' ? first.text : 'the tracer has died';
    if (first.kind === 'failed' && first.refused && pids !== undefined)
      throw new Unavailable(pids.map((pid) => `cannot trace process ${pid}: ${whyNot(pid)}`).join('; '));
    throw pids === undefined
      ? new TargetError(text.startsWith('cannot run ') ? text : `${task.args![0]} cannot be started: ${text}`)
      : new Unavailable(text);
  }
  const translator = new Translator({
    before: pids === undefined ? 'nothing' : 'unknown',
    pids: pids ?? [first.pid!],
    ...told,
  });
  return new PtraceWatch(messages, translator, first.pid);
}

class Messages {
  private rest = '';
  private readonly waiting: TracerMessage[] = [];
  readonly first: Promise<TracerMessage>;
  gone = false;

  constructor(
    readonly link: Duplex,
    readonly tracer: ChildProcess,
  ) {
    let tell: (message: TracerMessage) => void;
    this.first = new Promise((resolve) => {
      tell = resolve;
    });
    link.setEncoding('utf8');
    link.on('data', (text: string) => {
      const lines = (this.rest + text).split('\n');
      this.rest = lines.pop()!;
      for (const line of lines) {
        const message = decodeMessage(line);
        if (message.kind === 'ready' || message.kind === 'failed') tell(message);
        else this.waiting.push(message);
      }
    });
    const end = (): void => {
      this.gone = true;
      tell({ kind: 'deserted' });
    };
    link.on('close', end);
    link.on('error', end);
  }

  take(): TracerMessage[] {
    return this.waiting.splice(0);
  }
}

class PtraceWatch implements Watch {
  readonly source = 'ptrace';
  readonly notes = ['by ptrace no aborts are to be seen, only rseq calls'];
  readonly lost = 0;
  ended: CommandEnd | undefined;
  deserted = false;

  constructor(
    private readonly messages: Messages,
    readonly translator: Translator,
    readonly pid: number | undefined,
  ) {}

  poll(): number {
    for (const message of this.messages.take()) {
      if (message.kind === 'fact') this.translator.add(message.fact, message.fact.time, message.data);
      else if (message.kind === 'has') this.translator.known(message.pid, message.tid, message.configuration);
      else if (message.kind === 'ended') this.ended = { pid: message.pid, status: message.status };
      else if (message.kind === 'deserted') this.deserted = true;
    }
    if (this.messages.gone) this.deserted = true;
    return PACE;
  }

  /** A command's tracer stays with it; of a process that ran before it is waited for: the process is free then. */
  async close(): Promise<void> {
    const { link, tracer } = this.messages;
    if (this.pid === undefined && !this.messages.gone) {
      const gone = new Promise((resolve) => link.once('close', resolve));
      link.end();
      await gone;
    }
    link.destroy();
    tracer.unref();
  }
}
