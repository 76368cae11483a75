/**
 * Counts tests in TAP (https://testanything.org), line by line, and keeps what was said about those
 * that failed.
 */
export class TapCounter {
  passed = 0;
  failed = 0;
  /** What to print about the tests that failed. @type {string[]} */
  details = [];
  /** Why tests looked at nothing, and how many. @type {Map<string, number>} */
  skipped = new Map();
  #isInDetails = false;

  /** @param {string} line */
  read(line) {
    const test = /^(not )?ok\b(?:.*# (SKIP|TODO))?/.exec(line);
    if (test !== null) this.#count(test[1] === undefined, test[2] !== undefined);
    // A test's details are indented; whatever else begins a line ends them.
    else if (/^\S/.test(line)) this.#isInDetails = false;
    if (this.#isInDetails) this.details.push(line);
    const reason = /^#\s+Skipped: (.*)$/.exec(line)?.[1];
    if (reason !== undefined) this.skipped.set(reason, (this.skipped.get(reason) ?? 0) + 1);
  }

  #count(isOk, isExcused) {
    this.#isInDetails = !isOk && !isExcused;
    if (isExcused) return;
    if (isOk) this.passed += 1;
    else this.failed += 1;
  }
}
