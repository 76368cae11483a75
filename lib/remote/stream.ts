/** A stream of hrana-client, with the failures of this package. */
import type { Failure } from "../client/failure";
import type { Call } from "./calls";
import type { Idleness } from "./idleness";
import type {
  RawStream,
  WireBatch,
  WireBatchResult,
  WireDescription,
  WireResult,
  WireStatement,
  WireStep,
} from "./protocol";
import type { EntryReader, Stream } from "./server";
import { withoutStacks } from "./without-stacks";

export abstract class HranaStream implements Stream {
  readonly version: number;
  readonly #raw: RawStream;
  /** The number of requests that have no answer. */
  #unanswered = 0;
  #closesBehind = false;

  constructor(raw: RawStream, version: number) {
    this.#raw = raw;
    this.version = version;
  }

  get isClosed(): boolean {
    return this.#raw.closed;
  }

  /** Over HTTP, the end of a connection is noticed by its requests alone. */
  get loss(): Failure | undefined {
    return undefined;
  }

  /** How long nothing was heard of the server. */
  protected abstract readonly idleness: Idleness;

  async see(): Promise<void> {
    if (this.idleness.isLong) await this.idleness.see();
  }

  execute(call: Call, statement: WireStatement): Promise<WireResult> {
    return this.#request(call, () => this.#raw._execute(statement));
  }

  batch(call: Call, steps: WireStep[]): Promise<WireBatchResult> {
    return this.#request(call, () => this.#raw._batch({ steps }));
  }

  sequence(call: Call, sql: string): Promise<void> {
    return this.#request(call, () => this.#raw._sequence({ sql }));
  }

  describe(call: Call, sql: string): Promise<WireDescription> {
    return this.#request(call, () => this.#raw._describe({ sql }));
  }

  async openCursor(call: Call, statement: WireStatement): Promise<EntryReader> {
    const steps = [{ stmt: statement, condition: undefined }];
    const entries = await this.#request(call, () => this.open({ steps }));
    return {
      next: async () => {
        try {
          return await entries.next();
        } catch (error) {
          throw this.reasonOf(error);
        }
      },
    };
  }

  closeBehind(): void {
    this.#closesBehind = true;
    withoutStacks(() => this.#raw.closeGracefully());
  }

  close(): void {
    // It closes itself.
    if (this.#closesBehind && this.#unanswered === 0) return;
    this.#raw.close();
  }

  /** Opens a cursor. */
  protected open(batch: WireBatch): Promise<EntryReader> {
    return this.#raw._openCursor(batch);
  }

  /**
   * A request of this call is about to be made.
   * @throws RequestFailure if the stream is over
   */
  protected abstract begin(call: Call): void;

  /**
   * What to throw for an error of hrana-client, or of what is below it: a RequestFailure if the stream is over,
   * another Failure if the server has refused the statement, an error of the caller's own as it is.
   */
  protected abstract reasonOf(error: unknown): unknown;

  async #request<T>(call: Call, make: () => Promise<T>): Promise<T> {
    this.begin(call);
    this.#unanswered++;
    try {
      return await make();
    } catch (error) {
      throw this.reasonOf(error);
    } finally {
      this.#unanswered--;
    }
  }
}
