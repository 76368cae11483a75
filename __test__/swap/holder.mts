import { swapFile } from "latchdb/swap";
import type { Folder } from "./folder.mjs";

/** A swap that has the target's lock until it is let go. */
export async function holdLock({ target }: Folder): Promise<() => Promise<unknown>> {
  let letGo = (): void => undefined;
  let swap: Promise<unknown> | undefined;
  await new Promise<void>((resolve) => {
    const prepare = (): Promise<void> => {
      resolve();
      return new Promise((free) => (letGo = free));
    };
    swap = swapFile(target, { data: "first", prepare });
  });
  return () => {
    letGo();
    return swap as Promise<unknown>;
  };
}
