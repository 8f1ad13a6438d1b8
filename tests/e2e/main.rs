//! The built filter in a real Envoy: real connections, scripted upstreams, and the local `OpenWhisk`.
//!
//! The tests share one Envoy with a listener for each, so that damage done by one shows in the others. Those of how
//! an Envoy starts, of its workers and of its updates have one of their own.
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

// What tests are made of.
mod bootstrap;
mod discovery;
mod key_file;
mod load;
mod stage;

// The tests.
/// `tests/api`, the HTTP API in one action that docs/functions.md shows.
mod api;
/// Other filters of Envoy around this one.
mod composition;
/// The filter's own configurations, accepted and rejected.
mod configuration;
/// Keys that the cluster adds to the calls.
mod credential;
/// Deadlines, none before its time.
mod deadline;
/// Clients that go away under load.
mod departure;
/// Clients whom nobody knows.
mod edge;
/// Upstreams that break off, lie or say something strange.
mod fault;
/// Results of actions that no reply can be made of, too large for a golden case.
mod function;
/// `tests/golden`, with a scripted upstream and with the local `OpenWhisk`.
mod golden;
/// Requests, results and tenants that want to hurt the others.
mod hostile;
/// Whole requests as parameters, with the local `OpenWhisk`.
mod http_context;
/// Results of activations that clients ask for.
mod jobs;
/// What Prometheus reads.
mod metrics;
/// Routes of `APISIX`.
mod migration;
/// What is done with the action, and how soon.
mod modes;
/// Tokens that Envoy gets for the calls.
mod oauth2;
/// Upstreams that are killed under load.
mod outage;
/// Requests whose bodies reach the action with all their bytes.
mod raw;
/// The commands of docs/recipes.md and docs/functions.md.
mod recipes;
/// Requests that a buffer filter holds, where Envoy cannot be told to let this one hold them.
mod request_body;
/// Calls that are tried again, and those that may not be.
mod retries;
/// What a route makes of paths, fields and results.
mod route_attributes;
/// One listener with many routes.
mod routes;
/// Where a key is to be found, and where not.
mod secrecy;
/// Filters in front that change the path.
mod selection;
/// Certificates, idle connections and steady load.
mod transport;
/// Requests that fire triggers.
mod triggers;
/// Configurations that change under load.
mod update;
/// Requests that ask for another protocol.
mod upgrade;
/// Requests in every form HTTP knows, and in none.
mod wire;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = libtest_mimic::Arguments::from_args();
    let mut plan = stage::Plan::default();
    golden::add(&mut plan);
    wire::add(&mut plan);
    function::add(&mut plan);
    fault::add(&mut plan);
    outage::add(&mut plan);
    departure::add(&mut plan);
    update::add(&mut plan);
    deadline::add(&mut plan);
    transport::add(&mut plan);
    migration::add(&mut plan);
    modes::add(&mut plan);
    metrics::add(&mut plan);
    retries::add(&mut plan);
    request_body::add(&mut plan);
    composition::add(&mut plan);
    selection::add(&mut plan);
    edge::add(&mut plan);
    routes::add(&mut plan);
    upgrade::add(&mut plan);
    http_context::add(&mut plan);
    hostile::add(&mut plan);
    api::add(&mut plan);
    configuration::add(&mut plan);
    credential::add(&mut plan);
    secrecy::add(&mut plan);
    oauth2::add(&mut plan);
    recipes::add(&mut plan);
    raw::add(&mut plan);
    jobs::add(&mut plan);
    triggers::add(&mut plan);
    route_attributes::add(&mut plan);
    if plan.run(&arguments) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
