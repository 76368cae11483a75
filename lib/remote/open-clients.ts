/**
 * Registers remote clients for `shutdownAll()`, without keeping them: a client that its program has forgotten
 * holds nothing that must be closed, unless calls of it are under way, which reference it themselves.
 */
import type { ShutdownOptions, ShutdownReport } from "../../index.js";
import * as shared from "../client/open-clients";

/** A client that can be shut down. */
export interface Closable {
  readonly path: string;
  shutdown(options: Required<ShutdownOptions>): Promise<ShutdownReport>;
}

const entries = new WeakMap<Closable, shared.OpenClient>();

/** Undefined where the runtime has none (Cloudflare Workers, by their compatibility date). */
const forgotten =
  typeof FinalizationRegistry === "undefined"
    ? undefined
    : new FinalizationRegistry<shared.OpenClient>((entry) => void shared.unregister(entry));

/** Adds a client. */
export function register(client: Closable): void {
  if (forgotten === undefined) return;
  const known = entries.get(client);
  const entry = known ?? entryOf(client);
  if (known === undefined) {
    entries.set(client, entry);
    forgotten.register(client, entry);
  }
  shared.register(entry);
}

/** Removes a client. */
export function unregister(client: Closable): void {
  const entry = entries.get(client);
  if (entry !== undefined) shared.unregister(entry);
}

function entryOf(client: Closable): shared.OpenClient {
  const reference = new WeakRef(client);
  return {
    path: client.path,
    async shutdown(options) {
      return await reference.deref()?.shutdown(options);
    },
  };
}
