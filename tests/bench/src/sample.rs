//! Measurements of entries, in rounds.

use std::time::Duration;

use serde::Serialize;
use testbed::envoy::Envoy;
use testbed::process::processor_time;

use crate::client::{Client, Pace};
use crate::contestant::{Contestant, Entry};
use crate::statistics::Spread;
use crate::upstream::Upstream;

/// What answering requests without a pause cost.
#[derive(Clone, Copy, Debug)]
struct Sample {
    /// Microseconds that Envoy ran for each request.
    cpu: f64,
    /// Replies per second.
    rate: f64,
    /// Connections that Envoy opened to the upstream for a thousand requests.
    opened: f64,
}

/// How it is measured.
#[derive(Clone, Copy, Debug)]
pub struct Bench<'a> {
    /// What answers Envoy.
    pub upstream: &'a Upstream,
    /// How often everything is measured.
    pub rounds: usize,
    /// How long each time.
    pub duration: Duration,
}

/// Entries that are compared with each other.
#[derive(Debug)]
pub struct Group<'a> {
    /// Each with the Envoy that has its listener.
    pub entries: Vec<(&'a Envoy, Entry)>,
    /// How many connections the client has.
    pub connections: usize,
}

/// What one entry cost in all rounds.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// What was asked.
    pub workload: String,
    /// Who answered.
    pub contestant: Contestant,
    /// Connections of the client.
    pub connections: usize,
    /// Microseconds that Envoy ran for each request.
    pub cpu: Spread,
    /// Replies per second.
    pub rate: Spread,
    /// Connections that Envoy opened to the upstream for a thousand requests.
    pub opened: Spread,
    /// `cpu` as a multiple of the native route's in the same round.
    pub to_native: Option<Spread>,
    /// Likewise of the bare Lua filter's.
    pub to_lua_bare: Option<Spread>,
    /// Likewise of the Lua filter's that parses and shapes.
    pub to_lua_shaping: Option<Spread>,
    /// Likewise of the other build of the filter's.
    pub to_before: Option<Spread>,
}

impl Sample {
    fn take(bench: &Bench<'_>, envoy: &Envoy, entry: &Entry, connections: usize) -> Result<Self, String> {
        let Bench { upstream, duration, .. } = *bench;
        let named = |error| format!("{}: {error}", entry.name());
        let mut client = Client::connect(entry, envoy.port(&entry.name()), connections)?;
        let (before, opened) = (processor_time(envoy.id())?, upstream.connections());
        let load = client.run(Pace::Closed, duration).map_err(named)?;
        let used = processor_time(envoy.id())?.saturating_sub(before);
        let opened = upstream.connections() - opened;
        let replies = load.replies as f64;
        Ok(Self {
            cpu: used.as_secs_f64() * 1e6 / replies,
            rate: replies / load.elapsed.as_secs_f64(),
            opened: opened as f64 * 1e3 / replies,
        })
    }
}

/// Measures all entries in each round, those of a group one after the other and each time in another
/// order. Before that all are warmed up. A row for each entry, group by group.
pub fn rows(bench: &Bench<'_>, groups: &[Group<'_>]) -> Result<Vec<Vec<Row>>, String> {
    let mut samples: Vec<Vec<Vec<Sample>>> = groups.iter().map(|group| vec![Vec::new(); group.entries.len()]).collect();
    let warm_up = Bench { duration: bench.duration / 4, ..*bench };
    for group in groups {
        for (envoy, entry) in &group.entries {
            Sample::take(&warm_up, envoy, entry, group.connections)?;
        }
    }
    for round in 0..bench.rounds {
        for (group, samples) in groups.iter().zip(&mut samples) {
            for turn in rotated(group.entries.len(), round) {
                if let (Some((envoy, entry)), Some(samples)) = (group.entries.get(turn), samples.get_mut(turn)) {
                    samples.push(Sample::take(bench, envoy, entry, group.connections)?);
                }
            }
        }
    }
    groups.iter().zip(&samples).map(|(group, samples)| of_group(group, samples)).collect()
}

/// The order of that many in a round: every one comes first some time.
pub fn rotated(count: usize, round: usize) -> impl Iterator<Item = usize> {
    (0..count).map(move |turn| (turn + round) % count)
}

fn of_group(group: &Group<'_>, samples: &[Vec<Sample>]) -> Result<Vec<Row>, String> {
    let cpu = |samples: &[Sample]| samples.iter().map(|sample| sample.cpu).collect::<Vec<_>>();
    let of = |wanted| {
        let mut pairs = group.entries.iter().zip(samples);
        pairs.find(|((_, entry), _)| entry.contestant == wanted).map(|(_, samples)| cpu(samples))
    };
    let (native, bare, shaping) = (of(Contestant::Native), of(Contestant::LuaBare), of(Contestant::LuaShaping));
    let before = of(Contestant::FilterBefore);
    let row = |((_, entry), samples): (&(&Envoy, Entry), &Vec<Sample>)| {
        let own = cpu(samples);
        let to = |other: &Option<Vec<f64>>| Spread::of_ratios(&own, other.as_ref()?);
        Some(Row {
            workload: entry.workload.name.clone(),
            contestant: entry.contestant,
            connections: group.connections,
            cpu: Spread::of(own.iter().copied())?,
            rate: Spread::of(samples.iter().map(|sample| sample.rate))?,
            opened: Spread::of(samples.iter().map(|sample| sample.opened))?,
            to_native: to(&native),
            to_lua_bare: to(&bare),
            to_lua_shaping: to(&shaping),
            to_before: to(&before),
        })
    };
    group.entries.iter().zip(samples).map(|pair| row(pair).ok_or_else(|| "no rounds".to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_round_begins_with_another() {
        let orders: Vec<Vec<usize>> = (0..4).map(|round| rotated(3, round).collect()).collect();
        assert_eq!(orders, [[0, 1, 2], [1, 2, 0], [2, 0, 1], [0, 1, 2]]);
    }
}
