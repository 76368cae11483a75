/**
 * Loads latchdb, and then the stock client, which is an addon in Rust, too. TEXT that is not UTF-8 makes
 * that one panic. Argument: the URL of a database.
 */
import { createClient } from "latchdb";
import { createClient as createStockClient } from "@libsql/client";

const [url = ""] = process.argv.slice(2);
createClient({ url }).close();
console.log("latchdb is loaded");
const stock = createStockClient({ url: ":memory:" });
console.log("stock is loaded");
await stock.execute("select cast(x'ff' as text)");
