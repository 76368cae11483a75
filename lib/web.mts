// Not the default import: Vitest, with the package inlined, has only a part of the exports in it.
import * as web from "./web.js";

// One class of errors for both ways of loading: this is the CommonJS module's.
export const { _createClient, createClient, LibsqlBatchError, LibsqlError, sql } = web;
