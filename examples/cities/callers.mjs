/** Callers of the city guide. Each asks continuously and checks every answer. */
import { setTimeout as sleep } from "node:timers/promises";

/** @import { CityGuide } from "./city-guide.mjs" */
/** @import { Place } from "./places.mjs" */

/** How long a caller pauses between two questions. */
const PAUSE_MS = 2;

export class Callers {
  answered = 0;
  /** The longest time until a question was answered, in ms. */
  longestWaitMs = 0;
  /** Errors, and wrong answers. @type {Error[]} */
  failures = [];
  #guide;
  #nextPlace;
  #running = [];
  #isStopped = false;

  /**
   * @param {CityGuide} guide
   * @param {() => Place | undefined} nextPlace the next place to ask about, if one is loaded
   */
  constructor(guide, nextPlace) {
    this.#guide = guide;
    this.#nextPlace = nextPlace;
  }

  /** @param {number} count */
  start(count) {
    this.#running = Array.from({ length: count }, () => this.#keepAsking());
  }

  async stop() {
    this.#isStopped = true;
    await Promise.all(this.#running);
  }

  async #keepAsking() {
    while (!this.#isStopped) {
      const place = this.#nextPlace();
      if (place !== undefined) await this.#askAbout(place);
      await sleep(PAUSE_MS);
    }
  }

  /** @param {Place} place */
  async #askAbout(place) {
    const start = performance.now();
    try {
      const found = await this.#guide.ask((schema, client) => schema.findById(client, place.id));
      if (found?.name !== place.name || found.population !== place.population) {
        throw new Error(`${place.id} is ${place.name}, not ${found?.name}`);
      }
      this.answered += 1;
      const named = await this.#guide.ask((schema, client) =>
        schema.findByName(client, place.name),
      );
      if (!named.some((row) => isSameName(row.name, place.name))) {
        throw new Error(`no place of the name ${place.name} was found`);
      }
      this.answered += 1;
      this.longestWaitMs = Math.max(this.longestWaitMs, performance.now() - start);
    } catch (error) {
      this.failures.push(error);
    }
  }
}

/** Compares names as the full-text index does: by their letters, without accents. */
function isSameName(a, b) {
  const letters = (name) => name.normalize("NFD").replace(/[^\p{L}\p{N}]/gu, "");
  return letters(a).localeCompare(letters(b), "en", { sensitivity: "base" }) === 0;
}
