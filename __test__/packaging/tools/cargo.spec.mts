/** `npx latchdb-install --build-from-source`, which compiles for a minute. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import test from "ava";
import { root } from "../support/packages.mjs";
import { node } from "../support/project.mjs";
import { binaryName } from "../support/release.mjs";
import { assertLeft, install, projectWithoutBinary } from "../support/without-binary.mjs";

const host = /^host: (.*)$/m.exec(spawnSync("rustc", ["-vV"], { encoding: "utf8" }).stdout)?.[1];
if (host === undefined) {
  test.skip("--build-from-source: Rust is not installed", () => undefined);
} else {
  test("--build-from-source builds what is in the package", async (t) => {
    const project = await projectWithoutBinary(t, []);
    // A workspace around it is none of its business.
    await project.write("Cargo.toml", '[workspace]\nmembers = []\nresolver = "3"\n');
    const { code, stderr } = await install(project, ["--build-from-source"], {
      // Where `npm run build:native` has compiled the dependencies, which takes minutes.
      CARGO_TARGET_DIR: join(root, "target"),
      CARGO_BUILD_TARGET: host,
    });
    t.is(code, 0, stderr);
    assertLeft(t, project, [binaryName]);
    t.is((await project.succeed(node, ["hello.mjs"])).stdout.trim(), "hello");
  });
}
