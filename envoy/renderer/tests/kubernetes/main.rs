//! Manifests for Kubernetes: their parts fit together, and say what the configuration says.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code stops at the first surprise"
)]

mod addresses;
mod fits;
mod refused;

use std::fs;
use std::path::{Path, PathBuf};

use openwhisk_envoy::kubernetes::{ControlPlane, IMAGE, KubernetesOptions, manifests};
use openwhisk_envoy::{Error, Input, Rendered};
use serde_json::{Map, Value, json};

const PLANES: [ControlPlane; 2] = [ControlPlane::EnvoyGateway, ControlPlane::Istio];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A small configuration with some attributes set, or removed with null.
fn config(attributes: Value) -> String {
    let mut config = json!({ "api_host": "https://ow.example", "namespace": "n", "action": "a", "max_concurrency": 100,
        "action_errors": "hide" });
    let fields: Map<String, Value> = serde_json::from_value(attributes).expect("an object");
    fields.into_iter().for_each(|(name, value)| config[name] = value);
    config.as_object_mut().expect("an object").retain(|_, value| !value.is_null());
    config.to_string()
}

fn options(control_plane: ControlPlane) -> KubernetesOptions {
    KubernetesOptions {
        control_plane,
        image: IMAGE.parse().expect("an image"),
        namespace: None,
        gateway: None,
        labels: Vec::new(),
        hosts: Vec::new(),
        secret: None,
        route_prefix: None,
    }
}

fn written(text: &str, options: &KubernetesOptions) -> Result<Rendered, Error> {
    manifests(&[Input { name: "-", text: text.as_bytes() }], options)
}

/// The resources for a configuration.
fn resources(attributes: Value, options: &KubernetesOptions) -> Vec<Value> {
    let text = config(attributes);
    read(&written(&text, options).unwrap_or_else(|error| panic!("{error}\n{text}")).yaml)
}

fn read(yaml: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(yaml).unwrap_or_else(|error| panic!("{error}\n{yaml}"))
}

/// The resources of a kind.
fn of_kind<'a>(resources: &'a [Value], kind: &str) -> Vec<&'a Value> {
    resources.iter().filter(|resource| resource["kind"] == kind).collect()
}

fn the_only<'a>(resources: &'a [Value], kind: &str) -> &'a Value {
    let found = of_kind(resources, kind);
    let [one] = found[..] else { panic!("{} resources of the kind {kind}", found.len()) };
    one
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no string"))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("{value} is no list"))
}

#[test]
fn the_files_are_what_is_written_for_the_example() {
    let example = fs::read_to_string(root().join("envoy/kubernetes.json")).expect("a file");
    for (name, control_plane) in [
        ("envoy-gateway", ControlPlane::EnvoyGateway),
        ("istio", ControlPlane::Istio),
        ("istio-gateway-patch", ControlPlane::IstioGatewayPatch),
    ] {
        let file = fs::read_to_string(root().join(format!("envoy/{name}.yaml"))).expect("a file");
        let written = written(&example, &options(control_plane)).expect("an accepted configuration");
        assert!(written.yaml == file, "envoy/{name}.yaml: run `make manifests`");
        assert_eq!((written.warnings, written.notes), (vec![], vec![]), "{name}");
    }
}
