import test from "ava";
import { createClient, LibsqlError } from "latchdb";
import { temporaryDatabase } from "../support/database.mjs";

test("an encryptionKey is refused with ENCRYPTION_KEY_NOT_SUPPORTED, never ignored", async (t) => {
  const { url } = await temporaryDatabase(t);
  t.throws(() => createClient({ url, encryptionKey: "secret" }), {
    instanceOf: LibsqlError,
    code: "ENCRYPTION_KEY_NOT_SUPPORTED",
  });
});

test("a syncUrl is refused with SYNC_NOT_SUPPORTED, never ignored", async (t) => {
  const { url } = await temporaryDatabase(t);
  t.throws(() => createClient({ url, syncUrl: "http://127.0.0.1:1" }), {
    instanceOf: LibsqlError,
    code: "SYNC_NOT_SUPPORTED",
  });
});

test("syncUrl beside an in-memory database is URL_INVALID", (t) => {
  t.throws(() => createClient({ url: ":memory:", syncUrl: "http://127.0.0.1:1" }), {
    instanceOf: LibsqlError,
    code: "URL_INVALID",
  });
});
