//! The listener that is rendered: what it says about clients, and its chain of filters.

use openwhisk_envoy::{Form, Options};
use serde_json::{Value, json};

use crate::{MANAGER, at, config, document, read, rendered};

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
    for (attributes, longest) in [
        (json!({}), 60.0),
        (json!({ "timeout": 1 }), 0.001),
        (json!({ "on_timeout": "accept" }), 60.0),
        (json!({ "timeout": 100, "routes": { "a": {}, "b": { "timeout": 2500 }, "c": { "timeout": 2000 } } }), 2.5),
        (json!({ "routes": {} }), 0.0),
    ] {
        let document = document(attributes.clone());
        for (name, more) in [("/request_timeout", 300.0), ("/stream_idle_timeout", 10.0)] {
            let timeout = seconds(at(&document, [MANAGER, name])).expect(name);
            assert!((timeout - longest - more).abs() < 1e-6, "{attributes}: {name} is {timeout}");
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

#[test]
fn a_buffer_filter_stands_right_behind_the_filter_if_it_is_to_hold_requests() {
    let names = |filters: &Value| -> Vec<String> {
        let filters = filters.as_array().expect("filters");
        filters.iter().map(|filter| filter["name"].as_str().expect("a name").to_owned()).collect()
    };
    let (ours, buffer, router) = ("openwhisk", "envoy.filters.http.buffer", "envoy.filters.http.router");
    for (request_body, behind) in [(json!("buffer_filter"), &[buffer][..]), (json!("pause"), &[]), (Value::Null, &[])] {
        let attributes = json!({ "request_body": request_body, "max_req_body_size": 2_097_152 });
        let printed = document(attributes.clone());
        let filters = at(&printed, [MANAGER, "/http_filters"]);
        assert_eq!(names(&filters), [&[ours], behind, &[router]].concat(), "{request_body}");
        let fragment = Options { form: Form::Fragment, ..Options::default() };
        let fragment_yaml = rendered(&config(attributes), &fragment).yaml;
        assert_eq!(names(&read(&fragment_yaml)["http_filters"]), [&[ours], behind].concat(), "{request_body}");
        if !behind.is_empty() {
            // On for this route, off for all others, with the limit of the listener.
            let (all, one) = ("/1/typed_config/max_request_bytes", format!("/{buffer}/buffer/max_request_bytes"));
            assert_eq!(filters.pointer("/1/disabled"), Some(&json!(true)));
            assert_eq!(filters.pointer(all), Some(&json!(2_162_688)));
            let route = at(&printed, [MANAGER, "/route_config/virtual_hosts/0/routes/0/typed_per_filter_config"]);
            assert_eq!(route.pointer(&one), Some(&json!(2_162_688)));
            let header = fragment_yaml.lines().take_while(|line| line.starts_with('#')).collect::<Vec<_>>().join("\n");
            assert!(header.contains("BufferPerRoute") && header.contains("max_request_bytes: 2162688"), "{header}");
        }
    }
}
