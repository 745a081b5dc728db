import { UsageError } from './exit.js';

/** Who says which of how many jobs this is. `first`: the number of the first one, or the variable that holds it; `only`: a variable that must be there. */
interface Source {
  readonly who: string;
  readonly index: string;
  readonly count: string;
  readonly first: number | string;
  readonly only?: string;
}

const SOURCES: readonly Source[] = [
  { who: 'GitLab', index: 'CI_NODE_INDEX', count: 'CI_NODE_TOTAL', first: 1, only: 'GITLAB_CI' },
  { who: 'Heroku CI, Knapsack', index: 'CI_NODE_INDEX', count: 'CI_NODE_TOTAL', first: 0 },
  { who: 'CircleCI', index: 'CIRCLE_NODE_INDEX', count: 'CIRCLE_NODE_TOTAL', first: 0 },
  { who: 'Buildkite', index: 'BUILDKITE_PARALLEL_JOB', count: 'BUILDKITE_PARALLEL_JOB_COUNT', first: 0 },
  { who: 'Bitbucket', index: 'BITBUCKET_PARALLEL_STEP', count: 'BITBUCKET_PARALLEL_STEP_COUNT', first: 0 },
  { who: 'Semaphore', index: 'SEMAPHORE_JOB_INDEX', count: 'SEMAPHORE_JOB_COUNT', first: 1 },
  { who: 'Azure Pipelines', index: 'SYSTEM_JOBPOSITIONINPHASE', count: 'SYSTEM_TOTALJOBSINPHASE', first: 1 },
  {
    who: 'Slurm',
    index: 'SLURM_ARRAY_TASK_ID',
    count: 'SLURM_ARRAY_TASK_COUNT',
    first: 'SLURM_ARRAY_TASK_MIN',
  },
  { who: 'AWS Batch', index: 'AWS_BATCH_JOB_ARRAY_INDEX', count: 'AWS_BATCH_JOB_ARRAY_SIZE', first: 0 },
  { who: 'Cloud Run', index: 'CLOUD_RUN_TASK_INDEX', count: 'CLOUD_RUN_TASK_COUNT', first: 0 },
  { who: 'anybody', index: 'TASK_INDEX', count: 'TASK_COUNT', first: 0 },
];

export interface Shard {
  /** From 0. */
  readonly index: number;
  readonly count: number;
}

const MOST = 10_000;

/** `i/n`, or `auto`. Throws UsageError. */
export function shardOf(text: string, env: NodeJS.ProcessEnv = process.env): Shard {
  if (text === 'auto') return fromVariables(env);
  const [, part, count] = /^(\d{1,5})\/(\d{1,5})$/.exec(text) ?? [];
  const shard = { index: Number(part) - 1, count: Number(count) };
  if (!isShard(shard)) throw new UsageError(`--shard ${text}: give i/n, such as 2/8, or auto`);
  return shard;
}

const isShard = ({ index, count }: Shard): boolean =>
  Number.isInteger(index) && Number.isInteger(count) && index >= 0 && index < count && count <= MOST;

function fromVariables(env: NodeJS.ProcessEnv): Shard {
  for (const { index, count, first, only } of SOURCES) {
    const [at, of] = [env[index], env[count]];
    if (!at || !of || (only !== undefined && !env[only])) continue;
    const from = typeof first === 'number' ? first : Number(env[first] ?? 0);
    const shard = { index: Number(at) - from, count: Number(of) };
    if (isShard(shard)) return shard;
    throw new UsageError(
      `--shard auto: ${index}=${at} and ${count}=${of} name no part; give i/n, such as 2/8`,
    );
  }
  throw new UsageError(
    `--shard auto: none of ${[...new Set(SOURCES.map(({ index }) => index))].join(', ')} is set with its count; give i/n, such as 2/8 (of a matrix in GitHub Actions: \${{ strategy.job-index }}, which begins at 0, and \${{ strategy.job-total }})`,
  );
}
