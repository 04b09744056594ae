// Serves the dashboard bull-board, on a free port of this machine's own.
import { createBullBoard } from "@bull-board/api";
import { BullMQAdapter } from "@bull-board/api/bullMQAdapter";
import { HonoAdapter } from "@bull-board/hono";
import { serve as listen } from "@hono/node-server";
import { serveStatic } from "@hono/node-server/serve-static";
import { Queue } from "#bullmq";
import { Hono } from "hono";
import { serve } from "./lines.mjs";

const connection = JSON.parse(process.argv[2]);

serve({
  open: async ({ prefix, queues }) => {
    const serverAdapter = new HonoAdapter(serveStatic).setBasePath("/board");
    createBullBoard({
      queues: queues.map((name) => new BullMQAdapter(new Queue(name, { connection, prefix }))),
      serverAdapter,
    });
    const app = new Hono().route("/board", serverAdapter.registerPlugin());
    return new Promise((resolve) =>
      listen({ fetch: app.fetch, hostname: "127.0.0.1", port: 0 }, ({ port }) => resolve(port)));
  },
});
