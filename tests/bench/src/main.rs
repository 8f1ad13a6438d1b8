//! What the filter costs in a real Envoy, next to a native route and to Envoy's Lua filter with the same work.
//!
//! ```text
//! Client ─ Workload ─▶ Envoy [a listener for each Entry] ─▶ Upstream
//!    └─ Sample (CPU of Envoy, replies) ─▶ Row ─▶ Report ─▶ Markdown, JSON, SVG
//! ```
//!
//! Linux only: what Envoy used is read from `/proc`. `README.md` tells how it measures and why so.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that counts seconds and thousands, and talks to who runs it"
)]

// What is compared.
mod contestant;
mod workload;

// Who takes part.
mod bootstrap;
mod client;
mod message;
mod upstream;
mod wire;

// What is measured.
mod growth;
mod latency;
mod memory;
mod ratios;
mod sample;
mod scale;
mod start;
mod statistics;

// What is made of it.
mod chart;
mod machine;
mod options;
mod report;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use testbed::artifact;
use testbed::envoy::Envoy;

use crate::bootstrap::{QUIET, bootstrap};
use crate::client::Client;
use crate::contestant::{Contestant, Entry};
use crate::machine::Machine;
use crate::options::{Options, Section};
use crate::report::Report;
use crate::sample::Bench;
use crate::upstream::Upstream;
use crate::workload::Workload;

/// Where the report and the charts go.
const FOLDER: &str = "target/bench";

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match Options::read(&arguments).and_then(measure).and_then(|report| write(&report)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Measures what is asked for.
fn measure(options: Options) -> Result<Report, String> {
    let machine = Machine::here()?;
    let proofs: Vec<Entry> = Workload::proofs()
        .iter()
        .flat_map(|workload| Entry::all(&[Contestant::LuaShaping, Contestant::Filter], workload))
        .collect();
    let all = ratios::groups().into_iter().flat_map(|(entries, _)| entries);
    let all = all.chain(latency::entries()).chain(growth::entries(&options)).chain(proofs.iter().cloned());
    // Some are in several sections.
    let entries: BTreeMap<String, Entry> = all.map(|entry| (entry.name(), entry)).collect();
    let entries: Vec<Entry> = entries.into_values().collect();
    let workloads: Vec<Workload> = entries.iter().map(|entry| entry.workload.clone()).collect();

    let upstream = Upstream::start(&workloads)?;
    let envoy = Envoy::start_with(&bootstrap(&entries, upstream.port)?, &QUIET)?;
    for entry in &proofs {
        Client::connect(entry, envoy.port(&entry.name()), 1)?;
    }
    let bench = Bench { upstream: &upstream, rounds: options.rounds, duration: options.duration };
    let section = |section: Section| {
        let is_wanted = options.wants(section);
        if is_wanted {
            eprintln!("measuring: {section:?}");
        }
        is_wanted
    };
    let ratios = section(Section::Ratios).then(|| ratios::measure(&bench, &envoy, &options)).transpose()?;
    let latency = section(Section::Latency).then(|| latency::measure(&envoy, &options)).transpose()?;
    let growth = section(Section::Growth).then(|| growth::measure(&bench, &envoy, &options)).transpose()?;
    drop(envoy);
    let memory = section(Section::Memory).then(|| memory::measure(upstream.port, options.duration)).transpose()?;
    let start = section(Section::Start).then(|| start::measure(upstream.port, options.rounds)).transpose()?;
    let scale = section(Section::Scale)
        .then(|| scale::measure(&options.routes, &options.configurations, upstream.port))
        .transpose()?;
    Ok(Report { machine, options, ratios, latency, growth, memory, start, scale })
}

/// Writes the report and its charts, and prints its tables.
fn write(report: &Report) -> Result<(), String> {
    let folder = artifact::source(FOLDER);
    let put = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
    };
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    put("report.json", &serde_json::to_string_pretty(report).map_err(|error| error.to_string())?)?;
    put("report.md", &report.to_string())?;
    if let Some(rows) = &report.ratios {
        chart::ratios(&folder.join("ratios.svg"), rows)?;
    }
    if let Some(growth) = &report.growth {
        chart::by_size(&folder.join("bodies.svg"), &growth.bodies, &report.options.bodies)?;
        chart::by_connections(&folder.join("connections.svg"), &growth.connections)?;
    }
    println!("{report}\nThe same as JSON and as charts: {}", Path::new(FOLDER).display());
    Ok(())
}
