//! The built filter as a file: what it asks of a host, and which features of wasm it uses.
#![allow(clippy::panic, clippy::expect_used, reason = "test code stops at the first surprise")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use wasmparser::{Parser, Payload, Validator, WasmFeatures};

const FILTER: &str = "target/wasm32-wasip1/release/openwhisk_filter.wasm";

/// What the engine of the wasm runtime of APISIX (libwasmtime 0.38) knows.
///
/// `GC_TYPES` only lets the validator represent references at all.
const FEATURES: WasmFeatures =
    WasmFeatures::WASM2.difference(WasmFeatures::SIMD).union(WasmFeatures::FLOATS).union(WasmFeatures::GC_TYPES);

fn filter() -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILTER);
    fs::read(path).unwrap_or_else(|error| panic!("{FILTER}: {error}: run `make build` first"))
}

/// A host refuses to load a module with an import it does not have. Those of `wasm-nginx-module` lack
/// `proxy_get_metric` and `proxy_get_log_level`.
#[test]
fn the_imports_are_those_of_the_golden_list() {
    let wasm = filter();
    let mut imports = BTreeSet::new();
    for payload in Parser::new(0).parse_all(&wasm) {
        if let Payload::ImportSection(section) = payload.expect("the filter parses") {
            for import in section.into_imports() {
                let import = import.expect("the filter parses");
                imports.insert(format!("{}.{}", import.module, import.name));
            }
        }
    }
    let golden: BTreeSet<String> = include_str!("imports.txt").lines().map(str::to_owned).collect();
    assert_eq!(imports, golden, "tests/imports.txt lists what hosts are known to have");
}

/// Envoy calls each callback that is exported, for each request.
#[test]
fn the_exports_are_those_that_are_needed() {
    let wasm = filter();
    let mut exports = BTreeSet::new();
    for payload in Parser::new(0).parse_all(&wasm) {
        if let Payload::ExportSection(section) = payload.expect("the filter parses") {
            exports.extend(section.into_iter().map(|export| export.expect("the filter parses").name.to_owned()));
        }
    }
    let needed: BTreeSet<String> = include_str!("../envoy/trim/exports.txt").lines().map(str::to_owned).collect();
    assert_eq!(exports, needed, "envoy/trim/exports.txt lists what stays");
}

#[test]
fn the_filter_needs_no_newer_feature_of_wasm_than_the_oldest_host_has() {
    Validator::new_with_features(FEATURES)
        .validate_all(&filter())
        .expect("valid for an engine of the age of wasmtime 0.38");
}

/// Whoever builds the same sources gets the same file, and can compare it with the one they were given.
#[test]
fn another_folder_gives_the_same_file() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    // Not that of another run of these tests.
    let name = format!("another folder {}", std::process::id());
    let copy = Folder(Path::new(env!("CARGO_TARGET_TMPDIR")).join(name));
    for part in ["Cargo.toml", "Cargo.lock", "Makefile", "envoy", "src", "tests"] {
        copy_all(&root.join(part), &copy.0.join(part));
    }
    // Nothing of the build that runs this test reaches the other one.
    let mut make = Command::new("make");
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CARGO") || name == "RUSTFLAGS" || name == "MAKEFLAGS" {
            make.env_remove(name);
        }
    }
    if let Some(home) = std::env::var_os("CARGO_HOME") {
        make.env("CARGO_HOME", home);
    }
    // What trims it is the same for both, and long to build.
    make.env("TRIM", root.join("target/release/trim"));
    let built = make.arg("filter").current_dir(&copy.0).output().expect("make runs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let other = fs::read(copy.0.join(FILTER)).expect("it is built");
    assert!(other == filter(), "the file differs");
}

/// A folder. Dropping it removes it.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn copy_all(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).expect("a folder");
        for entry in fs::read_dir(from).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            let name = entry.file_name().expect("a name");
            if name != "node_modules" && name != "target" {
                copy_all(&entry, &to.join(name));
            }
        }
    } else {
        fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
        fs::copy(from, to).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
    }
}

#[test]
fn the_filter_holds_no_path_of_the_machine_that_built_it() {
    let wasm = filter();
    for path in [env!("CARGO_MANIFEST_DIR"), env!("HOME")] {
        let found = wasm.windows(path.len()).any(|window| window == path.as_bytes());
        assert!(!found || path.len() < 4, "the filter holds {path:?}");
    }
}
