// Adds jobs and flows, and reads them back through BullMQ's own getters.
import { FlowProducer, Job, Queue, QueueEvents } from "#bullmq";
import { cached, serve } from "./lines.mjs";

const connection = JSON.parse(process.argv[2]);
const queueOf = cached((prefix, queue) => new Queue(queue, { connection, prefix }));
const flowsOf = cached((prefix) => new FlowProducer({ connection, prefix }));

const idOf = (key) => key.slice(key.lastIndexOf(":") + 1);
const byId = (values) =>
  Object.fromEntries(Object.entries(values ?? {}).map(([key, value]) => [idOf(key), value]));

async function observe({ prefix, queue, id }) {
  const owner = queueOf(prefix, queue);
  const job = await Job.fromId(owner, id);
  if (!job) return null;
  return {
    name: job.name,
    data: job.data,
    state: await job.getState(),
    returnvalue: job.returnvalue ?? null,
    failedReason: job.failedReason ?? null,
    attemptsMade: job.attemptsMade,
    attemptsStarted: job.attemptsStarted,
    stalledCounter: job.stalledCounter,
    progress: job.progress,
    priority: job.priority,
    timestamp: job.timestamp,
    traces: job.stacktrace.length,
    parentKey: job.parentKey ?? null,
    logs: (await owner.getJobLogs(id)).logs,
    children: byId(await job.getChildrenValues()),
    ignored: byId(await job.getIgnoredChildrenFailures()),
    dependencies: await job.getDependenciesCount(),
  };
}

function plain(node) {
  return {
    id: node.job.id,
    name: node.job.name,
    queue: node.job.queueName,
    data: node.job.data,
    // A child whose record is gone is a hole.
    children: (node.children ?? []).filter(Boolean).map(plain).sort((a, b) => (a.id < b.id ? -1 : 1)),
  };
}

serve({
  add: async ({ prefix, queue, name, data, opts }) =>
    (await queueOf(prefix, queue).add(name, data, opts)).id,
  addBulk: async ({ prefix, queue, jobs }) =>
    (await queueOf(prefix, queue).addBulk(jobs)).map((job) => job.id),
  addFlow: async ({ prefix, flow }) => plain(await flowsOf(prefix).add(flow)),
  getFlow: async ({ prefix, queue, id }) =>
    plain(await flowsOf(prefix).getFlow({ id, queueName: queue, depth: 100, maxChildren: 1000 })),
  observe,
  finished: async ({ prefix, queue, id, limit }) => {
    const events = new QueueEvents(queue, { connection, prefix });
    await events.waitUntilReady();
    try {
      const job = await Job.fromId(queueOf(prefix, queue), id);
      return await job.waitUntilFinished(events, limit);
    } finally {
      await events.close();
    }
  },
  counts: ({ prefix, queue }) =>
    queueOf(prefix, queue).getJobCounts(
      "waiting", "prioritized", "delayed", "waiting-children", "active", "completed", "failed",
    ),
  ids: async ({ prefix, queue, state }) =>
    (await queueOf(prefix, queue).getJobs([state], 0, -1, true)).map((job) => job.id),
  workers: async ({ prefix, queue }) => (await queueOf(prefix, queue).getWorkers()).length,
  pause: ({ prefix, queue }) => queueOf(prefix, queue).pause(),
  resume: ({ prefix, queue }) => queueOf(prefix, queue).resume(),
  isPaused: ({ prefix, queue }) => queueOf(prefix, queue).isPaused(),
  retry: async ({ prefix, queue, id }) =>
    (await Job.fromId(queueOf(prefix, queue), id)).retry("failed", {
      resetAttemptsMade: true, resetAttemptsStarted: true,
    }),
  promote: async ({ prefix, queue, id }) => (await Job.fromId(queueOf(prefix, queue), id)).promote(),
  remove: async ({ prefix, queue, id }) => queueOf(prefix, queue).remove(id),
});
