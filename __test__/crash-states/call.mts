/** System calls, as strace prints them with `-f -v -y -xx`. */

/** One system call of one thread. */
export interface Call {
  thread: number;
  name: string;
  /** What it was given, each argument as strace wrote it. */
  args: string[];
  /** What it returned, or undefined where the process ended inside it. -1 is an error. */
  result: number | undefined;
}

/** A descriptor, and the path that it had at the time of the call. */
export interface Descriptor {
  number: number;
  path: string | undefined;
}

const UNFINISHED = " <unfinished ...>";

/** The calls of a trace, in the order in which they returned; those that never did come last. */
export function parseTrace(trace: string): Call[] {
  const calls: Call[] = [];
  const unfinished = new Map<number, string>();
  for (const line of trace.split("\n")) {
    const [, id = "", text = ""] = /^(\d+) +(.*)$/.exec(line) ?? [];
    const thread = Number(id);
    const rest = /^<\.\.\. \w+ resumed>(.*)$/.exec(text)?.[1];
    if (text.endsWith(UNFINISHED)) {
      unfinished.set(thread, text.slice(0, -UNFINISHED.length));
    } else if (rest !== undefined) {
      calls.push(...parseCall(thread, (unfinished.get(thread) ?? "") + rest));
      unfinished.delete(thread);
    } else {
      calls.push(...parseCall(thread, text));
    }
  }
  for (const [thread, text] of unfinished) calls.push(...parseCall(thread, `${text}) = ?`));
  const hasReturned = (call: Call): boolean => call.result !== undefined;
  return [...calls.filter(hasReturned), ...calls.filter((call) => !hasReturned(call))];
}

/** None where the line tells of a signal, or of the end of a thread. */
function parseCall(thread: number, text: string): Call[] {
  const [, name, args, result] = /^(\w+)\((.*)\)\s+= (-?\w+|\?)/.exec(text) ?? [];
  if (name === undefined || args === undefined) return [];
  return [{ thread, name, args: split(args), result: result === "?" ? undefined : Number(result) }];
}

/** Splits at the commas that are in no bracket. Strings are hexadecimal and so have none. */
function split(args: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i < args.length; i++) {
    const character = args.charAt(i);
    if ("([{<".includes(character)) depth++;
    // The "=>" of a value that the call changed closes nothing.
    else if (")]}>".includes(character) && args.charAt(i - 1) !== "=") depth--;
    else if (character === "," && depth === 0) {
      parts.push(args.slice(start, i).trim());
      start = i + 1;
    }
  }
  return [...parts, args.slice(start).trim()];
}

/** The bytes of the strings in an argument: of one, or of all of a vector. */
export function bytesOf(argument: string): Buffer {
  if (argument.includes('"...')) throw new Error("The trace has cut a string short");
  const strings = [...argument.matchAll(/"((?:\\x[0-9a-f]{2})*)"/g)];
  return Buffer.concat(strings.map(([, text = ""]) => unescape(text)));
}

export function pathOf(argument: string): string {
  return bytesOf(argument).toString();
}

/** The descriptor that an argument or `AT_FDCWD` stands for. */
export function descriptorOf(argument: string): Descriptor {
  const [, number = "", path] = /^(\w+)(?:<([^>]*)>)?/.exec(argument) ?? [];
  return { number: Number(number), path: path === undefined ? undefined : `${unescape(path)}` };
}

/** A number, also behind a pointer (`[7]`, `[7 => 9]`: before the call); undefined is NULL. */
export function numberOf(argument: string): number | undefined {
  if (argument === "NULL") return undefined;
  const text = /^\[?(\w+)/.exec(argument)?.[1] ?? "";
  return /^0[0-7]+$/.test(text) ? parseInt(text, 8) : Number(text);
}

export function flagsOf(argument: string): Set<string> {
  return new Set(argument.split("|"));
}

function unescape(text: string): Buffer {
  return Buffer.from(text.replaceAll("\\x", ""), "hex");
}
