/** Which of the protocol's versions a server speaks: asked once for each client. */

export class Negotiation {
  #status: number | undefined;

  /**
   * Answers the question of hrana-client whether the server has a version: with what it has answered before,
   * if it has.
   */
  async ask(send: () => Promise<Response>): Promise<Response> {
    if (this.#status !== undefined) return new Response(null, { status: this.#status });
    const response = await send();
    // A server that is overloaded or down has said nothing about its versions.
    if (response.status < 500 && response.status !== 429) this.#status = response.ok ? 200 : 404;
    return response;
  }
}
