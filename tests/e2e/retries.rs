//! Calls that are tried again, and those that may not be.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use h2::Reason;
use openwhisk_envoy::Protocol;
use serde_json::json;

use crate::client::{ask, get, request};
use crate::http2::Part;
use crate::stage::{Behind, Plan, Site, Stage, config};
use crate::upstream::{self, answer, breaks_off_after, sends};

/// What the action returns.
const READY: &str = "{\"ready\":true}";

/// How many ports are tried: Envoy waits at random, so that one may be opened after the last retry.
const PORTS: usize = 5;

/// Adds the tests.
pub fn add(plan: &mut Plan) {
    port_that_opens(plan);
    port_that_stays_closed(plan);
    calls_that_were_seen(plan);
    refused_streams(plan);
}

fn port_that_opens(plan: &mut Plan) {
    for (name, size) in [("without_a_body", 0), ("with_500_kb", 500 << 10)] {
        let name = format!("retries::a_port_that_opens_late_is_reached_{name}");
        let sites: Vec<_> = (0..PORTS).map(|port| format!("{name}::{port}")).collect();
        for site in &sites {
            let behind = Behind::Closed(upstream::result(READY));
            plan.site(Site { name: site.clone(), config: config(site, json!({ "retries": 5 })), behind });
        }
        plan.test(&name, move |stage| {
            let body: Vec<_> = (0..size).map(|n| b"0123456789"[n % 10]).collect();
            assert!(sites.iter().any(|site| is_reached(stage, site, &body)), "each of {PORTS} was opened too late");
            stage.check_good();
        });
    }
}

/// Opens the port of a site after the first retry. Whether the call got there in the end, and then once and whole.
fn is_reached(stage: &Stage, site: &str, body: &[u8]) -> bool {
    let port = stage.port(site);
    let upstream = stage.upstream(site);
    let reply = thread::scope(|scope| {
        let client = scope.spawn(|| ask(port, &request("POST", "/hello", &[], body)));
        // Each look takes a while.
        while stage.retries(site) == 0 && !client.is_finished() {}
        upstream.open();
        client.join().expect("a reply")
    });
    assert!(stage.retries(site) > 0, "{:?}", reply.status);
    if reply.status != 200 {
        assert_eq!((reply.status, upstream.seen().calls.len()), (503, 0));
        return false;
    }
    let calls = upstream.seen().calls;
    assert_eq!((reply.body.as_slice(), calls.len()), (READY.as_bytes(), 1));
    assert!(calls[0].body == body, "{} of {} bytes, or others", calls[0].body.len(), body.len());
    check_headers(&calls);
    true
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

    // Five retries take 0.4 seconds on average: 20 times that would be 8 seconds.
    let name = "retries::they_end_at_the_deadline";
    let config = config(name, json!({ "retries": 5, "timeout": 20 }));
    plan.site(Site { name: name.to_owned(), config, behind: Behind::Nobody });
    plan.test(name, move |stage| {
        let start = Instant::now();
        for _ in 0..20 {
            let reply = get(stage.port(name), "/hello");
            assert!(matches!(reply.status, 503 | 504), "{}", reply.status);
        }
        let took = start.elapsed();
        assert!(took < Duration::from_secs(4), "20 calls of 20 ms took {took:?}");
        stage.check_good();
    });
}

/// The action may have run: not once more, however often is allowed.
fn calls_that_were_seen(plan: &mut Plan) {
    let json_type = [("content-type", "application/json")];
    let text_type = [("content-type", "text/plain")];
    let overloaded = b"{\"code\":\"1\",\"error\":\"overloaded\"}";
    let cases = [
        ("reset", upstream::resets(), 503),
        ("closed", breaks_off_after(Vec::new()), 503),
        ("closed_in_the_answer", breaks_off_after(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{".to_vec()), 502),
        ("answered_with_500", sends(answer(500, &json_type, overloaded)), 500),
        ("answered_with_503", sends(answer(503, &json_type, overloaded)), 503),
        ("answered_with_503_as_envoy_does", sends(answer(503, &text_type, b"upstream connect error")), 503),
        ("answered_with_429", sends(answer(429, &json_type, overloaded)), 429),
        ("never_answered", upstream::silent(), 504),
    ];
    for (name, script, status) in cases {
        let name = format!("retries::a_call_is_made_once_that_was_{name}");
        let attributes = json!({ "retries": 5, "timeout": 500 });
        plan.test_site(&name.clone(), attributes, script, move |stage, port, upstream| {
            let reply = ask(port, &request("POST", "/hello", &[], b"{\"name\":\"world\"}"));
            assert_eq!(reply.status, status, "{}", String::from_utf8_lossy(&reply.body));
            let calls = upstream.seen().calls;
            assert_eq!((calls.len(), stage.retries(&name)), (1, 0));
            check_headers(&calls);
        });
    }
}

/// In HTTP/2 an upstream can say that it has not looked at a call.
fn refused_streams(plan: &mut Plan) {
    for (reason, status, made) in [(Reason::REFUSED_STREAM, 200, 2), (Reason::INTERNAL_ERROR, 503, 1)] {
        let name = format!("retries::over_http2_a_call_is_made_once_more_if_it_was_refused::{reason:?}");
        let resets: upstream::Script = Arc::new(move |_, connection| connection.part(Part::Reset(reason)));
        let behind = Behind::Script(upstream::once(resets, upstream::result(READY)));
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
