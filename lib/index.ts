/** `latchdb`, `latchdb/node`: what `@libsql/client` exports. */
export { LibsqlBatchError, LibsqlError } from "@libsql/core/api";
export { createClient } from "./client/create-client";
