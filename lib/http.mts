// Not the default import: Vitest, with the package inlined, has only a part of the exports in it.
import * as http from "./http.js";

// One class of errors for both ways of loading: this is the CommonJS module's.
export const {
  _createClient,
  createClient,
  HttpClient,
  HttpTransaction,
  LibsqlBatchError,
  LibsqlError,
  sql,
} = http;
