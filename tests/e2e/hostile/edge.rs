//! Results behind another Envoy that speaks HTTP/2 to the gateway, on one connection that everybody shares: one result must
//! not cost the others their replies.

use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use corpus::Reply;
use openwhisk_envoy::Protocol;
use serde_json::{Value, json};

use super::Gateway;
use testbed::PATIENCE;
use testbed::bootstrap::merge;
use testbed::client::{ask, get, header, request};
use testbed::envoy::Envoy;
use testbed::http2::client::ask_http2;
use testbed::script::{Script, result};
use testbed::upstream::{Seen, Upstream};

use crate::stage::Plan;

/// How many requests of others are on the connection at a time.
const INNOCENT: usize = 5;

/// What the others ask for, and what they get.
const PATIENT: &[u8] = b"\"patient\"";
const READY: &str = "{\"ready\":true}";

const HEADER_SIZE: &str = "`headers` must not be more than 93 lines or 60000 bytes";

/// Adds the tests.
pub fn add(plan: &mut Plan) {
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let name = format!("hostile::headers_of_a_result_behind_an_edge_over_{protocol:?}");
        plan.test_alone(&name, move || headers(protocol));
    }
    plan.test_alone("hostile::a_result_does_not_speak_to_an_edge", to_an_edge);
}

/// A client, an edge with settings of its own, one connection, and the gateway.
pub struct Edge {
    envoy: Envoy,
    port: u16,
    gateway: Gateway,
    openwhisk: Upstream,
    door: Arc<Door>,
}

/// What the answers to the others wait for.
#[derive(Default)]
struct Door {
    is_open: Mutex<bool>,
    changed: Condvar,
}

impl Door {
    fn set(&self, is_open: bool) {
        *self.is_open.lock().expect("not poisoned") = is_open;
        self.changed.notify_all();
    }

    fn wait(&self) {
        let is_open = self.is_open.lock().expect("not poisoned");
        let (is_open, _) =
            self.changed.wait_timeout_while(is_open, PATIENCE, |is_open| !*is_open).expect("not poisoned");
        drop(is_open);
    }
}

impl Edge {
    /// With this script for all but the others.
    pub fn new(script: Script) -> Self {
        let door = Arc::<Door>::default();
        let (of_openwhisk, ready) = (Arc::clone(&door), result(READY));
        let openwhisk = Upstream::start(Arc::new(move |call, connection| {
            if call.body != PATIENT {
                return script(call, connection);
            }
            of_openwhisk.wait();
            ready(call, connection)
        }));
        // So each reply has as many lines as it can.
        let gateway = Gateway::new(&openwhisk, json!({ "server_timing": true }));
        let envoy = Envoy::start(&configuration(gateway.port, &Value::Null));
        let port = envoy.port("edge");
        Self { envoy, port, gateway, openwhisk, door }
    }

    /// Asks while requests of others are on the connection, which must get their replies.
    pub fn ask(&self, about: &str, hostile: impl FnOnce(u16) -> Reply) -> Reply {
        let patient = |seen: &Seen| seen.calls.iter().filter(|call| call.body == PATIENT).count();
        let before = patient(&self.openwhisk.seen());
        self.door.set(false);
        let port = self.port;
        let others: Vec<_> =
            (0..INNOCENT).map(|_| thread::spawn(move || ask(port, &request("POST", "/hello", &[], PATIENT)))).collect();
        self.openwhisk.wait("the others", |seen| patient(seen) == before + INNOCENT);
        let reply = hostile(port);
        self.door.set(true);
        for other in others {
            let reply = other.join().unwrap_or_else(|_| panic!("{about}: the reply to another"));
            let body = String::from_utf8_lossy(&reply.body);
            assert_eq!((reply.status, &*body), (200, READY), "{about}: the reply to another");
        }
        reply
    }

    /// How many calls there were but those of the others.
    pub fn calls(&self) -> usize {
        self.openwhisk.seen().calls.iter().filter(|call| call.body != PATIENT).count()
    }

    /// Fails if there was more than one connection between the two, or something went wrong inside.
    pub fn check(self) {
        assert_eq!(self.envoy.counter("cluster.gateway.upstream_cx_total"), 1, "connections to the gateway");
        self.gateway.check();
    }
}

/// A plain Envoy in front of the gateway, with Envoy's own limits and what else its cluster says.
fn configuration(gateway: u16, others: &Value) -> Value {
    let address = |port: u16| json!({ "socket_address": { "address": "127.0.0.1", "port_value": port } });
    let typed = |name: &str| format!("type.googleapis.com/envoy.extensions.{name}");
    let router = typed("filters.http.router.v3.Router");
    let manager = json!({
        "@type": typed("filters.network.http_connection_manager.v3.HttpConnectionManager"),
        "stat_prefix": "edge",
        "route_config": { "virtual_hosts": [{
            "name": "all", "domains": ["*"],
            "routes": [{ "match": { "prefix": "/" }, "route": { "cluster": "gateway", "timeout": "60s" } }],
        }] },
        "http_filters": [{ "name": "envoy.filters.http.router", "typed_config": { "@type": router } }],
    });
    let filter = json!({ "name": "envoy.filters.network.http_connection_manager", "typed_config": manager });
    let protocol = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
    let endpoint = json!({ "endpoint": { "address": address(gateway) } });
    let mut cluster = json!({
        "name": "gateway", "type": "STATIC",
        "load_assignment": { "cluster_name": "gateway", "endpoints": [{ "lb_endpoints": [endpoint] }] },
        "typed_extension_protocol_options": { protocol: {
            "@type": format!("type.googleapis.com/{protocol}"),
            "explicit_http_config": { "http2_protocol_options": {} },
        } },
    });
    merge(&mut cluster, others);
    json!({
        "admin": { "address": address(0) },
        "static_resources": {
            "listeners": [{ "name": "edge", "address": address(0), "filter_chains": [{ "filters": [filter] }] }],
            "clusters": [cluster],
        },
    })
}

/// Headers of a result, and whether the client gets them.
fn cases() -> Vec<(String, Value, bool)> {
    let lines = |count: usize, size: usize| {
        let pairs = (0..count).map(|number| (format!("x-{number:03}"), json!("v".repeat(size))));
        Value::Object(pairs.collect())
    };
    // A line of `x-a` is its value and seven bytes.
    let value = |text: &str, count: usize| json!({ "x-a": text.repeat(count) });
    let mut cases = vec![
        ("no headers".to_owned(), json!({}), true),
        ("93 lines".to_owned(), lines(93, 1), true),
        ("94 lines".to_owned(), lines(94, 1), false),
        ("93 lines of one name".to_owned(), json!({ "set-cookie": vec!["a=1"; 93] }), true),
        ("94 lines of one name".to_owned(), json!({ "set-cookie": vec!["a=1"; 94] }), false),
        ("93 lines, together nearly 60000 bytes".to_owned(), lines(93, 60_000 / 93 - 9), true),
        ("60000 bytes".to_owned(), value("v", 60_000 - 7), true),
        ("60001 bytes".to_owned(), value("v", 60_001 - 7), false),
        ("100000 bytes".to_owned(), value("v", 100_000), false),
        ("70000 times a letter of two bytes".to_owned(), value("\u{e9}", 70_000), false),
    ];
    // What HPACK makes longer, and what it does not.
    for text in ["\u{e9}", "\u{10ffff}", "~", "0", "\\"] {
        let count = (60_000 - 7) / text.len();
        cases.push((format!("{count} times {text:?}"), value(text, count), true));
    }
    cases
}

fn headers(protocol: Protocol) {
    let cases = cases();
    let results: Vec<_> =
        cases.iter().map(|(_, headers, _)| json!({ "statusCode": 201, "headers": headers, "body": "x" })).collect();
    let edge = Edge::new(Arc::new(move |call, connection| {
        let index: Option<usize> = String::from_utf8_lossy(&call.body).parse().ok();
        let json = index.and_then(|index| results.get(index)).map(Value::to_string);
        result(json.unwrap_or_default())(call, connection)
    }));
    let mut wrong = Vec::new();
    for (index, (about, headers, is_sent)) in cases.iter().enumerate() {
        let body = index.to_string().into_bytes();
        let reply = edge.ask(about, |port| match protocol {
            Protocol::Http1 => ask(port, &request("POST", "/hello", &[], &body)),
            Protocol::Http2 => ask_http2(port, "/hello", &[], Some(&body), &[]),
        });
        let body = String::from_utf8_lossy(&reply.body).into_owned();
        let is_right = if *is_sent {
            reply.status == 201 && body == "x" && headers.as_object().is_some_and(|all| has_all(&reply, all))
        } else {
            reply.status == 502 && body.contains(HEADER_SIZE)
        };
        if !is_right {
            wrong.push(format!("{about}: {} {body:.200}, {} headers", reply.status, reply.headers.len()));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    edge.check();
}

/// Whether a reply has all these headers.
fn has_all(reply: &Reply, headers: &serde_json::Map<String, Value>) -> bool {
    headers.iter().all(|(name, value)| {
        let values: Vec<_> =
            value.as_array().map_or_else(|| vec![value.as_str()], |all| all.iter().map(Value::as_str).collect());
        let wanted: Vec<_> = values.into_iter().flatten().map(str::as_bytes).collect();
        header(reply, name) == wanted
    })
}

/// An Envoy takes a gateway out of rotation where a reply tells it to.
fn to_an_edge() {
    let hostile = json!({ "headers": {
        "x-envoy-immediate-health-check-fail": "true", "X-Envoy-Overloaded": "true", "x-mine": "1",
    }, "body": "x" });
    let openwhisk = Upstream::start(result(hostile.to_string()));
    let gateway = Gateway::new(&openwhisk, json!({}));
    // What the filter does not serve is answered with 404.
    let check = json!({
        "timeout": "60s", "interval": "3600s", "unhealthy_threshold": 1, "healthy_threshold": 1,
        "http_health_check": {
            "path": "/elsewhere", "codec_client_type": "HTTP2", "expected_statuses": [{ "start": 404, "end": 405 }],
        },
    });
    let others = json!({
        "health_checks": [check],
        // Else the only host of a cluster is asked however it is.
        "common_lb_config": { "healthy_panic_threshold": { "value": 0 } },
    });
    let mut edge = Envoy::start(&configuration(gateway.port, &others));
    edge.wait_for_counter("cluster.gateway.membership_healthy", |healthy| healthy == 1);
    let port = edge.port("edge");
    for port in [gateway.port, port, port] {
        let reply = get(port, "/hello");
        assert_eq!((reply.status, header(&reply, "x-mine")), (200, vec![&b"1"[..]]));
        let spoken: Vec<_> = reply.headers.iter().filter(|(name, _)| name.starts_with("x-envoy-")).collect();
        let of_edge = |name: &str| name == "x-envoy-upstream-service-time";
        assert!(spoken.iter().all(|(name, _)| of_edge(name)), "{spoken:?}");
    }
    assert_eq!(edge.counter("cluster.gateway.membership_healthy"), 1, "the gateway is in rotation");
    assert_eq!(edge.complaints(), Vec::<String>::new());
    gateway.check();
}
