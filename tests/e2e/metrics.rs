//! Metrics, as Prometheus reads them from an Envoy with the configuration that `openwhisk-envoy` prints.

use std::collections::BTreeMap;
use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

use openwhisk_envoy::Protocol;
use serde_json::{Value, json};
use testbed::PATIENCE;
use testbed::client::{self, ask, get, request};
use testbed::envoy::{Envoy, Options};
use testbed::script;
use testbed::upstream::Upstream;

use crate::bootstrap::{self, Line};
use crate::stage::Plan;

const JSON: &[(&str, &str)] = &[("content-type", "application/json")];

const CALLS: &str = r#"openwhisk_call_duration_milliseconds_count{action="guest/my shop/good"}"#;

const SLOW_CALLS: &str = r#"openwhisk_call_duration_milliseconds_bucket{action="guest/slow",le="+Inf"}"#;

/// Adds the tests.
pub fn add(plan: &mut Plan) {
    plan.test_alone("metrics::prometheus_reads_them_with_their_labels", labels);
    plan.test_alone("metrics::calls_in_flight_come_and_go", in_flight);
}

/// An Envoy with a site for each of these, by its action.
fn envoy(sites: Vec<(&str, Value, &Upstream)>) -> Envoy {
    let line = |(action, mut attributes, upstream): (&str, Value, &Upstream)| {
        attributes["action"] = json!(action);
        Line::of(action, attributes, upstream.address())
    };
    bootstrap::envoy(&sites.into_iter().map(line).collect::<Vec<_>>(), &Options::default())
}

/// The lines of `/stats/prometheus` about the filter, without its histogram's sum.
fn scrape(envoy: &Envoy) -> BTreeMap<String, String> {
    let reply = get(envoy.admin(), "/stats/prometheus");
    let text = String::from_utf8(reply.body).expect("UTF-8");
    let ours = text.lines().filter(|line| line.contains("openwhisk_"));
    ours.filter_map(|line| line.rsplit_once(' ')).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn labels() {
    let good = Upstream::start(script::result("{}"));
    let missing = Upstream::start(script::sends(script::answer(404, JSON, b"{\"error\":\"no\"}")));
    let slow = Upstream::start(script::silent());
    let nobody = Upstream::closed(Protocol::Http1, script::silent());
    let wrong = Upstream::start(script::result("{\"statusCode\":0}"));
    let mut envoy = envoy(vec![
        ("good", json!({ "package": "my shop", "max_req_body_size": 10 }), &good),
        ("missing", json!({}), &missing),
        ("slow", json!({ "timeout": 2000 }), &slow),
        ("nobody", json!({}), &nobody),
        ("wrong", json!({}), &wrong),
    ]);
    let ports = envoy.ports();
    for (action, expected) in [("good", 200), ("missing", 404), ("slow", 504), ("nobody", 503), ("wrong", 502)] {
        assert_eq!(get(ports[action], "/hello").status, expected, "{action}");
    }
    assert_eq!(get(ports["good"], "/hello").status, 200);
    assert_eq!(ask(ports["good"], &request("POST", "/hello", &[], b"more than 10")).status, 413);

    let expected = [
        (r#"openwhisk_requests_total{action="guest/my shop/good",status="2xx"}"#, "2"),
        (r#"openwhisk_requests_total{action="guest/my shop/good",status="4xx"}"#, "1"),
        (r#"openwhisk_requests_total{action="guest/missing",status="4xx"}"#, "1"),
        (r#"openwhisk_requests_total{action="guest/slow",status="5xx"}"#, "1"),
        (r#"openwhisk_requests_total{action="guest/nobody",status="5xx"}"#, "1"),
        (r#"openwhisk_requests_total{action="guest/wrong",status="5xx"}"#, "1"),
        (r#"openwhisk_errors_total{action="guest/my shop/good",kind="too_large"}"#, "1"),
        (r#"openwhisk_errors_total{action="guest/missing",kind="refused"}"#, "1"),
        (r#"openwhisk_errors_total{action="guest/slow",kind="timeout"}"#, "1"),
        (r#"openwhisk_errors_total{action="guest/nobody",kind="connect"}"#, "1"),
        (r#"openwhisk_errors_total{action="guest/wrong",kind="invalid_result"}"#, "1"),
        (r#"openwhisk_calls_in_flight{action="guest/my shop/good"}"#, "0"),
        (r#"openwhisk_calls_in_flight{action="guest/slow"}"#, "0"),
        (CALLS, "2"),
        (r#"openwhisk_call_duration_milliseconds_bucket{action="guest/slow",le="1000"}"#, "0"),
        (SLOW_CALLS, "1"),
    ];
    // Envoy merges the histograms of its workers every five seconds, those of some calls before those of others.
    let started = Instant::now();
    let mut found = scrape(&envoy);
    let is = |found: &BTreeMap<String, String>, name, value| found.get(name).is_some_and(|found| found == value);
    while !(is(&found, CALLS, "2") && is(&found, SLOW_CALLS, "1")) && started.elapsed() < PATIENCE {
        thread::sleep(Duration::from_millis(100));
        found = scrape(&envoy);
    }
    for (name, value) in expected {
        assert_eq!(found.get(name).map(String::as_str), Some(value), "{name} among {found:#?}");
    }
    let count = |kind: &str| found.keys().filter(|name| name.starts_with(kind)).count();
    assert_eq!((count("openwhisk_requests_total"), count("openwhisk_errors_total")), (6, 5), "{found:#?}");
    assert_eq!(envoy.complaints(), Vec::<String>::new());
}

fn in_flight() {
    let slow = Upstream::start(script::silent());
    let mut envoy = envoy(vec![("slow", json!({}), &slow)]);
    let port = envoy.port("slow");
    let gauge = "wasmcustom.openwhisk_calls_in_flight;action=guest/slow";
    let mut streams: Vec<_> = (0..3).map(|_| client::connect(port)).collect();
    for stream in &mut streams {
        stream.write_all(&request("GET", "/hello", &[], b"")).expect("sent");
    }
    slow.wait("the calls", |seen| seen.calls.len() == 3);
    envoy.wait_for_counter(gauge, |calls| calls == 3);
    // Of a client that goes away nobody waits for the call any more.
    streams.pop();
    envoy.wait_for_counter(gauge, |calls| calls == 2);
    slow.kill();
    for stream in &mut streams {
        assert_eq!(client::read_only_reply(stream, "GET").status, 502);
    }
    envoy.wait_for_counter(gauge, |calls| calls == 0);
    assert_eq!(envoy.complaints(), Vec::<String>::new());
}
