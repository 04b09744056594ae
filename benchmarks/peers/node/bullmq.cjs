// BullMQ in Node, by the protocol that benchmarks/peers/contest.py describes.
const { createInterface } = require("node:readline");
const { setTimeout: sleep } = require("node:timers/promises");
const { FlowProducer, Queue, Worker } = require("bullmq");

const QUEUE = "bench";
const JOB = "noop";
const BULK = 10_000;
const LOOK_MS = 4;

const [mode, url, json] = process.argv.slice(2);
const given = JSON.parse(json);
const { hostname, port } = new URL(url);
const connection = { host: hostname, port: Number(port) };
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const ends = { count: 0, at: 0, waits: [] };

// CLOCK_MONOTONIC, as everybody else has it.
const now = () => Number(process.hrtime.bigint()) / 1e9;
const say = (line) => process.stdout.write(`${line}\n`);
const jobs = (count) => Array.from({ length: count }, (_, n) => ({ n }));

async function ready() {
  say("ready");
  await lines.next();
  setInterval(report, 1000 * (given.every ?? 0.05)).unref();
}

let told = 0;
function report() {
  if (ends.count === told) return;
  told = ends.count;
  say(JSON.stringify({ done: ends.count, at: ends.at, waited_ms: ends.waits.splice(0) }));
}

// Until the harness has had enough, which ends the program.
async function hold() {
  for await (const _ of lines);
}

async function added() {
  say(JSON.stringify({ done: given.count, at: now(), waited_ms: [] }));
  await hold();
}

async function openQueue() {
  const queue = new Queue(QUEUE, { connection });
  await queue.getJobCounts("waiting");
  return queue;
}

async function openFlows() {
  const flows = new FlowProducer({ connection });
  await flows.waitUntilReady();
  return flows;
}

async function openWorker() {
  const worker = new Worker(QUEUE, noop, {
    connection,
    concurrency: given.concurrency ?? 1,
    autorun: false,
    ...(given.keep === false ? { removeOnComplete: { count: 0 } } : {}),
  });
  await worker.waitUntilReady();
  return worker;
}

async function noop(job) {
  const at = now();
  if (job.data.at !== undefined) ends.waits.push(1000 * (at - job.data.at));
  ends.at = at;
  ends.count += 1;
  return null;
}

const node = (data, children) => ({ name: JOB, queueName: QUEUE, data, ...(children ? { children } : {}) });

function chain(at) {
  const steps = jobs(given.length);
  if (at !== undefined) steps.at(-1).at = at;
  return steps.slice(1).reduce((below, data) => node(data, [below]), node(steps[0]));
}

async function oneAtATime(add, each) {
  for (let number = 1; number <= given.count; number += 1) {
    await sleep(2 + 6 * Math.random());
    await add(now());
    while (ends.count < number * each) await sleep(LOOK_MS);
  }
}

const modes = {
  async add() {
    const queue = await openQueue();
    await ready();
    for (const data of jobs(given.count)) await queue.add(JOB, data);
    await added();
  },
  async together() {
    const queue = await openQueue();
    const adder = async () => {
      for (const data of jobs(Math.floor(given.count / given.adders))) await queue.add(JOB, data);
    };
    await ready();
    await Promise.all(Array.from({ length: given.adders }, adder));
    await added();
  },
  async bulk() {
    const queue = await openQueue();
    await ready();
    const all = jobs(given.count).map((data) => ({ name: JOB, data }));
    for (let start = 0; start < all.length; start += BULK) {
      await queue.addBulk(all.slice(start, start + BULK));
    }
    await added();
  },
  load: () => modes.bulk(),
  async trees() {
    const flows = await openFlows();
    await ready();
    for (const data of jobs(given.count)) {
      await flows.add(node(data, jobs(given.children).map((child) => node(child))));
    }
    await added();
  },
  async chains() {
    const flows = await openFlows();
    say("ready");
    for await (const _ of lines) {
      await flows.addBulk(Array.from({ length: given.count }, () => chain()));
    }
  },
  async trickle() {
    const queue = await openQueue();
    say("ready");
    for await (const _ of lines) await queue.add(JOB, { n: 0, at: now() });
  },
  async work() {
    const worker = await openWorker();
    await ready();
    worker.run();
    await hold();
  },
  async idle() {
    const queue = await openQueue();
    const worker = await openWorker();
    await ready();
    worker.run();
    await oneAtATime((at) => queue.add(JOB, { n: 0, at }), 1);
    await hold();
  },
  async idle_chains() {
    const flows = await openFlows();
    const worker = await openWorker();
    await ready();
    worker.run();
    await oneAtATime((at) => flows.add(chain(at)), given.length);
    await hold();
  },
};

modes[mode]().then(() => process.exit(0));
