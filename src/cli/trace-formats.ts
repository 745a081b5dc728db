import type { Watch } from '../live/trace/session.js';
import { TraceeContexts } from '../live/trace/tracee-context.js';
import { VERSION } from '../node/version.js';
import { EVENT_COLUMNS } from '../report/event-text.js';
import { traceHead, traceJson, traceTail } from '../report/trace-json.js';
import { TracePerfetto } from '../report/trace-perfetto.js';
import { symbolText, traceText } from '../report/trace-text.js';
import { traceTracee } from '../report/trace-tracee.js';
import type { Sink, Stream } from './trace-sinks.js';

export const TRACE_FORMATS = ['text', 'json', 'tracee', 'perfetto'] as const;
export type TraceFormat = (typeof TRACE_FORMATS)[number];

type MakeSink = (stream: Stream, watch: Watch) => Sink;

const MAKERS: Readonly<Record<TraceFormat, MakeSink>> = {
  text: (stream, watch) => {
    stream.write(`${EVENT_COLUMNS}\n`);
    let n = 0;
    return {
      add: (observed) => {
        const places = watch.translator.placesOf(observed.process.pid);
        const name = (address: bigint): string => {
          const place = places?.at(address);
          return place?.function === undefined ? '' : ` <${symbolText(place)}>`;
        };
        n++;
        stream.write(traceText(observed, n, name));
      },
      end: () => {},
    };
  },
  json: (stream, watch) => {
    stream.write(traceHead(VERSION, watch.source));
    let n = 0;
    return {
      add: (observed) => stream.write(traceJson(observed, ++n)),
      end: (lost) => stream.write(traceTail(lost)),
    };
  },
  tracee: (stream, watch) => {
    const contexts = new TraceeContexts(watch.pid);
    return {
      see: (observed) => contexts.see(observed),
      add: (observed) => {
        if (observed.event.kind !== 'return') return;
        const { pid, name } = observed.process;
        const context = contexts.of(pid, observed.event.tid, name);
        stream.write(traceTracee(observed, context, contexts.boot));
      },
      end: () => {},
    };
  },
  perfetto: (stream) => {
    const document = new TracePerfetto();
    stream.write(document.head);
    return {
      add: (observed) => stream.write(document.add(observed)),
      end: (lost) => stream.write(document.end(VERSION, lost)),
    };
  },
};

export const makeSink = (format: TraceFormat, stream: Stream, watch: Watch): Sink =>
  MAKERS[format](stream, watch);
