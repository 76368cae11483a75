/**
 * The stock client, which knows nothing of swaps: opens each database that it is sent the path of,
 * and answers what it is.
 */
import { createClient } from "@libsql/client";
import { describe } from "../ledger/ledger.mjs";

async function look(file: string): Promise<string> {
  const client = createClient({ url: `file:${file}` });
  try {
    return await describe(client);
  } catch (error) {
    return String(error);
  } finally {
    client.close();
  }
}

process.on("message", (file: string) => {
  void look(file).then((found) => process.send?.(found));
});
process.send?.("ready");
