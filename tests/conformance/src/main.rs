//! Asks an `OpenWhisk` what was recorded of a real one: each question of `questions.yaml` directly, and each golden case
//! that needs an `OpenWhisk` through the filter in a real Envoy. Where the answer differs it says so.
//!
//! ```text
//! questions.yaml ─ Question ───────────────▶ OpenWhisk
//! tests/golden ─── Case ──▶ Envoy [filter] ──▶ (any)    ─▶ Outcome ─▶ Report
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "test code stops at the first surprise"
)]

// What is asked.
mod golden;
mod pattern;
mod question;
mod table;

// Who is asked, and how often.
mod crowd;
mod openwhisk;
mod patience;
mod server;

// What is made of it.
mod report;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::{env, io, process, thread};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::Signals;

use crate::openwhisk::OpenWhisk;
use crate::report::Report;
use crate::server::Server;
use crate::table::Table;

/// What ends the program before it is done.
const SIGNALS: [i32; 3] = [SIGINT, SIGTERM, SIGHUP];

/// The exit status where an answer differs.
const DIFFERS: u8 = 1;

/// The exit status where it could not be asked.
const FAILED: u8 = 2;

fn main() -> ExitCode {
    match run() {
        Ok(is_good) => ExitCode::from(if is_good { 0 } else { DIFFERS }),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(FAILED)
        }
    }
}

/// Whether nothing differs; an error is that it could not be asked.
fn run() -> Result<bool, String> {
    let variable = |name: &str| env::var(name).unwrap_or_default();
    let address = variable("OPENWHISK");
    let is_local = address.is_empty();
    let openwhisk = if is_local {
        OpenWhisk::start()?
    } else {
        OpenWhisk::connect(Server::read(&address, &variable("OPENWHISK_TOKEN"))?)?
    };
    let openwhisk = Arc::new(openwhisk);
    println!("{openwhisk}");
    remove_at_signal(&openwhisk)?;
    // Whatever stops it: what was created is removed.
    let report = thread::scope(|scope| scope.spawn(|| ask(&openwhisk, is_local)).join());
    let Some(left) = openwhisk.remove_all() else {
        // A signal came, and whoever took it ends the process.
        loop {
            thread::park();
        }
    };
    for left in &left {
        eprintln!("could not be removed: {left}");
    }
    let report = report.map_err(|_| "it stopped, as told above")??;
    println!("{report}");
    if left.is_empty() { Ok(report.is_good()) } else { Err("not everything could be removed".to_owned()) }
}

fn ask(openwhisk: &OpenWhisk, is_local: bool) -> Result<Report, String> {
    let table = Table::read(&openwhisk.prefix, &openwhisk.namespace)?;
    let mut report = Report::new(if is_local { table.not_yet.clone() } else { std::collections::BTreeMap::new() });
    report.add("created beforehand", table.create(openwhisk)?);
    for (section, questions) in &table.questions {
        report.add(section, crowd::ask(questions, |question| question.ask(openwhisk))?);
    }
    report.add("golden cases behind the filter", golden::ask(openwhisk)?);
    report.set_patience(&openwhisk.patience);
    Ok(report)
}

/// Removes what was created if the run is broken off, and ends with the status that a shell gives for the signal.
fn remove_at_signal(openwhisk: &Arc<OpenWhisk>) -> Result<(), String> {
    let failed = |error: io::Error| format!("signals: {error}");
    let is_second = Arc::new(AtomicBool::new(false));
    for signal in SIGNALS {
        // In this order: the second ends it at once, whatever is left.
        flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&is_second)).map_err(failed)?;
        flag::register(signal, Arc::clone(&is_second)).map_err(failed)?;
    }
    let mut signals = Signals::new(SIGNALS).map_err(failed)?;
    let openwhisk = Arc::clone(openwhisk);
    thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            eprintln!("broken off, what was created is removed");
            openwhisk.remove_all().iter().flatten().for_each(|left| eprintln!("could not be removed: {left}"));
            process::exit(128 + signal);
        }
    });
    Ok(())
}
