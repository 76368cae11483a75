/**
 * The content of a new file, as the addon takes it: copied at once where it is short, lent where it
 * is long, in pieces where it comes from a stream.
 */
import type { SwapData } from "../../swap.js";

/** How much is handed over at once, in bytes: copying it holds the event loop for about 0.1 ms. */
const PIECE = 512 * 1024;

/** Content, ready to be handed over. */
export interface GivenData {
  /** All of it, where it is there. */
  bytes: Uint8Array | undefined;
  /** Whether the addon writes it from where it is, without a copy. Then `pieces` ends at once, or
   * throws where it was not there all the time. */
  isLent: boolean;
  /** How many bytes it is, where that is known. */
  total: number | undefined;
  /** Its pieces, where it is not. */
  pieces: AsyncIterator<Uint8Array> | undefined;
}

/** @throws TypeError for what is no data */
export function givenData(data: SwapData): GivenData {
  const bytes = bytesOf(data);
  if (bytes === undefined) {
    if (!isAsyncIterable(data)) {
      throw new TypeError("data must be a string, bytes, or a stream of them");
    }
    return { bytes: undefined, isLent: false, total: undefined, pieces: piecesOfStream(data) };
  }
  const total = bytes.byteLength;
  if (total <= PIECE) return { bytes, isLent: false, total, pieces: undefined };
  if (!isResizable(bytes.buffer)) {
    return { bytes, isLent: true, total, pieces: nothingBut(bytes, total) };
  }
  return { bytes: undefined, isLent: false, total, pieces: piecesOfAll(bytes, total) };
}

async function* piecesOfStream(data: AsyncIterable<unknown>): AsyncGenerator<Uint8Array> {
  for await (const chunk of data) {
    const bytes = bytesOf(chunk);
    if (bytes === undefined) {
      throw new TypeError(`The stream gave ${typeof chunk} where a string or bytes were expected`);
    }
    yield* pieces(bytes);
  }
}

/** A buffer that is transferred away never comes back: looking once, at the end, is enough. */
async function* nothingBut(bytes: Uint8Array, total: number): AsyncGenerator<Uint8Array> {
  if (bytes.byteLength !== total) {
    throw new TypeError("The buffer was transferred away before the promise settled");
  }
  yield* [];
}

/** Memory that may shrink is not lent. */
function isResizable(buffer: ArrayBufferLike): boolean {
  return "resizable" in buffer && buffer.resizable === true;
}

async function* piecesOfAll(bytes: Uint8Array, total: number): AsyncGenerator<Uint8Array> {
  let given = 0;
  for (const piece of pieces(bytes)) {
    given += piece.byteLength;
    yield piece;
  }
  if (given !== total) throw new TypeError("The buffer was resized before the promise settled");
}

function* pieces(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += PIECE) yield bytes.subarray(at, at + PIECE);
}

function bytesOf(data: unknown): Uint8Array | undefined {
  if (typeof data === "string") return Buffer.from(data);
  if (data instanceof Uint8Array) return data;
  if (ArrayBuffer.isView(data)) {
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  }
  return data instanceof ArrayBuffer ? new Uint8Array(data) : undefined;
}

function isAsyncIterable(data: unknown): data is AsyncIterable<unknown> {
  return typeof data === "object" && data !== null && Symbol.asyncIterator in data;
}
