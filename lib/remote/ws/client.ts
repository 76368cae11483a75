/** The client and the transaction of `ws:` and `wss:` URLs. */
import type { TransactionMode } from "@libsql/core/api";
import type { CallSignal } from "../../client/call-signal";
import { RemoteClient } from "../client";
import type { Stream } from "../server";
import { RemoteTransaction, type TransactionHost } from "../transaction";

/** A client for a database on a server, by a WebSocket. `createClient()` makes one. */
export class WsClient extends RemoteClient {
  readonly protocol = "ws";

  protected override begin(
    host: TransactionHost,
    stream: Stream,
    mode: TransactionMode,
    signal: CallSignal | undefined,
  ): WsTransaction {
    return new WsTransaction(host, stream, mode, signal);
  }
}

/** A transaction of an {@link WsClient}. */
export class WsTransaction extends RemoteTransaction {}
