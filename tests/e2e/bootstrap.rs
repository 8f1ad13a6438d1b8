//! Configurations of Envoy, derived from the reference configuration.

use std::net::Ipv4Addr;
use std::path::Path;

use openwhisk_envoy::{Protocol, render};
use serde_json::{Value, json};
use testbed::artifact;
use testbed::bootstrap::merge;
use testbed::envoy::{Envoy, Options};
pub use testbed::reference::{LEAKED_FROM, Line, Reference};
use testbed::reference::{config, to_the_leak};

/// An Envoy with these listeners, of whose requests none may leak: so nobody needs to be there.
pub fn envoy(lines: &[Line], options: &Options) -> Envoy {
    let reference = Reference::read().unwrap_or_else(|error| panic!("{error}"));
    Envoy::start_with(&reference.with(lines, 1), options).unwrap_or_else(|error| panic!("{error}"))
}

/// A change of the manager: these are its routes.
pub fn routes(routes: &Value) -> Value {
    json!({ "route_config": { "virtual_hosts": [{ "name": "all", "domains": ["*"], "routes": routes }] } })
}

/// A route for all below a path. The filter should take its requests over: those it lets through go to the leak.
pub fn route(site: &str, name: &str, prefix: &str) -> Value {
    let mut route = json!({ "name": name, "match": { "path_separated_prefix": prefix } });
    merge(&mut route, &to_the_leak(site));
    route
}

/// What users get for a configuration of the filter with these attributes, on ports that the system chooses.
pub fn rendered(protocol: Protocol, attributes: &Value, ca: Option<&Path>) -> Value {
    let options = openwhisk_envoy::Options { ca: ca.map(text), protocol, ..<_>::default() };
    printed(json!({ "service_token": "$ENV://OPENWHISK_TOKEN" }), attributes, options)
}

/// What users get for a configuration of the filter as it stands, on ports that the system chooses.
pub fn rendered_as_it_stands(json: &str) -> Value {
    printed_for(json, openwhisk_envoy::Options::default())
}

/// The same, where clusters add keys that are in files, each `FILE` or `CLUSTER=FILE`.
pub fn rendered_with_keys(protocol: Protocol, attributes: &Value, key_files: &[&str]) -> Value {
    let key_files = key_files.iter().map(|file| file.parse().expect("a file")).collect();
    let options = openwhisk_envoy::Options { key_files, protocol, ..<_>::default() };
    printed(json!({ "service_token": null }), attributes, options)
}

fn printed(mut all: Value, attributes: &Value, options: openwhisk_envoy::Options) -> Value {
    merge(&mut all, attributes);
    printed_for(&config("openwhisk", all), options)
}

fn printed_for(json: &str, options: openwhisk_envoy::Options) -> Value {
    let any = (Ipv4Addr::LOCALHOST, 0).into();
    let wasm = text(&artifact::filter().unwrap_or_else(|error| panic!("{error}")));
    let options = openwhisk_envoy::Options { listen: any, admin: any, wasm, ..options };
    let rendered = render(json.as_bytes(), &options).unwrap_or_else(|error| panic!("{error}"));
    serde_saphyr::from_str(&rendered.yaml).unwrap_or_else(|error| panic!("{error}"))
}

fn text(path: &Path) -> String {
    path.to_str().expect("UTF-8").to_owned()
}
