// Collects what BullMQ's listener makes of the events of queues.
import { QueueEvents } from "#bullmq";
import { serve } from "./lines.mjs";

const connection = JSON.parse(process.argv[2]);
const listeners = new Map();

serve({
  listen: async ({ prefix, queue }) => {
    const events = new QueueEvents(queue, { connection, prefix, lastEventId: "0-0" });
    const heard = [];
    const emit = events.emit.bind(events);
    events.emit = (name, ...values) => {
      // Entries of the log come with their ids; `name:id` is the same entry once more.
      const id = values.at(-1);
      if (/^\d+-\d+$/.test(id) && !name.includes(":")) {
        heard.push({ name, values: values.length > 1 ? values[0] : {} });
      }
      return emit(name, ...values);
    };
    events.on("error", (error) => heard.push({ name: "error", values: { text: String(error) } }));
    listeners.set(`${prefix}:${queue}`, { events, heard });
    await events.waitUntilReady();
  },
  heard: ({ prefix, queue }) => listeners.get(`${prefix}:${queue}`).heard,
  close: async ({ prefix, queue }) => {
    const listener = listeners.get(`${prefix}:${queue}`);
    listeners.delete(`${prefix}:${queue}`);
    await listener.events.close();
  },
});
