import type { Command } from 'commander';
import { isErrno, Unavailable } from '../linux/errors.js';
import { type Metrics, startMetrics } from '../live/trace/metrics.js';
import type { TraceProfile } from '../report/trace-profile.js';
import { UsageError } from './exit.js';
import { count } from './run-options.js';

export interface MetricOptions {
  readonly metrics?: string;
  readonly otlp?: string;
  readonly otlpPeriod: string;
}

/** Options about monitoring, of trace and top. */
export const addMetrics = (command: Command): Command =>
  command
    .option('--metrics <[host]:port>', 'give counts to Prometheus there; without a host on 127.0.0.1')
    .option('--otlp <url>', 'send counts to a collector, by OTLP over HTTP (http://localhost:4318)')
    .option('--otlp-period <seconds>', 'how often', '10');

/** Undefined where nobody asks for counts. Throws UsageError. */
export async function metricsOf(
  profile: () => TraceProfile,
  options: MetricOptions,
): Promise<Metrics | undefined> {
  const { metrics, otlp } = options;
  if (metrics === undefined && otlp === undefined) return undefined;
  const prometheus = metrics === undefined ? undefined : placeOf(metrics);
  if (otlp !== undefined && !(/^https?:/.test(otlp) && URL.canParse(otlp)))
    throw new UsageError(`--otlp ${otlp}: give the address of a collector, such as http://localhost:4318`);
  const said = new Set<string>();
  try {
    return await startMetrics(profile, {
      ...(prometheus && { prometheus }),
      ...(otlp !== undefined && { otlp }),
      period: 1000 * count('--otlp-period', options.otlpPeriod, 1, 86_400),
      onError: (text) => {
        const line = `rseqlab: counts could not be sent: ${text.split('\n', 1)[0]}\n`;
        if (!said.has(line)) process.stderr.write(line);
        said.add(line);
      },
    });
  } catch (error) {
    if (error instanceof Unavailable) throw new UsageError(error.message);
    if (
      isErrno(error, 'EADDRINUSE', 'EACCES', 'EADDRNOTAVAIL') ||
      (error as { code?: string }).code === 'ENOTFOUND'
    )
      throw new UsageError(
        `--metrics ${metrics}: cannot listen there (${(error as { code?: string }).code}); choose another port`,
      );
    throw error;
  }
}

function placeOf(text: string): { host: string; port: number } {
  const [, host, port] = /^(.*):(\d+)$/.exec(text) ?? [];
  if (port === undefined) throw new UsageError(`--metrics ${text}: write it as :PORT or HOST:PORT`);
  return { host: host || '127.0.0.1', port: count('--metrics', port, 1, 65_535) };
}
