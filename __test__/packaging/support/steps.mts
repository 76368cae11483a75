/** What the programs of frameworks print: `step: value`, a line for each. */

/** The steps of a program, and their values. */
export function stepsOf(stdout: string): Map<string, string> {
  const steps = new Map<string, string>();
  for (const line of stdout.split("\n")) {
    const [, step, value] = /^([^:[\]]+): (.*)$/.exec(line) ?? [];
    if (step !== undefined && value !== undefined) steps.set(step, value);
  }
  return steps;
}

/** The values of the stock client, but for what COMPAT.md says is better here. */
export function expectedOf(stock: Map<string, string>): Map<string, string> {
  const better = [...stock].map(([step, value]): [string, string] => [
    step,
    value
      // The message of a LibsqlBatchError has the code once.
      .replaceAll(/(SQLITE_\w+): \1: /g, "$1: ")
      // close() leaves no descriptor to the garbage collector.
      .replace(/^\d+ open$/, "0 open"),
  ]);
  return new Map(better);
}

/** Our values, without what COMPAT.md says that they have more: the SQL behind the first line of an error. */
export function comparableOf(ours: Map<string, string>): Map<string, string> {
  const withoutSql = [...ours].map(([step, value]): [string, string] => [
    step,
    // A text of JSON, in which a line break is written as \n.
    value.replaceAll(/(SQLITE_\w+: (?:[^"\\]|\\[^n])*)\\n {2}(?:[^"\\]|\\.)*(?=")/g, "$1"),
  ]);
  return new Map(withoutSql);
}
