/** A worker with a swap at each of its long steps. It says so, and is then ended. */
import { parentPort, workerData } from "node:worker_threads";
import { swapFile } from "latchdb/swap";

const { targets, large, way } = workerData as { targets: string[]; large: string; way: string };
const [preparing = "", copying = "", streaming = "", waiting = "", lending = ""] = targets;
const never = (): Promise<void> => new Promise(() => undefined);

/** Begins a swap and waits until it says that it is where it shall be. */
function begin(swap: (arrived: () => void) => Promise<unknown>): Promise<void> {
  return new Promise((resolve) => void swap(resolve));
}

async function* endless(arrived: () => void): AsyncGenerator<Buffer> {
  for (let i = 0; ; i++) {
    yield Buffer.alloc(100_000);
    if (i === 2) arrived();
    if (i === 20) await never();
  }
}

const stays = (target: string) =>
  begin((arrived) =>
    swapFile(target, {
      data: "never",
      prepare() {
        arrived();
        return never();
      },
    }),
  );
await stays(preparing);
await stays(waiting);
for (let i = 0; i < 3; i++) void swapFile(waiting, { data: "never" });
await begin((arrived) => swapFile(streaming, { data: endless(arrived) }));
await begin((arrived) =>
  swapFile(copying, {
    source: large,
    onProgress: ({ done }) => void (done > 0 && arrived()),
  }),
);
await begin((arrived) =>
  swapFile(lending, {
    // Written from the worker's memory, which is gone when it has ended.
    data: Buffer.alloc(256 * 1024 * 1024),
    onProgress: ({ done }) => void (done > 0 && arrived()),
    prepare: never,
    durability: "none",
  }),
);
parentPort?.once("message", () => {
  if (way === "exit") process.exit(3);
  throw new Error("thrown on purpose");
});
parentPort?.postMessage("in flight");
