//! What many functions cost: in one configuration with a route for each, or in configurations of their own with a virtual
//! machine each, as a control plane with a policy for each function makes them.

use serde::Serialize;
use testbed::envoy::{Envoy, Options};
use testbed::process::resident;

use crate::bootstrap::{QUIET, bootstrap_with_filters, bootstrap_with_routes};
use crate::contestant::{Contestant, Entry};
use crate::workload::Workload;

/// The numbers of workers.
const WORKERS: [usize; 2] = [1, 4];

/// How the functions are configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// One configuration, with `routes`.
    Routes,
    /// A configuration and a virtual machine for each.
    Configurations,
}

/// What some functions cost.
#[derive(Clone, Debug, Serialize)]
pub struct Scale {
    /// How they are configured.
    pub shape: Shape,
    /// How many there are.
    pub functions: usize,
    /// How many workers there are.
    pub workers: usize,
    /// Resident memory of Envoy, in bytes.
    pub resident: u64,
    /// Milliseconds from the start of Envoy until it was ready.
    pub set_up: f64,
}

/// Starts an Envoy for each number of routes and of configurations, one after the other.
pub fn measure(routes: &[usize], configurations: &[usize], upstream: u16) -> Result<Vec<Scale>, String> {
    let entries = Entry::all(&[Contestant::Filter], &Workload::plain());
    let entry = entries.first().ok_or("nobody to measure")?;
    let each = [(Shape::Routes, routes), (Shape::Configurations, configurations)];
    let each = each.into_iter().flat_map(|(shape, counts)| counts.iter().map(move |&functions| (shape, functions)));
    let mut found = Vec::new();
    for (shape, functions) in each {
        for workers in WORKERS {
            let configuration = match shape {
                Shape::Routes => bootstrap_with_routes(entry, functions, upstream)?,
                Shape::Configurations => bootstrap_with_filters(entry, functions, upstream)?,
            };
            let envoy = Envoy::start_with(&configuration, &Options { workers, ..QUIET })?;
            let set_up = envoy.started.elapsed().as_secs_f64() * 1e3;
            found.push(Scale { shape, functions, workers, resident: resident(envoy.id())?, set_up });
        }
    }
    Ok(found)
}
