import { requireUpTo, textAt } from "./places.mjs";

// Names and numbers: elf(5) and the gABI, https://gabi.xinuos.com
const ET_DYN = 3;
const MACHINES = new Map([
  [62, "x64"],
  [183, "arm64"],
]);
const SHT_SYMTAB = 2;
const SHT_DYNAMIC = 6;
const SHT_DYNSYM = 11;
const SHT_GNU_VERNEED = 0x6ffffffe;
const SHT_GNU_VERSYM = 0x6fffffff;
const DT_NEEDED = 1n;
const DT_FLAGS_1 = 0x6ffffffbn;
const DF_1_NODELETE = 8n;
const STB_WEAK = 2;
const SHN_UNDEF = 0;

/**
 * @param {Buffer} bytes
 * @returns {import("./binary.mjs").Binary}
 */
export function readElf(bytes) {
  const sections = readSections(bytes);
  const dynamic = readDynamic(bytes, sections);
  const symbols = readSymbols(bytes, sections);
  const flags = dynamic.find(({ tag }) => tag === DT_FLAGS_1)?.value ?? 0n;
  return {
    format: "ELF",
    machine: MACHINES.get(bytes.readUInt16LE(18)) ?? String(bytes.readUInt16LE(18)),
    isSharedLibrary: bytes.readUInt16LE(16) === ET_DYN,
    libraries: dynamic.filter(({ tag }) => tag === DT_NEEDED).map(({ text }) => text()),
    imports: symbols.filter(({ isDefined }) => !isDefined),
    exports: symbols.filter(({ isDefined }) => isDefined).map(({ name }) => name),
    hasDebugSymbols: sections.some(({ type }) => type === SHT_SYMTAB),
    staysLoaded: (flags & DF_1_NODELETE) !== 0n,
  };
}

readElf.recognizes = (bytes) =>
  bytes.subarray(0, 6).equals(Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1]));

function readSections(bytes) {
  const start = Number(bytes.readBigUInt64LE(40));
  const [size, count] = [bytes.readUInt16LE(58), bytes.readUInt16LE(60)];
  requireUpTo(bytes, start + size * count);
  return Array.from({ length: count }, (_, index) => {
    const at = start + index * size;
    return {
      type: bytes.readUInt32LE(at + 4),
      offset: Number(bytes.readBigUInt64LE(at + 24)),
      size: Number(bytes.readBigUInt64LE(at + 32)),
      /** The section that belongs to it: its texts. */
      link: bytes.readUInt32LE(at + 40),
    };
  });
}

/** The offsets of a table's entries. */
function entries({ offset, size }, entrySize) {
  return Array.from({ length: Math.floor(size / entrySize) }, (_, i) => offset + i * entrySize);
}

function readDynamic(bytes, sections) {
  const section = sections.find(({ type }) => type === SHT_DYNAMIC);
  if (section === undefined) return [];
  const texts = sections[section.link].offset;
  return entries(section, 16).map((at) => {
    const value = bytes.readBigUInt64LE(at + 8);
    const text = () => textAt(bytes, texts + Number(value));
    return { tag: bytes.readBigUInt64LE(at), value, text };
  });
}

function readSymbols(bytes, sections) {
  const section = sections.find(({ type }) => type === SHT_DYNSYM);
  if (section === undefined) return [];
  const texts = sections[section.link].offset;
  const versionOf = readVersions(bytes, sections);
  // The first entry is no symbol.
  return entries(section, 24)
    .map((at, index) => ({
      name: textAt(bytes, texts + bytes.readUInt32LE(at)),
      isDefined: bytes.readUInt16LE(at + 6) !== SHN_UNDEF,
      isOptional: bytes[at + 4] >> 4 === STB_WEAK,
      ...versionOf(index),
    }))
    .slice(1);
}

/** Which version of which library each symbol is wanted from: by the index of the symbol. */
function readVersions(bytes, sections) {
  const indices = sections.find(({ type }) => type === SHT_GNU_VERSYM);
  const needed = sections.find(({ type }) => type === SHT_GNU_VERNEED);
  if (indices === undefined || needed === undefined) return () => ({});
  const texts = sections[needed.link].offset;
  const versions = new Map();
  for (const library of chain(bytes, needed.offset, 12)) {
    const name = textAt(bytes, texts + bytes.readUInt32LE(library + 4));
    for (const at of chain(bytes, library + bytes.readUInt32LE(library + 8), 12)) {
      const version = textAt(bytes, texts + bytes.readUInt32LE(at + 8));
      versions.set(bytes.readUInt16LE(at + 6), { library: name, version });
    }
  }
  return (index) => versions.get(bytes.readUInt16LE(indices.offset + index * 2) & 0x7fff) ?? {};
}

/** The offsets of entries that each say how far it is to the next. */
function* chain(bytes, first, nextField) {
  for (let at = first, step = 1; step !== 0; at += step) {
    yield at;
    step = bytes.readUInt32LE(at + nextField);
  }
}
