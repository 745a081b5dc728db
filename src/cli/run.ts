import { readFileSync, readSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { kernelColumn } from '../abi/kernel-rules.js';
import type { Program } from '../kernel/exec.js';
import type { Host } from '../kernel/host.js';
import { Kernel } from '../kernel/kernel.js';
import { randomPolicy } from '../kernel/policies/random.js';
import { roundRobin } from '../kernel/policies/round-robin.js';
import { ProgramError } from '../kernel/program-error.js';
import { boot, run as runKernel } from '../kernel/run.js';
import { bootScenario, hasScenario } from '../kernel/scenario/boot.js';
import { scenarioText } from '../report/run-scenario.js';
import { EXIT, UsageError } from './exit.js';
import { reason, writeStream } from './output.js';

interface Options {
  readonly cpus: string;
  readonly seed: string;
  readonly schedule: string;
  readonly kernel: string;
  readonly debugRseq?: boolean;
  readonly trace?: boolean;
  readonly scenario?: string;
}

/** `rseqlab run`; `finish` takes the exit status. */
export function addRun(program: Command, finish: (status: number) => void): void {
  program
    .command('run')
    .description('run a static Linux program on the simulated machine, deterministically')
    .argument('<file>', 'a static executable for x86-64')
    .argument('[args...]', 'its arguments')
    .option('--cpus <n>', 'how many CPUs there are', '2')
    .option('--seed <n>', 'chooses the schedule', '1')
    .addOption(new Option('--schedule <policy>', 'who runs when').choices(['random', 'rr']).default('random'))
    .option('--kernel <version>', 'whose rules', '6.18')
    .option('--debug-rseq', "the kernel's own checks of rseq")
    .option('--trace', 'print what happens')
    .option('--scenario <name>', 'which scenario of a relocatable object (include/rseqlab.h)')
    .passThroughOptions()
    .action((file: string, args: string[], options: Options) => finish(run(file, args, options)));
}

function run(path: string, args: readonly string[], options: Options): number {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw new UsageError(`cannot read ${path}: ${reason(error)}; give a static executable`);
  }
  kernelColumn(options.kernel);
  const seed = Number(options.seed);
  const host: Host = {
    read(size) {
      const buffer = Buffer.alloc(Math.min(size, 65_536));
      return buffer.subarray(0, readSync(0, buffer));
    },
    write: (stream, output) => writeStream(stream, output),
    file: () => undefined,
    directory: () => undefined,
  };
  const kernel = new Kernel({
    version: options.kernel,
    debugRseq: options.debugRseq ?? false,
    cpus: Number(options.cpus),
    seed,
    memoryLimit: 1 << 20,
    policy: options.schedule === 'rr' ? roundRobin() : randomPolicy(seed),
    host,
    ...(options.trace
      ? {
          onEvent: (event) =>
            process.stderr.write(
              `${JSON.stringify(event, (_, value) => (typeof value === 'bigint' ? `0x${value.toString(16)}` : value))}\n`,
            ),
        }
      : {}),
  });
  const what: Program = {
    path,
    bytes: new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length),
    arguments: [path, ...args],
    environment: [],
  };
  try {
    if (hasScenario(what.bytes, path)) bootScenario(kernel, what, options.scenario);
    else boot(kernel, what);
  } catch (error) {
    if (error instanceof ProgramError) throw new UsageError(error.message);
    throw error;
  }
  const outcome = runKernel(kernel, Number.MAX_SAFE_INTEGER);
  const { scenario } = kernel.state;
  if (scenario !== undefined) process.stderr.write(scenarioText(scenario));
  if (outcome.kind !== 'ended') return EXIT.INCONCLUSIVE;
  const signal = outcome.status & 0x7f;
  return signal === 0 ? outcome.status >> 8 : 128 + signal;
}
