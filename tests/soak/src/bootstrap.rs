//! The configuration of Envoy, derived from the reference configuration: one filter with many routes.

use std::fs;

use serde_json::{Value, json};
use testbed::artifact;
use testbed::bootstrap::{at, named};
use testbed::envoy::Options;

/// The key of the calls. It must appear nowhere else.
pub const TOKEN: &str = "soak-user:soak-key-that-nobody-may-see";

/// The cluster that slow and quick actions share, and how many calls at a time it takes: those of the slow one on two workers,
/// and some more.
const SHARED: &str = "shared";
const PLACES: u64 = 2 * HELD + 10;

/// How many calls of the slow action may be open on a worker.
const HELD: u64 = 20;

/// The cluster at whose port nobody listens.
const NOBODY: &str = "nobody";

/// What the route says that is not for the filter.
pub const PLAIN: &str = "this route is not for the filter\n";

/// Milliseconds after which a call is given up: as many as can be, for a busy machine to answer it.
pub const TIMEOUT: u64 = 60_000;

/// Milliseconds after which a call on the route `/late` is given up.
pub const LATE: u64 = 300;

/// Milliseconds after which the route `/accept` answers with the id of the activation.
pub const ACCEPT: u64 = 300;

/// Milliseconds that `on_timeout` adds for `OpenWhisk` to tell the id.
pub const GRACE: u64 = 1000;

/// The largest body on the route `/small`.
pub const SMALL: usize = 1000;

/// How Envoy is started: with workers that share nothing, and a log of a long run.
pub const OPTIONS: Options = Options {
    workers: 2,
    drain_seconds: 600,
    log_level: "warning",
    filter_log_level: "warning",
    token: TOKEN,
    environment: &[],
};

/// The attributes of the filter, with those of each route.
fn attributes() -> Value {
    json!({
        "api_host": "http://openwhisk.example", "upstream": "openwhisk", "service_token": "$ENV://OPENWHISK_TOKEN",
        "namespace": "guest", "timeout": TIMEOUT, "max_req_body_size": 1_048_576,
        "routes": {
            "echo": { "action": "echo" },
            "http": { "action": "http", "parameters": "http", "path_prefix": "/http" },
            "credentials": { "action": "http", "parameters": "http", "forward_headers": ["cookie"] },
            "activation": { "action": "activation", "mode": "activation" },
            "async": { "action": "async", "mode": "async" },
            "metadata": { "action": "metadata", "mode": "metadata" },
            "late": { "action": "late", "timeout": LATE },
            "accept": { "action": "accept", "timeout": ACCEPT, "on_timeout": "accept" },
            "small": { "action": "small", "max_req_body_size": SMALL },
            "held": { "action": "late", "upstream": SHARED, "service_token": "$ENV://OPENWHISK_TOKEN",
                      "timeout": 2000, "max_concurrency": HELD },
            "neighbour": { "action": "echo", "upstream": SHARED, "service_token": "$ENV://OPENWHISK_TOKEN" },
            "retry": { "action": "retry", "retries": 2, "api_host": "http://nobody.example", "upstream": NOBODY,
                       "service_token": "$ENV://OPENWHISK_TOKEN" },
        },
    })
}

/// The configuration of an Envoy, on ports that the system chooses.
pub fn bootstrap(upstream: u16, nobody: u16) -> Result<Value, String> {
    let path = artifact::source("envoy/envoy.yaml");
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut configuration: Value =
        serde_saphyr::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
    let filter = artifact::filter()?.to_str().ok_or("the path of the filter is not UTF-8")?.to_owned();
    *at(&mut configuration, "/admin/address/socket_address/port_value") = json!(0);
    let resources = at(&mut configuration, "/static_resources");

    let clusters = resources["clusters"].as_array_mut().ok_or("the reference configuration has no clusters")?;
    let cluster = clusters.remove(0);
    // Behind them stays the one without a host, which the routes lead to.
    let mut shared = named(cluster.clone(), SHARED, upstream);
    let most = json!({ "max_connections": PLACES, "max_pending_requests": PLACES, "max_requests": PLACES });
    shared["circuit_breakers"] = json!({ "thresholds": [most] });
    clusters.extend([named(cluster.clone(), "openwhisk", upstream), named(cluster, NOBODY, nobody), shared]);

    let listener = at(resources, "/listeners/0");
    *at(listener, "/address/socket_address/port_value") = json!(0);
    let manager = at(listener, "/filter_chains/0/filters/0/typed_config");
    // The log of accesses goes to the output of Envoy, which nobody reads here.
    manager["access_log"] = json!([]);
    // For a client on this machine it would be an address that only this machine has.
    manager["skip_xff_append"] = json!(true);
    let routes = at(manager, "/route_config/virtual_hosts/0/routes");
    let reference = routes[0].clone();
    let attributes = attributes();
    let names = attributes["routes"].as_object().into_iter().flatten().map(|(name, _)| name);
    let mut all: Vec<Value> = names.map(|name| route(reference.clone(), name)).collect();
    all.push(json!({ "name": "plain", "match": { "prefix": "/" },
                     "direct_response": { "status": 200, "body": { "inline_string": PLAIN } } }));
    *routes = Value::Array(all);
    let plugin = at(manager, "/http_filters/0/typed_config/config");
    *at(plugin, "/configuration/value") = json!(attributes.to_string());
    *at(plugin, "/vm_config/code/local/filename") = json!(filter);
    Ok(configuration)
}

fn route(mut route: Value, name: &str) -> Value {
    route["name"] = json!(name);
    route["match"] = json!({ "path_separated_prefix": format!("/{name}") });
    route
}
