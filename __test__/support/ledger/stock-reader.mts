import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { ExecutionContext } from "ava";

/** Opens a database that nobody has open, with the stock client, and says what it is. */
export type StockReader = (file: string) => Promise<string>;

const path = fileURLToPath(new URL("../programs/stock-reader.mjs", import.meta.url));

/** A process for the stock client, whose handles stay open: the end of the test ends it. */
export async function startStockReader(
  t: Pick<ExecutionContext, "teardown">,
): Promise<StockReader> {
  const child = fork(path, { execArgv: [] });
  const ended = once(child, "exit");
  t.teardown(async () => {
    child.disconnect();
    await ended;
  });
  await once(child, "message");
  return async (file) => {
    const answer = once(child, "message");
    child.send(file);
    const [found] = await Promise.race([
      answer,
      ended.then(([code]) =>
        Promise.reject(new Error(`The stock client's process ended: ${code}`)),
      ),
    ]);
    return String(found);
  };
}
