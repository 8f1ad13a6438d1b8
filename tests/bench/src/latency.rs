//! How long a client waits, at a rate that everyone can bear.

use std::time::Duration;

use serde::Serialize;
use testbed::envoy::Envoy;

use crate::client::{Client, Pace};
use crate::contestant::{Contestant, Entry};
use crate::options::Options;
use crate::sample::rotated;
use crate::statistics::{Spread, percentile};
use crate::workload::Workload;

/// Requests per second.
pub const RATE: u32 = 2000;

/// How much longer it is measured than anything else: one request in a thousand should not be one alone.
const TIMES: u32 = 2;

/// More than are ever needed at that rate.
const CONNECTIONS: usize = 64;

/// How long one entry let clients wait, in all rounds, in microseconds from when a request was due.
#[derive(Clone, Debug, Serialize)]
pub struct Latency {
    /// What was asked.
    pub workload: String,
    /// Who answered.
    pub contestant: Contestant,
    /// Half of all replies came within.
    pub p50: Spread,
    /// 99 % came within.
    pub p99: Spread,
    /// 99.9 % came within.
    pub p999: Spread,
}

/// The entries.
pub fn entries() -> Vec<Entry> {
    use Contestant::{Filter, FilterHttp, LuaBare, LuaShaping, Native};
    [
        Entry::all(&[Native, LuaBare, LuaShaping, Filter], &Workload::plain()),
        Entry::all(&[LuaShaping, Filter], &Workload::shaped()),
        Entry::all(&[FilterHttp], &Workload::http()),
    ]
    .concat()
}

/// Measures them all, on one Envoy that has their listeners.
pub fn measure(envoy: &Envoy, options: &Options) -> Result<Vec<Latency>, String> {
    let entries = entries();
    let mut found: Vec<Vec<[f64; 3]>> = vec![Vec::new(); entries.len()];
    for entry in &entries {
        Client::connect(entry, envoy.port(&entry.name()), CONNECTIONS)?.run(Pace::Closed, options.duration / 4)?;
    }
    for round in 0..options.rounds {
        for turn in rotated(entries.len(), round) {
            if let (Some(entry), Some(found)) = (entries.get(turn), found.get_mut(turn)) {
                found.push(percentiles(envoy, entry, options.duration * TIMES)?);
            }
        }
    }
    let row = |(entry, found): (&Entry, &Vec<[f64; 3]>)| {
        let spread = |which: fn(&[f64; 3]) -> f64| Spread::of(found.iter().map(which));
        Some(Latency {
            workload: entry.workload.name.clone(),
            contestant: entry.contestant,
            p50: spread(|[p50, _, _]| *p50)?,
            p99: spread(|[_, p99, _]| *p99)?,
            p999: spread(|[_, _, p999]| *p999)?,
        })
    };
    Ok(entries.iter().zip(&found).filter_map(row).collect())
}

fn percentiles(envoy: &Envoy, entry: &Entry, duration: Duration) -> Result<[f64; 3], String> {
    let mut client = Client::connect(entry, envoy.port(&entry.name()), CONNECTIONS)?;
    let load = client.run(Pace::Open { rate: RATE }, duration).map_err(|error| format!("{}: {error}", entry.name()))?;
    let value = |permille| percentile(&load.latencies, permille).unwrap_or_default().as_secs_f64() * 1e6;
    Ok([value(500), value(990), value(999)])
}
