/** A service on the database: it answers questions, also while the database is being replaced. */
import { createClient } from "latchdb";

/** @import { DatabaseSwapOptions, DatabaseSwapResult, LatchClient } from "latchdb" */
/** @typedef {typeof import("./schema-v1.mjs") | typeof import("./schema-v2.mjs")} Schema */

export class CityGuide {
  /** @type {LatchClient} */
  #client;
  #schema;
  #isOpen = openable();

  /**
   * Opens the database and lets waiting questions through.
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
   * Puts a new database in the place of the old one. The client itself lets calls wait; ours wait here,
   * because their SQL depends on the schema that they will find.
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

  /** Closes the database. When this returns, nothing of it is open any more. */
  close() {
    this.#client.close();
  }

  /**
   * @template T
   * @param {(schema: Schema, client: LatchClient) => Promise<T>} question
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
