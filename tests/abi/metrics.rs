//! Metrics on Envoy, and none on APISIX.

use host::Failure;

use crate::{Answer, CONFIGURATION, Filter, Host, Personality, Request, Setup, host};

pub fn all() -> impl Iterator<Item = (&'static str, fn())> {
    [
        ("every_reply_is_counted_by_status_and_error", replies as fn()),
        ("calls_in_flight_come_and_go", in_flight),
        ("apisix_is_not_asked_for_metrics", apisix),
        ("a_proxy_that_keeps_none_is_not_asked_for_them", none_kept),
    ]
    .into_iter()
}

fn get() -> Request {
    Request::new("GET", "/hello")
}

fn result(body: &str) -> Answer {
    Answer::new(200).header("content-type", "application/json").body(body)
}

/// All metrics as lines, in the order of their names.
fn metrics(host: &Host) -> Vec<String> {
    let mut lines: Vec<_> =
        host.metrics().iter().map(|metric| format!("{} {:?} {:?}", metric.name, metric.kind, metric.values)).collect();
    lines.sort();
    lines
}

fn replies() {
    let mut host = host(Personality::Envoy, r#", "package": "shop", "max_req_body_size": 10"#);
    for body in ["{}", r#"{"statusCode": 404}"#, r#"{"statusCode": 0}"#] {
        let id = host.send(get());
        host.answer(id, result(body));
    }
    let id = host.send(get());
    host.fail(id, Failure::Unreachable);
    let id = host.send(get());
    host.fail(id, Failure::DeadlinePassed);
    host.send(get().body("more than 10"));
    assert_eq!(
        metrics(&host),
        [
            "openwhisk_call_duration_milliseconds;action=guest/shop/hello Histogram [0, 0, 0, 0, 1100]",
            "openwhisk_calls_in_flight;action=guest/shop/hello Gauge [0]",
            "openwhisk_errors_total;action=guest/shop/hello;kind=connect Counter [1]",
            "openwhisk_errors_total;action=guest/shop/hello;kind=invalid_result Counter [1]",
            "openwhisk_errors_total;action=guest/shop/hello;kind=timeout Counter [1]",
            "openwhisk_errors_total;action=guest/shop/hello;kind=too_large Counter [1]",
            "openwhisk_requests_total;action=guest/shop/hello;status=2xx Counter [1]",
            "openwhisk_requests_total;action=guest/shop/hello;status=4xx Counter [2]",
            "openwhisk_requests_total;action=guest/shop/hello;status=5xx Counter [3]",
        ]
    );
}

fn in_flight() {
    let mut host = host(Personality::Envoy, "");
    let value = |host: &Host| {
        let gauge = host.metrics().iter().find(|metric| metric.name.starts_with("openwhisk_calls_in_flight"));
        gauge.map(|gauge| gauge.values.clone())
    };
    let first = host.send(get());
    let second = host.send(get());
    assert_eq!(value(&host), Some(vec![2]));
    host.answer(first, result("{}"));
    assert_eq!(value(&host), Some(vec![1]));
    host.disconnect(second);
    assert_eq!(value(&host), Some(vec![0]), "a client that went away leaves its call behind");
}

fn apisix() {
    let mut host = host(Personality::Apisix, "");
    let id = host.send(get());
    host.answer(id, result("{}"));
    assert_eq!(host.reply(id).status, 200);
    assert!(!host.cost(id).host_calls.keys().any(|name| name.contains("metric")), "{:?}", host.cost(id));
}

fn none_kept() {
    let mut host = Setup::new(Personality::Envoy).without_metrics().load(&Filter::built());
    host.configure(format!("{{{CONFIGURATION}}}")).expect("the configuration is valid");
    let id = host.send(get());
    host.answer(id, result("{}"));
    assert_eq!((host.reply(id).status, host.metrics().len()), (200, 0));
}
