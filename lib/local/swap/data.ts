/**
 * Prepares the content of a new file for the addon: short content is copied at once, long bytes are
 * borrowed, and streams and long texts are passed in pieces.
 */
import { types } from "node:util";
import type { SwapData } from "../../../types/swap.js";
import { Failure } from "../../client/failure";
import { openStream, type OpenStream } from "./streams";

/** The size of a piece, in bytes. Copying it blocks the event loop for about 0.1 ms. */
const PIECE = 512 * 1024;

/** The most bytes of UTF-8 for one unit of UTF-16. */
const MOST_BYTES_PER_UNIT = 3;

const ENCODER = new TextEncoder();

/** Content that is ready to be passed. */
export interface OpenData {
  /** All of the content, if it is in memory. */
  bytes: Uint8Array | undefined;
  /**
   * Whether the addon writes `bytes` without copying them. `pieces` is empty then, and throws if the
   * buffer was detached meanwhile.
   */
  isBorrowed: boolean;
  /** The number of bytes, if that is known. */
  total: number | undefined;
  /** The pieces of the content, if it is not in `bytes`. */
  pieces: AsyncIterator<Uint8Array> | undefined;
  watch: OpenStream["watch"];
  stop: OpenStream["stop"];
}

/** For a swap whose content is a file. */
export const NO_DATA: OpenData = {
  bytes: undefined,
  isBorrowed: false,
  total: undefined,
  pieces: undefined,
  watch: () => undefined,
  stop: () => undefined,
};

/** @throws TypeError for a value that is not data */
export function openData(data: SwapData): OpenData {
  // The number of bytes of a long text is unknown until it is encoded.
  if (typeof data === "string" && data.length > PIECE) {
    return { ...NO_DATA, pieces: piecesOfText(data) };
  }
  const bytes = bytesOf(data);
  if (bytes === undefined) {
    const stream = openStream(data);
    if (stream === undefined) {
      throw new TypeError("data must be a string, bytes, or a stream of them");
    }
    const { chunks, watch, stop } = stream;
    return { ...NO_DATA, pieces: piecesOfStream(chunks), watch, stop };
  }
  const total = bytes.byteLength;
  if (total <= PIECE) return { ...NO_DATA, bytes, total };
  if (!isResizable(bytes.buffer)) {
    return { ...NO_DATA, bytes, isBorrowed: true, total, pieces: noPieces(bytes, total) };
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
      throw wrongData(`The stream gave ${typeof chunk} where a string or bytes were expected`);
    }
    yield* pieces(bytes);
  }
}

/** A detached buffer stays detached: one check at the end is enough. */
async function* noPieces(bytes: Uint8Array, total: number): AsyncGenerator<Uint8Array> {
  if (bytes.byteLength !== total) {
    throw wrongData("The buffer was transferred away before the promise settled");
  }
  yield* [];
}

/** Resizable memory may shrink while the addon reads it: it is not borrowed. */
function isResizable(buffer: ArrayBufferLike): boolean {
  return "resizable" in buffer && buffer.resizable === true;
}

async function* piecesOfAll(bytes: Uint8Array, total: number): AsyncGenerator<Uint8Array> {
  let given = 0;
  for (const piece of pieces(bytes)) {
    given += piece.byteLength;
    yield piece;
  }
  if (given !== total) throw wrongData("The buffer was resized before the promise settled");
}

function* pieces(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += PIECE) yield bytes.subarray(at, at + PIECE);
}

async function* piecesOfText(text: string): AsyncGenerator<Uint8Array> {
  yield* textPieces(text);
}

/**
 * Encodes a text in pieces, because encoding a long one at once would block the event loop. All pieces
 * share one buffer: a piece is valid until the next one is requested.
 */
function* textPieces(text: string): Generator<Uint8Array> {
  const buffer = new Uint8Array(Math.min(PIECE, text.length * MOST_BYTES_PER_UNIT));
  for (let at = 0; at < text.length;) {
    let end = Math.min(at + PIECE, text.length);
    // A surrogate pair must not be split.
    if (end < text.length && isHighSurrogate(text.charCodeAt(end - 1))) end--;
    const { read, written } = ENCODER.encodeInto(text.slice(at, end), buffer);
    at += read;
    yield buffer.subarray(0, written);
  }
}

/** For what turns out to be wrong while the data is read. */
function wrongData(text: string): Failure {
  return new Failure(() => new TypeError(text));
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

function bytesOf(data: unknown): Uint8Array | undefined {
  if (typeof data === "string") return Buffer.from(data);
  // Not by instanceof: the value may be of another realm.
  if (types.isUint8Array(data)) return data;
  if (ArrayBuffer.isView(data)) {
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  }
  return types.isArrayBuffer(data) ? new Uint8Array(data) : undefined;
}
