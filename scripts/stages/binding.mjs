import { wasBuiltHere } from "../setup/native.mjs";
import { ask, runOrExplain } from "../support/run.mjs";
import { skip, verdict } from "./stage.mjs";

/** The build writes both; they are committed so that nobody needs Rust to read or publish them. */
const GENERATED = ["binding.js", "binding.d.ts"];

/** @type {import("./stage.mjs").Stage} */
export const generatedBinding = {
  name: "binding.js",
  async run() {
    if (!wasBuiltHere()) return skip("the addon was not built here");
    if (ask("git", ["ls-files", "--error-unmatch", ...GENERATED]) === undefined) {
      return skip("this is no git checkout");
    }
    const { code } = await runOrExplain("git", ["--no-pager", "diff", "--exit-code", ...GENERATED]);
    if (code !== 0) console.log("     the build generates something else than what is committed");
    return verdict(code === 0);
  },
};
