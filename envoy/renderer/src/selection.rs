//! The filter right before ours that makes Envoy select the route anew.

use crate::yaml::{Map, Node};

/// Its name in the chain: not that of its kind, under which routes may have settings for another one.
const NAME: &str = "select_route";

/// A filter that changes nothing, and looks at the route.
///
/// A filter before it may have changed the path and cleared Envoy's choice of a route. Nothing that a wasm filter can call
/// makes Envoy choose again: it would be told the route of the old path, and run the action of that.
///
/// Source: Envoy's `source/extensions/filters/http/header_mutation/header_mutation.cc`, `decodeHeaders`, which asks for
/// the settings of the route.
pub fn filter() -> Node {
    let mutation =
        Map::new().with("@type", "type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation");
    Node::from(Map::new().with("name", NAME).with("typed_config", mutation)).about(
        "It changes nothing, but makes Envoy select the route anew. Without it, where a filter has changed the path and\n\
         cleared the route, the filter behind would be told the old route, and run its action. Keep it right before that.",
    )
}
