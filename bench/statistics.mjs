/**
 * A distribution in three figures.
 *
 * @typedef {object} Spread
 * @property {number} median
 * @property {number} q1 a quarter of the values is below it
 * @property {number} q3 a quarter is above it
 */

/** @param {number[]} values @returns {Spread} */
export function spread(values) {
  const sorted = values.toSorted((a, b) => a - b);
  return { median: at(sorted, 0.5), q1: at(sorted, 0.25), q3: at(sorted, 0.75) };
}

/**
 * How one contender's rounds compare with another's, round by round: what slows the machine for a
 * while slows both.
 *
 * @param {number[]} values
 * @param {number[]} baseline of the same rounds
 * @returns {Spread}
 */
export function ratio(values, baseline) {
  return spread(values.map((value, i) => value / baseline[i]));
}

/** Between the two nearest values, in proportion. */
function at(sorted, share) {
  const place = (sorted.length - 1) * share;
  const low = Math.floor(place);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low] + (sorted[high] - sorted[low]) * (place - low);
}

/** The same items in a random order. */
export function shuffled(items) {
  return items
    .map((item) => ({ item, place: Math.random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item);
}
