//! A real Envoy takes what is rendered.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use openwhisk_envoy::{CA, Options, render, sds, sds_path};
use serde_json::{Value, json};

use crate::{MANAGER, TOKEN, at, config, read, rendered, root};

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

/// Routes to four clusters, of which three have no key.
fn injecting() -> Value {
    json!({ "api_host": "http://near", "namespace": "n", "action": "a", "routes": {
        "near": { "upstream": "near" }, "strange": { "upstream": "{a}:[b]" }, "far": { "api_host": "https://far" },
        "own": { "authorization": "Bearer x" },
    } })
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
    let prefix = Some("/x".parse().expect("a prefix"));
    let options = Options { wasm, route_prefix: prefix, env: vec!["TOKEN".to_owned()], ..Options::default() };

    let all = corpus::configurations(&root().join("tests/configurations.yaml")).expect("a list");
    let accepted = all.into_iter().filter(|configuration| configuration.errors.is_empty());
    let accepted =
        accepted.map(|configuration| (configuration.about, String::from_utf8(configuration.bytes).expect("UTF-8")));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("rendered-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    let key_file = |name: &str| {
        let path = folder.join(name).into_os_string().into_string().expect("UTF-8");
        fs::write(&path, "Basic dXNlcjprZXk=").expect("written");
        fs::write(sds_path(&path), sds(&path).expect("YAML")).expect("written");
        path
    };
    let key = key_file("key");
    let with_key = Options { key_files: vec![key.parse().expect("a key file")], ..options.clone() };

    let mut documents = Vec::new();
    let (mut without_key, mut mixed) = (0, 0);
    for (about, text) in accepted.chain(own()) {
        let yaml = match render(text.as_bytes(), &options) {
            Ok(rendered) => rendered.yaml,
            Err(error) => {
                assert!(error.to_string().starts_with("no key is configured"), "{about}: {error}");
                without_key += 1;
                match render(text.as_bytes(), &with_key) {
                    Ok(rendered) => rendered.yaml,
                    // Routes with and without a key, to the same cluster.
                    Err(error) => {
                        assert!(error.to_string().ends_with("an `upstream` of its own"), "{about}: {error}");
                        mixed += 1;
                        continue;
                    }
                }
            }
        };
        let filters = at(&read(&yaml), [MANAGER, "/http_filters"]);
        let filter = filters.as_array().into_iter().flatten().find(|filter| filter["name"] == "openwhisk");
        let value =
            filter.and_then(|filter| filter.pointer("/typed_config/config/configuration/value")).expect("a value");
        let value: Value = serde_json::from_str(value.as_str().expect("a string")).expect("JSON");
        assert_eq!(value, serde_json::from_str::<Value>(&text).expect("JSON"), "{about}");
        documents.push((about, yaml));
    }
    assert!(documents.len() > 15, "{}", documents.len());
    assert!(without_key > mixed && mixed == 1, "{without_key} {mixed}");
    let several =
        ["near=", "{a}:[b]=", "far:443="].map(|cluster| format!("{cluster}{}", key_file("other: \"key\" #2?")));
    let several = several.map(|file| file.parse().expect("a key file")).to_vec();
    let yaml = rendered(&injecting().to_string(), &Options { key_files: several, ..options.clone() }).yaml;
    assert_eq!(yaml.matches("envoy.filters.http.credential_injector\n").count(), 3, "{yaml}");
    documents.push(("several clusters that inject".to_owned(), yaml));
    let options = Options { route_prefix: None, without: vec!["vars".to_owned()], ..options };
    for (about, text) in of_apisix() {
        let yaml = rendered(&text, &options).yaml;
        assert_eq!(yaml.contains("string_match"), text.contains("vars"), "{about}");
        documents.push((about, yaml));
    }
    // Envoy does look.
    let wrong = documents[0].1.replace("STRICT_DNS", "STRICTLY_DNS");

    let validate = |yaml: &str| {
        let file = folder.join("envoy.yaml");
        fs::write(&file, yaml).expect("written");
        let output = Command::new(&envoy)
            .args(["--mode", "validate", "--log-level", "error", "--use-dynamic-base-id", "--config-path"])
            .arg(&file)
            .env("OPENWHISK_TOKEN", TOKEN)
            .env("TOKEN", "Bearer x")
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
