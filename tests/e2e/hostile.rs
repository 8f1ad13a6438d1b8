//! Requests, results and tenants that want to hurt the others: an Envoy with two workers and a configuration that
//! `openwhisk-envoy` prints.

/// What others feel of a large result.
mod delay;
/// Results behind another Envoy, on a connection that it shares.
mod edge;
/// Requests of gRPC.
mod grpc;
/// Errors in a burst.
mod log;
/// Slow calls that somebody opens and leaves.
mod neighbours;
/// What requests cost in memory.
mod requests;
/// What results cost in memory.
mod results;

use openwhisk_envoy::Protocol;
use serde_json::{Value, json};
use testbed::envoy::{Envoy, Options};
use testbed::process::Memory;
use testbed::upstream::Upstream;

use crate::bootstrap::rendered;
use crate::stage::Plan;

const MIB: usize = 1 << 20;

/// What a process may need besides three times what comes in, in bytes: Envoy itself holds an answer of 16 MiB and the reply
/// to it about five times.
const BESIDES: u64 = 80 << 20;

/// Adds the tests.
pub fn add(plan: &mut Plan) {
    results::add(plan);
    requests::add(plan);
    edge::add(plan);
    grpc::add(plan);
    neighbours::add(plan);
    log::add(plan);
    delay::add(plan);
}

/// An Envoy with the filter, and the port at which it listens.
struct Gateway {
    envoy: Envoy,
    port: u16,
}

impl Gateway {
    /// In front of this `OpenWhisk`, with two workers; serves `/hello` unless the attributes list `routes`.
    fn new(openwhisk: &Upstream, attributes: Value) -> Self {
        Self::with(openwhisk, attributes, 2, |_| {})
    }

    /// With so many workers, and a change of what is printed.
    fn with(openwhisk: &Upstream, mut attributes: Value, workers: usize, change: impl FnOnce(&mut Value)) -> Self {
        attributes["api_host"] = json!(format!("http://127.0.0.1:{}", openwhisk.port));
        if attributes["routes"].is_null() {
            attributes["routes"] = json!({ "hello": {} });
        }
        let mut configuration = rendered(Protocol::Http1, &attributes, None);
        change(&mut configuration);
        let options = Options { workers, ..Options::default() };
        let envoy = Envoy::start_with(&configuration, &options).unwrap_or_else(|error| panic!("{error}"));
        let port = envoy.only_port();
        Self { envoy, port }
    }

    /// Its memory from now on.
    fn memory(&self) -> Memory {
        Memory::of_idle(self.envoy.id())
    }

    /// Fails if something went wrong inside.
    fn check(mut self) {
        assert_eq!(self.envoy.complaints(), Vec::<String>::new());
    }
}

/// In MB, for reports.
fn megabytes(bytes: u64) -> u64 {
    bytes.div_ceil(1_000_000)
}
