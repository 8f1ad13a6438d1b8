//! Keys that clusters inject, and other secrets than `service_token`.

use openwhisk_envoy::{Form, Options, render};
use serde_json::{Value, json};

use crate::{CLUSTER, MANAGER, TOKEN, at, config, read, rendered};

const FILTERS: &str = "/typed_extension_protocol_options/envoy.extensions.upstreams.http.v3.HttpProtocolOptions\
                       /http_filters";

fn with(key_files: &[&str], form: Form) -> Options {
    let key_files = key_files.iter().map(|text| text.parse().expect("a key file")).collect();
    Options { form, key_files, ..Options::default() }
}

#[test]
fn a_cluster_injects_the_key_of_a_file() {
    let text = config(json!({ "service_token": null }));
    let bootstrap = rendered(&text, &with(&["/etc/ow/key"], Form::Bootstrap));
    let document = read(&bootstrap.yaml);
    let injector = "/0/typed_config";
    let generic = "/0/typed_config/credential/typed_config";
    for (path, expected) in [
        (injector, "/overwrite", json!(true)),
        (generic, "/header", json!("authorization")),
        (generic, "/credential/sds_config/path_config_source", json!({ "path": "/etc/ow/key.sds.yaml" })),
        ("/1", "/name", json!("envoy.filters.http.upstream_codec")),
        ("/2", "", Value::Null),
    ]
    .map(|(path, rest, expected)| (format!("{path}{rest}"), expected))
    {
        assert_eq!(at(&document, [&format!("{CLUSTER}{FILTERS}"), &path]), expected, "{path}");
    }
    assert_eq!(document["node"], json!({ "id": "openwhisk", "cluster": "openwhisk" }));
    let vm = at(&document, [MANAGER, "/http_filters/0/typed_config/config/vm_config"]);
    assert_eq!(vm.get("environment_variables"), None);
    assert!(bootstrap.warnings.is_empty() && bootstrap.environment.is_empty(), "{bootstrap:?}");

    let fragment = rendered(&text, &with(&["/etc/ow/key"], Form::Fragment)).yaml;
    let part = read(&fragment);
    assert_eq!(part["clusters"], document["static_resources"]["clusters"]);
    assert_eq!(part.get("node"), None);
    let comments = fragment.lines().take_while(|line| line.starts_with('#')).collect::<String>();
    assert!(comments.contains("a `node` with `id` and `cluster`"), "{comments}");

    let plain = read(&rendered(&config(json!({})), &Options::default()).yaml);
    assert_eq!((plain.get("node"), at(&plain, [CLUSTER, FILTERS])), (None, Value::Null));
}

#[test]
fn only_the_cluster_without_a_key_injects_one() {
    let routes = json!({ "far": { "api_host": "https://far", "service_token": "$ENV://OPENWHISK_FAR" }, "near": {} });
    let text = config(json!({ "service_token": null, "routes": routes }));
    let document = read(&rendered(&text, &with(&["key"], Form::Bootstrap)).yaml);
    let injects = |name: &str| {
        let clusters = document["static_resources"]["clusters"].as_array().expect("clusters");
        clusters.iter().find(|cluster| cluster["name"] == name).expect("a cluster").pointer(FILTERS).is_some()
    };
    assert_eq!([injects("ow:80"), injects("far:443")], [true, false]);
}

#[test]
fn what_is_sent_as_it_is_may_be_in_the_environment() {
    let secrets = json!({ "service_token": null, "authorization": "$ENV://OPENWHISK_A",
        "call_headers": { "x-key": "$ENV://OPENWHISK_B" }, "routes": { "own": { "service_token": "$env://OPENWHISK_C" } } });
    let one = rendered(&config(secrets), &Options::default());
    let names = ["OPENWHISK_A", "OPENWHISK_B", "OPENWHISK_C"];
    assert_eq!(one.environment, names);
    assert!(one.warnings.is_empty(), "{:?}", one.warnings);
    let vm = "/http_filters/1/typed_config/config/vm_config/environment_variables/host_env_keys";
    assert_eq!(at(&read(&one.yaml), [MANAGER, vm]), json!(names));
    let start = "OPENWHISK_A=secret OPENWHISK_B=secret OPENWHISK_C=user:key envoy -c FILE";
    assert!(one.yaml.contains(start), "{}", one.yaml);

    for (attributes, places) in [
        (json!({ "service_token": null, "authorization": "Bearer wonderland" }), "`authorization`"),
        (json!({ "call_headers": { "x-key": "wonderland" } }), "`call_headers[\"x-key\"]`"),
        (
            json!({ "service_token": TOKEN, "routes": { "x": { "authorization": "wonderland" } } }),
            "`service_token` and `routes[\"x\"].authorization`",
        ),
    ] {
        let warnings = rendered(&config(attributes), &Options::default()).warnings;
        let [warning] = warnings.as_slice() else { panic!("{warnings:?}") };
        assert!(warning.starts_with(&format!("what may be a key stands in {places}, ")), "{warning}");
        assert!(!warning.contains("wonder"), "{warning}");
    }

    for (attributes, place) in [
        (json!({ "service_token": null, "authorization": "$ENV://HOME" }), "authorization"),
        (json!({ "call_headers": { "x-key": "$ENV://HOME" } }), "call_headers[\"x-key\"]"),
    ] {
        let error = render(config(attributes).as_bytes(), &Options::default()).expect_err(place).to_string();
        assert!(error.starts_with(&format!("`{place}` is the environment variable `HOME`, expected one")), "{error}");
    }
}

#[test]
fn a_route_of_apisix_may_have_its_key_from_its_cluster() {
    let plugin: Value = serde_json::from_str(&config(json!({ "service_token": null }))).expect("JSON");
    let text = json!({ "uri": "/x", "plugins": { "openwhisk-wasm": { "conf": plugin } } }).to_string();
    let document = read(&rendered(&text, &with(&["/k"], Form::Bootstrap)).yaml);
    assert_ne!(at(&document, [CLUSTER, FILTERS]), Value::Null);
    let error = render(text.as_bytes(), &Options::default()).expect_err("no key").to_string();
    assert!(error.starts_with("no key is configured, expected "), "{error}");
}
