/**
 * The text at an offset, up to its NUL.
 *
 * @param {Buffer} bytes
 * @param {number} offset
 */
export function textAt(bytes, offset) {
  const end = bytes.indexOf(0, offset);
  if (offset >= bytes.length || end === -1) throw new RangeError("a text leads out of the file");
  return bytes.toString("latin1", offset, end);
}
