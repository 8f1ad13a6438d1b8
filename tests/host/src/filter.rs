//! The built filter, as a file.

use std::fmt;
use std::path::PathBuf;
use std::sync::LazyLock;

use wasmi::{CompilationMode, Config, Engine, Module};

/// Where the filter is built, from the root of the workspace.
const BUILT: &str = "target/wasm32-wasip1/release/openwhisk_filter.wasm";

/// Names another file instead.
const INSTEAD: &str = "OPENWHISK_FILTER_WASM";

static FILTER: LazyLock<Filter> = LazyLock::new(|| {
    let workspace = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let path = std::env::var_os(INSTEAD).map_or_else(|| workspace.join(BUILT), PathBuf::from);
    let wasm = std::fs::read(&path)
        .unwrap_or_else(|error| panic!("{}: {error}: run `make build`, or set {INSTEAD}", path.display()));
    Filter::from_wasm(&wasm)
});

/// A wasm module, compiled once for any number of hosts.
#[derive(Clone)]
pub struct Filter {
    pub(crate) engine: Engine,
    pub(crate) module: Module,
}

impl Filter {
    /// The one that `make build` makes. Read and compiled once for all tests of a program.
    #[must_use]
    pub fn built() -> Self {
        FILTER.clone()
    }

    /// Any module with the ABI of proxy-wasm. Features of wasm younger than wasmtime 0.38 are refused.
    #[must_use]
    pub fn from_wasm(wasm: &[u8]) -> Self {
        let mut config = Config::default();
        config.consume_fuel(true);
        // Compiled on the way, a function would cost its first caller more than the next one.
        config.compilation_mode(CompilationMode::Eager);
        config.wasm_tail_call(false).wasm_extended_const(false).wasm_multi_memory(false);
        config.wasm_custom_page_sizes(false).wasm_wide_arithmetic(false);
        let engine = Engine::new(&config);
        let module = Module::new(&engine, wasm)
            .unwrap_or_else(|error| panic!("the module is not valid for a host as old as wasmtime 0.38: {error}"));
        Self { engine, module }
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Filter").finish_non_exhaustive()
    }
}
