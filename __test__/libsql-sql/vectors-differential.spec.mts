import test from "ava";
import { openClient } from "../support/database.mjs";
import { randomNumbers } from "../support/random.mjs";
import { answer } from "./answers.mjs";
import { stockAnswers } from "./stock.mjs";

/**
 * The same statements in every run, so that a failure is the fault of what was changed. VECTORS asks for
 * that many, with a seed of their own or VECTORS_SEED.
 */
const { VECTORS, VECTORS_SEED } = process.env;
const count = Number(VECTORS ?? 3000);
const fixedSeed = VECTORS === undefined ? 20_261_127 : Math.floor(Math.random() * 2 ** 31);
const seed = Number(VECTORS_SEED ?? fixedSeed);
const random = randomNumbers(seed);

const makers = [
  "vector",
  "vector32",
  "vector64",
  "vector16",
  "vectorb16",
  "vector8",
  "vector1bit",
] as const;

test("the vector functions answer what those of the stock client answer", async (t) => {
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
    .filter((each) => !isSame(each.ours, each.theirs));
  t.deepEqual(differing.slice(0, 5), [], `${differing.length} differ, seed ${seed}`);
  const errors = ours.filter((each) => each.startsWith("error"));
  t.true(errors.length > count / 50 && errors.length < count / 2, "both kinds of answers came");
});

function statement(): string {
  switch (pick([0, 1, 2, 3, 3, 4, 4, 5, 6])) {
    case 0:
      return `select ${pick(makers)}(${text()})`;
    case 1:
      return `select ${pick(makers)}(${made()})`;
    case 2:
      return `select vector_extract(${pick([text, made, made])()})`;
    case 3: {
      const maker = pick(makers);
      const dimensions = size();
      return `select ${distance()}(${made(maker, dimensions)}, ${made(maker, dimensions)})`;
    }
    case 4: {
      const dimensions = size();
      return `select ${distance()}(${text(dimensions)}, ${text(dimensions)})`;
    }
    case 5:
      return `select ${distance()}(${any()}, ${any()})`;
    default:
      return `select ${pick([...makers, "vector_extract"] as const)}(${wrong()})`;
  }
}

/** Values of all kinds. Of a blob whose bytes are wrong, libSQL reads memory that is not its own. */
function any(): string {
  return pick([text, made, made, wrong])();
}

function distance(): string {
  return pick(["vector_distance_cos", "vector_distance_l2"]);
}

function made(maker: string = pick(makers), dimensions = size()): string {
  return `${maker}(${text(dimensions)})`;
}

function text(dimensions = size()): string {
  const space = (): string => (random() < 0.05 ? " " : "");
  const elements = Array.from({ length: dimensions }, () => space() + number() + space());
  return `'${space()}[${elements.join(",")}]${space()}'`;
}

function size(): number {
  return Math.floor(random() < 0.9 ? random() * 20 : random() * 100);
}

function number(): string {
  const value = (random() - 0.5) * 2 * pick([1, 1, 1, 100, 1e-3, 1e6, 70_000, 1e-7, 1e30]);
  switch (pick([0, 1, 2, 3, 4, 5])) {
    case 0:
      return String(Math.round(value));
    case 1:
      return Math.abs(value) < 1e20 ? value.toFixed(Math.floor(random() * 9)) : String(value);
    case 2:
      return String(Math.fround(value))
        .slice(0, 15)
        .replace(/e[+-]?$/, "");
    case 3:
      return value.toExponential(Math.floor(random() * 14));
    case 4:
      return value.toPrecision(1 + Math.floor(random() * 17));
    default:
      return pick([
        "0",
        "-0",
        "1",
        "-1",
        "0.5",
        "1.",
        ".5",
        "+3",
        "1e0",
        "100000.5",
        "65520",
        "2E-3",
      ]);
  }
}

function wrong(): string {
  return pick([
    "null",
    "5",
    "1.5",
    "''",
    "'[1,a]'",
    "'[1,,2]'",
    "'[1'",
    "'1]'",
    "'[1]x'",
    "'[1e]'",
    "'[nan]'",
    "'[--1]'",
    "'[1.2.3]'",
    "x''",
    "x'00'",
    "x'000001'",
    "x'ffffff'",
    "vector64('[1]')",
    "'[1e999,-1e999,1e-999]'",
    "'[0,0,0]'",
    "'[1 2, 3]'",
  ]);
}

function pick<T>(from: readonly T[]): T {
  return from[Math.floor(random() * from.length)] as T;
}

function isSame(ours: string, theirs: string): boolean {
  return (
    ours === theirs ||
    closeNumbers(ours, theirs) ||
    nearDoubles(ours, theirs) ||
    sameBytesOfVector8(ours, theirs)
  );
}

/**
 * The sums of a distance are added in another order: of n numbers of 24 bits, up to n units in the last
 * place. The distance by the cosine is 1 less a quotient of such sums.
 */
function closeNumbers(ours: string, theirs: string): boolean {
  const [one, other] = [ours, theirs].map((each) => /^\[\[([-+.\de]+)\]\]$/.exec(each)?.[1]);
  if (one === undefined || other === undefined) return false;
  const difference = Math.abs(Number(one) - Number(other));
  return difference <= 100 * 2 ** -24 * Math.max(1, Math.abs(Number(other)));
}

/** Of 20,000 doubles, libSQL reads about one that is off by one unit in the last place (COMPAT.md). */
function nearDoubles(ours: string, theirs: string): boolean {
  const [one, other] = [ours, theirs].map((each) =>
    Buffer.from(/^\[\["x((?:.{16})+)02"\]\]$/.exec(each)?.[1] ?? "", "hex"),
  );
  if (one === undefined || other === undefined) return false;
  if (one.length === 0 || one.length !== other.length) return false;
  const places = Array.from({ length: one.length / 8 }, (_, i) => i * 8);
  return places.every((at) => {
    const difference = one.readBigInt64LE(at) - other.readBigInt64LE(at);
    return difference >= -1n && difference <= 1n;
  });
}

/** libSQL leaves the bytes between the elements and the two floats as its allocator left them. */
function sameBytesOfVector8(ours: string, theirs: string): boolean {
  const known = [ours, theirs].map((each) => {
    const blob = Buffer.from(/^\[\["x((?:..)*04)"\]\]$/.exec(each)?.[1] ?? "", "hex");
    const missing = blob.at(-2) ?? 0;
    const end = blob.length - 3 - 8;
    return blob.length < 11 ? undefined : blob.fill(0, end - missing, end).toString("hex");
  });
  return known[0] !== undefined && known[0] === known[1];
}
