//! Where the built parts are. A missing part is an error that says how to build it.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The built filter.
pub fn filter() -> Result<PathBuf, String> {
    built("OPENWHISK_FILTER_WASM", "target/wasm32-wasip1/release/openwhisk_filter.wasm", "make build")
}

/// Envoy.
pub fn envoy() -> Result<PathBuf, String> {
    built("ENVOY", "target/envoy/bin/envoy", "make envoy")
}

/// The local `OpenWhisk`.
pub fn openwhisk() -> Result<PathBuf, String> {
    built("OPENWHISK_LOCAL", "target/release/openwhisk-local", "make build")
}

/// `openwhisk-envoy`.
pub fn renderer() -> Result<PathBuf, String> {
    built("OPENWHISK_ENVOY", "target/release/openwhisk-envoy", "make build")
}

/// A file of the project.
pub fn source(path: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    root.expect("this crate is two folders deep").join(path)
}

/// Where tests put what they leave behind.
pub fn scratch() -> PathBuf {
    source("target/tmp")
}

/// A path there that nobody else has, for what is removed again.
pub fn temporary(name: &str) -> PathBuf {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    scratch().join(format!("{name}-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)))
}

fn built(variable: &str, default: &str, command: &str) -> Result<PathBuf, String> {
    let path = env::var_os(variable).map_or_else(|| source(default), PathBuf::from);
    if path.is_file() {
        return Ok(path);
    }
    Err(format!("{} is missing: run `{command}`, or set {variable} to where it is", path.display()))
}

/// Keeps something that the filter produced for the search for secrets after all tests.
pub fn keep(name: &str, piece: impl AsRef<[u8]>) {
    corpus::Produced::new(&scratch(), name).and_then(|produced| produced.add(piece)).expect("it can be kept");
}
