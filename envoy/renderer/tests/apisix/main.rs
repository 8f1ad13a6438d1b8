//! What texts of `APISIX` become, and what keeps them from it.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    reason = "test code stops at the first surprise"
)]

/// The forms of the texts, and what becomes of the keys in them.
mod forms;
/// What requests match, and what holds them back.
mod routes;

use openwhisk_envoy::{Options, Rendered, render};
use serde_json::{Value, json};

/// Where most of a document is.
const MANAGER: &str = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";

/// The plugin of `APISIX` with a key.
fn openwhisk(attributes: Value) -> Value {
    let mut plugin =
        json!({ "api_host": "http://ow", "service_token": "alice:w0nderland", "namespace": "n", "action": "a" });
    for (name, value) in attributes.as_object().expect("an object") {
        plugin[name] = value.clone();
    }
    plugin
}

/// A route for the action, with these fields.
fn route(fields: Value) -> Value {
    let mut route = json!({ "uri": "/a", "plugins": { "openwhisk": openwhisk(json!({})) } });
    for (name, value) in fields.as_object().expect("an object") {
        if name == "plugins" {
            value
                .as_object()
                .expect("plugins")
                .iter()
                .for_each(|(name, value)| route[&"plugins"][name] = value.clone());
        } else {
            route[name] = value.clone();
        }
    }
    route
}

/// Leaves these out.
fn without(names: &[&str]) -> Options {
    Options { without: names.iter().map(|name| (*name).to_owned()).collect(), ..Options::default() }
}

/// What a text becomes. No key is in it.
fn rendered(text: &Value, options: &Options) -> Rendered {
    let rendered = render(text.to_string().as_bytes(), options).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert!(!format!("{}{:?}{:?}", rendered.yaml, rendered.notes, rendered.keys).contains("w0nderland"), "{text}");
    rendered
}

/// The lines of the error. No key is in them.
fn refused(text: &Value, options: &Options) -> Vec<String> {
    let error = match render(text.to_string().as_bytes(), options) {
        Ok(rendered) => panic!("{text} is rendered: {:?}", rendered.notes),
        Err(error) => error,
    };
    assert!(!format!("{error} {error:?}").contains("w0nderland"), "{error}");
    error.to_string().lines().map(str::to_owned).collect()
}

/// A part of the document.
fn at(rendered: &Rendered, path: &str) -> Value {
    let yaml = &rendered.yaml;
    let document: Value = serde_saphyr::from_str(yaml).unwrap_or_else(|error| panic!("{error}\n{yaml}"));
    document.pointer(path).cloned().unwrap_or_default()
}

/// The configuration of the filter.
fn configuration(rendered: &Rendered) -> Value {
    let filters = at(rendered, &format!("{MANAGER}/http_filters"));
    let filter = filters.as_array().into_iter().flatten().find(|filter| filter["name"] == "openwhisk");
    let text = filter.and_then(|filter| filter.pointer("/typed_config/config/configuration/value")?.as_str());
    serde_json::from_str(text.expect("a text")).expect("JSON")
}

/// The routes of each virtual host that are not the rest: `domain: name match, …`.
fn table(rendered: &Rendered) -> Vec<String> {
    let hosts = at(rendered, &format!("{MANAGER}/route_config/virtual_hosts"));
    let route = |route: &Value| {
        let served = if route["route"].is_null() { "!" } else { "" };
        format!("{served}{} {}", route["name"].as_str().expect("a name"), route["match"])
    };
    let host = |host: &Value| {
        let routes = host["routes"].as_array().expect("routes").iter().filter(|route| route["name"] != "rest");
        format!(
            "{}: {}",
            host["domains"][0].as_str().expect("a domain"),
            routes.map(route).collect::<Vec<_>>().join(", ")
        )
    };
    hosts.as_array().expect("hosts").iter().map(host).collect()
}
