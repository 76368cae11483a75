import { AsyncResource } from "node:async_hooks";

/** The async context of the moment at which it is made, to run a caller's code in. */
export class AsyncContext extends AsyncResource {
  /**
   * Whether it keeps the event loop alive, as for handles of Node (`timeout.hasRef()`). Never: tools that
   * look for open handles (`jest --detectOpenHandles`) ask this of each async resource that is not
   * destroyed, as those are until the garbage collector comes.
   */
  hasRef(): boolean {
    return false;
  }
}
