/**
 * Counts of a trace for monitoring, by the OpenTelemetry SDK: Prometheus text on a port, OTLP over HTTP to a collector. The packages are optional,
 * and loaded when they are asked for.
 */
import { createRequire } from 'node:module';
import type { Attributes, Meter } from '@opentelemetry/api';
import type { IMetricReader, PushMetricExporter } from '@opentelemetry/sdk-metrics';
import { Unavailable } from '../../linux/errors.js';
import { VERSION } from '../../node/version.js';
import { type SectionProfile, type TraceProfile, totalCauses } from '../../report/trace-profile.js';

export interface MetricsOptions {
  /** Where Prometheus asks. */
  readonly prometheus?: { readonly host: string; readonly port: number };
  /** Of a collector: `http://localhost:4318`; /v1/metrics is added where it has no path. */
  readonly otlp?: string;
  /** Milliseconds between two exports. */
  readonly period: number;
  /** An export has failed: one line. */
  readonly onError: (text: string) => void;
}

export interface Metrics {
  /** The port that Prometheus finds us at. */
  readonly port: number | undefined;
  /** Sends what has not been sent yet, and ends. */
  close(): Promise<void>;
}

interface Packages {
  readonly sdk: typeof import('@opentelemetry/sdk-metrics');
  readonly resources: typeof import('@opentelemetry/resources');
  readonly prometheus: typeof import('@opentelemetry/exporter-prometheus');
  readonly otlp: typeof import('@opentelemetry/exporter-metrics-otlp-http');
}

/** Throws Unavailable. */
function load(): Packages {
  const require = createRequire(import.meta.url);
  try {
    return {
      sdk: require('@opentelemetry/sdk-metrics'),
      resources: require('@opentelemetry/resources'),
      prometheus: require('@opentelemetry/exporter-prometheus'),
      otlp: require('@opentelemetry/exporter-metrics-otlp-http'),
    };
  } catch {
    throw new Unavailable(
      'the optional packages of OpenTelemetry are not installed: npm install @opentelemetry/api@1.9.0 @opentelemetry/sdk-metrics@2.12.0 @opentelemetry/resources@2.12.0 @opentelemetry/exporter-prometheus@0.223.0 @opentelemetry/exporter-metrics-otlp-http@0.223.0',
    );
  }
}

/** Throws Unavailable; an error of Node's with EADDRINUSE or EACCES for the port. */
export async function startMetrics(profile: () => TraceProfile, options: MetricsOptions): Promise<Metrics> {
  const { sdk, resources, prometheus, otlp } = load();
  const readers: IMetricReader[] = [];
  let exporter: InstanceType<Packages['prometheus']['PrometheusExporter']> | undefined;
  if (options.prometheus !== undefined) {
    exporter = new prometheus.PrometheusExporter({ ...options.prometheus, preventServerStart: true });
    await exporter.startServer();
    readers.push(exporter);
  }
  if (options.otlp !== undefined) {
    const url = new URL(options.otlp);
    if (url.pathname === '/') url.pathname = '/v1/metrics';
    const target = new otlp.OTLPMetricExporter({ url: url.href, timeoutMillis: 5000 });
    const watched = reporting(target, `${url.href}: `, options.onError);
    readers.push(
      new sdk.PeriodicExportingMetricReader({
        exporter: watched,
        exportIntervalMillis: options.period,
        exportTimeoutMillis: Math.min(options.period, 5000),
      }),
    );
  }
  const resource = resources.resourceFromAttributes({
    'service.name': 'rseqlab',
    'service.version': VERSION,
  });
  const provider = new sdk.MeterProvider({ readers, resource });
  defineMetrics(provider.getMeter('rseqlab', VERSION), profile);
  return {
    port: options.prometheus?.port,
    close: async () => {
      try {
        await provider.shutdown();
      } catch (error) {
        options.onError((error as Error).message);
      }
    },
  };
}

/** An exporter that says when it fails; the SDK alone would be silent. */
function reporting(
  exporter: PushMetricExporter,
  head: string,
  onError: (text: string) => void,
): PushMetricExporter {
  const SUCCESS = 0;
  return {
    export: (metrics, done) =>
      exporter.export(metrics, (result) => {
        if (result.code !== SUCCESS) onError(head + (result.error?.message ?? 'the export failed'));
        // The SDK would write a failure with its stack to standard error.
        done({ code: SUCCESS });
      }),
    forceFlush: () => exporter.forceFlush(),
    shutdown: () => exporter.shutdown(),
    ...(exporter.selectAggregationTemporality && {
      selectAggregationTemporality: exporter.selectAggregationTemporality.bind(exporter),
    }),
    ...(exporter.selectAggregation && { selectAggregation: exporter.selectAggregation.bind(exporter) }),
  };
}

type Point = readonly [value: number, attributes: Attributes];

const labelsOf = ({ section }: SectionProfile): Attributes => ({
  section: section.function ?? `0x${section.inFile.toString(16)}`,
  file: section.file ?? '',
  source: section.source === undefined ? '' : `${section.source.file}:${section.source.line}`,
});

const perSection =
  (points: (section: SectionProfile) => readonly Point[]) =>
  (profile: TraceProfile): Point[] =>
    [...profile.sections.values()].flatMap((section) =>
      points(section).map(([value, more]): Point => [value, { ...labelsOf(section), ...more }]),
    );

const byKey =
  (name: string, map: (profile: TraceProfile) => ReadonlyMap<unknown, number>) =>
  (profile: TraceProfile): Point[] =>
    [...map(profile)].map(([key, n]): Point => [n, { [name]: `${key}` }]);

const NANOSECOND = 1e-9;

/** All counters, cumulative since the trace began. */
const COUNTERS: readonly {
  readonly name: string;
  readonly description: string;
  readonly unit?: string;
  readonly points: (profile: TraceProfile) => Point[];
}[] = [
  {
    name: 'rseq.aborts',
    description: 'Aborts of restartable sequences, by section and cause',
    points: perSection((section) => [...totalCauses(section)].map(([cause, n]) => [n, { cause }])),
  },
  {
    name: 'rseq.cpu.aborts',
    description: 'The same, by section and CPU',
    points: perSection(({ cpus }) => [...cpus].map(([cpu, n]) => [n, { cpu }])),
  },
  {
    name: 'rseq.abort.lost_seconds',
    description: 'Time from interruptions to the aborts that they led to',
    points: perSection(({ lost }) => [[lost * NANOSECOND, {}]]),
  },
  {
    name: 'rseq.calls',
    description: 'Calls of rseq(2), by result',
    points: byKey('result', ({ calls }) => calls),
  },
  {
    name: 'rseq.registrations',
    description: 'Registrations of struct rseq, by its length',
    points: byKey('length', ({ lengths }) => lengths),
  },
  {
    name: 'rseq.trace.lost_records',
    description: 'Records that the kernel had no room for: the other counts are too low by them',
    points: ({ lost }) => [[lost, {}]],
  },
];

function defineMetrics(meter: Meter, profile: () => TraceProfile): void {
  for (const { name, description, unit, points } of COUNTERS)
    meter
      .createObservableCounter(name, { description, ...(unit !== undefined && { unit }) })
      .addCallback((result) => {
        for (const [value, attributes] of points(profile())) result.observe(value, attributes);
      });
}
