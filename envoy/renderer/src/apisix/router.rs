//! The routes of `APISIX` in the order in which it tries them, as virtual hosts of Envoy.
//!
//! Source: apache/apisix `apisix/http/router/radixtree_host_uri.lua` and `apisix/http/route.lua`.

use std::collections::BTreeSet;

use super::host::Host;
use super::uri::{Router, Uri};
use crate::route::{Matched, Route, VirtualHost};

/// A route of `APISIX`, as its router sees it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Its paths.
    pub uris: Vec<Uri>,
    /// Its hosts. None stands for all.
    pub hosts: Option<Vec<Host>>,
    /// What else a request has.
    pub matched: Vec<Matched>,
    /// Whether that is all.
    pub is_exact: bool,
    /// Whether it is known which routes come before it. One that may come before all others is taken to do so.
    pub is_ordered: bool,
    /// Which of those with the same path comes first: the one with the larger number.
    pub priority: i64,
    /// Whether the filter serves it.
    pub is_served: bool,
}

/// A virtual host for each host, and one for all others. Envoy looks into one only, so each has all routes that may take
/// its requests, also if none of them is left for the filter.
pub fn virtual_hosts(entries: &[Entry], router: Router) -> Vec<VirtualHost> {
    let hosts: BTreeSet<_> =
        entries.iter().filter_map(|entry| entry.hosts.as_ref()).flatten().flat_map(Host::apart).collect();
    let of_hosts = hosts.iter().map(|host| VirtualHost {
        name: host.to_string(),
        domains: host.domains(),
        routes: routes(entries, Some(host), router),
    });
    of_hosts.chain([VirtualHost::of_all(routes(entries, None, router))]).collect()
}

/// The routes for a host, or for those that no route names.
fn routes(entries: &[Entry], host: Option<&Host>, router: Router) -> Vec<Route> {
    let mut ranked = Vec::new();
    for entry in entries {
        let covers = |own: &&Host| host.is_some_and(|host| own.covers(host));
        let own = entry.hosts.iter().flatten().filter(covers).min_by_key(|own| Host::fit(Some(own)));
        if own.is_none() && entry.hosts.is_some() {
            continue;
        }
        // The other routers look at the host last, and at no order of hosts.
        let fit = (router == Router::HostUri).then(|| Host::fit(own));
        for uri in &entry.uris {
            let route = Route {
                name: entry.name.clone(),
                paths: uri.paths.clone(),
                matched: entry.matched.clone(),
                is_served: entry.is_served,
            };
            let takes_all = entry.is_exact && route.takes_all();
            ranked.push(((entry.is_ordered, fit, uri.rank(entry.priority)), takes_all, uri, route));
        }
    }
    // Stable: among equals the first one comes first.
    ranked.sort_by_key(|(rank, ..)| *rank);
    // Behind one that takes all, nothing comes.
    let all = ranked.iter().position(|(_, takes_all, ..)| *takes_all).map(|first| first.saturating_add(1));
    ranked.truncate(all.unwrap_or(ranked.len()));
    // A route of others matters if one of the filter, behind it, would take its requests.
    let mut later: Vec<&Uri> = Vec::new();
    let mut left = Vec::new();
    for (.., uri, route) in ranked.into_iter().rev() {
        if route.is_served {
            later.push(uri);
        } else if !later.iter().any(|later| later.meets(uri)) {
            continue;
        }
        left.push(route);
    }
    left.reverse();
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, hosts: &[&str], uris: &[&str], priority: i64) -> Entry {
        Entry {
            name: name.to_owned(),
            uris: uris.iter().map(|uri| Uri::parse(uri, Router::UriWithParameter).expect(uri)).collect(),
            hosts: (!hosts.is_empty()).then(|| hosts.iter().map(|host| Host::parse(host).expect(host)).collect()),
            matched: Vec::new(),
            is_exact: true,
            is_ordered: true,
            priority,
            is_served: !name.starts_with("other"),
        }
    }

    fn shown(entries: &[Entry], router: Router) -> Vec<String> {
        let hosts = virtual_hosts(entries, router);
        let names = |routes: &[Route]| routes.iter().map(|route| route.name.clone()).collect::<Vec<_>>().join(" ");
        hosts.iter().map(|host| format!("{}: {}", host.name, names(&host.routes))).collect()
    }

    #[test]
    fn routes_stand_in_the_order_of_the_router() {
        let entries = [
            entry("all", &[], &["/*"], 100),
            entry("exact", &[], &["/a"], 0),
            entry("host", &["x.com"], &["/*"], 0),
            entry("wild", &["*.x.com"], &["/a"], 0),
            entry("wilder", &["*.y.x.com"], &["/*"], 0),
            entry("late", &[], &["/a"], -1),
            entry("early", &[], &["/a"], 1),
        ];
        assert_eq!(
            shown(&entries, Router::HostUri),
            ["x.com: host", "*.x.com: wild early exact late all", "*.y.x.com: wilder", "gateway: early exact late all",]
        );
        assert_eq!(
            shown(&entries, Router::Uri),
            [
                "x.com: early exact late all",
                "*.x.com: early exact wild late all",
                "*.y.x.com: early exact wild late all",
                "gateway: early exact late all",
            ]
        );
    }

    #[test]
    fn a_route_of_others_keeps_its_requests() {
        let entries = [
            entry("pay", &[], &["/pay/*"], 0),
            entry("other-admin", &[], &["/pay/admin"], 0),
            entry("other-rest", &[], &["/*"], 0),
            entry("other-host", &["y.com"], &["/*"], 0),
            entry("other-z", &["z.com"], &["/pay/x"], 0),
        ];
        assert_eq!(
            shown(&entries, Router::HostUri),
            ["y.com: ", "z.com: other-z other-admin pay", "gateway: other-admin pay"],
            "no request for y.com may come to the filter"
        );
    }
}
