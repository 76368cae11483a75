/** A service on the database: it answers questions, and survives the database being replaced. */
import { createClient } from "latchdb";

/** @import { LatchClient } from "latchdb" */
/** @typedef {typeof import("./schema-v1.mjs") | typeof import("./schema-v2.mjs")} Schema */

export class CityGuide {
  /** How many questions were cut off by close(), and asked again. */
  askedAgain = 0;
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
   * Closes the database. Questions in the air are answered with CLIENT_CLOSED, and new ones wait
   * until it is open again. When this returns, nothing of the database is open any more.
   */
  close() {
    this.#isOpen = openable();
    this.#client.close();
  }

  /**
   * @template T
   * @param {(schema: Schema, client: LatchClient) => Promise<T>} question
   * @returns {Promise<T>}
   */
  async ask(question) {
    for (;;) {
      await this.#isOpen.opened;
      try {
        return await question(this.#schema, this.#client);
      } catch (error) {
        if (error.code !== "CLIENT_CLOSED") throw error;
        // Reading twice does no harm: ask again when the database is back.
        this.askedAgain += 1;
      }
    }
  }
}

function openable() {
  let open;
  const opened = new Promise((resolve) => (open = resolve));
  return { open, opened };
}
