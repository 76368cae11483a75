//! Prints what the tables of shared libraries say: `xtask FILE…` prints one line of JSON for each,
//! with the facts that scripts/binaries/check.mjs judges, or `{"problem": …}`.

use std::error::Error;
use std::{env, fs};

use object::read::elf::ElfFile64;
use object::read::macho::{LoadCommandVariant, MachOFile64, Nlist};
use object::read::pe::{ImageNtHeaders, PeFile64};
use object::read::{File, Import, ImportFlags, NameOrOrdinal, ReadRef};
use object::{Architecture, LittleEndian, Object, ObjectKind, ObjectSection, ObjectSegment};
use object::{elf, macho};
use serde_json::{Value, json};

fn main() {
    for path in env::args_os().skip(1) {
        let facts =
            fs::read(&path).map_err(|error| error.to_string()).and_then(|bytes| read(&bytes));
        println!("{}", facts.unwrap_or_else(|problem| json!({ "problem": problem })));
    }
}

const UNKNOWN: &str = "it is no 64-bit ELF, PE or Mach-O file";

/// Reads what this project's targets have: 64 bits, little-endian.
fn read(bytes: &[u8]) -> Result<Value, String> {
    if !matches!(object::FileKind::parse(bytes), Ok(kind) if is_known(kind)) {
        return Err(UNKNOWN.to_owned());
    }
    facts(bytes).map_err(|error| format!("its tables lead out of the file or are damaged: {error}"))
}

fn is_known(kind: object::FileKind) -> bool {
    use object::FileKind::{Elf64, MachO64, Pe64};
    matches!(kind, Elf64 | MachO64 | Pe64)
}

fn facts(bytes: &[u8]) -> Result<Value, Box<dyn Error>> {
    let file = File::parse(bytes)?;
    // A file that is cut off may have whole tables: ask for everything that they speak of.
    for segment in file.segments() {
        segment.data()?;
    }
    for section in file.sections() {
        section.data()?;
    }
    let is_mach_o = matches!(file, File::MachO64(_));
    let libraries = file.import_libraries()?.map(|library| Ok(text(library?.name())));
    let imports = file.imports()?.map(|import| Ok(import_facts(&import?, is_mach_o)));
    let exports = file.exports()?.map(|export| Ok(symbol_name(export?.name(), is_mach_o)));
    let mut facts = match &file {
        File::Elf64(file) => elf_facts(file)?,
        File::Pe64(file) => pe_facts(file)?,
        File::MachO64(file) => mach_o_facts(file)?,
        _ => json!({}),
    };
    facts["machine"] = machine(&file).into();
    facts["libraries"] = libraries.collect::<object::Result<Value>>()?;
    facts["imports"] = imports.collect::<object::Result<Value>>()?;
    facts["exports"] = exports.collect::<object::Result<Value>>()?;
    Ok(facts)
}

fn elf_facts(file: &ElfFile64) -> object::Result<Value> {
    let dynamic = file.elf_dynamic_table()?;
    let flags = dynamic.iter().find(|entry| entry.tag == elf::DT_FLAGS_1);
    let nodelete = elf::DF_1_NODELETE.0;
    Ok(json!({
        "format": "ELF",
        "isSharedLibrary": file.kind() == ObjectKind::Dynamic,
        "hasDebugSymbols": !file.elf_symbol_table().is_empty(),
        "staysLoaded": flags.is_some_and(|entry| entry.val & nodelete != 0),
    }))
}

fn pe_facts(file: &PeFile64) -> Result<Value, Box<dyn Error>> {
    // With the padding behind it, which `section.data()` leaves out.
    for section in file.section_table().iter() {
        let start = section.pointer_to_raw_data.get(LittleEndian).into();
        let size = section.size_of_raw_data.get(LittleEndian).into();
        file.data().read_bytes_at(start, size).map_err(|()| "a section is cut off")?;
    }
    // COFF's own symbols. A link to a .pdb elsewhere takes no space.
    let symbols = file.nt_headers().file_header().pointer_to_symbol_table.get(LittleEndian);
    Ok(json!({
        "format": "PE",
        "isSharedLibrary": file.kind() == ObjectKind::Dynamic,
        "hasDebugSymbols": symbols != 0,
    }))
}

fn mach_o_facts(file: &MachOFile64) -> object::Result<Value> {
    let endian = file.endian();
    let mut oldest_system = None;
    let mut is_signed = false;
    let mut commands = file.macho_load_commands()?;
    while let Some(command) = commands.next()? {
        is_signed |= command.cmd() == macho::LC_CODE_SIGNATURE;
        let version = match command.variant()? {
            LoadCommandVariant::BuildVersion(build, _) => build.minos.get(endian),
            LoadCommandVariant::VersionMin(minimum) => minimum.version.get(endian),
            _ => continue,
        };
        oldest_system.get_or_insert(format!("{}.{}", version.major(), version.minor()));
    }
    let is_bundle = file.macho_header().filetype.get(endian) == macho::MH_BUNDLE;
    let mut symbols = file.macho_symbol_table().iter();
    Ok(json!({
        "format": "Mach-O",
        "isSharedLibrary": is_bundle || file.kind() == ObjectKind::Dynamic,
        "hasDebugSymbols": symbols.any(|symbol| symbol.is_stab() || !symbol.n_type().contains(macho::N_EXT)),
        "oldestSystem": oldest_system,
        "isSigned": is_signed,
    }))
}

fn machine(file: &File) -> String {
    match file.architecture() {
        _ if !file.is_little_endian() => "a big-endian machine".to_owned(),
        Architecture::X86_64 => "x64".to_owned(),
        Architecture::Aarch64 => "arm64".to_owned(),
        other => format!("{other:?}"),
    }
}

fn import_facts(import: &Import, is_mach_o: bool) -> Value {
    let mut facts = json!({
        "name": symbol_name(import.name(), is_mach_o),
        "isOptional": import.is_weak(),
    });
    if !import.library().is_empty() {
        facts["library"] = text(import.library()).into();
    }
    if let ImportFlags::Elf { version: Some(version), .. } = import.flags() {
        facts["version"] = text(version).into();
    }
    facts
}

/// A symbol's name, without the underscore that macOS puts before it.
fn symbol_name(name: NameOrOrdinal<&[u8]>, is_mach_o: bool) -> String {
    match name {
        NameOrOrdinal::Ordinal(ordinal) => format!("#{ordinal}"),
        NameOrOrdinal::Name(name) if is_mach_o => text(name.strip_prefix(b"_").unwrap_or(name)),
        NameOrOrdinal::Name(name) => text(name),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::{UNKNOWN, read};
    use serde_json::json;

    const ELF: &[u8] = include_bytes!("../fixtures/addon.so");
    const PE: &[u8] = include_bytes!("../fixtures/addon.dll");
    const MACH_O: &[u8] = include_bytes!("../fixtures/addon.dylib");

    #[test]
    fn elf() {
        let expected = json!({
            "format": "ELF",
            "machine": "x64",
            "isSharedLibrary": true,
            "libraries": ["libc.so.6"],
            "imports": [
                { "name": "may_be_missing", "isOptional": true },
                {
                    "name": "getpid",
                    "library": "libc.so.6",
                    "version": "GLIBC_2.2.5",
                    "isOptional": false,
                },
            ],
            "exports": ["napi_register_module_v1"],
            "hasDebugSymbols": false,
            "staysLoaded": true,
        });
        assert_eq!(read(ELF), Ok(expected));
    }

    #[test]
    fn pe() {
        let import = json!({ "name": "GetCurrentProcessId", "library": "KERNEL32.dll", "isOptional": false });
        let expected = json!({
            "format": "PE",
            "machine": "x64",
            "isSharedLibrary": true,
            "libraries": ["KERNEL32.dll"],
            "imports": [import],
            "exports": ["napi_register_module_v1"],
            "hasDebugSymbols": false,
        });
        assert_eq!(read(PE), Ok(expected));
    }

    #[test]
    fn mach_o() {
        let mut facts = read(MACH_O).unwrap();
        let imports = facts["imports"].take();
        let exports = facts["exports"].take();
        let libc = "/usr/lib/libSystem.B.dylib";
        let getpid = json!({ "name": "getpid", "library": libc, "isOptional": false });
        let weak = json!({ "name": "may_be_missing", "isOptional": true });
        for import in [getpid, weak] {
            assert!(imports.as_array().unwrap().contains(&import), "{import} in {imports}");
        }
        assert!(exports.as_array().unwrap().contains(&json!("napi_register_module_v1")));
        let expected = json!({
            "format": "Mach-O",
            "machine": "arm64",
            "isSharedLibrary": true,
            "libraries": [libc],
            "imports": null,
            "exports": null,
            "hasDebugSymbols": false,
            "oldestSystem": "11.0",
            "isSigned": true,
        });
        assert_eq!(facts, expected);
    }

    /// Offsets and values of the one field in each header that says so.
    #[test]
    fn another_machine_and_no_library() {
        let changed = |bytes: &[u8], at: usize, value: u8| {
            let mut bytes = bytes.to_vec();
            bytes[at] = value;
            read(&bytes).unwrap()
        };
        let pe_header = u32::from_le_bytes(PE[0x3c..0x40].try_into().unwrap()) as usize;
        assert_eq!(changed(ELF, 18, 183)["machine"], "arm64");
        assert_eq!(changed(ELF, 18, 40)["machine"], "Arm");
        assert_eq!(changed(MACH_O, 4, 7)["machine"], "x64");
        assert_eq!(changed(ELF, 16, 2)["isSharedLibrary"], false);
        assert_eq!(changed(PE, pe_header + 4 + 19, 0)["isSharedLibrary"], false);
        assert_eq!(changed(PE, pe_header + 4 + 8, 2)["hasDebugSymbols"], true);
        assert_eq!(changed(MACH_O, 12, 2)["isSharedLibrary"], false);
        assert_eq!(changed(MACH_O, 12, 8)["isSharedLibrary"], true);
    }

    #[test]
    fn what_is_cut_off_or_no_binary_is_a_problem_and_nothing_panics() {
        for bytes in [ELF, PE, MACH_O] {
            for size in (0..bytes.len()).step_by(7) {
                assert!(read(&bytes[..size]).is_err(), "{size} of {} bytes", bytes.len());
            }
        }
        for bytes in [b"#!/bin/sh\n".as_slice(), b"", &[0; 64]] {
            assert_eq!(read(bytes), Err(UNKNOWN.to_owned()));
        }
    }
}
