/** What a file can hold after a power cut: its parts reach the disk one by one. */

/** A part of a change that reaches the disk, or does not. */
export type Effect =
  | { kind: "data"; offset: number; bytes: Buffer }
  /** A new size; what was beyond a smaller one is gone. */
  | { kind: "size"; size: number };

/** Storage writes no less than this at once, and the page cache no less than this either. */
export const PAGE = 4096;

/** Up to here every subset is tried: 64 of them. */
const EXHAUSTIVE = 6;

/** A write cut at the boundaries of pages. */
export function pagesOf(offset: number, bytes: Buffer): Effect[] {
  const effects: Effect[] = [];
  for (let start = 0; start < bytes.length;) {
    const end = Math.min(bytes.length, start + PAGE - ((offset + start) % PAGE));
    effects.push({ kind: "data", offset: offset + start, bytes: bytes.subarray(start, end) });
    start = end;
  }
  return effects;
}

/** A file's bytes once these effects have reached the disk. */
export function applyEffects(base: Buffer, effects: readonly Effect[]): Buffer {
  let size = base.length;
  const ends = effects.map((effect) =>
    effect.kind === "data" ? effect.offset + effect.bytes.length : effect.size,
  );
  const bytes = Buffer.alloc(Math.max(size, ...ends));
  base.copy(bytes);
  for (const effect of effects) {
    if (effect.kind === "data") {
      effect.bytes.copy(bytes, effect.offset);
    } else {
      if (effect.size < size) bytes.fill(0, effect.size);
      size = effect.size;
    }
  }
  return bytes.subarray(0, size);
}

/**
 * Which of a number of things may have reached the disk where nothing orders them: every subset of
 * a few. Of many: none, all, the first ones, the last ones, all but one, one alone.
 */
export function subsets<T>(things: readonly T[]): T[][] {
  if (things.length <= EXHAUSTIVE) {
    return Array.from({ length: 2 ** things.length }, (_, bits) =>
      things.filter((_thing, i) => (bits >> i) & 1),
    );
  }
  const chosen: T[][] = [[], [...things]];
  for (let i = 0; i < things.length; i++) {
    chosen.push(things.slice(0, i), things.slice(i), things.slice(i, i + 1));
    chosen.push(things.filter((_thing, k) => k !== i));
  }
  return chosen;
}

/**
 * {@link subsets} of effects. Of many, sizes and data also apart: each choice of the data with all
 * sizes, which is a file with holes, and with none.
 */
export function subsetsOfEffects(effects: readonly Effect[]): Effect[][] {
  const chosen = subsets(effects);
  if (effects.length <= EXHAUSTIVE) return chosen;
  const isSize = ({ kind }: Effect): boolean => kind === "size";
  for (const data of subsets(effects.filter((effect) => !isSize(effect)))) {
    chosen.push(
      data,
      effects.filter((effect) => isSize(effect) || data.includes(effect)),
    );
  }
  return chosen;
}
