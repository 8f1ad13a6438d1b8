//! Removes from the built filter the callbacks that it does not need, and all code that only they reach.
//!
//! The SDK exports a callback for everything that a host may tell, and Envoy calls each that is there: of 8 for a request
//! 3 would do nothing and are not missed. `exports.txt` lists what stays; among it `proxy_on_done`, without which the wasm
//! runtime of APISIX logs an error for each request. Run by `make filter`.
//!
//! Source: api7/wasm-nginx-module `ngx_http_wasm_module.c`, `ngx_http_wasm_cleanup`.
#![allow(clippy::print_stderr, reason = "a command line program speaks to its user through it")]

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::{env, fs};

use walrus::{Module, passes};

/// What hosts call or look for.
const NEEDED: &str = include_str!("../exports.txt");

fn main() -> ExitCode {
    let file = env::args_os().nth(1).map(PathBuf::from).ok_or_else(|| "usage: trim FILTER.wasm".into());
    match file.and_then(trim) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Puts a trimmed filter in the place of this one.
fn trim(file: PathBuf) -> Result<(), Box<dyn Error>> {
    let mut module = Module::from_buffer(&fs::read(&file)?)?;
    let is_needed = |name: &str| NEEDED.lines().any(|needed| needed == name);
    let unneeded = module.exports.iter().filter(|export| !is_needed(&export.name)).map(walrus::Export::id);
    for export in unneeded.collect::<Vec<_>>() {
        module.exports.delete(export);
    }
    passes::gc::run(&mut module);
    // Not in place: cargo keeps the file under a second name, from which it would not be built again.
    let trimmed = file.with_extension("trimmed");
    fs::write(&trimmed, module.emit_wasm())?;
    Ok(fs::rename(trimmed, file)?)
}
