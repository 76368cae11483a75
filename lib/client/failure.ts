/**
 * Why a call fails, until its error is made.
 *
 * The reason is known in another turn of the event loop than the call, where the stack has no frame of
 * the caller. V8 and JavaScriptCore add the frames of the functions that await a call to an error that
 * is made while the awaited function continues (https://v8.dev/docs/stack-trace-api#async-stack-traces).
 * So the backends throw failures and reject with them, and the methods of the API, which await the
 * backends, make the errors: each caller gets an error of its own, with its own stack.
 */
export class Failure {
  /** Only failures have it. A proxy of one has not, and is not asked. */
  readonly #make: () => Error;

  constructor(make: () => Error) {
    this.#make = make;
  }

  /** Whether an object is a failure. */
  static is(thrown: object): thrown is Failure {
    return #make in thrown;
  }

  /** Makes the error, and its causes. Not a method, whose frame would be in the stack of each error. */
  get make(): () => Error {
    return this.#make;
  }
}

/** Whether it is a failure. Asks nothing of an object of the caller's, which may be a proxy that throws. */
function isFailure(thrown: unknown): thrown is Failure {
  return typeof thrown === "object" && thrown !== null && Failure.is(thrown);
}

/**
 * The error for what a backend has thrown. To be called in the method of the API, behind its `await`:
 * the promise of that method must be the one that the caller awaits. What is not a failure is the
 * caller's own (the reason of a signal, an exception of a getter) and stays as it is.
 */
export function errorOf(thrown: unknown): unknown {
  return isFailure(thrown) ? thrown.make() : thrown;
}
