import { requireUpTo, textAt } from "./places.mjs";

// Names and numbers: mach-o/loader.h and mach-o/nlist.h of macOS
const MH_MAGIC_64 = 0xfeedfacf;
const MACHINES = new Map([
  [0x01000007, "x64"],
  [0x0100000c, "arm64"],
]);
const MH_DYLIB = 6;
const MH_BUNDLE = 8;
const LC_SYMTAB = 0x2;
const LC_LOAD_DYLIB = 0xc;
const LC_SEGMENT_64 = 0x19;
const LC_CODE_SIGNATURE = 0x1d;
const LC_VERSION_MIN_MACOSX = 0x24;
const LC_BUILD_VERSION = 0x32;
const LC_LOAD_WEAK_DYLIB = 0x80000018;
const LC_REEXPORT_DYLIB = 0x8000001f;
const LOADS = new Set([LC_LOAD_DYLIB, LC_LOAD_WEAK_DYLIB, LC_REEXPORT_DYLIB]);
const N_STAB = 0xe0;
const N_TYPE = 0x0e;
const N_EXT = 0x01;
const N_UNDF = 0;
const N_WEAK_REF = 0x40;
const MAX_LIBRARY_ORDINAL = 0xfd;

/**
 * @param {Buffer} bytes
 * @returns {import("./binary.mjs").Binary}
 */
export function readMachO(bytes) {
  const commands = readCommands(bytes);
  const libraries = commands
    .filter(({ type }) => LOADS.has(type))
    .map(({ at }) => textAt(bytes, at + bytes.readUInt32LE(at + 8)));
  const symbols = readSymbols(bytes, commands, libraries);
  const external = symbols.filter(({ isExternal }) => isExternal);
  return {
    format: "Mach-O",
    machine: MACHINES.get(bytes.readUInt32LE(4)) ?? String(bytes.readUInt32LE(4)),
    isSharedLibrary: [MH_DYLIB, MH_BUNDLE].includes(bytes.readUInt32LE(12)),
    libraries,
    imports: external.filter(({ isDefined }) => !isDefined),
    exports: external.filter(({ isDefined }) => isDefined).map(({ name }) => name),
    hasDebugSymbols: symbols.some(({ isExternal }) => !isExternal),
    oldestSystem: readOldestSystem(bytes, commands),
    isSigned: commands.some(({ type }) => type === LC_CODE_SIGNATURE),
  };
}

readMachO.recognizes = (bytes) => bytes.length >= 32 && bytes.readUInt32LE(0) === MH_MAGIC_64;

function readCommands(bytes) {
  const commands = [];
  let at = 32;
  for (let left = bytes.readUInt32LE(16); left > 0; left -= 1) {
    const type = bytes.readUInt32LE(at);
    if (type === LC_SEGMENT_64) requireUpTo(bytes, segmentEnd(bytes, at));
    commands.push({ type, at });
    at += bytes.readUInt32LE(at + 4);
  }
  return commands;
}

function segmentEnd(bytes, at) {
  return Number(bytes.readBigUInt64LE(at + 40) + bytes.readBigUInt64LE(at + 48));
}

function readSymbols(bytes, commands, libraries) {
  const table = commands.find(({ type }) => type === LC_SYMTAB);
  if (table === undefined) return [];
  const [first, count, texts] = [8, 12, 16].map((field) => bytes.readUInt32LE(table.at + field));
  return Array.from({ length: count }, (_, index) => {
    const at = first + index * 16;
    const [type, description] = [bytes[at + 4], bytes.readUInt16LE(at + 6)];
    const ordinal = description >> 8;
    const isDefined = (type & N_TYPE) !== N_UNDF;
    return {
      name: textAt(bytes, texts + bytes.readUInt32LE(at)).replace(/^_/, ""),
      isExternal: (type & N_STAB) === 0 && (type & N_EXT) !== 0,
      isDefined,
      isOptional: !isDefined && (description & N_WEAK_REF) !== 0,
      // Above it: to be found in whatever is loaded.
      library: isDefined || ordinal > MAX_LIBRARY_ORDINAL ? undefined : libraries[ordinal - 1],
    };
  });
}

function readOldestSystem(bytes, commands) {
  for (const { type, at } of commands) {
    const field = { [LC_BUILD_VERSION]: 12, [LC_VERSION_MIN_MACOSX]: 8 }[type];
    if (field !== undefined)
      return `${bytes.readUInt16LE(at + field + 2)}.${bytes[at + field + 1]}`;
  }
  return undefined;
}
