import { applyEffects, pagesOf, subsets, subsetsOfEffects } from "./contents.mjs";
import type { Effect } from "./contents.mjs";
import type { Entry, FileState, History, Inode } from "./history.mjs";
import { attributesAfter, lastSync, namesAfter, originOf, placed, remembered } from "./model.mjs";
import type { Model, Survival } from "./model.mjs";

/** More changes of names than this under way at once are more than can be enumerated. */
const MOST_PENDING = 14;

/**
 * What POSIX promises, and no more: what fsync of a file (its bytes and attributes) or of a
 * directory (its names) came after is on the disk; all else may be or not, in any order and page by
 * page. A rename within a directory is atomic, one between directories is not.
 */
export const posix: Model = {
  name: "POSIX",
  *survivals(history) {
    const variants = remembered((inode: Inode) => variantsOf(history, inode));
    const changes = changesOfNames(history);
    const pending = changes.filter(({ isSynced }) => !isSynced);
    if (pending.length > MOST_PENDING) {
      throw new Error(`${pending.length} changes of names before an fsync: too many to enumerate`);
    }
    for (let bits = 0; bits < 2 ** pending.length; bits++) {
      const lost = new Set(pending.filter((_change, i) => !((bits >> i) & 1)));
      const kept = changes.filter((change) => !lost.has(change));
      const survival: Survival = {
        directories: namesAfter(
          history,
          kept.map(({ entries }) => entries),
        ),
        lost: [...lost].map(({ text }) => text),
        variants,
      };
      yield survival;
    }
  },
};

interface NameChange {
  entries: Entry[];
  text: string;
  isSynced: boolean;
}

/** The changes of names, each within one directory. */
function changesOfNames(history: History): NameChange[] {
  return placed(history, "entries").flatMap(({ place, operation: { entries, text } }) => {
    const directories = new Set(entries.map(({ directory }) => directory));
    return [...directories].map((directory) => ({
      entries: entries.filter((entry) => entry.directory === directory),
      text,
      isSynced: lastSync(history, directory) > place,
    }));
  });
}

function variantsOf(history: History, inode: Inode): FileState[] {
  const origin = originOf(history, inode);
  const contents = contentsOf(history, inode, origin);
  return attributesOf(history, inode, origin).flatMap((attributes) =>
    contents.map((bytes) => ({ bytes, attributes })),
  );
}

function contentsOf(history: History, inode: Inode, { bytes }: FileState): Buffer[] {
  const synced: Effect[] = [];
  const pending: Effect[] = [];
  const lastPlace = lastSync(history, inode);
  let size = bytes.length;
  for (const { place, operation } of placed(history, "write", "truncate")) {
    if (operation.inode !== inode) continue;
    const effects = place < lastPlace ? synced : pending;
    if (operation.kind === "write") {
      effects.push(...pagesOf(operation.offset, operation.bytes));
      const end = operation.offset + operation.bytes.length;
      if (end <= size) continue;
      size = end;
    } else {
      size = operation.size;
    }
    effects.push({ kind: "size", size });
  }
  const base = applyEffects(bytes, synced);
  return subsetsOfEffects(pending).map((effects) => applyEffects(base, effects));
}

function attributesOf(
  history: History,
  inode: Inode,
  origin: FileState,
): FileState["attributes"][] {
  const lastPlace = lastSync(history, inode, "all");
  const changes = placed(history, "attribute").filter(({ operation }) => operation.inode === inode);
  const synced = changes.filter(({ place }) => place < lastPlace);
  const pending = changes.filter(({ place }) => place > lastPlace);
  return subsets(pending).map((kept) =>
    attributesAfter(
      origin,
      [...synced, ...kept].map(({ operation }) => operation),
    ),
  );
}
