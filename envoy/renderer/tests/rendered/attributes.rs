//! What attributes and options become, what is warned of, and what is refused.

use openwhisk_envoy::{CA, Form, Options, render};
use serde_json::{Value, json};

use crate::{CLUSTER, MANAGER, TLS, TOKEN, at, config, document, read, rendered, root};

#[test]
fn a_cluster_is_reached_as_the_configuration_says() {
    let address = "/load_assignment/endpoints/0/lb_endpoints/0/endpoint/address/socket_address";
    let idle = "/typed_extension_protocol_options/envoy.extensions.upstreams.http.v3.HttpProtocolOptions\
                /common_http_protocol_options/idle_timeout";
    let cases = [
        (json!({}), "/name", json!("ow:80")),
        (json!({}), "/type", json!("STRICT_DNS")),
        (json!({}), "/dns_lookup_family", json!("V4_PREFERRED")),
        (json!({}), address, json!({ "address": "ow", "port_value": 80 })),
        (json!({}), "/load_assignment/cluster_name", json!("ow:80")),
        (json!({}), "/transport_socket", Value::Null),
        (json!({ "upstream": "x" }), "/name", json!("x")),
        (json!({ "api_host": "http://127.0.0.1:3233" }), "/type", json!("STATIC")),
        (json!({ "api_host": "http://127.0.0.1:3233" }), "/dns_lookup_family", Value::Null),
        (
            json!({ "api_host": "http://127.0.0.1:3233" }),
            address,
            json!({ "address": "127.0.0.1", "port_value": 3233 }),
        ),
        (json!({ "api_host": "https://[0::1]" }), address, json!({ "address": "::1", "port_value": 443 })),
        (json!({}), "/connect_timeout", json!("5s")),
        (json!({ "timeout": 1500 }), "/connect_timeout", json!("1.500s")),
        (json!({}), "/circuit_breakers/thresholds/0/max_retries", json!(1024)),
        (json!({}), idle, json!("60s")),
        (json!({ "keepalive_timeout": 1000 }), idle, json!("1s")),
        (json!({ "keepalive_timeout": u64::MAX }), idle, json!("31536000s")),
    ];
    for (attributes, path, expected) in cases {
        assert_eq!(at(&document(attributes.clone()), [CLUSTER, path]), expected, "{attributes} {path}");
    }
}

#[test]
fn certificates_are_verified_unless_somebody_says_no() {
    let name = "/common_tls_context/validation_context/match_typed_subject_alt_names/0";
    let ca = "/common_tls_context/validation_context/trusted_ca/filename";
    let by_name = json!({ "san_type": "DNS", "matcher": { "exact": "ow.example" } });
    let by_address = json!({ "san_type": "IP_ADDRESS", "matcher": { "exact": "::1" } });
    let unverified = json!({ "api_host": "https://ow.example", "ssl_verify": false });
    let cases = [
        (json!({ "api_host": "https://OW.example." }), "/sni", json!("ow.example")),
        (json!({ "api_host": "https://OW.example." }), name, by_name),
        (json!({ "api_host": "https://ow.example" }), ca, json!(CA)),
        (json!({ "api_host": "https://[::1]:8443" }), "/sni", Value::Null),
        (json!({ "api_host": "https://[::1]:8443" }), name, by_address),
        (unverified.clone(), "/sni", json!("ow.example")),
        (unverified.clone(), "/common_tls_context/validation_context", Value::Null),
        (unverified.clone(), "/common_tls_context/tls_params/tls_maximum_protocol_version", json!("TLSv1_3")),
    ];
    for (attributes, path, expected) in cases {
        assert_eq!(at(&document(attributes.clone()), [TLS, path]), expected, "{attributes} {path}");
    }
    let options = Options { ca: Some("/my/ca.pem".to_owned()), ..Options::default() };
    let trusting = rendered(&config(json!({ "api_host": "https://ow" })), &options);
    assert_eq!(at(&read(&trusting.yaml), [TLS, ca]), json!("/my/ca.pem"));
}

#[test]
fn routes_become_a_route_table_and_clusters() {
    let routes = json!({
        "plain": {}, "api": { "parameters": "http", "path_prefix": "/v1/orders" },
        "far": { "api_host": "https://far.example", "service_token": "$ENV://OPENWHISK_FAR" },
    });
    let document = document(json!({ "routes": routes }));
    let rows = document.pointer(&format!("{MANAGER}/route_config/virtual_hosts/0/routes")).expect("routes");
    let rows: Vec<_> =
        rows.as_array().expect("a list").iter().map(|row| (row["name"].clone(), row["match"].clone())).collect();
    let expected = [
        (json!("api"), json!({ "path_separated_prefix": "/v1/orders" })),
        (json!("plain"), json!({ "path_separated_prefix": "/plain" })),
        (json!("far"), json!({ "path_separated_prefix": "/far" })),
        (json!("rest"), json!({ "prefix": "/" })),
    ];
    assert_eq!(rows, expected);
    let clusters = document.pointer("/static_resources/clusters").and_then(Value::as_array).expect("clusters");
    let names: Vec<_> = clusters.iter().map(|cluster| &cluster["name"]).collect();
    assert_eq!(names, ["far.example:443", "ow:80", "nowhere@openwhisk"]);
    let variables =
        format!("{MANAGER}/http_filters/1/typed_config/config/vm_config/environment_variables/host_env_keys");
    assert_eq!(document.pointer(&variables), Some(&json!(["OPENWHISK_FAR", "OPENWHISK_TOKEN"])));
}

#[test]
fn the_filter_gets_its_configuration_unchanged() {
    let text = r#"{ "service_token":"$ENV://OPENWHISK_TOKEN","timeout":60000.0,"api_host" : "http://ow",
                    "action":"a","namespace":"n" }"#;
    let yaml = rendered(text, &Options::default()).yaml;
    let value = at(&read(&yaml), [MANAGER, "/http_filters/0/typed_config/config/configuration/value"]);
    let expected = "{\n  \"service_token\": \"$ENV://OPENWHISK_TOKEN\",\n  \"timeout\": 60000.0,\n  \"api_host\": \"http://ow\",\n  \
                    \"action\": \"a\",\n  \"namespace\": \"n\"\n}\n";
    assert_eq!(value, json!(expected));
    assert!(!yaml.contains("user:key\""), "{yaml}");
}

#[test]
fn options_take_effect() {
    let options = Options {
        listen: "[::]:8080".parse().expect("an address"),
        admin: "0.0.0.0:9000".parse().expect("an address"),
        wasm: "/etc/envoy/x.wasm".to_owned(),
        route_prefix: Some("/hello".parse().expect("a prefix")),
        ..Options::default()
    };
    let document = read(&rendered(&config(json!({})), &options).yaml);
    let listener = "/static_resources/listeners/0/address/socket_address";
    let wasm = "/http_filters/0/typed_config/config/vm_config/code/local/filename";
    let route = "/route_config/virtual_hosts/0/routes/0";
    let cases = [
        (["", listener], json!({ "address": "::", "port_value": 8080 })),
        (["/admin/address", "/socket_address"], json!({ "address": "0.0.0.0", "port_value": 9000 })),
        ([MANAGER, wasm], json!("/etc/envoy/x.wasm")),
        ([MANAGER, &format!("{route}/name")], json!("a")),
        ([MANAGER, &format!("{route}/match")], json!({ "path_separated_prefix": "/hello" })),
    ];
    for (path, expected) in cases {
        assert_eq!(at(&document, path), expected, "{path:?}");
    }
}

#[test]
fn a_fragment_is_a_part_of_the_bootstrap() {
    for attributes in [json!({}), json!({ "routes": { "x": { "api_host": "https://y", "service_token": "a:b" } } })] {
        let fragment = Options { form: Form::Fragment, ..Options::default() };
        let fragment = rendered(&config(attributes.clone()), &fragment).yaml;
        let (part, whole) = (read(&fragment), document(attributes));
        let filters = part["http_filters"].as_array().expect("filters");
        let all = at(&whole, [MANAGER, "/http_filters"]);
        assert_eq!(Some(filters.as_slice()), all.as_array().and_then(|all| all.get(..all.len() - 1)));
        assert_eq!(part["clusters"], whole["static_resources"]["clusters"]);
        assert_eq!(part["stats_config"], whole["stats_config"]);
        let limit = at(&whole, ["/static_resources/listeners/0", "/per_connection_buffer_limit_bytes"]);
        assert!(fragment.contains("`initial_stream_window_size`"), "{fragment}");
        assert!(fragment.contains(&format!("`per_connection_buffer_limit_bytes: {limit}`")), "{fragment}");
        assert!(fragment.lines().take_while(|line| !line.is_empty()).all(|line| line.starts_with('#')), "{fragment}");
    }
}

#[test]
fn what_the_operator_should_know_is_one_sentence() {
    let https = json!({ "api_host": "https://ow" });
    let unverified = json!({ "api_host": "https://ow", "ssl_verify": false });
    let ca = Options { ca: Some("/ca.pem".to_owned()), ..Options::default() };
    let prefix = Options { route_prefix: Some("/x".parse().expect("a prefix")), ..Options::default() };
    let env = Options { env: vec!["A".to_owned(), "OPENWHISK_TOKEN".to_owned()], ..Options::default() };
    let plain = Options::default();
    let cases = [
        (config(json!({})), &plain, None),
        (config(json!({})), &env, Some("`--env` has no effect for `A`: the configuration does not read it")),
        (config(json!({ "ssl_verify": false })), &plain, None),
        (config(https.clone()), &ca, None),
        (config(unverified.clone()), &plain, Some("`ssl_verify` is false")),
        (config(json!({ "service_token": TOKEN })), &plain, Some("what may be a key stands in `service_token`")),
        (
            config(json!({ "routes": { "x": { "service_token": TOKEN } } })),
            &plain,
            Some("what may be a key stands in `routes[\"x\"].service_token`"),
        ),
        (
            config(json!({ "action_errors": null })),
            &plain,
            Some("`action_errors` is \"pass\": clients see messages and stacks"),
        ),
        (
            config(json!({ "routes": { "x": {}, "y": { "action_errors": "pass" }, "z": { "action_errors": null } } })),
            &plain,
            Some("`action_errors` is \"pass\": "),
        ),
        (config(json!({ "action_errors": "pass", "routes": { "x": { "action_errors": "hide" } } })), &plain, None),
        (config(json!({ "max_concurrency": null })), &plain, Some("`max_concurrency` is not set: ")),
        (config(json!({ "max_req_body_size": 67_108_864 })), &plain, Some("`max_req_body_size` is 67108864")),
        (config(json!({})), &ca, Some("`--ca` has no effect")),
        (config(json!({ "routes": {} })), &prefix, Some("`--route-prefix` has no effect")),
        (format!(r#"{{"uri": "/x/:id", "plugins": {{"openwhisk": {}}}}}"#, config(json!({}))), &plain, None),
        (config(json!({ "keepalive_pool": 7 })), &plain, Some("`keepalive_pool` has no effect on envoy")),
        (config(json!({ "keepalive_pool": 5 })), &plain, None),
        (format!(r#"{{"uri": "/x", "plugins": {{"openwhisk": {}}}}}"#, config(json!({}))), &plain, None),
        (format!(r#"{{"uri": "/x/:id", "plugins": {{"openwhisk": {}}}}}"#, config(json!({}))), &prefix, None),
        (
            config(json!({ "parameters": "http",
                           "routes": { "x": { "path_prefix": "/o" }, "y": { "path_prefix": "/o" } } })),
            &plain,
            Some("the routes \"x\" and \"y\" have the same `path_prefix`"),
        ),
    ];
    for (text, options, expected) in cases {
        let warnings = rendered(&text, options).warnings;
        assert_eq!(warnings.len(), usize::from(expected.is_some()), "{text}: {warnings:?}");
        assert!(warnings.iter().all(|warning| warning.starts_with(expected.unwrap_or("?"))), "{text}: {warnings:?}");
        assert!(!warnings.concat().contains("wonder"), "{warnings:?}");
    }
}

#[test]
fn mistakes_are_those_of_the_filter() {
    let all = corpus::configurations(&root().join("tests/configurations.yaml")).expect("a list");
    let mut count = 0;
    for configuration in all {
        // Here the environment is never looked at.
        if configuration.errors.is_empty() || configuration.about.contains("environment variable") {
            continue;
        }
        count += 1;
        let error = render(&configuration.bytes, &Options::default()).expect_err(&configuration.about).to_string();
        let mut said: Vec<_> = error.lines().collect();
        let mut expected: Vec<_> = configuration.errors.iter().map(String::as_str).collect();
        expected.retain(|line| !line.contains("which is not set in the wasm VM"));
        said.sort_unstable();
        expected.sort_unstable();
        assert_eq!(said, expected, "{}", configuration.about);
    }
    assert!(count > 50, "{count}");

    let cases = [
        (r#"{"plugins": {}}"#.to_owned(), "`plugins` holds neither `openwhisk` nor `openwhisk-wasm`"),
        (
            config(
                json!({ "upstream": "x", "routes": { "a": {}, "b": { "api_host": "https://ow", "upstream": "x", "service_token": TOKEN } } }),
            ),
            "`upstream` is \"x\" for http://ow:80 and for https://ow:443",
        ),
    ];
    for (text, expected) in cases {
        let error = render(text.as_bytes(), &Options::default()).expect_err(&text).to_string();
        assert!(error.starts_with(expected), "{text}: {error}");
    }
}
