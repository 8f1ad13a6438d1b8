//! The listener that is rendered: what it says about clients, and its chain of filters.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code stops at the first surprise"
)]

use openwhisk_envoy::{Options, render};
use serde_json::{Value, json};

/// The manager of connections.
const MANAGER: &str = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";

/// The document for a small configuration with some attributes set.
fn document(attributes: Value) -> Value {
    let mut config =
        json!({ "api_host": "http://ow", "service_token": "$ENV://OPENWHISK_TOKEN", "namespace": "n", "action": "a" });
    let fields: serde_json::Map<String, Value> = serde_json::from_value(attributes).expect("an object");
    fields.into_iter().for_each(|(name, value)| config[name] = value);
    let rendered = render(config.to_string().as_bytes(), &Options::default()).unwrap_or_else(|error| panic!("{error}"));
    serde_saphyr::from_str(&rendered.yaml).unwrap_or_else(|error| panic!("{error}\n{}", rendered.yaml))
}

fn at(document: &Value, parts: [&str; 2]) -> Value {
    document.pointer(&parts.concat()).cloned().unwrap_or_default()
}

/// A filter in front may have changed the path, and with it the route that ours is told.
#[test]
fn right_before_a_filter_with_routes_envoy_selects_the_route_anew() {
    for (attributes, expected) in [
        (json!({}), &["openwhisk", "envoy.filters.http.router"][..]),
        (json!({ "routes": { "a": {} } }), &["select_route", "openwhisk", "envoy.filters.http.router"]),
        (json!({ "routes": {} }), &["select_route", "openwhisk", "envoy.filters.http.router"]),
        (
            json!({ "routes": { "a": {} }, "request_body": "buffer_filter" }),
            &["select_route", "openwhisk", "envoy.filters.http.buffer", "envoy.filters.http.router"],
        ),
    ] {
        let filters = at(&document(attributes.clone()), [MANAGER, "/http_filters"]);
        let names: Vec<_> = filters.as_array().into_iter().flatten().map(|filter| filter["name"].clone()).collect();
        assert_eq!(names, expected, "{attributes}");
    }
}

#[test]
fn no_timeout_of_envoy_comes_before_the_deadline_of_a_call() {
    let seconds = |value: Value| value.as_str().and_then(|text| text.strip_suffix('s')?.parse::<f64>().ok());
    for (attributes, deadline) in [
        (json!({}), 60.0),
        (json!({ "timeout": 1 }), 0.001),
        (json!({ "on_timeout": "accept" }), 61.0),
        (json!({ "timeout": 100, "routes": { "a": {}, "b": { "timeout": 2500 }, "c": { "timeout": 2000 } } }), 2.5),
        (json!({ "routes": {} }), 0.0),
    ] {
        let document = document(attributes.clone());
        for (name, more) in [("/request_timeout", 300.0), ("/stream_idle_timeout", 10.0)] {
            let timeout = seconds(at(&document, [MANAGER, name])).expect(name);
            assert!((timeout - deadline - more).abs() < 1e-6, "{attributes}: {name} is {timeout}");
        }
    }
}

/// Over HTTP/2 the window of a stream is the largest body: bodies that the filter takes must fit into it.
#[test]
fn the_windows_of_http2_hold_what_the_listener_holds() {
    for attributes in
        [json!({}), json!({ "max_req_body_size": 8_388_608 }), json!({ "max_req_body_size": 1_000_000_000_000_u64 })]
    {
        let document = document(attributes.clone());
        let limit = at(&document, ["/static_resources/listeners/0", "/per_connection_buffer_limit_bytes"]);
        for name in ["initial_stream_window_size", "initial_connection_window_size"] {
            let window = at(&document, [MANAGER, &format!("/http2_protocol_options/{name}")]);
            assert_eq!(window, limit, "{attributes}: {name}");
        }
    }
}
