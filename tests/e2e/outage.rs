//! An upstream that is killed and comes back, again and again, under load.

use std::time::Instant;

use openwhisk_envoy::Protocol;
use serde_json::json;
use testbed::envoy::Options;
use testbed::upstream::Upstream;

use crate::bootstrap::{self, Line};
use crate::load::{CLIENTS, Got, Load, Request, count, echoes};
use crate::stage::Plan;

/// How often it is killed.
const KILLS: usize = 5;

/// How many replies each client gets in between, while it is there and while it is not.
const REPLIES: usize = 20;

/// Adds the tests.
pub fn add(plan: &mut Plan) {
    for (workers, protocol) in [(1, Protocol::Http1), (2, Protocol::Http1), (2, Protocol::Http2)] {
        let name = format!("outage::an_upstream_that_is_killed_under_load_with_{workers}_workers_over_{protocol:?}");
        plan.test_alone(&name, move || kill_under_load(workers, protocol));
    }
}

/// When the upstream was there and when not; on the way from one to the other it is neither.
struct Span {
    from: Instant,
    to: Instant,
    is_there: bool,
}

fn kill_under_load(workers: usize, protocol: Protocol) {
    let name = "outage";
    let upstream = Upstream::speaking(protocol, echoes());
    let lines = [Line::of(name, json!({}), upstream.address())];
    let mut envoy = bootstrap::envoy(&lines, &Options { workers, ..Options::default() });
    let load = Load::start(envoy.port(name));

    let mut spans = Vec::new();
    let mut from = Instant::now();
    for _ in 0..KILLS {
        load.wait_for_echoes(from, REPLIES);
        spans.push(Span { from, to: Instant::now(), is_there: true });
        upstream.kill();
        from = Instant::now();
        load.wait(from, "enough errors", |requests| requests.len() >= CLIENTS * REPLIES);
        spans.push(Span { from, to: Instant::now(), is_there: false });
        upstream.open();
        // Until no worker is left in an attempt to connect that began too early.
        load.wait_for_echoes(Instant::now(), 1);
        from = Instant::now();
    }
    load.wait_for_echoes(from, REPLIES);
    spans.push(Span { from, to: Instant::now(), is_there: true });
    let requests = load.stop();
    println!("{workers} workers, {} requests, {KILLS} kills: {:?}", requests.len(), count(&requests));

    for request in &requests {
        let is_allowed = |got: &Got| match span(&spans, request).map(|span| span.is_there) {
            Some(true) => is_echo(got),
            Some(false) => is_unreachable(got),
            None => is_echo(got) || is_unreachable(got) || is_broken_off(got),
        };
        assert!(is_allowed(&request.got), "{:?}: {:?}", span(&spans, request).map(|s| s.is_there), request.got);
    }
    assert_eq!(envoy.complaints(), Vec::<String>::new());
}

/// The span that a request was in, if it was in one from beginning to end.
fn span<'a>(spans: &'a [Span], request: &Request) -> Option<&'a Span> {
    spans.iter().find(|span| span.from <= request.began && request.ended <= span.to)
}

fn is_echo(got: &Got) -> bool {
    matches!(got, Got::Echo(_))
}

fn is_unreachable(got: &Got) -> bool {
    *got == Got::Error(503, "openwhisk cannot be reached".to_owned())
        || *got == Got::Error(502, "the connection to openwhisk broke, the action may have run".to_owned())
}

fn is_broken_off(got: &Got) -> bool {
    *got == Got::Error(502, "the answer of openwhisk broke off, the action may have run".to_owned())
}
