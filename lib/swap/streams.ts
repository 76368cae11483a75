/** Streams that content comes from, whichever library made them. */
import { Readable } from "node:stream";

const GIVE_ANOTHER = "give one that nobody has read or closed";

/** A stream, ready to be read. */
export interface GivenStream {
  /** What it gives. Throws what the stream throws, and where it was over before it was begun with. */
  chunks: AsyncIterable<unknown>;
  /**
   * Hears of what the stream says of itself while nobody reads it: an `error` event that nobody
   * listens to would end the process.
   */
  watch(broke: (error: unknown) => void): void;
  /** Tells it that nobody reads it on, also while it is waited for. */
  stop(): void;
}

/** What streams of Node's have, and what is like them. */
interface StreamState {
  destroyed?: boolean;
  errored?: unknown;
  readableEnded?: boolean;
}

/** A stream, or undefined for what is none. */
export function givenStream(data: unknown): GivenStream | undefined {
  // Not by its iterator: that lets go of the stream only when it has given something.
  if (isWebStream(data)) return givenWebStream(data);
  if (!isAsyncIterable(data)) return undefined;
  let isRead = false;
  async function* chunks(stream: AsyncIterable<unknown>): AsyncGenerator<unknown> {
    yield* neverNothing(stream, stream);
    isRead = true;
  }
  return {
    chunks: chunks(data),
    // Once it is read, its content is there, whatever becomes of the stream.
    watch: (broke) => onError(data, (error) => void (isRead || broke(error))),
    stop: () => closeStream(data),
  };
}

/** Tells a stream that nobody reads it. What is no stream is left alone. Never throws. */
export function closeStream(data: unknown): void {
  quietly(() => tellClosed(data));
}

function tellClosed(data: unknown): unknown {
  if (isWebStream(data)) return data.cancel();
  if (!isAsyncIterable(data)) return undefined;
  if (hasMethod(data, "destroy")) {
    // It may be opening its file, and fail: that is an event, too.
    quietly(() => onError(data, () => undefined));
    return data.destroy();
  }
  // A generator, which is its own iterator.
  return hasMethod(data, "return") ? data.return() : undefined;
}

function givenWebStream(stream: ReadableStream<unknown>): GivenStream {
  let reader: ReadableStreamDefaultReader<unknown> | undefined;
  async function* chunks(): AsyncGenerator<unknown> {
    reader = stream.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return reader.releaseLock();
      yield value;
    }
  }
  return {
    chunks: neverNothing(chunks(), stream),
    // It tells its errors to who reads it, and to nobody else.
    watch: () => undefined,
    stop: () => quietly(() => (reader ?? stream).cancel()),
  };
}

/**
 * A stream that somebody has read gives nothing, as an empty one does: an error, so that no empty file
 * comes of it.
 */
async function* neverNothing(
  chunks: AsyncIterable<unknown>,
  stream: object,
): AsyncGenerator<unknown> {
  const { errored, destroyed, readableEnded } = stream as StreamState;
  if (errored !== undefined && errored !== null) throw errored;
  if (readableEnded === true) throw readBefore();
  if (destroyed === true) throw new Error(`the stream was closed before; ${GIVE_ANOTHER}`);
  const wasRead = Readable.isDisturbed(stream as Readable);
  let isEmpty = true;
  for await (const chunk of chunks) {
    isEmpty = false;
    yield chunk;
  }
  if (isEmpty && wasRead) throw readBefore();
}

function readBefore(): Error {
  return new Error(`the stream was read before, and has nothing left; ${GIVE_ANOTHER}`);
}

function onError(stream: object, listener: (error: unknown) => void): void {
  if (hasMethod(stream, "on")) stream.on("error", listener);
}

/** What goes wrong in closing a stream is nobody's concern any more. */
function quietly(close: () => unknown): void {
  (async () => close())().catch(() => undefined);
}

function hasMethod<Name extends string>(
  data: object,
  name: Name,
): data is Record<Name, (...args: unknown[]) => unknown> {
  return typeof (data as Record<string, unknown>)[name] === "function";
}

function isWebStream(data: unknown): data is ReadableStream<unknown> {
  return typeof data === "object" && data !== null && "getReader" in data && "cancel" in data;
}

function isAsyncIterable(data: unknown): data is AsyncIterable<unknown> {
  return typeof data === "object" && data !== null && Symbol.asyncIterator in data;
}
