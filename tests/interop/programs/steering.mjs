// Steers queues and tells how they stand, through BullMQ's own methods.
import { Job, Queue } from "bullmq";
import { cached, serve } from "./lines.mjs";

const connection = JSON.parse(process.argv[2]);
const queueOf = cached((prefix, queue) => new Queue(queue, { connection, prefix }));

const STATES = [
  "waiting", "prioritized", "delayed", "waiting-children", "active", "completed", "failed",
];

const on = (verb) => async ({ prefix, queue, ...args }) => verb(queueOf(prefix, queue), args);
const onJob = (verb) =>
  on(async (owner, { id, ...args }) => verb(await Job.fromId(owner, id), args));

const scheduler = (found) => ({
  id: found.key,
  name: found.name,
  next: found.next,
  count: found.iterationCount,
  every: found.every ? Number(found.every) : null,
  pattern: found.pattern ?? null,
  limit: found.limit ?? null,
  tz: found.tz ?? null,
  data: found.template?.data ?? {},
});

serve({
  add: on(async (owner, { name, data, opts }) => (await owner.add(name, data, opts)).id),
  pause: on((owner) => owner.pause()),
  resume: on((owner) => owner.resume()),
  drain: on((owner, { delayed }) => owner.drain(delayed)),
  clean: on((owner, { grace, limit, state }) =>
    owner.clean(grace, limit, state === "waiting" ? "wait" : state)),
  obliterate: on((owner, { force }) => owner.obliterate({ force })),
  retryJobs: on((owner, { state, count }) => owner.retryJobs({ state, count })),
  promoteJobs: on((owner) => owner.promoteJobs()),
  setGlobalConcurrency: on((owner, { most }) => owner.setGlobalConcurrency(most)),
  removeGlobalConcurrency: on((owner) => owner.removeGlobalConcurrency()),
  setGlobalRateLimit: on((owner, { max, duration }) => owner.setGlobalRateLimit(max, duration)),
  removeGlobalRateLimit: on((owner) => owner.removeGlobalRateLimit()),
  rateLimit: on((owner, { duration }) => owner.rateLimit(duration)),
  upsertJobScheduler: on(async (owner, { id, repeat, template }) => {
    const job = await owner.upsertJobScheduler(id, repeat, template);
    return job ? job.id : null;
  }),
  removeJobScheduler: on((owner, { id }) => owner.removeJobScheduler(id)),
  removeDeduplicationKey: on((owner, { id }) => owner.removeDeduplicationKey(id)),
  trimEvents: on((owner, { most }) => owner.trimEvents(most)),
  remove: on((owner, { id, removeChildren }) => owner.remove(id, { removeChildren })),
  promote: onJob((job) => job.promote()),
  retry: onJob((job, { state }) => job.retry(state)),
  changeDelay: onJob((job, { delay }) => job.changeDelay(delay)),
  changePriority: onJob((job, { priority, lifo }) => job.changePriority({ priority, lifo })),
  updateData: onJob((job, { data }) => job.updateData(data)),
  clearLogs: onJob((job, { keep }) => job.clearLogs(keep)),
  removeUnprocessedChildren: onJob((job) => job.removeUnprocessedChildren()),
  removeChildDependency: onJob((job) => job.removeChildDependency()),
  survey: on(async (owner, { deduplications, priorities }) => {
    const ids = {};
    for (const state of STATES) {
      ids[state] = (await owner.getJobs([state], 0, -1, true)).map((job) => job.id);
    }
    const owners = {};
    for (const id of deduplications) {
      owners[id] = (await owner.getDeduplicationJobId(id)) ?? null;
    }
    const rate = await owner.getGlobalRateLimit();
    return {
      ids,
      counts: await owner.getJobCounts(...STATES),
      byPriority: await owner.getCountsPerPriority(priorities),
      paused: await owner.isPaused(),
      concurrency: await owner.getGlobalConcurrency(),
      rate: rate ? [rate.max, rate.duration] : null,
      held: (await owner.getRateLimitTtl()) > 0,
      owners,
      schedulers: (await owner.getJobSchedulers(0, -1, true)).map(scheduler),
      metrics: (await owner.getMetrics("completed")).meta.count,
    };
  }),
});
