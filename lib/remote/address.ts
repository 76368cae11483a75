/** Where a database is, and what must not be shown of that. */

/** A token, or a function that gives one for each request. */
export type AuthToken = string | (() => string | Promise<string>) | undefined;

const LOOPBACK = /^(?:localhost|127\.[\d.]+|\[::1\])$/;

/** The URL of a server, and the secrets that its requests carry. */
export class Address {
  /** Without a token, user or query: for messages and reports. */
  readonly url: string;
  /** Whether the server is on this machine, by its host. */
  readonly isLoopback: boolean;
  /** The URL that requests go to. */
  readonly #target: string;
  readonly #authToken: AuthToken;
  readonly #encryptionKey: string | undefined;
  /** The token of the latest request. */
  #latest: string | undefined;

  constructor(target: URL, authToken: AuthToken, encryptionKey: string | undefined) {
    this.#target = target.href;
    const shown = new URL(target);
    shown.username = "";
    shown.password = "";
    this.url = shown.href;
    this.isLoopback = LOOPBACK.test(target.hostname);
    this.#authToken = authToken;
    this.#encryptionKey = encryptionKey;
    if (typeof authToken === "string") this.#latest = authToken;
  }

  get target(): string {
    return this.#target;
  }

  /** The key by which the server decrypts the database. */
  get encryptionKey(): string | undefined {
    return this.#encryptionKey;
  }

  /**
   * The token for one request; undefined where there is none.
   * @throws TypeError if the caller's function gives something else than a string; what it throws
   */
  token(): string | undefined | Promise<string | undefined> {
    return typeof this.#authToken === "function" ? this.#ask(this.#authToken) : this.#authToken;
  }

  /** A text of the server's without the secrets that it may repeat. */
  redact(text: string): string {
    let redacted = text;
    for (const secret of [this.#latest, this.#encryptionKey]) {
      if (secret) redacted = redacted.replaceAll(secret, "…");
    }
    return redacted;
  }

  async #ask(authToken: () => string | Promise<string>): Promise<string | undefined> {
    const token: unknown = await authToken();
    if (token === undefined || token === null) return undefined;
    // Without the value, which may be a secret.
    if (typeof token !== "string") {
      throw new TypeError(`authToken() must give a string, got a value of type ${typeof token}`);
    }
    this.#latest = token;
    return token;
  }
}
