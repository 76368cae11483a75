import { PAGE, applyEffects, pagesOf, subsetsOfEffects } from "./contents.mjs";
import type { Effect } from "./contents.mjs";
import type { FileState, History, Inode, Operation } from "./history.mjs";
import { attributesAfter, lastSync, namesAfter, originOf, placed, remembered } from "./model.mjs";
import type { Model, Placed } from "./model.mjs";

/**
 * What ext4 does with `data=ordered` and `noauto_da_alloc` (Documentation/filesystems/ext4 of the
 * kernel), and what file systems that are like it do:
 *
 * - Names, attributes and truncations go through one journal: what is on the disk is what was done
 *   up to some moment, across all files. fsync of a file or directory brings the journal up to its
 *   last change, and with it everything before.
 * - New bytes of a file get their place on the disk later (delayed allocation), from the front, and
 *   only then its size grows: bytes that were never written do not show, but a name can be on the
 *   disk long before the bytes that were written first.
 * - Bytes in place, and those that fill the last page, reach the disk page by page in any order.
 */
export const ext4: Model = {
  name: "ext4",
  *survivals(history) {
    const journal = placed(history, "entries", "attribute", "truncate");
    const committed = committedBy(history);
    const isCommitted = ({ place }: Placed): boolean => place <= committed;
    for (let length = journal.filter(isCommitted).length; length <= journal.length; length++) {
      const kept = journal.slice(0, length);
      // All that is in the journal is older than what is not.
      const end = journal[length]?.place ?? history.operations.length;
      const names = kept.flatMap(({ operation }) =>
        operation.kind === "entries" ? [operation.entries] : [],
      );
      yield {
        directories: namesAfter(history, names),
        lost: journal.slice(length).map(({ operation }) => operation.text),
        variants: remembered((inode: Inode) => variantsOf(history, inode, end)),
      };
    }
  },
};

/** The last operation that some fsync brought the journal up to. */
function committedBy(history: History): number {
  const ends = placed(history, "sync").map(({ place, operation: { inode, scope } }) =>
    history.operations
      .slice(0, place)
      .findLastIndex((operation) => isBroughtBySync(operation, inode, scope)),
  );
  return Math.max(-1, ...ends);
}

/** Whether a sync of an inode waits for the journal to have this: fdatasync leaves attributes out. */
function isBroughtBySync(operation: Operation, inode: Inode, scope: "all" | "data"): boolean {
  switch (operation.kind) {
    case "entries":
      return operation.entries.some(
        (entry) => entry.directory === inode || (scope === "all" && entry.inode === inode),
      );
    case "attribute":
      return scope === "all" && operation.inode === inode;
    case "write":
    case "truncate":
      return operation.inode === inode;
    case "sync":
    case "mark":
      return false;
  }
}

/** What a file can hold when the journal has what was done before `end`. */
function variantsOf(history: History, inode: Inode, end: number): FileState[] {
  const origin = originOf(history, inode);
  const changes = placed(history, "attribute").filter(
    ({ place, operation }) => operation.inode === inode && place < end,
  );
  const attributes = attributesAfter(
    origin,
    changes.map(({ operation }) => operation),
  );
  return contentsOf(history, inode, end, origin).map((bytes) => ({ bytes, attributes }));
}

function contentsOf(history: History, inode: Inode, end: number, origin: FileState): Buffer[] {
  const lastPlace = lastSync(history, inode);
  const synced: Effect[] = [];
  /** In place: any of them. */
  const loose = new Set<Effect>();
  /** New pages with the size that follows them: the first ones. */
  const appended: Effect[][] = [];
  /** All that is pending, in order. */
  const pending: Effect[] = [];
  const certain = new Set<Effect>();
  let size = origin.bytes.length;
  for (const { place, operation } of placed(history, "write", "truncate")) {
    if (operation.inode !== inode) continue;
    if (operation.kind === "truncate") {
      size = operation.size;
      const effect: Effect = { kind: "size", size };
      if (place < lastPlace) synced.push(effect);
      else if (place < end) {
        pending.push(effect);
        certain.add(effect);
      }
      continue;
    }
    for (const page of pagesOf(operation.offset, operation.bytes)) {
      if (page.kind !== "data") continue;
      const pageEnd = page.offset + page.bytes.length;
      const isNew = page.offset >= Math.ceil(size / PAGE) * PAGE;
      const effects: Effect[] = [page];
      if (pageEnd > size) {
        size = pageEnd;
        effects.push({ kind: "size", size });
      }
      if (place < lastPlace) synced.push(...effects);
      // Bytes get a place on the disk, and so a size in the journal, after what was done before.
      else if (isNew && place < end) {
        pending.push(...effects);
        appended.push(effects);
      } else if (!isNew) {
        pending.push(...effects);
        for (const effect of effects) loose.add(effect);
      }
    }
  }
  const base = applyEffects(origin.bytes, synced);
  return Array.from({ length: appended.length + 1 }, (_, count) => count).flatMap((count) => {
    const first = appended.slice(0, count).flat();
    return subsetsOfEffects([...loose]).map((kept) => {
      const present = new Set([...certain, ...first, ...kept]);
      return applyEffects(
        base,
        pending.filter((effect) => present.has(effect)),
      );
    });
  });
}
