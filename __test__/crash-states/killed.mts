import { applyEffects } from "./contents.mjs";
import type { Effect } from "./contents.mjs";
import type { FileState, History, Inode } from "./history.mjs";
import { attributesAfter, namesAfter, originOf, placed, remembered } from "./model.mjs";
import type { Model } from "./model.mjs";

/** No power cut, but the end of the process alone (SIGKILL): all that it has done is there. */
export const killed: Model = {
  name: "killed",
  *survivals(history) {
    const names = placed(history, "entries").map(({ operation }) => operation.entries);
    yield {
      directories: namesAfter(history, names),
      lost: [],
      variants: remembered((inode: Inode) => [stateOf(history, inode)]),
    };
  },
};

function stateOf(history: History, inode: Inode): FileState {
  const origin = originOf(history, inode);
  let bytes = origin.bytes;
  let effects: Effect[] = [];
  // A truncation takes what was written before it, and not what comes after.
  for (const { operation } of placed(history, "write", "truncate")) {
    if (operation.inode !== inode) continue;
    if (operation.kind === "truncate") {
      bytes = applyEffects(bytes, [...effects, { kind: "size", size: operation.size }]);
      effects = [];
    } else {
      const { offset, bytes: written } = operation;
      effects.push({ kind: "data", offset, bytes: written });
      const size = Math.max(sizeAfter(bytes, effects), offset + written.length);
      effects.push({ kind: "size", size });
    }
  }
  const changes = placed(history, "attribute").map(({ operation }) => operation);
  return {
    bytes: applyEffects(bytes, effects),
    attributes: attributesAfter(
      origin,
      changes.filter((change) => change.inode === inode),
    ),
  };
}

function sizeAfter(base: Buffer, effects: readonly Effect[]): number {
  const last = effects.findLast((effect) => effect.kind === "size");
  return last?.kind === "size" ? last.size : base.length;
}
