//! What Envoy's memory is with and without the filter, and with more workers.

use std::time::Duration;

use serde::Serialize;

use testbed::envoy::{Envoy, Options};
use testbed::process::resident;

use crate::bootstrap::{QUIET, bootstrap};
use crate::client::{Client, Pace};
use crate::contestant::{Contestant, Entry};
use crate::workload::Workload;

/// Connections of the client: enough for every worker to get some.
const CONNECTIONS: usize = 64;

/// The numbers of workers.
const WORKERS: [usize; 2] = [1, 4];

/// Envoy's own count of its virtual machines.
const MACHINES: &str = "wasm.envoy.wasm.runtime.v8.active";

/// What Envoy's memory is.
#[derive(Clone, Debug, Serialize)]
pub struct Memory {
    /// Who answers.
    pub contestant: Contestant,
    /// How many workers there are.
    pub workers: usize,
    /// Resident memory before the first request, in bytes.
    pub idle: u64,
    /// Resident memory after plain requests, in bytes.
    pub loaded: u64,
    /// Virtual machines: one for each worker, and two more (seen; one of them is what the others are cloned from).
    pub machines: u64,
}

/// Starts an Envoy for each, one after the other, and measures it.
pub fn measure(upstream: u16, duration: Duration) -> Result<Vec<Memory>, String> {
    let entries = Entry::all(&[Contestant::Native, Contestant::LuaBare, Contestant::Filter], &Workload::plain());
    let each = entries.iter().flat_map(|entry| WORKERS.map(|workers| (entry, workers)));
    each.map(|(entry, workers)| of(entry, workers, upstream, duration)).collect()
}

fn of(entry: &Entry, workers: usize, upstream: u16, duration: Duration) -> Result<Memory, String> {
    let configuration = bootstrap(std::slice::from_ref(entry), upstream)?;
    let envoy = Envoy::start_with(&configuration, &Options { workers, ..QUIET })?;
    let idle = resident(envoy.id())?;
    Client::connect(entry, envoy.port(&entry.name()), CONNECTIONS)?.run(Pace::Closed, duration)?;
    let machines = envoy.find_counter(MACHINES).unwrap_or(0);
    Ok(Memory { contestant: entry.contestant, workers, idle, loaded: resident(envoy.id())?, machines })
}
