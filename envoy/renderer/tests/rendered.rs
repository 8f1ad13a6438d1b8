//! What is rendered, attribute by attribute, and that a real Envoy takes it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code stops at the first surprise"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use openwhisk_envoy::{CA, Form, Options, Rendered, render};
use serde_json::{Value, json};

const TOKEN: &str = "alice:wonderland";

/// The paths of a document that most tests look at.
const MANAGER: &str = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
const CLUSTER: &str = "/static_resources/clusters/0";
const TLS: &str = "/static_resources/clusters/0/transport_socket/typed_config";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A small configuration with some attributes set, or removed with null.
fn config(attributes: Value) -> String {
    let mut config = json!({ "api_host": "http://ow", "service_token": "$ENV://OPENWHISK_TOKEN", "namespace": "n", "action": "a",
        "max_concurrency": 100 });
    let fields: serde_json::Map<String, Value> = serde_json::from_value(attributes).expect("an object");
    fields.into_iter().for_each(|(name, value)| config[name] = value);
    config.as_object_mut().expect("an object").retain(|_, value| !value.is_null());
    config.to_string()
}

fn rendered(text: &str, options: &Options) -> Rendered {
    render(text.as_bytes(), options).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn read(yaml: &str) -> Value {
    serde_saphyr::from_str(yaml).unwrap_or_else(|error| panic!("{error}\n{yaml}"))
}

/// The document for a configuration.
fn document(attributes: Value) -> Value {
    read(&rendered(&config(attributes), &Options::default()).yaml)
}

fn at(document: &Value, parts: [&str; 2]) -> Value {
    document.pointer(&parts.concat()).cloned().unwrap_or_default()
}

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
        (config(json!({ "service_token": TOKEN })), &plain, Some("the key itself stands in `service_token`")),
        (
            config(json!({ "routes": { "x": { "service_token": TOKEN } } })),
            &plain,
            Some("the key itself stands in `routes[\"x\"].service_token`"),
        ),
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

/// Configurations that each render something else.
fn own() -> Vec<(String, String)> {
    let tricky: serde_json::Map<_, _> =
        ["a", "a/b", "/", "ü %", "\"'\\", "# x: y", "a\nb", "\u{85}\u{2028}\u{feff}", "no", "?x#y", "*"]
            .map(|name| (name.to_owned(), json!({})))
            .into_iter()
            .collect();
    let own = [
        ("name", json!({})),
        ("literal token", json!({ "service_token": TOKEN })),
        ("address", json!({ "api_host": "http://127.0.0.1:3233" })),
        ("IPv6", json!({ "api_host": "http://[::1]:3233" })),
        ("TLS by name", json!({ "api_host": "https://ow.example./x" })),
        ("TLS by address", json!({ "api_host": "https://[::1]" })),
        ("TLS for anybody", json!({ "api_host": "https://ow", "ssl_verify": false })),
        ("short", json!({ "timeout": 1, "keepalive_timeout": 1000, "max_req_body_size": 1 })),
        ("long", json!({ "keepalive_timeout": u64::MAX, "max_req_body_size": u64::MAX })),
        ("strange upstream", json!({ "upstream": "{a}:[b],\"c\"#d'%$&*!|>\\" })),
        ("no routes", json!({ "routes": {} })),
        ("tricky names", json!({ "routes": tricky })),
        (
            "routes of all kinds",
            json!({ "parameters": "http", "routes": {
                "near": { "path_prefix": "/near" }, "same": { "path_prefix": "/near" },
                "far": { "api_host": "https://far", "service_token": "$ENV://OPENWHISK_TOKEN", "path_prefix": "/" },
            } }),
        ),
    ];
    own.into_iter().map(|(about, attributes)| (about.to_owned(), config(attributes))).collect()
}

/// Routes of `APISIX` whose paths and values are no plain words.
fn of_apisix() -> [(String, String); 3] {
    let plugin: Value = serde_json::from_str(&config(json!({}))).expect("JSON");
    let paths = [
        "/é", "/a b", "/a%20b", "/x?y", "/a\"b", "/a#b", "/a{b}", "/a\\b", "/%", "/*/é", "/a,b*", "/[a]*", "/a: b",
        "/-*", "/~",
    ];
    let values = [
        "a?b", "?", "a: b", "{a}", "[a]", "#a", "a #b", "'a'", "\"a\"", "\\", "*", "&a", "%a", "@a", "`a", "!", "|",
        "no",
    ];
    let plugins = json!({ "openwhisk": plugin });
    let of_paths = paths.map(|path| json!({ "uri": path, "plugins": plugins }));
    let of_values = values.map(|value| json!({ "uri": "/a", "vars": [["http_x", "==", value]], "plugins": plugins }));
    // As many values as are taken, none of which begins like its neighbour.
    let many: Vec<String> = (0..4096).map(|number| format!("{number:07}").chars().rev().collect()).collect();
    let of_many = json!({ "uri": "/a", "vars": [["http_x", "in", many]], "plugins": plugins });
    [
        ("many values".to_owned(), of_many.to_string()),
        (format!("paths {paths:?}"), json!({ "routes": of_paths }).to_string()),
        (format!("values {values:?}"), json!({ "routes": of_values }).to_string()),
    ]
}

#[test]
fn envoy_takes_every_output() {
    let variable = |name: &str, default: &str| env::var_os(name).map_or_else(|| root().join(default), PathBuf::from);
    let envoy = variable("ENVOY", "target/envoy/bin/envoy");
    let wasm = variable("OPENWHISK_FILTER_WASM", openwhisk_envoy::WASM);
    assert!(envoy.is_file(), "{} is missing: run `make envoy`", envoy.display());
    assert!(wasm.is_file(), "{} is missing: run `make build`", wasm.display());
    assert!(Path::new(CA).is_file(), "{CA} is missing: install ca-certificates");
    let wasm = wasm.canonicalize().expect("a path").into_os_string().into_string().expect("UTF-8");
    let options = Options { wasm, route_prefix: Some("/x".parse().expect("a prefix")), ..Options::default() };

    let all = corpus::configurations(&root().join("tests/configurations.yaml")).expect("a list");
    let accepted = all.into_iter().filter(|configuration| configuration.errors.is_empty());
    let accepted =
        accepted.map(|configuration| (configuration.about, String::from_utf8(configuration.bytes).expect("UTF-8")));
    let mut documents = Vec::new();
    for (about, text) in accepted.chain(own()) {
        let yaml = rendered(&text, &options).yaml;
        let filters = at(&read(&yaml), [MANAGER, "/http_filters"]);
        let filter = filters.as_array().into_iter().flatten().find(|filter| filter["name"] == "openwhisk");
        let value =
            filter.and_then(|filter| filter.pointer("/typed_config/config/configuration/value")).expect("a value");
        let value: Value = serde_json::from_str(value.as_str().expect("a string")).expect("JSON");
        assert_eq!(value, serde_json::from_str::<Value>(&text).expect("JSON"), "{about}");
        documents.push((about, yaml));
    }
    assert!(documents.len() > 15, "{}", documents.len());
    let options = Options { route_prefix: None, without: vec!["vars".to_owned()], ..options };
    for (about, text) in of_apisix() {
        let yaml = rendered(&text, &options).yaml;
        assert_eq!(yaml.contains("string_match"), text.contains("vars"), "{about}");
        documents.push((about, yaml));
    }
    // Envoy does look.
    let wrong = documents[0].1.replace("STRICT_DNS", "STRICTLY_DNS");

    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("rendered-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    let validate = |yaml: &str| {
        let file = folder.join("envoy.yaml");
        fs::write(&file, yaml).expect("written");
        let output = Command::new(&envoy)
            .args(["--mode", "validate", "--log-level", "error", "--use-dynamic-base-id", "--config-path"])
            .arg(&file)
            .env("OPENWHISK_TOKEN", TOKEN)
            .stdin(Stdio::null())
            .output()
            .expect("envoy runs");
        (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    };
    for (about, yaml) in &documents {
        let (taken, said) = validate(yaml);
        assert!(taken, "{about}: {said}\n{yaml}");
    }
    assert!(!validate(&wrong).0);
    fs::remove_dir_all(&folder).expect("removed");
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
