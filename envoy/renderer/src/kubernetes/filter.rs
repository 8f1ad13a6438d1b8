//! The configuration of the filter as it stands in a manifest: without keys, with the names that the control plane gives.

use std::collections::BTreeMap;

use openwhisk_filter::config::attribute::ATTRIBUTES;
use serde_json::{Map, Value};

use crate::configuration::{BIND, Configuration, SECRETS, Site};
use crate::kubernetes::template::{quoted, scalar};

/// A route as the control plane has it.
#[derive(Debug)]
pub struct Named<'a> {
    /// What serves its requests.
    pub site: Site<'a>,
    /// Its names: one for each host.
    pub names: Vec<String>,
    /// The cluster that is called.
    pub upstream: String,
}

/// What the configuration of a manifest is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// JSON, as a text in it.
    Json,
    /// YAML, as a part of it.
    Yaml,
}

/// The configuration for these routes, and no others.
pub fn configuration(
    configuration: &Configuration,
    routes: &[Named<'_>],
    request_body: Option<&str>,
) -> Map<String, Value> {
    let mut top = without_secrets(configuration.text());
    top.remove("request_body");
    top.extend(request_body.map(|value| ("request_body".to_owned(), value.into())));
    let common = common(routes);
    top.extend(common.map(|upstream| ("upstream".to_owned(), upstream.into())));
    let given = configuration.text().and_then(|text| text.get("routes"));
    let mut named = Map::new();
    for route in routes {
        let mut own = without_secrets(route.site.route.and_then(|name| given?.get(name)?.as_object()));
        // By the route, as some of the top level are only for the `upstream` there.
        let headers = route.site.settings.call_headers().iter();
        let headers: Map<_, _> = headers.map(|(name, value)| (name.clone(), value.reveal().into())).collect();
        if !headers.is_empty() {
            own.insert("call_headers".to_owned(), headers.into());
        }
        own.remove("upstream");
        // A route with an address of its own does not have the `upstream` of the top level.
        if Some(route.upstream.as_str()) != common || own.contains_key("api_host") {
            own.insert("upstream".to_owned(), route.upstream.as_str().into());
        }
        named.extend(route.names.iter().map(|name| (name.clone(), own.clone().into())));
    }
    top.insert("routes".to_owned(), named.into());
    top
}

fn without_secrets(level: Option<&Map<String, Value>>) -> Map<String, Value> {
    let mut level = level.cloned().unwrap_or_default();
    // What is bound is no key, and clients could set it if it were left out.
    level.retain(|name, _| name == BIND || !SECRETS.contains(&name.as_str()));
    level
}

/// The cluster of most routes.
fn common<'a>(routes: &'a [Named<'_>]) -> Option<&'a str> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for route in routes {
        let count = counts.entry(&route.upstream).or_default();
        *count = count.saturating_add(1);
    }
    counts.into_iter().max_by_key(|(_, count)| *count).map(|(upstream, _)| upstream)
}

impl Language {
    /// Lays a configuration out: a line for each attribute and each route.
    pub fn lines(self, configuration: &Map<String, Value>) -> String {
        let mut lines: Vec<String> = Vec::new();
        for (name, value) in in_order(configuration) {
            let key = self.string(name);
            match value.as_object().filter(|_| name == "routes") {
                None => lines.push(format!("{}{key}: {}", self.comment(name, value), self.flow(value))),
                Some(routes) => {
                    let routes =
                        routes.iter().map(|(name, route)| format!("  {}: {}", self.string(name), self.flow(route)));
                    let routes = self.joined(routes);
                    let [open, close] = if self == Self::Json { [" {", "\n}"] } else { ["", ""] };
                    lines.push(format!("{}{key}:{open}\n{routes}{close}", self.comment(name, value)));
                }
            }
        }
        let lines = self.joined(lines.into_iter());
        match self {
            Self::Yaml => lines,
            Self::Json => {
                format!("{{\n{}\n}}", lines.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n"))
            }
        }
    }

    fn joined(self, lines: impl Iterator<Item = String>) -> String {
        lines.collect::<Vec<_>>().join(if self == Self::Json { ",\n" } else { "\n" })
    }

    fn string(self, text: &str) -> String {
        if self == Self::Json { quoted(text) } else { scalar(text) }
    }

    /// A value in one line.
    fn flow(self, value: &Value) -> String {
        match value {
            Value::Object(fields) if !fields.is_empty() => {
                let fields =
                    in_order(fields).map(|(name, value)| format!("{}: {}", self.string(name), self.flow(value)));
                format!("{{ {} }}", fields.collect::<Vec<_>>().join(", "))
            }
            Value::Array(items) => {
                format!("[{}]", items.iter().map(|item| self.flow(item)).collect::<Vec<_>>().join(", "))
            }
            Value::String(text) => self.string(text),
            other => other.to_string(),
        }
    }

    /// What should be said of an attribute where there can be comments.
    fn comment(self, name: &str, value: &Value) -> &'static str {
        match name {
            _ if self == Self::Json => "",
            "request_body" => {
                "# Envoy Gateway cannot set `allow_on_headers_stop_iteration`: the buffer filter does its work.\n"
            }
            "action_errors" if value == "hide" => {
                "# Messages and stacks of actions that fail are for the log, not for clients.\n"
            }
            "max_concurrency" => {
                "# How many calls of one action each worker may have open: a client that asks and leaves does not end its calls. Times\n\
                 # the routes and the workers it should be less than the calls that `circuitBreaker` above allows.\n"
            }
            "routes" => {
                "# The name that Envoy Gateway gives to a route: the HTTPRoute's namespace and name, the numbers of its rule and match,\n\
                 # and its host name with `_` for a dot, or `*`.\n"
            }
            _ => "",
        }
    }
}

/// The attributes of a level, as the documentation has them, and what is none.
fn in_order(level: &Map<String, Value>) -> impl Iterator<Item = (&str, &Value)> {
    let mut fields: Vec<_> = level.iter().map(|(name, value)| (name.as_str(), value)).collect();
    fields
        .sort_by_key(|(name, _)| ATTRIBUTES.iter().position(|attribute| attribute.name == *name).unwrap_or(usize::MAX));
    fields.into_iter()
}
