/** Three digits, which is as exact as a measurement is. @param {number} value */
export function figure(value) {
  if (value >= 100) return Math.round(value).toLocaleString("en");
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
