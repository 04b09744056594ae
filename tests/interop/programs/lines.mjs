// Requests come as JSON lines `{id, verb, args}` on the standard input and are answered, in any
// order, by `{id, result}` or `{id, error}`; what nobody asked for is told by `{news, ...}`.
import { createInterface } from "node:readline";

export function tell(message) {
  process.stdout.write(JSON.stringify(message) + "\n");
}

export function serve(verbs) {
  const lines = createInterface({ input: process.stdin });
  lines.on("line", async (line) => {
    const { id, verb, args } = JSON.parse(line);
    try {
      const result = await verbs[verb](args);
      tell({ id, result: result === undefined ? null : result });
    } catch (error) {
      tell({ id, error: String(error?.stack ?? error) });
    }
  });
  lines.on("close", () => process.exit(0));
}

/** One object for each different set of arguments. */
export function cached(make) {
  const made = new Map();
  return (...args) => {
    const key = JSON.stringify(args);
    if (!made.has(key)) made.set(key, make(...args));
    return made.get(key);
  };
}
