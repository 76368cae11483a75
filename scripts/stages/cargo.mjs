import { hasCargo, wasBuiltHere } from "../setup/native.mjs";
import { ask, explain, run, runOrExplain } from "../support/run.mjs";
import { skip, verdict } from "./stage.mjs";

/** The line with which every test binary ends. */
const TEST_RESULT = /^test result: \w+\. (\d+) passed; (\d+) failed;/;

/** The addon, and the tool of scripts/binaries/check.mjs, which has a lock file of its own. */
const MANIFESTS = ["Cargo.toml", "xtask/Cargo.toml"];

/** @type {import("./stage.mjs").Stage} */
export const cargoFmt = {
  name: "cargo fmt",
  run: () => checkWith("fmt", "rustfmt", ["--check"]),
};

/** @type {import("./stage.mjs").Stage} */
export const cargoClippy = {
  name: "cargo clippy",
  run: () => checkWith("clippy", "clippy", ["--all-targets", "--", "-D", "warnings"]),
};

/**
 * In the same profile as clippy: the two share one compilation of SQLite's C code.
 *
 * @type {import("./stage.mjs").Stage}
 */
export const cargoTest = {
  name: "cargo test",
  async run() {
    const results = [];
    for (const manifest of MANIFESTS) results.push(await runTests(["--manifest-path", manifest]));
    const { skipped } = results[0];
    const total = (key) => results.reduce((sum, result) => sum + result[key], 0);
    return { passed: total("passed"), failed: total("failed"), skipped };
  },
};

/**
 * The models of src/client/models.rs: shuttle tries interleavings of the threads.
 *
 * @type {import("./stage.mjs").Stage}
 */
export const cargoModels = {
  name: "cargo test (models)",
  run: () => runTests(["--features", "model", "models"]),
};

/** Written by the build of the addon; committed so that nobody needs Rust to compile lib. */
const GENERATED = "lib/addon/binding.d.ts";

/** @type {import("./stage.mjs").Stage} */
export const generatedBinding = {
  name: "binding.d.ts",
  async run() {
    if (!wasBuiltHere()) return skip("the addon was not built here");
    if (ask("git", ["ls-files", "--error-unmatch", GENERATED]) === undefined) {
      return skip("this is no git checkout");
    }
    const { code } = await runOrExplain("git", ["--no-pager", "diff", "--exit-code", GENERATED]);
    if (code !== 0) console.log("     the build generates something else than what is committed");
    return verdict(code === 0);
  },
};

async function runTests(args) {
  if (!hasCargo()) return skip("cargo is not installed");
  const result = { passed: 0, failed: 0 };
  const output = [];
  const outcome = await run("cargo", ["test", "--no-fail-fast", ...args], {
    onLine(line) {
      output.push(line);
      const [, passed, failed] = TEST_RESULT.exec(line) ?? [];
      result.passed += Number(passed ?? 0);
      result.failed += Number(failed ?? 0);
    },
    describe: () => `cargo test: ${result.passed} passed`,
  });
  if (outcome.code !== 0) {
    explain({ ...outcome, lines: [...outcome.lines, ...output.filter(isOfInterest)] });
    // It did not compile, or a test took the process down: no line tells of that.
    if (result.failed === 0) result.failed = 1;
  }
  return result;
}

/** Runs a cargo command that may not be installed, rustfmt and clippy being components. */
async function checkWith(command, component, args) {
  if (!hasCargo()) return skip("cargo is not installed");
  if (ask("cargo", [command, "--version"]) === undefined) {
    return skip(`cargo ${command} is not installed (rustup component add ${component})`);
  }
  let isGood = true;
  for (const manifest of MANIFESTS) {
    const { code } = await runOrExplain("cargo", [command, "--manifest-path", manifest, ...args]);
    isGood &&= code === 0;
  }
  return verdict(isGood);
}

function isOfInterest(line) {
  return line.trim() !== "" && !/^test .* \.\.\. ok$/.test(line);
}
