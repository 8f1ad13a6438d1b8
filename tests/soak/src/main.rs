//! A soak: one real Envoy with the filter, a scripted `OpenWhisk`, and clients that mix good, faulty, hostile, slow and
//! aborted requests, for minutes. Every reply is verified exactly; at the end nothing may be in flight, no virtual
//! machine may have trapped, and the memory must be what it was after the warm-up.
//!
//! ```text
//! Client ─ Case ─▶ Envoy [filter] ─ Ticket ─▶ upstream ─ Script
//!    └─ Expected ◀─────┴───────────────────────────┘        ─▶ Tally, Samples, Log ─▶ Report
//! ```
//!
//! The traffic follows from the seed, which is printed. Linux only: the memory is read from `/proc`.
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

// Both sides agree on these.
mod random;
mod script;
mod ticket;

// The traffic.
mod aborted;
mod case;
mod expected;
mod faulty;
mod good;
mod hostile;
mod request;
mod slow;

// Who takes part.
mod bootstrap;
mod client;
mod neighbour;
mod upstream;

// What is made of it.
mod log;
mod options;
mod report;
mod samples;
mod soak;
mod tally;

use std::process::ExitCode;

use crate::options::Options;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let report = Options::read(&arguments).and_then(|options| {
        let Options { duration, seed, connections } = options;
        println!("soak for {} s at {connections} connections, seed {seed}", duration.as_secs());
        soak::run(&options)
    });
    match report {
        Ok(report) => {
            println!("{report}");
            if report.reasons.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
