// Runs BullMQ workers. What a job does is written in its data: see tests/interop/processing.py,
// which does the same.
import { openSync, writeSync } from "node:fs";
import { Queue, UnrecoverableError, WaitingChildrenError, Worker } from "#bullmq";
import { cached, serve, tell } from "./lines.mjs";

const connection = JSON.parse(process.argv[2]);
const workers = new Map();
let next = 0;

const idOf = (key) => key.slice(key.lastIndexOf(":") + 1);
const byId = (values) =>
  Object.fromEntries(Object.entries(values ?? {}).map(([key, value]) => [idOf(key), value]));

const queueOf = cached((prefix, queue) => new Queue(queue, { connection, prefix }));

async function spawn(job, token) {
  await job.updateData({ ...job.data, spawned: true });
  const parent = { id: job.id, queue: job.queueQualifiedName };
  const prefix = parent.queue.slice(0, -job.queueName.length - 1);
  for (const { queue, id, data } of job.data.spawn) {
    await queueOf(prefix, queue).add("task", data, { jobId: id, parent });
  }
  if (await job.moveToWaitingChildren(token)) throw new WaitingChildrenError();
}

async function perform(job, token) {
  const todo = job.data;
  if (todo.progress !== undefined) await job.updateProgress(todo.progress);
  for (const line of todo.logs ?? []) await job.log(line);
  if (todo.hold) await new Promise(() => {});
  if (todo.takes) await new Promise((done) => setTimeout(done, todo.takes));
  if (todo.unrecoverable) throw new UnrecoverableError(todo.unrecoverable);
  if (job.attemptsMade < (todo.fails ?? 0)) throw new Error(`boom ${job.attemptsMade + 1}`);
  if (todo.spawn && !todo.spawned) await spawn(job, token);
  // A parent that goes on after a failure has to let go of the others by itself.
  if (todo.detach) await job.removeUnprocessedChildren();
  if (todo.gather) {
    return {
      values: byId(await job.getChildrenValues()),
      ignored: byId(await job.getIgnoredChildrenFailures()),
    };
  }
  return todo.returns;
}

async function announced(job, token) {
  tell({ news: "start", id: job.id, queue: job.queueName });
  return perform(job, token);
}

// Starts and ends go to a file, in the form of tests/chaos/oracle.py, which outlives a kill.
function recorded(path) {
  const file = openSync(path, "a");
  const record = (kind, job) =>
    writeSync(file, `${kind} ${job.queueName} ${job.id} ${process.pid} ${Date.now()}\n`);
  return async (job, token) => {
    record("start", job);
    try {
      return await perform(job, token);
    } finally {
      record("end", job);
    }
  };
}

serve({
  start: async ({ prefix, queue, options, oracle }) => {
    const worker = new Worker(queue, oracle ? recorded(oracle) : announced, {
      connection, prefix, concurrency: 5, drainDelay: 1, ...options,
      settings: { backoffStrategy: (attempts) => (attempts < 3 ? 20 : -1) },
    });
    worker.on("error", () => {});
    workers.set(++next, worker);
    await worker.waitUntilReady();
    return next;
  },
  stop: async ({ worker }) => {
    await workers.get(worker).close();
    workers.delete(worker);
  },
});
