import { wasBuiltHere } from "../setup/native.mjs";
import { ask, runOrExplain } from "../support/run.mjs";
import { skip, verdict } from "./stage.mjs";

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
