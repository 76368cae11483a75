import { step } from "../support/step.mjs";
import { installDependencies } from "./dependencies.mjs";
import { buildJavaScript } from "./javascript.mjs";
import { buildNative } from "./native.mjs";

/**
 * Gets a checkout ready, from whatever state it is in. Everything it makes stays in the checkout,
 * and what is up to date is left alone.
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
