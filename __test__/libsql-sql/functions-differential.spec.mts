import test from "ava";
import { openClient } from "../support/database.mjs";
import { randomNumbers } from "../support/random.mjs";
import { answer } from "./answers.mjs";
import { stockAnswers } from "./stock.mjs";

/**
 * The same statements in every run, so that a failure is the fault of what was changed. FUNCTIONS asks for that many,
 * with a seed of their own or FUNCTIONS_SEED.
 *
 * Left out is what COMPAT.md names: counts below 0 of rightstr(), a count of 0 of replicate(), integers of more than
 * 32 bits and mixed numbers in median() and mode(), what is no number in ceil() and floor(), results of more than 64
 * bits, and NUL.
 */
const { FUNCTIONS, FUNCTIONS_SEED } = process.env;
const count = Number(FUNCTIONS ?? 4000);
const fixedSeed = FUNCTIONS === undefined ? 20_261_128 : Math.floor(Math.random() * 2 ** 31);
const seed = Number(FUNCTIONS_SEED ?? fixedSeed);
const random = randomNumbers(seed);

test("the functions of libSQL answer what those of the stock client answer", async (t) => {
  t.timeout(Math.max(count * 10, 60_000));
  t.log(`${count} statements, seed ${seed}`);
  const statements = Array.from({ length: count }, statement);
  const client = await openClient(t);
  const [theirs, ours] = await Promise.all([
    stockAnswers(statements),
    Promise.all(statements.map(async (sql) => await answer(client, sql))),
  ]);
  const differing = statements
    .map((sql, i) => ({ sql, ours: ours[i] ?? "", theirs: theirs[i] ?? "" }))
    .filter((each) => each.ours !== each.theirs);
  t.deepEqual(differing.slice(0, 5), [], `${differing.length} differ, seed ${seed}`);
  const errors = ours.filter((each) => each.startsWith("error"));
  t.true(errors.length > count / 50 && errors.length < count / 2, "both kinds of answers came");
});

function statement(): string {
  return pick([regexp, regexp, regexp, onTexts, onTexts, onNumbers, statistics, series, hash])();
}

function regexp(): string {
  const call = pick(["regexp", "regexp", "regexpi"]);
  const patterns = pattern();
  const texts = Array.from({ length: 6 }, () => `${call}(${quote(patterns)}, ${quote(subject())})`);
  return `select ${texts.join(", ")}`;
}

/** A pattern, most often one without an error. */
function pattern(depth = 0): string {
  const length = Math.floor(random() * 4) + (depth === 0 ? 1 : 0);
  const pieces = Array.from({ length }, () => piece(depth));
  const anchored = (random() < 0.2 ? "^" : "") + pieces.join("") + (random() < 0.2 ? "$" : "");
  return random() < 0.15 ? `${anchored}|${pattern(depth + 1)}` : anchored;
}

function piece(depth: number): string {
  return atom(depth) + (random() < 0.4 ? operator() : "") + (random() < 0.03 ? operator() : "");
}

function atom(depth: number): string {
  if (random() < 0.15 && depth < 4) return `(${pattern(depth + 1)})`;
  if (random() < 0.15) return set();
  if (random() < 0.03) return pick(["(", ")", "[", "]", "{", "}", "*", "\\", "\\q", "[a-", "\\x4"]);
  return pick([
    ..."aabbcABé😀1 _-",
    ".",
    ".*",
    "\\.",
    "\\w",
    "\\W",
    "\\d",
    "\\D",
    "\\s",
    "\\S",
    "\\b",
    "\\t",
    "\\x61",
    "\\u00e9",
    "\\\\",
    "^",
    "$",
  ]);
}

function set(): string {
  const members = Array.from({ length: 1 + Math.floor(random() * 3) }, () =>
    pick([
      "a",
      "b",
      "é",
      "A",
      "a-c",
      "0-9",
      "\\]",
      "\\x41",
      "]",
      "-",
      "^",
      "A-Z",
      "[",
      "é-😀",
      "[:",
      "\\d",
    ]),
  );
  return `[${random() < 0.3 ? "^" : ""}${members.join("")}]`;
}

function operator(): string {
  return pick(["*", "+", "?", "{2}", "{1,2}", "{0,2}", "{1,}", "{,2}", "{2,1}", "{0}", "{3"]);
}

function subject(): string {
  const pieces = [
    "a",
    "b",
    "c",
    "A",
    "é",
    "😀",
    "1",
    " ",
    "_",
    "\t",
    ".",
    "ab",
    "aab",
    "\\",
    "]",
    "-",
  ];
  return Array.from({ length: Math.floor(random() * 8) }, () => pick(pieces)).join("");
}

function onTexts(): string {
  const text = (): string => pick([quoted, quoted, quoted, quoted, value])();
  const few = (): string => String(Math.floor(random() * 12) - (random() < 0.1 ? 2 : 0));
  const some = (): string => pick([few, few, few, value])();
  return `select ${pick([
    () => `reverse(${text()})`,
    () => `proper(${text()})`,
    () => `replicate(${text()}, ${few().replace(/^0$/, "1")})`,
    () => `${pick(["padl", "padr", "padc"])}(${text()}, ${few()})`,
    () => `strfilter(${text()}, ${text()})`,
    () => `difference(${text()}, ${text()})`,
    () => `charindex(${text()}, ${text()})`,
    () => `charindex(${text()}, ${text()}, ${some()})`,
    () => `charindex(${quote([...subject()][0] ?? "")}, ${quote(subject())}, ${few()})`,
    () => `lsmode(${pick([few, () => "0x81a4", () => "16877", () => "41471", value])()})`,
    () => `leftstr(${text()}, ${some()})`,
    () => `rightstr(${text()}, ${few().replace("-", "")})`,
  ])()}`;
}

function onNumbers(): string {
  const call = pick(["log", "log", "log", "ceil", "ceiling", "floor", "square", "cot", "coth"]);
  if (random() < 0.1) return `select atn2(${pick([small, real])()}, ${pick([small, real])()})`;
  const number = pick([small, small, real, value])();
  // What is no number is NULL for these (COMPAT.md).
  const argument = /^(ceil|ceiling|floor)$/.test(call)
    ? pick([small, real, () => "null"])()
    : number;
  return `select ${call}(${argument}), typeof(${call}(${argument}))`;
}

function statistics(): string {
  const member = pick([small, real, () => pick([real, () => "null"])()]);
  const first = member === small ? small : real;
  const members = Array.from({ length: Math.floor(random() * 9) }, member);
  const values = [first(), ...members].map((each) => `(${each})`).join(", ");
  const calls = ["median", "lower_quartile", "upper_quartile", "mode", "stdev", "variance"];
  const selected = calls.map((call) => `${call}(column1), typeof(${call}(column1))`).join(", ");
  const none = random() < 0.05 ? " where 0" : "";
  return `select ${selected} from (values ${values})${none}`;
}

function series(): string {
  const bounds = Array.from({ length: Math.floor(random() * 3) + 1 }, () =>
    pick([small, small, small, real, () => "null", () => quote(small()), () => "'x'"])(),
  );
  const order = pick(["", "", " order by value", " order by value desc", " order by rowid desc"]);
  const rows = " limit 20" + (random() < 0.2 ? " offset 3" : "");
  return `select rowid, value, start, stop, step from generate_series(${bounds.join(", ")})${order && bounds.length > 1 ? order : ""}${rows}`;
}

function hash(): string {
  const size = pick(["", ", 224", ", 256", ", 384", ", 512", ", 100", ", '224'", ", null"]);
  const uuid = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11";
  const forms = [uuid, uuid.toUpperCase(), `{${uuid}}`, uuid.replaceAll("-", ""), `${uuid} `];
  return `select ${pick([
    () => `sha3(${value()}${size})`,
    () => `sha3(replicate(${quoted()}, ${1 + Math.floor(random() * 200)})${size})`,
    () => `uuid_str(${quote(pick(forms))})`,
    () => `uuid_blob(${quote(pick(forms).slice(0, 30 + Math.floor(random() * 12)))})`,
    () =>
      `${pick(["uuid_str", "uuid_blob"])}(${pick([value, () => "x'00112233445566778899aabbccddeeff'"])()})`,
  ])()}`;
}

function value(): string {
  return pick([
    quoted,
    quoted,
    small,
    real,
    () => "null",
    () => "x'4162'",
    () => "''",
    () => "'3'",
  ])();
}

function small(): string {
  return String(Math.floor((random() - 0.4) * 20));
}

function real(): string {
  return ((random() - 0.4) * pick([1, 10, 1000])).toFixed(1 + Math.floor(random() * 3));
}

function quoted(): string {
  return quote(subject());
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

function pick<T>(from: readonly T[]): T {
  return from[Math.floor(random() * from.length)] as T;
}
