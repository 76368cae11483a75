import { run } from "../support/run.mjs";

/**
 * Runs a program and gives all that it printed.
 *
 * @param {string} description what a sign of life says
 * @param {string} command
 * @param {string[]} args
 * @param {Record<string, string>} [env] what to add to the environment
 * @returns {Promise<{ code: number, lines: string[] }>} what it wrote to stderr comes last
 */
export async function runProgram(description, command, args, env) {
  const stdout = [];
  const outcome = await run(command, args, {
    env,
    onLine: (line) => stdout.push(line),
    describe: () => description,
  });
  const problem = outcome.problem === undefined ? [] : [outcome.problem];
  return { code: outcome.code, lines: [...stdout, ...outcome.lines, ...problem] };
}
