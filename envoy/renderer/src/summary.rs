//! What a configuration of Envoy serves, for programs.

use openwhisk_filter::config::action::Kind;
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::configuration::{Configuration, variable};
use crate::route::{Field, Paths, Route, VirtualHost};

/// The routes of the filter, the actions or triggers that it calls, their clusters, and the environment variables with keys.
///
/// Of an action's key there is the `attribute` with it and either the `key` itself, where the configuration has it, or its
/// `variable`; or there is the `key_file` from which its cluster adds one. A route has no `path` if its paths are described by
/// a regular expression.
pub fn summary(configuration: &Configuration, clusters: &[Cluster], virtual_hosts: &[VirtualHost]) -> Value {
    let routes = virtual_hosts.iter().flat_map(|host| {
        let served = host.routes.iter().filter(|route| route.is_served);
        served.map(|route| {
            json!({ "name": route.name, "domains": host.domains, "path": path(&route.paths), "methods": methods(route) })
        })
    });
    let actions = configuration.sites().into_iter().map(|site| {
        let given = |attribute| configuration.given(site, attribute);
        let of = |kind, attribute| given(attribute).filter(|_| site.settings.action().kind == kind);
        let secret = configuration.key(site);
        let variable = secret.as_ref().and_then(|secret| variable(secret.text));
        let literal = secret.as_ref().filter(|_| variable.is_none()).map(|secret| secret.text);
        let cluster = clusters.iter().find(|cluster| *cluster.name == **site.settings.upstream());
        json!({
            "api_host": given("api_host"), "namespace": given("namespace"), "package": of(Kind::Action, "package"),
            "action": of(Kind::Action, "action"), "trigger": of(Kind::Trigger, "trigger"),
            "attribute": secret.as_ref().map(|secret| secret.attribute),
            "variable": variable, "key": literal, "key_file": cluster.and_then(|cluster| cluster.key_file.as_deref()),
        })
    });
    let clusters = clusters.iter().map(|cluster| json!({ "name": cluster.name, "address": cluster.to_string() }));
    json!({
        "routes": routes.collect::<Vec<_>>(), "actions": actions.collect::<Vec<_>>(),
        "clusters": clusters.collect::<Vec<_>>(), "environment": configuration.environment.keys().collect::<Vec<_>>(),
    })
}

fn path(paths: &Paths) -> Option<&str> {
    match paths {
        all if all.is_all() => Some("/"),
        Paths::Pattern(_) => None,
        one => Some(one.as_str()),
    }
}

/// The methods that a request may have. None is all.
fn methods(route: &Route) -> &[String] {
    let matched = route.matched.iter().find(|matched| matched.field == Field::Method);
    matched.map_or(&[], |matched| &matched.values)
}
