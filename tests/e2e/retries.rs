//! Calls that are tried again, and those that may not be.

use std::sync::Arc;
use std::thread;

use h2::Reason;
use openwhisk_envoy::Protocol;
use serde_json::{Value, json};
use testbed::client::{ask, get, request};
use testbed::envoy::Envoy;
use testbed::http2::Part;
use testbed::script::{self, answer, breaks_off_after, sends};
use testbed::upstream::Upstream;

use crate::bootstrap::{Line, Reference};
use crate::stage::{Behind, Plan, Site, config};

/// What the action returns.
const READY: &str = "{\"ready\":true}";

/// How long a patient Envoy waits before the first retry, in milliseconds: at random up to that, and before the others up
/// to 3, 7, 10 and 10 times that. Others wait 25.
const WAIT: u64 = 2000;

/// Adds the tests.
pub fn add(plan: &mut Plan) {
    port_that_opens(plan);
    port_that_stays_closed(plan);
    calls_that_were_seen(plan);
    refused_streams(plan);
}

fn port_that_opens(plan: &mut Plan) {
    for (name, size) in [("without_a_body", 0), ("with_500_kb", 500 << 10)] {
        plan.test_alone(&format!("retries::a_port_that_opens_late_is_reached_{name}"), move || {
            let body: Vec<_> = (0..size).map(|n| b"0123456789"[n % 10]).collect();
            let upstream = Upstream::closed(Protocol::Http1, script::result(READY));
            let (envoy, port) = patient(&upstream, json!({ "retries": 5 }));
            let reply = thread::scope(|scope| {
                let client = scope.spawn(|| ask(port, &request("POST", "/hello", &[], &body)));
                envoy.wait_for_counter("cluster.patient.upstream_rq_retry", |retries| retries > 0);
                upstream.open();
                client.join().expect("a reply")
            });
            let calls = upstream.seen().calls;
            assert_eq!((reply.status, reply.body.as_slice(), calls.len()), (200, READY.as_bytes(), 1));
            assert!(calls[0].body == body, "{} of {} bytes, or others", calls[0].body.len(), body.len());
            check_headers(&calls);
        });
    }
}

/// An Envoy that leaves a test the time to do something before the last retry, and its port.
fn patient(upstream: &Upstream, attributes: Value) -> (Envoy, u16) {
    let name = "patient";
    let line = Line::of(name, attributes, upstream.address());
    let reference = Reference::read().unwrap_or_else(|error| panic!("{error}"));
    // Nothing may leak, so nobody needs to be there.
    let mut configuration = reference.with(&[line], 1);
    let wait = json!({ "upstream.base_retry_backoff_ms": WAIT });
    configuration["layered_runtime"] = json!({ "layers": [{ "name": "patient", "static_layer": wait }] });
    let envoy = Envoy::start(&configuration);
    let port = envoy.port(name);
    (envoy, port)
}

fn port_that_stays_closed(plan: &mut Plan) {
    for retries in [0, 1, 5] {
        let name = format!("retries::{retries}_are_{retries}");
        let config = config(&name, json!({ "retries": retries }));
        plan.site(Site { name: name.clone(), config, behind: Behind::Nobody });
        plan.test(&name.clone(), move |stage| {
            assert_eq!(get(stage.port(&name), "/hello").status, 503);
            assert_eq!(stage.retries(&name), retries);
            stage.check_good();
        });
    }

    // Envoy itself allows a cluster 3 retries at a time; the reference configuration more.
    let name = "retries::parallel_calls_do_not_take_them_from_each_other";
    let config_of_parallel = config(name, json!({ "retries": 2 }));
    plan.site(Site { name: name.to_owned(), config: config_of_parallel, behind: Behind::Nobody });
    plan.test(name, move |stage| {
        let port = stage.port(name);
        let clients: Vec<_> = (0..20).map(|_| thread::spawn(move || get(port, "/hello").status)).collect();
        let statuses: Vec<_> = clients.into_iter().map(|client| client.join().expect("a reply")).collect();
        assert_eq!((statuses, stage.retries(name)), (vec![503; 20], 40));
    });

    // The retries alone would take many seconds, and their end would be a 503.
    plan.test_alone("retries::they_end_at_the_deadline", || {
        let nobody = Upstream::closed(Protocol::Http1, script::silent());
        let (_envoy, port) = patient(&nobody, json!({ "retries": 5, "timeout": 20 }));
        for _ in 0..20 {
            let reply = get(port, "/hello");
            assert_eq!(reply.status, 504, "{}", String::from_utf8_lossy(&reply.body));
        }
    });
}

/// The action may have run: not once more, however often is allowed.
fn calls_that_were_seen(plan: &mut Plan) {
    let json_type = [("content-type", "application/json")];
    let text_type = [("content-type", "text/plain")];
    let overloaded = b"{\"code\":\"1\",\"error\":\"overloaded\"}";
    let cases = [
        ("reset", script::resets(), 502),
        ("closed", breaks_off_after(Vec::new()), 502),
        ("closed_in_the_answer", breaks_off_after(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{".to_vec()), 502),
        ("answered_with_500", sends(answer(500, &json_type, overloaded)), 500),
        ("answered_with_503", sends(answer(503, &json_type, overloaded)), 503),
        ("answered_with_503_as_envoy_does", sends(answer(503, &text_type, b"upstream connect error")), 503),
        ("answered_with_429", sends(answer(429, &json_type, overloaded)), 429),
        ("never_answered", script::silent(), 504),
    ];
    for (name, script, status) in cases {
        let name = format!("retries::a_call_is_made_once_that_was_{name}");
        let timeout = if status == 504 { 500 } else { 60_000 };
        let attributes = json!({ "retries": 5, "timeout": timeout });
        plan.test_site(&name.clone(), attributes, script, move |stage, port, upstream| {
            let reply = ask(port, &request("POST", "/hello", &[], b"{\"name\":\"world\"}"));
            assert_eq!(reply.status, status, "{}", String::from_utf8_lossy(&reply.body));
            let calls = upstream.wait("the call", |seen| !seen.calls.is_empty()).calls;
            assert_eq!((calls.len(), stage.retries(&name)), (1, 0));
            check_headers(&calls);
        });
    }
}

/// In HTTP/2 an upstream can say that it has not looked at a call.
fn refused_streams(plan: &mut Plan) {
    for (reason, status, made) in [(Reason::REFUSED_STREAM, 200, 2), (Reason::INTERNAL_ERROR, 502, 1)] {
        let name = format!("retries::over_http2_a_call_is_made_once_more_if_it_was_refused::{reason:?}");
        let resets: script::Script = Arc::new(move |_, connection| connection.part(Part::Reset(reason)));
        let behind = Behind::Script(script::once(resets, script::result(READY)));
        plan.test_behind(Protocol::Http2, &name, json!({ "retries": 5 }), behind, move |_, port, upstream| {
            let reply = ask(port, &request("POST", "/hello", &[], b"{\"name\":\"world\"}"));
            assert_eq!((reply.status, upstream.seen().calls.len()), (status, made));
            check_headers(&upstream.seen().calls);
        });
    }
}

/// What Envoy is told of retries is not for the upstream.
fn check_headers(calls: &[corpus::Call]) {
    for name in calls.iter().flat_map(|call| &call.headers).map(|(name, _)| name) {
        assert!(!["x-envoy-retry-on", "x-envoy-max-retries"].contains(&name.as_str()), "{name}");
    }
}
