//! The routes, as Envoy reads them.

use crate::bootstrap::{BUFFER, FILTER, NOWHERE, Parts, any, buffer_per_route};
use crate::route::{Field, Matched, Paths, Route, VirtualHost};
use crate::yaml::{Map, Node};

/// Lets the HTTP connection manager look at paths as nginx does, for routes that come from `APISIX`.
///
/// Source: nginx `src/http/ngx_http_parse.c`, `ngx_http_parse_complex_uri`, with `merge_slashes` on; apache/apisix looks
/// at `$uri`.
pub fn as_nginx(manager: Map) -> Map {
    let normalize = Node::from(true)
        .about("As apisix does before it looks at routes: otherwise `//a` or `/%61` would be another route.");
    manager
        .with("normalize_path", normalize)
        .with("merge_slashes", true)
        .with("path_with_escaped_slashes_action", "UNESCAPE_AND_FORWARD")
}

/// Lets regular expressions be as long as paths of `APISIX`, if there are some: Envoy's limit is that of a short one.
///
/// Source: Envoy `source/common/common/regex.cc`, `re2.max_program_size.error_level`; apache/apisix
/// `apisix/schema_def.lua`: an `uri` has 4096 bytes, of which each takes up to a dozen steps.
pub fn layered_runtime(parts: &Parts<'_>) -> Option<Map> {
    let mut routes = parts.virtual_hosts.iter().flat_map(|host| &host.routes);
    routes.any(Route::has_pattern).then(|| {
        let size = Map::new().with("re2.max_program_size.error_level", 65536).flow();
        let size = size.about("How large a regular expression may be; without it 100 steps.");
        let layer = Map::new().with("name", "regular expressions").with("static_layer", size);
        Map::new().with("layers", vec![layer.into()])
    })
}

/// The virtual hosts.
pub fn virtual_hosts(parts: &Parts<'_>) -> Vec<Node> {
    let host = |(index, host): (usize, &VirtualHost)| {
        Map::new()
            .with("name", host.name.as_str())
            .with("domains", Node::Words(host.domains.clone()))
            .with("routes", routes(parts, &host.routes, index == 0))
            .into()
    };
    parts.virtual_hosts.iter().enumerate().map(host).collect()
}

fn routes(parts: &Parts<'_>, routes: &[Route], is_first: bool) -> Vec<Node> {
    let mut is_first = is_first;
    let listed = routes.iter().map(|route| {
        let row = Map::new().with("name", route.name.as_str()).with("match", condition(route));
        if !route.is_served {
            return Node::from(left(row)).about("Change: a route that apisix leads elsewhere.");
        }
        let buffer = Map::new().with(BUFFER, buffer_per_route(parts));
        let row = row
            .with("route", Map::new().with("cluster", NOWHERE).flow())
            .with_some("typed_per_filter_config", parts.has_buffer_filter.then_some(buffer));
        let row = Node::from(row);
        match (std::mem::take(&mut is_first), parts.is_every) {
            (true, true) => row.about(
                "Change: the route which the action answers. The filter replies before the route's own cluster is\n\
                 reached, which has no host: what gets by the filter reaches nothing. A `direct_response` would switch\n\
                 off what other filters do on this route (`cors`, for one).",
            ),
            (true, false) => row.about(
                "Change: what the routes match. Their names are those in `routes`. The filter replies before a route's\n\
                 own cluster is reached, which has no host: what gets by the filter reaches nothing. A\n\
                 `direct_response` would switch off what other filters do on a route (`cors`, for one).",
            ),
            (false, _) => row,
        }
    });
    let rest = left(Map::new().with("name", "rest").with("match", Map::new().with("prefix", "/").flow()));
    let rest = Node::from(rest)
        .about("Change: all other requests. The filter sees every route: switch it off where it has nothing to do.");
    let takes_all = routes.iter().any(Route::takes_all);
    listed.chain((!takes_all).then_some(rest)).collect()
}

/// A route that is left to others.
fn left(row: Map) -> Map {
    let body = Map::new().with("inline_string", "this route is not taken over by the filter\n").flow();
    let off = Map::new().with(FILTER, any("envoy.config.route.v3.FilterConfig").with("disabled", true));
    row.with("direct_response", Map::new().with("status", 404).with("body", body)).with("typed_per_filter_config", off)
}

/// What requests are on a route.
fn condition(route: &Route) -> Node {
    let paths = match &route.paths {
        all if all.is_all() => Map::new().with("prefix", "/"),
        Paths::Below(prefix) => Map::new().with("path_separated_prefix", prefix.as_str()),
        Paths::Only(path) => Map::new().with("path", path.as_str()),
        Paths::Prefix(prefix) => Map::new().with("prefix", prefix.as_str()),
        Paths::Pattern(regex) => Map::new().with("safe_regex", Map::new().with("regex", regex.as_str()).flow()),
    };
    match (&route.paths, route.matched.as_slice()) {
        (Paths::Pattern(_), []) => paths.into(),
        (_, []) => paths.flow(),
        (_, matched) => paths.with("headers", matched.iter().map(header).collect::<Vec<_>>()).into(),
    }
}

/// One header, or the method, which Envoy takes for one.
fn header(matched: &Matched) -> Node {
    let name = match &matched.field {
        Field::Method => ":method",
        Field::Header(name) => name,
    };
    let text = match matched.values.as_slice() {
        [value] => Map::new().with("exact", value.as_str()).flow(),
        values => {
            let values: Vec<_> = values.iter().map(|value| escaped(value)).collect();
            Map::new().with("safe_regex", Map::new().with("regex", values.join("|")).flow()).into()
        }
    };
    Map::new().with("name", name).with("string_match", text).into()
}

/// A text as a regular expression of RE2 that matches it alone.
fn escaped(text: &str) -> String {
    let escape = |c: char| if c.is_ascii_punctuation() { vec!['\\', c] } else { vec![c] };
    text.chars().flat_map(escape).collect()
}
