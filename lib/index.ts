/** `latchdb`, `latchdb/node`: what `@libsql/client` exports. */
import { LibsqlBatchError, LibsqlError } from "@libsql/core/api";
import { createClient } from "./client/create-client";

export { createClient, LibsqlBatchError, LibsqlError };

// The public types are written by hand: this is where they are held to what is there.
({ createClient, LibsqlBatchError, LibsqlError }) satisfies typeof import("../index.js");
