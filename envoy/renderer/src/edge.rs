//! What makes Envoy fit for clients whom nobody knows, and does not get in the way of the filter.
//!
//! Source: Envoy's documentation, `configuration/best_practices/edge`. Its buffer limits are not taken over: bodies above
//! 32 KiB would be refused.

use std::time::Duration;

use crate::yaml::{Map, Node};

/// How many clients may be connected at a time, as Envoy's page has it.
const CONNECTIONS: u64 = 50_000;

/// How many requests one connection may have open at a time, as Envoy's page has it.
const STREAMS: u64 = 100;

/// How long a client may take for the head of a request.
const HEAD: Duration = Duration::from_secs(10);

/// How long a client may be silent. More than a call may take beyond its `timeout`.
const IDLE: Duration = Duration::from_secs(10);

/// How long a client may take for a whole request, as Envoy's page has it.
const REQUEST: Duration = Duration::from_secs(300);

/// Adds to the manager of connections what it says about clients: a request may have `limit` bytes, and wait as long as
/// `timeout` for its action.
pub fn clients(manager: Map, limit: u64, timeout: Duration) -> Map {
    let address = Node::from(true).about(
        "Clients cannot say who they are in headers that are Envoy's to set: their address is that of the connection.\n\
         Change: behind a load balancer add `xff_num_trusted_hops: 1`.",
    );
    let id = Node::from(true).about("But an `x-request-id` of theirs is kept, by which they find a request again.");
    let as_it_is =
        Node::from(false).about("And not changed: Envoy would write into an id of 36 characters whether it is traced.");
    let extension = Map::new()
        .with("@type", "type.googleapis.com/envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig")
        .with("pack_trace_reason", as_it_is);
    let head = Node::from(HEAD).about("How long a client may take for the head of a request.");
    let request = Node::from(REQUEST.saturating_add(timeout))
        .about("Change: how long for a whole request, 300 s, and for the action: the longest `timeout`.");
    let idle = Node::from(IDLE.saturating_add(timeout)).about(
        "Change: how long nothing may move. Longer than the longest `timeout`, for nothing moves while an action runs.",
    );
    let underscores = Node::from("DROP_HEADER")
        .about("Many programs take `_` for `-`: `x_user` would get by a filter that sets or removes `x-user`.");
    let kept = Node::from(true).about(
        "Otherwise Envoy closes a connection of HTTP/1.1 after each 400, that of an action as well. After a request whose\n\
         end it cannot be sure of it still does.",
    );
    let streams = Node::from(STREAMS)
        .about("How many requests a connection may have open: many calls at a time need many connections.");
    let window = Node::from(limit).about(
        "Change: as much as the listener holds of a request. Over HTTP/2 this is the limit of a body: with the 64 KiB of\n\
         Envoy's page larger ones would be answered 413.",
    );
    let connection = Node::from(limit).about("How much of all its requests a connection may have on the way.");
    manager
        .with("use_remote_address", address)
        .with("preserve_external_request_id", id)
        .with("request_id_extension", Map::new().with("typed_config", extension))
        .with("request_headers_timeout", head)
        .with("request_timeout", request)
        .with("stream_idle_timeout", idle)
        .with("common_http_protocol_options", Map::new().with("headers_with_underscores_action", underscores))
        .with("http_protocol_options", Map::new().with("override_stream_error_on_invalid_http_message", kept))
        .with(
            "http2_protocol_options",
            Map::new()
                .with("max_concurrent_streams", streams)
                .with("initial_stream_window_size", window)
                .with("initial_connection_window_size", connection),
        )
}

/// Adds to the manager of connections what it does with paths before it looks for their route.
pub fn paths(manager: Map) -> Map {
    let normal = Node::from(true)
        .about("`/a/../b` is `/b`, and `%41` is `A`: the route, the filters and the action all see the same path.");
    let slashes = Node::from(true).about("`//b` is `/b`.");
    let escaped =
        Node::from("KEEP_UNCHANGED").about("`%2F` stays: it is no slash, but a part of a name for the action.");
    manager
        .with("normalize_path", normal)
        .with("merge_slashes", slashes)
        .with("path_with_escaped_slashes_action", escaped)
}

/// How many clients there may be.
pub fn overload_manager() -> Node {
    let connections = Node::from(CONNECTIONS)
        .about("Change: how many clients may be connected at a time. Each needs a file descriptor (`ulimit -n`).");
    let config = Map::new()
        .with(
            "@type",
            "type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
        )
        .with("max_active_downstream_connections", connections);
    let monitor = Map::new()
        .with("name", "envoy.resource_monitors.global_downstream_max_connections")
        .with("typed_config", config);
    Node::from(Map::new().with("resource_monitors", vec![monitor.into()]))
        .about("Without it clients that only connect could take all the memory that Envoy has.")
}
