//! The configuration of an Envoy: a listener for each entry, with the same cluster behind all.

use serde_json::{Map, Value, json};
use testbed::artifact;
use testbed::bootstrap::at;
use testbed::envoy::Options;

use crate::contestant::{Contestant, Entry, before};
use crate::upstream::{AUTHORIZATION, QUERY, path};
use crate::workload::Workload;

/// What Envoy holds of a body, in bytes: more than the largest one.
const LIMIT: u32 = 32 << 20;

/// Where clients believe that `OpenWhisk` is.
const AUTHORITY: &str = "openwhisk.example";

/// The number of connections, calls and retries at a time: never reached.
const ENOUGH: u32 = 1 << 20;

/// An Envoy with one worker that writes nothing but errors: to write would be measured, too.
pub const QUIET: Options = Options {
    workers: 1,
    drain_seconds: 600,
    log_level: "error",
    filter_log_level: "error",
    token: "",
    environment: &[],
};

/// A configuration with a listener for each entry, on ports that the system chooses.
pub fn bootstrap(entries: &[Entry], upstream: u16) -> Result<Value, String> {
    let listeners = entries.iter().map(|entry| listener(entry, 0)).collect::<Result<Vec<_>, _>>()?;
    Ok(with(&listeners, upstream))
}

/// A configuration with one listener on this port.
pub fn bootstrap_on(entry: &Entry, port: u16, upstream: u16) -> Result<Value, String> {
    Ok(with(&[listener(entry, port)?], upstream))
}

/// A configuration with one listener and this many routes, of which clients use the first.
pub fn bootstrap_with_routes(entry: &Entry, count: usize, upstream: u16) -> Result<Value, String> {
    let mut listener = listener(entry, 0)?;
    let manager = at(&mut listener, "/filter_chains/0/filters/0/typed_config");
    let routes = at(manager, "/route_config/virtual_hosts/0/routes");
    let first = routes.get(0).and_then(Value::as_object).cloned().unwrap_or_default();
    let name = |number: usize| format!("route-{number}");
    let route = |number: usize| {
        let mut route = first.clone();
        route.insert("name".to_owned(), json!(name(number)));
        if number > 0 {
            route.insert("match".to_owned(), json!({ "path": format!("/{number}") }));
        }
        Value::Object(route)
    };
    *routes = (0..count).map(route).collect();
    if entry.contestant == Contestant::Filter {
        let mut attributes = attributes(entry);
        let action = attributes.remove("action");
        let own = |number: usize| {
            let other = || json!(format!("action-{number}"));
            let action = action.clone().filter(|_| number == 0).unwrap_or_else(other);
            (name(number), json!({ "action": action, "timeout": 60_000 }))
        };
        attributes.insert("routes".to_owned(), Value::Object((0..count).map(own).collect()));
        let place = "/http_filters/0/typed_config/config/configuration/value";
        *at(manager, place) = json!(Value::Object(attributes).to_string());
    }
    Ok(with(&[listener], upstream))
}

/// A configuration with one listener and this many filters, each with a virtual machine of its own and on for one route.
pub fn bootstrap_with_filters(entry: &Entry, count: usize, upstream: u16) -> Result<Value, String> {
    let mut listener = listener(entry, 0)?;
    let manager = at(&mut listener, "/filter_chains/0/filters/0/typed_config");
    let name = |number: usize| format!("openwhisk-{number}");
    let put = |value: &mut Value, place: &str, name: &str, new: Value| {
        let object = value.pointer_mut(place).and_then(Value::as_object_mut);
        object.map(|object| object.insert(name.to_owned(), new));
    };
    let route = |number: usize| {
        let mut route = route(entry);
        put(&mut route, "", "name", json!(format!("route-{number}")));
        if number > 0 {
            put(&mut route, "", "match", json!({ "path": format!("/{number}") }));
        }
        let switch = json!({
            "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig",
            "config": {},
        });
        put(&mut route, "", "typed_per_filter_config", json!({ name(number): switch }));
        route
    };
    *at(manager, "/route_config/virtual_hosts/0/routes") = (0..count).map(route).collect();
    let filters = at(manager, "/http_filters").as_array_mut().ok_or("there are no filters")?;
    let (Some(router), Some(first)) = (filters.pop(), filters.pop()) else {
        return Err("there is no filter to repeat".to_owned());
    };
    filters.extend((0..count).map(|number| {
        let mut filter = first.clone();
        put(&mut filter, "", "name", json!(name(number)));
        put(&mut filter, "", "disabled", json!(true));
        put(&mut filter, "/typed_config/config/vm_config", "vm_id", json!(name(number)));
        filter
    }));
    filters.push(router);
    Ok(with(&[listener], upstream))
}

fn with(listeners: &[Value], upstream: u16) -> Value {
    json!({
        "admin": { "address": address(0) },
        "static_resources": { "listeners": listeners, "clusters": [cluster(upstream)] },
    })
}

fn listener(entry: &Entry, port: u16) -> Result<Value, String> {
    let mut filters: Vec<Value> = filter(entry)?.into_iter().collect();
    filters.push(json!({
        "name": "envoy.filters.http.router",
        "typed_config": { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
    }));
    Ok(json!({
        "name": entry.name(),
        "address": address(port),
        "per_connection_buffer_limit_bytes": LIMIT,
        "filter_chains": [{ "filters": [{
            "name": "envoy.filters.network.http_connection_manager",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
                "stat_prefix": "bench",
                "route_config": { "virtual_hosts": [{ "name": "bench", "domains": ["*"], "routes": [route(entry)] }] },
                "http_filters": filters,
            },
        }] }],
    }))
}

/// The route: all of the work for the native one, never reached behind a filter that answers.
fn route(entry: &Entry) -> Value {
    let matched = json!({ "path": entry.workload.path.split('?').next().unwrap_or_default() });
    if entry.contestant != Contestant::Native {
        let body = json!({ "inline_string": "no filter answered" });
        return json!({ "name": "route", "match": matched, "direct_response": { "status": 500, "body": body } });
    }
    let rewrite = json!({ "pattern": { "regex": "^.*$" }, "substitution": called(&entry.workload) });
    json!({
        "name": "route",
        "match": matched,
        "route": { "cluster": "openwhisk", "host_rewrite_literal": AUTHORITY, "timeout": "60s", "regex_rewrite": rewrite },
        "request_headers_to_add": [{
            "header": { "key": "authorization", "value": AUTHORIZATION },
            "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
        }],
    })
}

fn filter(entry: &Entry) -> Result<Option<Value>, String> {
    let lua = |code: &str| {
        let constants = format!(
            "local PATH = {:?}\nlocal AUTHORITY = {AUTHORITY:?}\nlocal AUTHORIZATION = {AUTHORIZATION:?}\nlocal HAS_BODY = {}\n",
            called(&entry.workload),
            !entry.workload.sent.is_empty(),
        );
        json!({
            "name": "lua",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua",
                "default_source_code": { "inline_string": constants + code },
            },
        })
    };
    Ok(match entry.contestant {
        Contestant::Native => None,
        Contestant::LuaBare => Some(lua(include_str!("lua/bare.lua"))),
        Contestant::LuaShaping => Some(lua(concat!(include_str!("lua/json.lua"), include_str!("lua/shaping.lua")))),
        Contestant::Filter | Contestant::FilterBefore | Contestant::FilterHttp => Some(wasm(entry)?),
    })
}

/// As in the reference configuration, `envoy/envoy.yaml`.
fn wasm(entry: &Entry) -> Result<Value, String> {
    let other = before().filter(|_| entry.contestant == Contestant::FilterBefore);
    let file =
        other.map_or_else(artifact::filter, Ok)?.to_str().ok_or("the path of the filter is not UTF-8")?.to_owned();
    Ok(json!({
        "name": "openwhisk",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
            "config": {
                "name": "openwhisk",
                "allow_on_headers_stop_iteration": true,
                "failure_policy": "FAIL_RELOAD",
                "configuration": {
                    "@type": "type.googleapis.com/google.protobuf.StringValue",
                    "value": Value::Object(attributes(entry)).to_string(),
                },
                "vm_config": { "runtime": "envoy.wasm.runtime.v8", "code": { "local": { "filename": file } } },
            },
        },
    }))
}

fn attributes(entry: &Entry) -> Map<String, Value> {
    let mut attributes = Map::new();
    let mut set = |name: &str, value: Value| attributes.insert(name.to_owned(), value);
    set("api_host", json!(format!("http://{AUTHORITY}")));
    set("upstream", json!("openwhisk"));
    set("service_token", json!("bench:key"));
    set("namespace", json!("guest"));
    set("action", json!(entry.workload.action()));
    if entry.contestant == Contestant::FilterHttp {
        set("parameters", json!("http"));
    }
    attributes
}

/// Path and query of the calls.
fn called(workload: &Workload) -> String {
    format!("{}{QUERY}", path(workload))
}

fn cluster(upstream: u16) -> Value {
    json!({
        "name": "openwhisk",
        "type": "STATIC",
        "connect_timeout": "5s",
        "per_connection_buffer_limit_bytes": LIMIT,
        "circuit_breakers": { "thresholds": [{
            "max_connections": ENOUGH, "max_pending_requests": ENOUGH, "max_requests": ENOUGH, "max_retries": ENOUGH,
        }] },
        "load_assignment": {
            "cluster_name": "openwhisk",
            "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": address(upstream) } }] }],
        },
        "typed_extension_protocol_options": { "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": { "http_protocol_options": {} },
            "common_http_protocol_options": { "idle_timeout": "60s" },
        } },
    })
}

fn address(port: u16) -> Value {
    json!({ "socket_address": { "address": "127.0.0.1", "port_value": port } })
}
