/** Which of the protocol's versions a server speaks: asked once for each client. */
import type * as hrana from "@libsql/hrana-client";
import { ASKS_FOR_TRANSACTION } from "../protocol";

/** The version that every server speaks, and whose requests hrana-client makes. */
export const VERSION = 2;

export class Negotiation {
  #version: number | undefined;

  /**
   * The highest version that is of use here.
   * @param ask sends a request without a body to a path of the server
   */
  async version(ask: (path: string) => Promise<Response>): Promise<number> {
    if (this.#version !== undefined) return this.#version;
    const { ok, status } = await ask(`v${ASKS_FOR_TRANSACTION}`);
    const version = ok ? ASKS_FOR_TRANSACTION : VERSION;
    // A server that is overloaded or down has said nothing about its versions.
    if (status < 500 && status !== 429) this.#version = version;
    return version;
  }
}

/**
 * The same request in another version. The requests of version 3 in JSON are those of version 2, and may ask
 * for more; hrana-client would make them in protobuf, and would read texts without a byte order mark that
 * they begin with.
 */
export async function inVersion(version: number, request: Request): Promise<Request> {
  if (version === VERSION) return request;
  const url = request.url.replace(`/v${VERSION}/pipeline`, `/v${version}/pipeline`);
  const { headers, method } = request;
  return new Request(url, { method, headers, body: await request.text() });
}

/** Version 3 in JSON. */
const WITH_CURSORS = {
  versionPath: "v3",
  pipelinePath: "v3/pipeline",
  cursorPath: "v3/cursor",
  version: 3,
  encoding: "json",
} as const;

/** Lets a client of hrana-client open cursors. By itself it would use version 3 in protobuf alone. */
export async function useCursors(client: hrana.HttpClient): Promise<void> {
  // By then it has its own idea of the endpoint.
  await client.getVersion();
  client._endpoint = WITH_CURSORS;
}
