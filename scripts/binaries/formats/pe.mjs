import { requireUpTo, textAt } from "./places.mjs";

// Names and numbers: https://learn.microsoft.com/windows/win32/debug/pe-format
const IMAGE_FILE_DLL = 0x2000;
const PE32_PLUS = 0x20b;
const MACHINES = new Map([
  [0x8664, "x64"],
  [0xaa64, "arm64"],
]);
const EXPORT_TABLE = 0;
const IMPORT_TABLE = 1;
const DELAY_IMPORT_TABLE = 13;
const IMAGE_ORDINAL_FLAG64 = 1n << 63n;

/**
 * @param {Buffer} bytes
 * @returns {import("./binary.mjs").Binary}
 */
export function readPe(bytes) {
  const header = bytes.readUInt32LE(0x3c) + 4;
  const file = new Image(bytes, header);
  const imported = [...importedLibraries(file)];
  return {
    format: "PE",
    machine: MACHINES.get(bytes.readUInt16LE(header)) ?? String(bytes.readUInt16LE(header)),
    isSharedLibrary: (bytes.readUInt16LE(header + 18) & IMAGE_FILE_DLL) !== 0,
    libraries: imported.map(({ library }) => library),
    imports: imported.flatMap(({ library, names }) =>
      names.map((name) => ({ name, library, isOptional: false })),
    ),
    exports: exportedNames(file),
    // COFF's own symbols. A link to a .pdb elsewhere takes no space.
    hasDebugSymbols: bytes.readUInt32LE(header + 8) !== 0,
  };
}

readPe.recognizes = (bytes) => {
  if (bytes.length < 0x40 || bytes.toString("latin1", 0, 2) !== "MZ") return false;
  const at = bytes.readUInt32LE(0x3c);
  if (bytes.length < at + 26) return false;
  return (
    bytes.toString("latin1", at, at + 4) === "PE\0\0" && bytes.readUInt16LE(at + 24) === PE32_PLUS
  );
};

/** A file that speaks of places in memory, and where those are in the file. */
class Image {
  #sections;
  #directories;

  constructor(bytes, header) {
    this.bytes = bytes;
    const optionalHeader = header + 20;
    this.#directories = optionalHeader + 112;
    const first = optionalHeader + bytes.readUInt16LE(header + 16);
    this.#sections = Array.from({ length: bytes.readUInt16LE(header + 2) }, (_, index) => {
      const at = first + index * 40;
      requireUpTo(bytes, bytes.readUInt32LE(at + 16) + bytes.readUInt32LE(at + 20));
      return {
        address: bytes.readUInt32LE(at + 12),
        size: Math.max(bytes.readUInt32LE(at + 8), bytes.readUInt32LE(at + 16)),
        offset: bytes.readUInt32LE(at + 20),
      };
    });
  }

  /** The offset of one of the optional header's tables, or undefined where there is none. */
  directory(index) {
    const address = this.bytes.readUInt32LE(this.#directories + index * 8);
    return address === 0 ? undefined : this.offset(address);
  }

  offset(address) {
    const section = this.#sections.find(
      (candidate) => address >= candidate.address && address < candidate.address + candidate.size,
    );
    if (section === undefined) throw new RangeError("an address leads out of the file");
    return address - section.address + section.offset;
  }

  text(address) {
    return textAt(this.bytes, this.offset(address));
  }
}

function* importedLibraries(file) {
  yield* readImports(file, IMPORT_TABLE, { size: 20, name: 12, names: 0 });
  yield* readImports(file, DELAY_IMPORT_TABLE, { size: 32, name: 4, names: 16 });
}

function* readImports(file, table, layout) {
  const start = file.directory(table);
  if (start === undefined) return;
  for (let at = start; file.bytes.readUInt32LE(at + layout.name) !== 0; at += layout.size) {
    yield {
      library: file.text(file.bytes.readUInt32LE(at + layout.name)),
      names: [...importedNames(file, file.bytes.readUInt32LE(at + layout.names))],
    };
  }
}

function* importedNames(file, address) {
  for (let at = file.offset(address); ; at += 8) {
    const entry = file.bytes.readBigUInt64LE(at);
    if (entry === 0n) return;
    const isOrdinal = (entry & IMAGE_ORDINAL_FLAG64) !== 0n;
    // A name stands behind two bytes that say where it probably is.
    yield isOrdinal ? `#${entry & 0xffffn}` : file.text(Number(entry) + 2);
  }
}

function exportedNames(file) {
  const at = file.directory(EXPORT_TABLE);
  if (at === undefined) return [];
  const names = file.offset(file.bytes.readUInt32LE(at + 32));
  return Array.from({ length: file.bytes.readUInt32LE(at + 24) }, (_, index) =>
    file.text(file.bytes.readUInt32LE(names + index * 4)),
  );
}
