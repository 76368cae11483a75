/** Reads content from streams of Node, web streams and other async iterables. */
import { Readable } from "node:stream";
import { Failure } from "../../client/failure";

const GIVE_ANOTHER = "give one that nobody has read or closed";

/** A stream that is ready to be read. */
export interface OpenStream {
  /** The chunks. Throws the error of the stream, and an error if it was read or closed before. */
  chunks: AsyncIterable<unknown>;
  /**
   * Listens to errors of the stream while it is not being read: an `error` event without a listener
   * would end the process.
   */
  watch(broke: (error: unknown) => void): void;
  /** Closes the stream, also while a chunk is awaited. */
  stop(): void;
}

/** The state of streams of Node and of compatible ones. */
interface StreamState {
  destroyed?: boolean;
  errored?: unknown;
  readableEnded?: boolean;
}

/** Opens a stream; undefined for a value that is not one. */
export function openStream(data: unknown): OpenStream | undefined {
  // Not by its iterator, which cannot cancel the stream while a chunk is awaited.
  if (isWebStream(data)) return openWebStream(data);
  if (!isAsyncIterable(data)) return undefined;
  let isRead = false;
  async function* chunks(stream: AsyncIterable<unknown>): AsyncGenerator<unknown> {
    yield* notEmptied(stream, stream);
    isRead = true;
  }
  return {
    chunks: chunks(data),
    // After the last chunk, the content is complete: later errors do not matter.
    watch: (broke) => onError(data, (error) => void (isRead || broke(error))),
    stop: () => closeStream(data),
  };
}

/** Closes a stream that is not going to be read. Ignores other values. Never throws. */
export function closeStream(data: unknown): void {
  quietly(() => closeOrThrow(data));
}

function closeOrThrow(data: unknown): unknown {
  if (isWebStream(data)) return data.cancel();
  if (!isAsyncIterable(data)) return undefined;
  if (hasMethod(data, "destroy")) {
    // It may be opening its file and emit an error.
    quietly(() => onError(data, () => undefined));
    return data.destroy();
  }
  // Generators have `return`.
  return hasMethod(data, "return") ? data.return() : undefined;
}

function openWebStream(stream: ReadableStream<unknown>): OpenStream {
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
    chunks: notEmptied(chunks(), stream),
    // A web stream reports errors to its reader only.
    watch: () => undefined,
    stop: () => quietly(() => (reader ?? stream).cancel()),
  };
}

/**
 * A stream that was read before yields nothing, as an empty one does. It is an error, because the swap
 * would write an empty file.
 */
async function* notEmptied(
  chunks: AsyncIterable<unknown>,
  stream: object,
): AsyncGenerator<unknown> {
  const { errored, destroyed, readableEnded } = stream as StreamState;
  if (errored !== undefined && errored !== null) throw errored;
  if (readableEnded === true) throw readBefore();
  if (destroyed === true) throw unusable("the stream was closed before");
  const wasRead = Readable.isDisturbed(stream as Readable);
  let isEmpty = true;
  for await (const chunk of chunks) {
    isEmpty = false;
    yield chunk;
  }
  if (isEmpty && wasRead) throw readBefore();
}

function readBefore(): Failure {
  return unusable("the stream was read before, and has nothing left");
}

function unusable(why: string): Failure {
  return new Failure(() => new Error(`${why}; ${GIVE_ANOTHER}`));
}

function onError(stream: object, listener: (error: unknown) => void): void {
  if (hasMethod(stream, "on")) stream.on("error", listener);
}

/** Ignores errors of closing a stream: its content is not needed any more. */
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
