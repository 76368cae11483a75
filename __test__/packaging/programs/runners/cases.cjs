/** The tests of each file for Jest. */
const { createClient, LibsqlError } = require("@libsql/client");

async function valueOf(client) {
  const { rows } = await client.execute("SELECT 1 AS a");
  return rows[0].a;
}

module.exports = (name) => {
  test("values and errors", async () => {
    const client = createClient({ url: ":memory:" });
    await client.execute("CREATE TABLE t (a)");
    await client.execute({ sql: "INSERT INTO t VALUES (?)", args: [new Uint8Array([1])] });
    await client.execute({ sql: "INSERT INTO t VALUES (?)", args: [new Date(5)] });
    const { rows } = await client.execute("SELECT a FROM t ORDER BY rowid");
    expect(rows[0].a.byteLength).toBe(1);
    expect(rows[1].a).toBe(5);
    const error = await client.execute("nonsense").catch((reason) => reason);
    expect(error).toBeInstanceOf(LibsqlError);
    expect(error.code).toBe("SQLITE_ERROR");
    client.close();
  });

  test("a registry of modules that is reset", async () => {
    const before = createClient({ url: `file:${name}.db` });
    jest.resetModules();
    const again = require("@libsql/client");
    expect(again.createClient).not.toBe(createClient);
    const after = again.createClient({ url: `file:${name}.db` });
    expect(await valueOf(before)).toBe(1);
    expect(await valueOf(after)).toBe(1);
    const error = await after.execute("nonsense").catch((reason) => reason);
    expect(error).toBeInstanceOf(again.LibsqlError);
    before.close();
    expect(await valueOf(after)).toBe(1);
    after.close();
  });

  test("modules of their own", async () => {
    let isolated;
    jest.isolateModules(() => {
      isolated = require("@libsql/client").createClient({ url: ":memory:" });
    });
    expect(await valueOf(isolated)).toBe(1);
    isolated.close();
  });
};
