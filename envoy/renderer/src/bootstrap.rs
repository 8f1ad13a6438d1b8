//! The document: what Envoy reads, with what its operator may want to change marked.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use crate::apisix::Key;
use crate::cluster::{CALLS, Cluster, Host, Security};
use crate::edge;
use crate::injection;
use crate::render::{CA, Form, Options, Protocol};
use crate::route::VirtualHost;
use crate::selection;
use crate::table::{as_nginx, layered_runtime, virtual_hosts};
use crate::yaml::{Map, Node};

/// The name of the filter in the chain.
pub const FILTER: &str = "openwhisk";

/// The name of Envoy's buffer filter.
pub const BUFFER: &str = "envoy.filters.http.buffer";

/// The cluster without a host, behind the routes of the filter. No `upstream` has this name, as none holds an `@`.
pub const NOWHERE: &str = "nowhere@openwhisk";

/// The labels of the filter's metrics, which their names hold as `;action=…`.
const TAGS: &[&str] = &["action", "status", "kind"];

/// What the document is made of.
#[derive(Debug)]
pub struct Parts<'a> {
    /// The configuration of the filter.
    pub configuration: String,
    /// The environment variables it reads, and what could be in them.
    pub environment: BTreeMap<String, &'static str>,
    /// The clusters it calls.
    pub clusters: Vec<Cluster>,
    /// The routes it serves, and those that it leaves to others.
    pub virtual_hosts: Vec<VirtualHost>,
    /// If it comes from `APISIX`: the keys that stood there.
    pub keys: Option<&'a [Key]>,
    /// Whether it serves every route on which it is not switched off.
    pub is_every: bool,
    /// How much of a request the listener holds.
    pub limit: u64,
    /// The longest `timeout`.
    pub timeout: Duration,
    /// Whether a buffer filter holds the requests.
    pub has_buffer_filter: bool,
    /// What the operator said.
    pub options: &'a Options,
}

/// The comment at the top.
pub fn header(parts: &Parts<'_>) -> String {
    let limit = format!(
        "- The listener needs `per_connection_buffer_limit_bytes: {}`, for the bodies, and as much where",
        parts.limit
    );
    let mut lines = match parts.options.form {
        Form::Bootstrap => vec![
            "A configuration of Envoy, 1.35 or newer, with the filter openwhisk, printed by `openwhisk-envoy`.",
            "Lines to change for a deployment of your own are marked with \"Change\".",
        ],
        Form::Fragment => vec![
            "Parts for a configuration of Envoy, 1.35 or newer, printed by `openwhisk-envoy`.",
            "- stats_config: to the top, for the labels of the filter's metrics.",
            "- http_filters: in this order into the HTTP connection manager, before envoy.filters.http.router.",
            "- clusters: into static_resources. The one without a host is for the routes of the filter.",
            &limit,
            "  its manager has an `initial_stream_window_size` of HTTP/2. A `request_timeout` and a `stream_idle_timeout`",
            "  must be longer than the longest `timeout`. Without the `http_protocol_options`",
            "  `override_stream_error_on_invalid_http_message: true` each 400 of an action closes a connection of HTTP/1.1.",
        ],
    };
    match (parts.options.form, parts.is_every) {
        (Form::Bootstrap, _) => {}
        (Form::Fragment, false) => {
            lines.push("- The filter takes over the routes with the names in `routes`, no others.");
        }
        (Form::Fragment, true) => lines.extend([
            "- The filter takes over every request: on a route where it has nothing to do, switch it off:",
            "    typed_per_filter_config:",
            "      openwhisk:",
            "        \"@type\": type.googleapis.com/envoy.config.route.v3.FilterConfig",
            "        disabled: true",
        ]),
    }
    if let (Form::Fragment, Some(_)) = (parts.options.form, parts.keys) {
        lines.extend([
            "- layered_runtime, if it is there: to the top.",
            "- route_config: into the HTTP connection manager, which needs normalize_path and merge_slashes: true and",
            "  path_with_escaped_slashes_action: UNESCAPE_AND_FORWARD, as apisix looks at such paths.",
        ]);
    }
    let limit = format!("          max_request_bytes: {}", parts.limit);
    if parts.options.form == Form::Fragment && parts.has_buffer_filter {
        lines.extend([
            "- The buffer filter must be switched on for each route that the filter takes over:",
            "    typed_per_filter_config:",
            "      envoy.filters.http.buffer:",
            "        \"@type\": type.googleapis.com/envoy.extensions.filters.http.buffer.v3.BufferPerRoute",
            "        buffer:",
            &limit,
        ]);
    }
    let injects = parts.clusters.iter().any(|cluster| cluster.key_file.is_some());
    if injects && parts.options.form == Form::Fragment {
        lines.push("- The bootstrap needs a `node` with `id` and `cluster`, or Envoy `--service-node` and `--service-cluster`.");
    }
    if injects {
        lines.push("`openwhisk-envoy secret FILE` writes a key to its file, as the user that Envoy runs as, also while Envoy runs.");
    }
    let variables: Vec<_> = parts.environment.iter().map(|(name, held)| format!("{name}={held}")).collect();
    let start = format!("Start it with the key in the environment: `{} envoy -c FILE`.", variables.join(" "));
    if !variables.is_empty() {
        lines.push(&start);
    }
    if !variables.is_empty() && !injects {
        lines.push("Better the cluster adds the key, from a file that is replaced without a restart: `openwhisk-envoy --key-file`.");
    }
    let keys: Vec<_> = parts.keys.into_iter().flatten().map(|key| format!("- {key}")).collect();
    if !keys.is_empty() {
        lines.push("The keys stood in the configuration of apisix. Here are the variables that take them:");
    }
    lines.extend(keys.iter().map(String::as_str));
    lines.iter().flat_map(|line| ["# ", line, "\n"]).collect()
}

/// All that Envoy needs to start.
pub fn bootstrap(parts: &Parts<'_>) -> Map {
    let listener = Map::new()
        .with("name", "gateway")
        .with("address", address(parts.options.listen).about("Change: where clients connect."))
        .with("per_connection_buffer_limit_bytes", limit(parts))
        .with("filter_chains", vec![Map::new().with("filters", vec![manager(parts)]).into()]);
    let unlimited = Node::from(true).about("The limit of connections below is not for operators.");
    let admin = Map::new().with("address", address(parts.options.admin)).with("ignore_global_conn_limit", unlimited);
    let node = parts.clusters.iter().any(|cluster| cluster.key_file.is_some()).then(injection::node);
    Map::new()
        .with_some("node", node)
        .with("admin", admin)
        .with("overload_manager", edge::overload_manager())
        .with("stats_config", stats_config())
        .with_some("layered_runtime", layered_runtime(parts))
        .with("static_resources", Map::new().with("listeners", vec![listener.into()]).with("clusters", clusters(parts)))
}

/// What is to be pasted.
pub fn fragment(parts: &Parts<'_>) -> Map {
    Map::new()
        .with("stats_config", stats_config())
        .with_some("layered_runtime", layered_runtime(parts))
        .with("http_filters", filters(parts).collect::<Vec<_>>())
        .with_some("route_config", parts.keys.map(|_| route_config(parts)))
        .with("clusters", clusters(parts))
}

fn address(address: SocketAddr) -> Node {
    Map::new().with("socket_address", socket_address(address.ip().to_string(), address.port())).into()
}

fn socket_address(host: String, port: u16) -> Node {
    Map::new().with("address", host).with("port_value", u64::from(port)).flow()
}

fn limit(parts: &Parts<'_>) -> Node {
    Node::from(parts.limit).about(
        "Change: a little above `max_req_body_size`, so that the filter and not Envoy says what is wrong. So much of a\n\
         request Envoy may hold. Without that attribute it is what OpenWhisk takes, 1 MiB, not the filter's 64 MiB.",
    )
}

fn stats_config() -> Node {
    let tag = |name: &&str| Map::new().with("tag_name", *name).with("regex", format!("(;{name}=([^;]*))")).into();
    let tags: Vec<Node> = TAGS.iter().map(tag).collect();
    Node::from(Map::new().with("stats_tags", tags))
        .about("Labels of the filter's metrics, whose names hold them as in \";action=guest/hello\".")
}

fn manager(parts: &Parts<'_>) -> Node {
    let log = "%REQ(:METHOD)% %REQ(:PATH)% %RESPONSE_CODE% %DURATION% ms activation=%RESP(X-OPENWHISK-ACTIVATION-ID)% \
         error=%FILTER_STATE(wasm.openwhisk.error:PLAIN)%\n";
    let format = Map::new().with("text_format_source", Map::new().with("inline_string", log));
    let log =
        typed("envoy.access_loggers.stdout", "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog", |log| {
            log.with("log_format", format)
        });
    let router = typed("envoy.filters.http.router", "envoy.extensions.filters.http.router.v3.Router", |router| router);
    typed(
        "envoy.filters.network.http_connection_manager",
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        |manager| {
            let manager = manager.with("stat_prefix", "gateway").with("access_log", vec![log]);
            let manager = edge::clients(manager, parts.limit, parts.timeout);
            let manager = if parts.keys.is_some() { as_nginx(manager) } else { edge::paths(manager) };
            manager
                .with("route_config", route_config(parts))
                .with("http_filters", filters(parts).chain([router]).collect::<Vec<_>>())
        },
    )
}

/// The routes. A host is looked at without its port, as nginx does.
fn route_config(parts: &Parts<'_>) -> Map {
    let without_port = parts.keys.map(|_| Node::from(true));
    Map::new().with_some("ignore_port_in_host_matching", without_port).with("virtual_hosts", virtual_hosts(parts))
}

/// An extension.
pub fn typed(name: &str, message: &str, configured: impl FnOnce(Map) -> Map) -> Node {
    Map::new().with("name", name).with("typed_config", configured(any(message))).into()
}

/// A message with its type.
pub fn any(message: &str) -> Map {
    Map::new().with("@type", format!("type.googleapis.com/{message}"))
}

/// The filter, and what stands right before and behind it.
fn filters(parts: &Parts<'_>) -> impl Iterator<Item = Node> {
    let buffer = any("envoy.extensions.filters.http.buffer.v3.Buffer").with("max_request_bytes", parts.limit);
    let buffer = Node::from(Map::new().with("name", BUFFER).with("disabled", true).with("typed_config", buffer)).about(
        "`request_body` is \"buffer_filter\": right behind the filter, this one keeps the head of a request until the\n\
         filter is done with it. Without it the head would go on to the route at once. It is switched on for the routes of\n\
         the filter only: all others still stream.",
    );
    let selection = (!parts.is_every).then(selection::filter);
    [selection, Some(filter(parts)), parts.has_buffer_filter.then_some(buffer)].into_iter().flatten()
}

/// What switches the buffer filter on for a route.
pub fn buffer_per_route(parts: &Parts<'_>) -> Map {
    any("envoy.extensions.filters.http.buffer.v3.BufferPerRoute")
        .with("buffer", Map::new().with("max_request_bytes", parts.limit))
}

fn filter(parts: &Parts<'_>) -> Node {
    let configuration = any("google.protobuf.StringValue").with(
        "value",
        Node::Lines(parts.configuration.clone())
            .about("Change: what the filter does. Each `upstream` is the name of a cluster below. `max_concurrency`, times the\n\
                    routes and the workers of Envoy, should be less than the calls which that allows."),
    );
    let environment = Map::new().with("host_env_keys", Node::Words(parts.environment.keys().cloned().collect()));
    let code = Node::from(parts.options.wasm.as_str()).about("Change: where the filter lies.");
    let vm = Map::new()
        .with("runtime", "envoy.wasm.runtime.v8")
        .with_some("environment_variables", (!parts.environment.is_empty()).then_some(environment))
        .with("code", Map::new().with("local", Map::new().with("filename", code)));
    let config = Map::new()
        .with("name", FILTER)
        .with(
            "allow_on_headers_stop_iteration",
            Node::from(true).about(
                "Both settings are needed. Without the first a request with a body hangs (Envoy 1.35 or newer);\n\
                 without the second one crash would answer 503 for ever.",
            ),
        )
        .with("failure_policy", "FAIL_RELOAD")
        .with(
            "configuration",
            Node::from(configuration).about("A StringValue: a Struct does not reach the filter as JSON."),
        )
        .with("vm_config", vm);
    typed(FILTER, "envoy.extensions.filters.http.wasm.v3.Wasm", |wasm| wasm.with("config", config))
}

fn clusters(parts: &Parts<'_>) -> Vec<Node> {
    parts.clusters.iter().map(|one| cluster(one, parts.options)).chain([nowhere()]).collect()
}

/// What the routes of the filter lead to: whatever gets by the filter, because it is not in the chain or switched off,
/// gets 503 and reaches nobody.
fn nowhere() -> Node {
    Node::from(Map::new().with("name", NOWHERE).with("type", "STATIC"))
        .about("No host: a request that gets by the filter reaches nothing.")
}

fn cluster(cluster: &Cluster, options: &Options) -> Node {
    let host = &cluster.address.host;
    let (resolved, family) = match host {
        Host::Ip(_) => ("STATIC", None),
        Host::Name(_) => ("STRICT_DNS", Some("V4_PREFERRED")),
    };
    let thresholds = Map::new()
        .with("max_connections", CALLS)
        .with("max_pending_requests", CALLS)
        .with("max_requests", CALLS)
        .with("max_retries", 1024);
    let endpoint =
        Node::from(Map::new().with("socket_address", socket_address(host.to_string(), cluster.address.port)));
    let endpoint =
        Map::new().with("endpoint", Map::new().with("address", endpoint.about("Change: host and port of `api_host`.")));
    let endpoints = Map::new().with("lb_endpoints", vec![endpoint.into()]);
    let connections = match cluster.idle_timeout {
        Some(idle) => Map::new().with(
            "idle_timeout",
            Node::from(idle).about("Change: `keepalive_timeout`, how long an idle connection is kept."),
        ),
        None => Map::new().with(
            "max_requests_per_connection",
            Node::from(1).about("`keepalive` is false: each call has a connection of its own."),
        ),
    };
    let explicit = match options.protocol {
        Protocol::Http1 => Map::new().with("http_protocol_options", Map::new()),
        Protocol::Http2 => {
            let ping =
                Map::new().with("interval", "30s").with("timeout", "5s").flow().about(
                    "All calls share a connection: without this a dead one would be used until the system notices.",
                );
            Map::new().with("http2_protocol_options", Map::new().with("connection_keepalive", ping))
        }
    };
    let protocol = any("envoy.extensions.upstreams.http.v3.HttpProtocolOptions")
        .with("explicit_http_config", explicit)
        .with("common_http_protocol_options", connections)
        .with_some("http_filters", cluster.key_file.as_deref().map(injection::filters));
    Map::new()
        .with("name", cluster.name.as_str())
        .with("type", Node::from(resolved).about("STATIC for an address, STRICT_DNS for a name."))
        .with_some("dns_lookup_family", family)
        .with("connect_timeout", cluster.connect_timeout)
        .with(
            "circuit_breakers",
            Node::from(Map::new().with("thresholds", vec![thresholds.into()])).about(
                "As many calls at a time as may wait for an answer, and for a retry; Envoy's own limits are 1024 and 3.",
            ),
        )
        .with(
            "load_assignment",
            Map::new().with("cluster_name", cluster.name.as_str()).with("endpoints", vec![endpoints.into()]),
        )
        .with(
            "typed_extension_protocol_options",
            Map::new().with("envoy.extensions.upstreams.http.v3.HttpProtocolOptions", protocol),
        )
        .with_some("transport_socket", tls(cluster, options))
        .into()
}

/// TLS, if it is spoken.
fn tls(cluster: &Cluster, options: &Options) -> Option<Node> {
    if cluster.security == Security::Plain {
        return None;
    }
    let name = cluster.address.host.in_certificate();
    // Source: RFC 6066, section 3: an address is no server name.
    let (kind, server) = match cluster.address.host {
        Host::Name(_) => ("DNS", Some(name.clone())),
        Host::Ip(_) => ("IP_ADDRESS", None),
    };
    let newest = Node::from("TLSv1_3").about("Envoy's own maximum for upstreams is TLSv1_2.");
    let alpn = (options.protocol == Protocol::Http2).then(|| Node::Words(vec!["h2".to_owned()]));
    let common = Map::new()
        .with("tls_params", Map::new().with("tls_maximum_protocol_version", newest))
        .with_some("alpn_protocols", alpn);
    let common = if cluster.security == Security::Verified {
        let ca = Node::from(options.ca.as_deref().unwrap_or(CA)).about("Change: the certificates of those to trust.");
        let alternative = Map::new().with("san_type", kind).with("matcher", Map::new().with("exact", name).flow());
        let context = Map::new()
            .with("trusted_ca", Map::new().with("filename", ca))
            .with("match_typed_subject_alt_names", vec![alternative.into()]);
        Node::from(common.with("validation_context", context))
    } else {
        Node::from(common).about("`ssl_verify` is false: any certificate will do.")
    };
    Some(typed("envoy.transport_sockets.tls", "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext", |tls| {
        tls.with_some("sni", server).with("common_tls_context", common)
    }))
}
