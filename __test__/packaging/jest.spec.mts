/** A program's Jest tests, with ours in the place of `@libsql/client` and with the stock one. */
import test from "ava";
import { main } from "./support/packages.mjs";
import { newProject, node } from "./support/project.mjs";

const STOCK = "0.18.0";
/** From 30.5 on, Jest does not count what napi-rs makes for itself as it loads an addon. */
const JEST = "30.5.2";

for (const [title, client] of [
  ["ours", `npm:latchdb@${main.manifest.version}`],
  ["stock", STOCK],
] as const) {
  test(`jest --detectOpenHandles: ${title} leaves no handle open, and Jest ends by itself`, async (t) => {
    const project = await newProject(t, {
      dependencies: { "@libsql/client": client, jest: JEST },
    });
    await project.npm("install");
    await project.copyProgram("jest");
    const jest = ["node_modules/jest/bin/jest.js", "--rootDir=jest"];
    const { stderr } = await project.succeed(node, [...jest, "--detectOpenHandles"]);
    t.regex(stderr, /2 passed, 2 total/);
    t.notRegex(stderr, /open handle/i);
    const { stderr: plain } = await project.succeed(node, jest);
    t.notRegex(plain, /did not exit/);
  });
}
