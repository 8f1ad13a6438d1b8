//! What is rendered, attribute by attribute, and that a real Envoy takes it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code stops at the first surprise"
)]

mod attributes;
mod keys;
mod listener;
mod reference;
mod validated;

use std::path::{Path, PathBuf};

use openwhisk_envoy::{Options, Rendered, render};
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
        "max_concurrency": 100, "action_errors": "hide" });
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
