//! The reference configuration, with as many listeners as there are things to try.

use openwhisk_envoy::{InvalidPrefix, Protocol, render};
use serde_json::{Map, Value, json};

use crate::artifact;
use crate::bootstrap::{array, at, filter, merge, named, string_value};
use crate::upstream::Address;

/// The header that tells a request which the filter let through, and on which listener.
pub const LEAKED_FROM: &str = "x-leaked-from";

/// The reference configuration.
#[derive(Clone, Debug)]
pub struct Reference {
    configuration: Value,
    /// The cluster that speaks HTTP/2.
    http2: Value,
    filter: String,
}

/// A listener of its own for one configuration of the filter.
#[derive(Debug)]
pub struct Line {
    /// Its name, and the plugin's.
    pub name: String,
    /// The configuration of the filter, as Envoy takes it.
    pub plugin: Value,
    /// Where the cluster of the same name leads, if there is one.
    pub upstream: Option<Address>,
    /// What is different from the reference configuration: fields of the `manager` of connections, and of the `cluster`.
    pub changes: Value,
}

impl Line {
    /// One that differs in nothing but the attributes of the filter.
    pub fn of(name: &str, attributes: Value, upstream: Address) -> Self {
        let plugin = string_value(&config(name, attributes));
        Self { name: name.to_owned(), plugin, upstream: Some(upstream), changes: Value::Null }
    }
}

/// The configuration of the filter for a site: the usual one with attributes on top, where null removes one.
pub fn config(upstream: &str, attributes: Value) -> String {
    let usual = json!({
        "api_host": "http://openwhisk.example", "service_token": corpus::GUEST, "namespace": "guest",
        "action": "hello", "upstream": upstream,
    });
    let mut config: Map<String, Value> = serde_json::from_value(usual).expect("an object");
    config.extend(serde_json::from_value::<Map<_, _>>(attributes).expect("an object"));
    config.retain(|_, value| !value.is_null());
    Value::Object(config).to_string()
}

impl Reference {
    /// Prints it, as users do.
    pub fn read() -> Result<Self, String> {
        Self::of(include_bytes!("../../../envoy/hello.json"))
    }

    /// Prints that for another configuration of the filter.
    pub fn of(config: &[u8]) -> Result<Self, String> {
        let filter = artifact::filter()?.to_str().ok_or("the path of the filter is not UTF-8")?.to_owned();
        let route_prefix = Some("/hello".parse().map_err(|error: InvalidPrefix| format!("/hello: {error}"))?);
        let options = openwhisk_envoy::Options { wasm: filter.clone(), route_prefix, ..<_>::default() };
        let read = |protocol| -> Result<Value, String> {
            let options = openwhisk_envoy::Options { protocol, ..options.clone() };
            let rendered = render(config, &options).map_err(|error| error.to_string())?;
            serde_saphyr::from_str(&rendered.yaml).map_err(|error| error.to_string())
        };
        let mut http2 = read(Protocol::Http2)?;
        let http2 = at(&mut http2, "/static_resources/clusters/0").take();
        Ok(Self { configuration: read(Protocol::Http1)?, http2, filter })
    }

    /// The configuration of an Envoy with these listeners, on ports that the system chooses. A request
    /// that a filter lets through goes to the leak.
    pub fn with(&self, lines: &[Line], leak: u16) -> Value {
        let mut configuration = self.configuration.clone();
        let listener = &self.configuration["static_resources"]["listeners"][0];
        let cluster = &self.configuration["static_resources"]["clusters"][0];
        let listeners: Vec<_> = lines.iter().map(|line| self.listener(listener.clone(), line)).collect();
        let changed = |line: &Line| {
            let Address { port, protocol } = line.upstream?;
            let cluster = if protocol == Protocol::Http2 { &self.http2 } else { cluster };
            let mut cluster = named(cluster.clone(), &line.name, port);
            merge(&mut cluster, &line.changes["cluster"]);
            Some(cluster)
        };
        let mut clusters: Vec<_> = lines.iter().filter_map(changed).collect();
        clusters.push(named(cluster.clone(), "leak", leak));
        configuration["static_resources"] = json!({ "listeners": listeners, "clusters": clusters });
        *at(&mut configuration, "/admin/address/socket_address/port_value") = json!(0);
        configuration
    }

    fn listener(&self, mut listener: Value, line: &Line) -> Value {
        listener["name"] = json!(line.name);
        *at(&mut listener, "/address/socket_address/port_value") = json!(0);
        let manager = at(&mut listener, "/filter_chains/0/filters/0/typed_config");
        // The log of accesses goes to the output of Envoy, which nobody reads here.
        manager["access_log"] = json!([]);
        for route in array(at(manager, "/route_config/virtual_hosts/0/routes")) {
            let is_off = route.pointer("/typed_per_filter_config/openwhisk").is_some();
            let route = route.as_object_mut().expect("a route");
            if !is_off {
                route.remove("direct_response");
                route.extend(to_the_leak(&line.name).as_object().expect("an object").clone());
            }
        }
        merge(manager, &line.changes["manager"]);
        let plugin = at(filter(manager), "/typed_config/config");
        plugin["name"] = json!(line.name);
        plugin["root_id"] = json!(line.name);
        plugin["configuration"] = line.plugin.clone();
        *at(plugin, "/vm_config/code/local/filename") = json!(self.filter);
        listener
    }
}

/// Fields of a route to the leak.
pub fn to_the_leak(site: &str) -> Value {
    let header = json!({ "key": LEAKED_FROM, "value": site });
    json!({ "route": { "cluster": "leak" }, "request_headers_to_add": [{ "header": header }] })
}
