/** The client and the transaction of `http:` and `https:` URLs. */
import type { TransactionMode } from "@libsql/core/api";
import type { CallSignal } from "../../client/call-signal";
import { RemoteClient } from "../client";
import type { Stream } from "../server";
import { RemoteTransaction, type TransactionHost } from "../transaction";

/** A client for a database on a server, by HTTP. `createClient()` makes one. */
export class HttpClient extends RemoteClient {
  readonly protocol = "http";

  protected override begin(
    host: TransactionHost,
    stream: Stream,
    mode: TransactionMode,
    signal: CallSignal | undefined,
  ): HttpTransaction {
    return new HttpTransaction(host, stream, mode, signal);
  }
}

/** A transaction of an {@link HttpClient}. */
export class HttpTransaction extends RemoteTransaction {}
