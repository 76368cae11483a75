/** Describes a value in the message of an error. */
export function describe(value: unknown): string {
  switch (typeof value) {
    case "string":
      return `the string ${JSON.stringify(value.length > MOST ? `${value.slice(0, MOST)}…` : value)}`;
    case "bigint":
      return `the bigint ${value}`;
    case "number":
    case "boolean":
    case "undefined":
      return String(value);
    case "object":
      return value === null ? "null" : classOf(value);
    default:
      return typeof value;
  }
}

/** The most characters of a string in a message. */
const MOST = 40;

function classOf(value: object): string {
  if (Array.isArray(value)) return "array";
  const of: unknown = value.constructor;
  return typeof of === "function" && of.name !== "" ? of.name : "object";
}
