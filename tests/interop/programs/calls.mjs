// Any method of a queue's or a job's, by its name; what it answers stays here.
import { Job, Queue } from "#bullmq";
import { cached, serve } from "./lines.mjs";

const connection = JSON.parse(process.argv[2]);
const queueOf = cached((prefix, queue) => new Queue(queue, { connection, prefix }));

serve({
  queue: async ({ prefix, queue, call, args }) => void (await queueOf(prefix, queue)[call](...args)),
  job: async ({ prefix, queue, id, call, args }) =>
    void (await (await Job.fromId(queueOf(prefix, queue), id))[call](...args)),
});
