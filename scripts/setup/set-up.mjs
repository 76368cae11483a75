import { step } from "../support/step.mjs";
import { installDependencies } from "./dependencies.mjs";
import { buildJavaScript } from "./javascript.mjs";
import { buildNative } from "./native.mjs";

/**
 * Prepares a checkout, whatever its state. Everything it makes stays in the checkout; what is up to
 * date is kept.
 *
 * @returns {Promise<{ dependencies: boolean, native: boolean, javascript: boolean }>} what is ready
 */
export async function setUp() {
  const dependencies = await step("dependencies", installDependencies);
  if (!dependencies) return { dependencies, native: false, javascript: false };
  const native = await step("native addon", buildNative);
  const javascript = await step("javascript", buildJavaScript);
  return { dependencies, native, javascript };
}

/** {@link setUp}, for scripts that can do nothing unless everything is ready. */
export async function setUpOrExit() {
  if (!Object.values(await setUp()).every(Boolean)) process.exit(1);
}
