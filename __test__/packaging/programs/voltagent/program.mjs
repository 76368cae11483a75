// VoltAgent's adapters in parallel on one file, each with a client of its own; or one call after the
// other: `program.mjs FILE together|alone`. Both print the same.
import {
  LibSQLMemoryAdapter,
  LibSQLObservabilityAdapter,
  LibSQLVectorAdapter,
} from "@voltagent/libsql";
import { failure, print, printOpen, printSuccesses, range } from "../frameworks/print.mjs";

const [file, how] = process.argv.slice(2);
const url = `file:${file}`;
const WRITES = 30;
const silent = {
  trace() {},
  debug() {},
  info() {},
  warn() {},
  error() {},
  fatal() {},
  child: () => silent,
};

/** Lets the calls run at once, or one after the other. */
async function settle(what, calls) {
  if (how === "together")
    return printSuccesses(
      what,
      calls.map((call) => call()),
    );
  const results = [];
  for (const call of calls) results.push(await call().catch((error) => Promise.reject(error)));
  return printSuccesses(what, results);
}

/** Calls of several kinds, mixed. */
const mixed = (...kinds) => range(WRITES).flatMap((i) => kinds.map((kind) => () => kind(i)));

// All begin at once: each makes its tables and sets WAL, on an empty file.
const options = { url, logger: silent };
const [memory, second] = [new LibSQLMemoryAdapter(options), new LibSQLMemoryAdapter(options)];
const observability = new LibSQLObservabilityAdapter(options);
const vectors = new LibSQLVectorAdapter(options);
const at = new Date(Date.UTC(2026, 0, 1));

const conversation = (id) => ({
  id,
  resourceId: "agent",
  userId: "user",
  title: `Title ${id}`,
  metadata: { id },
});
const message = (i) => ({
  id: `message ${i}`,
  role: i % 2 === 0 ? "user" : "assistant",
  parts: [{ type: "text", text: `text ${i} – ünïcode` }],
  metadata: { i },
});
const span = (i) => ({
  spanId: `span ${i}`,
  traceId: `trace ${i % 3}`,
  name: `work ${i}`,
  kind: 0,
  startTime: new Date(at.getTime() + i).toISOString(),
  status: { code: 1 },
  attributes: { "entity.id": "agent", "entity.type": "agent", i },
  events: [],
});
const logRecord = (i) => ({
  timestamp: new Date(at.getTime() + i).toISOString(),
  severityNumber: 9,
  severityText: "INFO",
  body: `log ${i}`,
  spanContext: { traceId: `trace ${i % 3}`, spanId: `span ${i}` },
  attributes: { i },
});
const workflow = (i) => ({
  id: `run ${i}`,
  workflowId: "flow",
  workflowName: "Flow",
  status: i % 2 === 0 ? "running" : "suspended",
  input: { i },
  createdAt: new Date(at.getTime() + i),
  updatedAt: at,
});

await settle("first calls", [
  () => memory.createConversation(conversation("a")),
  () => second.createConversation(conversation("b")),
  () => observability.addSpan(span(-1)),
  () => vectors.store("first", [1, 0, 0], { i: -1 }),
]);
await settle(
  "writes of three adapters",
  mixed(
    (i) => memory.addMessage(message(i), "user", "a"),
    (i) => observability.addSpan(span(i)),
    (i) => vectors.store(`vector ${i}`, [i, 1, i / 2], { i }),
  ),
);
await settle(
  "writes of four adapters",
  mixed(
    (i) => memory.setWorkflowState(`run ${i}`, workflow(i)),
    (i) => second.addMessages([message(i), message(100 + i)], "user", "b"),
    (i) => observability.saveLogRecord(logRecord(i)),
    (i) =>
      observability.updateSpan(`span ${i}`, {
        endTime: at.toISOString(),
        duration: i,
        status: { code: 2 },
      }),
    (i) =>
      vectors.storeBatch([
        { id: `one ${i}`, vector: [i, 0, 1] },
        { id: `two ${i}`, vector: [1, i, 0] },
      ]),
  ),
);
await settle(
  "writes and reads",
  mixed(
    (i) =>
      second.setWorkingMemory({
        conversationId: "b",
        content: `memory ${i}`,
        scope: "conversation",
      }),
    (i) => memory.getMessages("user", "b", { limit: i + 1 }),
    (i) => second.updateWorkflowState(`run ${i}`, { output: { i } }),
    (i) => vectors.search([i, 1, 0], { limit: 3 }),
    (i) => observability.getTrace(`trace ${i % 3}`),
  ),
);

const byId = (rows) => rows.toSorted((a, b) => (a.id < b.id ? -1 : 1));
const messagesOf = async (adapter, conversationId) =>
  byId(await adapter.getMessages("user", conversationId)).map(({ id, role, parts, metadata }) => [
    id,
    role,
    parts,
    metadata.i,
  ]);
print("messages of a", await messagesOf(second, "a"));
print("messages of b", (await messagesOf(memory, "b")).length);
print(
  "conversations",
  (await memory.getConversations("agent")).map(({ id, title }) => [id, title]).sort(),
);
print(
  "workflows",
  byId(await memory.queryWorkflowRuns({ workflowId: "flow" })).map(
    ({ id, status, input, output }) => [id, status, input, output],
  ),
);
print("suspended", (await second.getSuspendedWorkflowStates("flow")).length);
const { spanCount, traceCount } = await observability.getStats();
print("spans and traces", [spanCount, traceCount]);
print(
  "trace",
  (await observability.getTrace("trace 1")).map(({ spanId, duration, status, attributes }) => [
    spanId,
    duration,
    status,
    attributes,
  ]),
);
print(
  "logs",
  (await observability.queryLogs({ traceId: "trace 2" })).map(({ body }) => body).sort(),
);
print("vectors", [
  await vectors.count(),
  await vectors.get("vector 7"),
  await vectors.get("two 3"),
]);
print(
  "nearest",
  (await vectors.search([7, 1, 3.5], { limit: 2 })).map(({ id, score }) => [id, score.toFixed(6)]),
);
print(
  "the same conversation again",
  await failure(() => memory.createConversation(conversation("a"))),
);
print("the same span again", await failure(() => observability.addSpan(span(1))));
await memory.deleteConversation("a");
print("without a", (await second.getMessages("user", "a")).length);
print("journal mode", (await vectors.client.execute("PRAGMA journal_mode")).rows);

// Their close() leaves the clients open.
for (const adapter of [memory, second, observability, vectors]) {
  await adapter.close();
  adapter.client.close();
}
printOpen("after close", file);

// Memory: one connection for each client.
const inMemory = new LibSQLMemoryAdapter({ url: ":memory:", logger: silent });
await inMemory.createConversation(conversation("m"));
await settle(
  "in memory",
  mixed((i) => inMemory.addMessage(message(i), "user", "m")),
);
print("messages in memory", (await inMemory.getMessages("user", "m")).length);
inMemory.client.close();
