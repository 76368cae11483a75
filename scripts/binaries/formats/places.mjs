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

/**
 * Sees to it that something which a table speaks of is in the file as a whole.
 *
 * @param {Buffer} bytes
 * @param {number} end the offset behind it
 * @throws {RangeError}
 */
export function requireUpTo(bytes, end) {
  if (end > bytes.length) throw new RangeError("a part leads out of the file");
}
