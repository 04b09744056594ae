// Plays the scenes of tests/interop/goldens: BullMQ's own objects, at a time that the test sets.
// What a job does is written in its data: see tests/interop/goldens/processing.py.
import { setTime } from "./clock.mjs";
import {
  DelayedError, FlowProducer, Job, Queue, RateLimitError, UnrecoverableError, WaitingChildrenError,
  WaitingError, Worker,
} from "bullmq";
import { cached, serve } from "./lines.mjs";

const connection = JSON.parse(process.argv[2]);
const queueOf = cached((prefix, queue) => new Queue(queue, { connection, prefix }));
const flowsOf = cached((prefix) => new FlowProducer({ connection, prefix }));
const workers = new Map();
let next = 0;
let goOn = [];

async function perform(worker, job, token) {
  const todo = job.data;
  if (todo.progress !== undefined) await job.updateProgress(todo.progress);
  for (const line of todo.logs ?? []) await job.log(line);
  if (todo.hold) await new Promise((resolve) => goOn.push(resolve));
  const first = job.attemptsStarted === 1;
  if (todo.postpone && first) {
    await job.moveToDelayed(Date.now() + todo.postpone, token);
    throw new DelayedError();
  }
  if (todo.release && first) {
    await job.moveToWait(token);
    throw new WaitingError();
  }
  if (todo.limited && first) {
    await worker.rateLimit(todo.limited);
    throw new RateLimitError();
  }
  if (todo.children && first) {
    const parent = { id: job.id, queue: job.queueQualifiedName };
    for (const { queueName, name, data, opts } of todo.children) {
      await queueOf(job.prefix, queueName).add(name, data, { ...opts, parent });
    }
    if (await job.moveToWaitingChildren(token)) throw new WaitingChildrenError();
  }
  if (todo.detach) await job.removeUnprocessedChildren();
  if (todo.unrecoverable) throw new UnrecoverableError(todo.unrecoverable);
  if (job.attemptsMade < (todo.fails ?? 0)) throw new Error(`boom ${job.attemptsMade + 1}`);
  return todo.returns;
}

serve({
  setTime: ({ now }) => setTime(now),
  add: async ({ prefix, queue, name, data, opts }) =>
    (await queueOf(prefix, queue).add(name, data, opts)).id,
  addBulk: async ({ prefix, queue, jobs }) =>
    (await queueOf(prefix, queue).addBulk(jobs)).map((job) => job.id),
  addFlow: async ({ prefix, flow }) => void (await flowsOf(prefix).add(flow)),
  // Any verb of a queue's or a job's.
  queue: async ({ prefix, queue, call, args }) => void (await queueOf(prefix, queue)[call](...args)),
  job: async ({ prefix, queue, id, call, args }) =>
    void (await (await Job.fromId(queueOf(prefix, queue), id))[call](...args)),
  schedule: async ({ prefix, queue, id, repeat, template }) =>
    (await queueOf(prefix, queue).upsertJobScheduler(id, repeat, template))?.id ?? null,
  start: async ({ prefix, queue, options }) => {
    const worker = new Worker(queue, (job, token) => perform(worker, job, token), {
      connection, prefix, drainDelay: 1, ...options,
    });
    worker.on("error", () => {});
    workers.set(++next, worker);
    await worker.waitUntilReady();
    return next;
  },
  held: () => goOn.length,
  letGo: () => {
    for (const resolve of goOn) resolve();
    goOn = [];
  },
  stop: async ({ worker }) => {
    await workers.get(worker).close();
    workers.delete(worker);
  },
});
