//! How the cost grows: with connections, routes and bodies.

use std::time::Duration;

use serde::Serialize;
use testbed::envoy::Envoy;
use testbed::process::resident;

use crate::bootstrap::{QUIET, bootstrap_with_routes};
use crate::contestant::{Contestant, Entry};
use crate::options::Options;
use crate::sample::{Bench, Group, Row, rows};
use crate::workload::Workload;

/// The most rounds of each measurement here, where the steps tell more than the third digit.
const MOST_ROUNDS: usize = 3;

/// The most bytes of bodies that are on their way at a time.
const AT_A_TIME: usize = 8 << 20;

/// Connections of the client where they are not what grows.
const CONNECTIONS: usize = 32;

/// How the cost grows.
#[derive(Clone, Debug, Serialize)]
pub struct Growth {
    /// With connections, of the plain workload.
    pub connections: Vec<Row>,
    /// With bodies, of request and result alike.
    pub bodies: Vec<Row>,
    /// With routes, of the plain workload.
    pub routes: Vec<Routes>,
}

/// What many routes cost.
#[derive(Clone, Debug, Serialize)]
pub struct Routes {
    /// How many there are.
    pub count: usize,
    /// What a request on one of them cost.
    pub row: Row,
    /// Milliseconds from the start of Envoy until it was ready.
    pub set_up: f64,
    /// Resident memory of Envoy, in bytes.
    pub resident: u64,
}

const WHO: &[Contestant] = &[Contestant::Native, Contestant::LuaBare, Contestant::Filter];

/// The entries of the Envoy that is measured with many connections and large bodies.
pub fn entries(options: &Options) -> Vec<Entry> {
    let bodies = options.bodies.iter().flat_map(|&size| Entry::all(WHO, &Workload::bodies(size)));
    Entry::all(WHO, &Workload::plain()).into_iter().chain(bodies).collect()
}

/// Measures all of it. The first Envoy has the listeners of the entries; for routes others are started.
pub fn measure(bench: &Bench<'_>, envoy: &Envoy, options: &Options) -> Result<Growth, String> {
    let bench = Bench { rounds: bench.rounds.min(MOST_ROUNDS), ..*bench };
    let group = |workload: &Workload, connections| Group {
        entries: Entry::all(WHO, workload).into_iter().map(|entry| (envoy, entry)).collect(),
        connections,
    };
    let plain = Workload::plain();
    let by_connections: Vec<_> = options.connections.iter().map(|&count| group(&plain, count)).collect();
    let at_a_time = |size: usize| (AT_A_TIME / size).clamp(2, CONNECTIONS);
    let by_size: Vec<_> = options.bodies.iter().map(|&size| group(&Workload::bodies(size), at_a_time(size))).collect();
    let connections = rows(&bench, &by_connections)?.into_iter().flatten().collect();
    let bodies = rows(&bench, &by_size)?.into_iter().flatten().collect();
    let routes = options.routes.iter().map(|&count| of_routes(&bench, count));
    let routes = routes.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
    Ok(Growth { connections, bodies, routes })
}

fn of_routes(bench: &Bench<'_>, count: usize) -> Result<Vec<Routes>, String> {
    let entries = Entry::all(&[Contestant::Native, Contestant::Filter], &Workload::plain());
    let start = |entry: Entry| {
        let envoy = Envoy::start_with(&bootstrap_with_routes(&entry, count, bench.upstream.port)?, &QUIET)?;
        let set_up = envoy.started.elapsed();
        Ok((envoy, set_up, entry))
    };
    let envoys = entries.into_iter().map(start).collect::<Result<Vec<_>, String>>()?;
    let group = Group {
        entries: envoys.iter().map(|(envoy, _, entry)| (envoy, entry.clone())).collect(),
        connections: CONNECTIONS,
    };
    let rows = rows(bench, &[group])?.into_iter().flatten();
    let with = |((envoy, set_up, _), row): (&(Envoy, Duration, Entry), Row)| {
        Ok(Routes { count, row, set_up: set_up.as_secs_f64() * 1e3, resident: resident(envoy.id())? })
    };
    envoys.iter().zip(rows).map(with).collect()
}
