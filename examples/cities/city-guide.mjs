/** A service on the database. The service answers questions, also while the database is replaced. */
import { createClient } from "latchdb";

/** @import { DatabaseSwapOptions, DatabaseSwapResult, LocalClient } from "latchdb" */
/** @typedef {typeof import("./schema-v1.mjs") | typeof import("./schema-v2.mjs")} Schema */

export class CityGuide {
  /** @type {LocalClient} */
  #client;
  #schema;
  #isOpen = openable();

  /**
   * Opens the database. Waiting questions continue.
   *
   * @param {string} file
   * @param {Schema} schema
   */
  open(file, schema) {
    this.#client = createClient({ url: `file:${file}` });
    this.#schema = schema;
    this.#isOpen.open();
    return this.#client;
  }

  /**
   * Replaces the database. The client makes its own calls wait. Questions wait here as well, because
   * their SQL depends on the schema of the database that answers them.
   *
   * @param {Schema} schema of the new database
   * @param {DatabaseSwapOptions} options
   * @returns {Promise<DatabaseSwapResult>}
   */
  async replace(schema, options) {
    this.#isOpen = openable();
    try {
      const result = await this.#client.replaceDatabase(options);
      this.#schema = schema;
      return result;
    } finally {
      this.#isOpen.open();
    }
  }

  /** Closes the database. When the method returns, the process has nothing of it open. */
  close() {
    this.#client.close();
  }

  /**
   * @template T
   * @param {(schema: Schema, client: LocalClient) => Promise<T>} question
   * @returns {Promise<T>}
   */
  async ask(question) {
    await this.#isOpen.opened;
    return question(this.#schema, this.#client);
  }
}

function openable() {
  let open;
  const opened = new Promise((resolve) => (open = resolve));
  return { open, opened };
}
