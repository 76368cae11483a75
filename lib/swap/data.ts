/**
 * The content of a new file, as the addon takes it: copied at once where it is short, lent where it
 * is long, in pieces where it comes from a stream or is a long text.
 */
import type { SwapData } from "../../types/swap.js";
import { givenStream, type GivenStream } from "./streams";

/** How much is handed over at once, in bytes: copying it holds the event loop for about 0.1 ms. */
const PIECE = 512 * 1024;

/** UTF-8 has at most so many for a unit of UTF-16. */
const MOST_BYTES_PER_UNIT = 3;

const ENCODER = new TextEncoder();

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
  /** See {@link GivenStream}. */
  watch: GivenStream["watch"];
  stop: GivenStream["stop"];
}

/** No content: there is a source. */
export const NO_DATA: GivenData = {
  bytes: undefined,
  isLent: false,
  total: undefined,
  pieces: undefined,
  watch: () => undefined,
  stop: () => undefined,
};

/** @throws TypeError for what is no data */
export function givenData(data: SwapData): GivenData {
  // Nobody knows how many bytes a long text is until it is encoded.
  if (typeof data === "string" && data.length > PIECE) {
    return { ...NO_DATA, pieces: piecesOfText(data) };
  }
  const bytes = bytesOf(data);
  if (bytes === undefined) {
    const stream = givenStream(data);
    if (stream === undefined) {
      throw new TypeError("data must be a string, bytes, or a stream of them");
    }
    const { chunks, watch, stop } = stream;
    return { ...NO_DATA, pieces: piecesOfStream(chunks), watch, stop };
  }
  const total = bytes.byteLength;
  if (total <= PIECE) return { ...NO_DATA, bytes, total };
  if (!isResizable(bytes.buffer)) {
    return { ...NO_DATA, bytes, isLent: true, total, pieces: nothingBut(bytes, total) };
  }
  return { ...NO_DATA, total, pieces: piecesOfAll(bytes, total) };
}

async function* piecesOfStream(data: AsyncIterable<unknown>): AsyncGenerator<Uint8Array> {
  for await (const chunk of data) {
    if (typeof chunk === "string") {
      yield* textPieces(chunk);
      continue;
    }
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

async function* piecesOfText(text: string): AsyncGenerator<Uint8Array> {
  yield* textPieces(text);
}

/**
 * Encoding all of a long text at once would hold the event loop for as long as that takes; and so would
 * collecting a new buffer for each piece. Whoever is given one is done with it when it wants the next.
 */
function* textPieces(text: string): Generator<Uint8Array> {
  const buffer = new Uint8Array(Math.min(PIECE, text.length * MOST_BYTES_PER_UNIT));
  for (let at = 0; at < text.length;) {
    let end = Math.min(at + PIECE, text.length);
    // The halves of a pair stay together.
    if (end < text.length && isHighSurrogate(text.charCodeAt(end - 1))) end--;
    const { read, written } = ENCODER.encodeInto(text.slice(at, end), buffer);
    at += read;
    yield buffer.subarray(0, written);
  }
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

function bytesOf(data: unknown): Uint8Array | undefined {
  if (typeof data === "string") return Buffer.from(data);
  if (data instanceof Uint8Array) return data;
  if (ArrayBuffer.isView(data)) {
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  }
  return data instanceof ArrayBuffer ? new Uint8Array(data) : undefined;
}
