import { annotateJob } from '../annotate/job.js';
import { checkpointJob, restoreJob } from '../checkpoint/jobs.js';
import { enforceJob } from '../enforce/job.js';
import { forceJob } from '../force/job.js';
import { stepJob } from '../step/job.js';
import { stressJob } from '../stress/job.js';
import type { Channel } from './channel.js';

/** What keepers can do, by Order.job. Each returns when it is done. */
export const JOBS: Readonly<Record<string, (channel: Channel, config: unknown) => void | Promise<void>>> = {
  annotate: annotateJob,
  checkpoint: checkpointJob,
  enforce: enforceJob,
  force: forceJob,
  restore: restoreJob,
  step: stepJob,
  stress: stressJob,
};
