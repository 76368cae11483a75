// Mastra's stores in parallel on one file, each with a client of its own; or one call after the other:
// `program.mjs FILE together|alone`. Both print the same.
import { LibSQLStore, LibSQLVector } from "@mastra/libsql";
import { print, printOpen, printSuccesses, range, failure } from "../frameworks/print.mjs";

const [file, how] = process.argv.slice(2);
const url = `file:${file}`;
const WRITES = 20;
const at = new Date(Date.UTC(2026, 0, 1));

async function settle(what, calls) {
  if (how === "together")
    return printSuccesses(
      what,
      calls.map((call) => call()),
    );
  const results = [];
  for (const call of calls) {
    const result = call();
    results.push(result);
    await Promise.allSettled([result]);
  }
  return printSuccesses(what, results);
}

const mixed = (...kinds) => range(WRITES).flatMap((i) => kinds.map((kind) => () => kind(i)));

const stores = ["a", "b", "c"].map((id) => new LibSQLStore({ id, url }));
// All make the same hundred tables and indexes at once, on an empty file.
await settle(
  "initialised",
  stores.map((store) => () => store.init()),
);
const [a, b, c] = stores;
const [memoryA, memoryB] = [await a.getStore("memory"), await b.getStore("memory")];
const [flowsA, flowsB] = [await a.getStore("workflows"), await b.getStore("workflows")];
const [scores, spans] = [await c.getStore("scores"), await c.getStore("observability")];

const thread = (id) => ({
  id,
  resourceId: "r",
  title: `Title ${id}`,
  metadata: { id },
  createdAt: at,
  updatedAt: at,
});
const message = (id, i) => ({
  id: `${id} ${i}`,
  threadId: id,
  resourceId: "r",
  role: i % 2 === 0 ? "user" : "assistant",
  createdAt: new Date(at.getTime() + i),
  content: { format: 2, parts: [{ type: "text", text: `text ${i} – ünïcode` }] },
});
const snapshot = (runId) => ({
  runId,
  status: "running",
  value: {},
  context: { input: { n: 1 } },
  activePaths: [],
  activeStepsPath: {},
  serializedStepGraph: [],
  suspendedPaths: {},
  waitingPaths: {},
  resumeLabels: {},
  timestamp: at.getTime(),
});
const span = (i) => ({
  traceId: `trace ${i % 2}`,
  spanId: `span ${i}`,
  parentSpanId: null,
  name: `work ${i}`,
  spanType: "generic",
  isEvent: false,
  startedAt: new Date(at.getTime() + i),
  endedAt: null,
  input: { i },
});

await settle("threads", [
  () => memoryA.saveThread({ thread: thread("one") }),
  () => memoryB.saveThread({ thread: thread("two") }),
  () =>
    flowsA.persistWorkflowSnapshot({
      workflowName: "flow",
      runId: "run",
      snapshot: snapshot("run"),
    }),
]);
await settle(
  "messages, steps and spans",
  mixed(
    (i) => memoryA.saveMessages({ messages: [message("one", i), message("one", 100 + i)] }),
    (i) => memoryB.saveMessages({ messages: [message("two", i)] }),
    // A transaction that reads, and then writes.
    (i) =>
      flowsA.updateWorkflowResults({
        workflowName: "flow",
        runId: "run",
        stepId: `a${i}`,
        result: step(i),
        requestContext: {},
      }),
    (i) =>
      flowsB.updateWorkflowResults({
        workflowName: "flow",
        runId: "run",
        stepId: `b${i}`,
        result: step(i),
        requestContext: {},
      }),
    (i) =>
      flowsB.persistWorkflowSnapshot({
        workflowName: "other",
        runId: `run ${i}`,
        snapshot: snapshot(`run ${i}`),
      }),
    (i) => spans.batchCreateSpans({ records: [span(2 * i), span(2 * i + 1)] }),
  ),
);
await settle(
  "changes and reads",
  mixed(
    (i) => memoryB.updateThread({ id: "one", title: "Title", metadata: { [`key${i}`]: i } }),
    (i) => memoryA.updateMessages({ messages: [{ id: `two ${i}`, role: "assistant" }] }),
    () => memoryB.listMessages({ threadId: "one", perPage: 5 }),
    (i) => flowsA.loadWorkflowSnapshot({ workflowName: "other", runId: `run ${i}` }),
    (i) =>
      spans.updateSpan({
        traceId: `trace ${i % 2}`,
        spanId: `span ${i}`,
        updates: { output: { i }, endedAt: at },
      }),
    (i) => memoryA.deleteMessages([`one ${100 + i}`]),
  ),
);

const { messages, total } = await memoryB.listMessages({ threadId: "one", perPage: false });
print("messages of one", [total, messages.map(({ id, role, content }) => [id, role, content])]);
const second = await memoryA.listMessages({ threadId: "two", perPage: false });
print("roles of two", [...new Set(second.messages.map(({ role }) => role))]);
print(
  "threads",
  (await memoryA.listThreads({ filter: { resourceId: "r" } })).threads.map(({ id }) => id).sort(),
);
const run = await flowsB.loadWorkflowSnapshot({ workflowName: "flow", runId: "run" });
print("steps", Object.keys(run.context).sort());
print("runs", (await flowsA.listWorkflowRuns({ workflowName: "other" })).total);
const trace = await spans.getTrace({ traceId: "trace 1" });
print("trace", trace.spans.map(({ spanId, input, output }) => [spanId, input, output]).sort());
print(
  "scores",
  (await scores.listScoresByRunId({ runId: "run", pagination: { page: 0, perPage: 5 } })).scores,
);
print("without a thread", await failure(() => memoryA.saveMessages({ messages: [{ id: "x" }] })));

const vectors = new LibSQLVector({ id: "vectors", url, maxRetries: 1 });
const vector = [1, 0, 0.5];
const steps = {
  "vector index": () => vectors.createIndex({ indexName: "items", dimension: 3 }),
  "vectors inserted": () =>
    vectors.upsert({ indexName: "items", vectors: [vector], metadata: [{ n: 1 }], ids: ["first"] }),
  "vector found": () => vectors.query({ indexName: "items", queryVector: vector, topK: 1 }),
};
for (const [what, action] of Object.entries(steps)) {
  print(what, await action().catch((error) => `${error.id}: ${error.message}`));
}
print(
  "other writes after that",
  await memoryA.saveThread({ thread: thread("three") }).then(({ id }) => id),
);

for (const store of [...stores, vectors]) await store.close();
for (const store of stores) await store.close();
printOpen("after close", file);
print("closed", await failure(() => memoryA.getThreadById({ threadId: "one" })));

// In memory: Mastra wraps the client in a Proxy.
const inMemory = new LibSQLStore({ id: "m", url: ":memory:" });
await inMemory.init();
const memory = await inMemory.getStore("memory");
const flows = await inMemory.getStore("workflows");
await memory.saveThread({ thread: thread("m") });
await settle(
  "in memory",
  mixed(
    (i) => memory.saveMessages({ messages: [message("m", i)] }),
    (i) =>
      flows.updateWorkflowResults({
        workflowName: "flow",
        runId: "run",
        stepId: `${i}`,
        result: step(i),
        requestContext: {},
      }),
  ),
);
print("messages in memory", (await memory.listMessages({ threadId: "m", perPage: false })).total);
await inMemory.close();

function step(i) {
  return {
    status: "success",
    output: i,
    payload: {},
    startedAt: at.getTime(),
    endedAt: at.getTime(),
  };
}
