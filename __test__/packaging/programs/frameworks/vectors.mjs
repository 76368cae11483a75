// Vectors, the same in every run, and answers without the last digits of their distances.

/** Numbers between -1 and 1: of the same seed, the same. */
export function vector(seed, dimension) {
  let state = (seed * 2_654_435_761 + 12_345) >>> 0;
  return Array.from({ length: dimension }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Number((state / 2 ** 31 - 1).toFixed(4));
  });
}

/** The same value, numbers with five digits: libSQL adds the products of a distance in another order. */
export function rounded(value) {
  if (typeof value === "number") return Number(value.toFixed(5)) + 0;
  if (Array.isArray(value)) return value.map(rounded);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, rounded(item)]));
}
