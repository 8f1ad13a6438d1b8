//! Requests that ask for another protocol: those of the filter are answered as the requests that they are without, all
//! others pass.

use std::io::{Read, Write};

use corpus::Reply;
use h2::ext::Protocol;
use serde_json::{Value, json};
use testbed::bootstrap::{at, filter, string_value};
use testbed::client::{self, get, head, header};
use testbed::envoy::Envoy;
use testbed::http2::client::{ask_stream, in_http2};
use testbed::script;
use testbed::upstream::Upstream;

use crate::bootstrap::{Line, Reference, route, routes};
use crate::composition::MANAGER;
use crate::stage::{Behind, Plan, Site, config};

const READY: &str = "{\"ready\":true}";

/// What a client sends to open a websocket.
const UPGRADE: [(&str, &str); 2] = [("connection", "Upgrade"), ("upgrade", "websocket")];

/// A request for a tunnel.
const CONNECT: &[u8] = b"CONNECT gateway.example:443 HTTP/1.1\r\nhost: gateway.example:443\r\n\r\n";

/// Adds the tests.
pub fn add(plan: &mut Plan) {
    for request_body in ["pause", "buffer_filter"] {
        let name = format!("upgrade::requests_with_upgrade_are_answered::{request_body}");
        plan.test_alone(&name, move || answered(request_body));
    }
    plan.test_alone("upgrade::a_websocket_on_another_route_works", other_route);
    plan.test_alone("upgrade::connect_and_trace_are_refused_at_once", refused);
    plan.test_alone("upgrade::an_extended_connect_is_a_get", extended);
    connects(plan);
}

/// An Envoy that lets requests for another protocol in, as Istio and Envoy Gateway do.
struct Setup {
    envoy: Envoy,
    port: u16,
    openwhisk: Upstream,
    /// Behind a route that the filter does not serve.
    socket: Upstream,
}

impl Setup {
    fn new(request_body: &str) -> Self {
        let openwhisk = Upstream::start(script::result(READY));
        let socket = Upstream::start(echoes_what_comes_after());
        let attributes = json!({
            "api_host": "http://127.0.0.1", "request_body": request_body, "max_req_body_size": 1000,
            "routes": { "hello": {}, "tunnel": {} },
        });
        let config = config("openwhisk", attributes);
        let reference = Reference::of(config.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
        let mut tunnel = route("openwhisk", "tunnel", "/");
        tunnel["match"] = json!({ "connect_matcher": {} });
        let mut hello = route("openwhisk", "hello", "/hello");
        if request_body == "buffer_filter" {
            let buffer = json!({
                "@type": "type.googleapis.com/envoy.extensions.filters.http.buffer.v3.BufferPerRoute",
                "buffer": { "max_request_bytes": 1 << 20 },
            });
            hello["typed_per_filter_config"] = json!({ "envoy.filters.http.buffer": buffer });
        }
        let other = json!({ "name": "socket", "match": { "prefix": "/socket" }, "route": { "cluster": "socket" } });
        let routes = json!([tunnel, hello, other]);
        let manager = json!({
            "route_config": { "virtual_hosts": [{ "name": "all", "domains": ["*"], "routes": routes }] },
            "upgrade_configs": [{ "upgrade_type": "websocket" }, { "upgrade_type": "CONNECT" }],
            "http2_protocol_options": { "allow_connect": true },
        });
        let line = |name: &str, upstream: &Upstream, manager: Value| Line {
            name: name.to_owned(),
            plugin: string_value(&config),
            upstream: Some(upstream.address()),
            changes: json!({ "manager": manager }),
        };
        let lines = [line("openwhisk", &openwhisk, manager), line("socket", &socket, Value::Null)];
        // Nothing may leak, so nobody needs to be there.
        let mut configuration = reference.with(&lines, 1);
        if request_body == "buffer_filter" {
            let filter = filter(at(&mut configuration, MANAGER));
            filter["typed_config"]["config"]["allow_on_headers_stop_iteration"] = json!(false);
        }
        let envoy = Envoy::start(&configuration);
        Self { port: envoy.port("openwhisk"), envoy, openwhisk, socket }
    }

    /// Fails if anything reached the upstream of the filter's routes, or went wrong inside.
    fn check(mut self) {
        assert_eq!(self.envoy.counter("cluster.leak.upstream_cx_total"), 0, "the upstream of the route was called");
        assert_eq!(get(self.port, "/hello").body, READY.as_bytes(), "the next good request");
        assert_eq!(self.envoy.complaints(), Vec::<String>::new());
    }
}

/// Accepts the other protocol, and echoes what comes after.
fn echoes_what_comes_after() -> script::Script {
    std::sync::Arc::new(|_, connection| {
        connection.send(b"HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n")?;
        connection.read_body(4)?;
        connection.send(b"pong")?;
        connection.wait_for_close()
    })
}

/// The head of a request that asks for another protocol.
fn upgrade(method: &str, headers: &[(&str, &str)]) -> Vec<u8> {
    let lines: Vec<_> = UPGRADE.iter().chain(headers).map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("{method} /hello HTTP/1.1\r\nhost: gateway.example\r\n{}\r\n", lines.concat()).into_bytes()
}

fn answered(request_body: &str) {
    let setup = Setup::new(request_body);
    let cases: Vec<(_, _, _, Option<&[u8]>)> = vec![
        ("a GET", upgrade("GET", &[]), 200, Some(b"")),
        ("a DELETE without a length", upgrade("DELETE", &[]), 411, None),
        ("a DELETE with a length of 0", upgrade("DELETE", &[("content-length", "0")]), 200, Some(b"")),
        ("a POST without a length", upgrade("POST", &[]), 411, None),
        ("a length of 0", upgrade("POST", &[("content-length", "0")]), 200, Some(b"")),
        ("a body", [&upgrade("POST", &[("content-length", "7")])[..], b"{\"a\":1}"].concat(), 200, Some(b"{\"a\":1}")),
        (
            "a body, and bytes of the other protocol",
            [&upgrade("POST", &[("content-length", "7")])[..], b"{\"a\":1}\x81\x05hello"].concat(),
            200,
            Some(b"{\"a\":1}"),
        ),
        ("bytes of the other protocol alone", [&upgrade("GET", &[])[..], b"\x81\x05hello"].concat(), 200, Some(b"")),
        (
            "a chunked body",
            [&upgrade("POST", &[("transfer-encoding", "chunked")])[..], b"7\r\n{\"a\":1}\r\n0\r\n\r\n"].concat(),
            411,
            None,
        ),
        ("a body over the limit", upgrade("POST", &[("content-length", "1001")]), 413, None),
        ("h2c, which Envoy drops", head_of_h2c(), 200, Some(b"")),
    ];
    let mut calls = 0;
    for (name, bytes, status, body) in cases {
        let reply = ask_and_leave(setup.port, &bytes);
        assert_eq!(reply.status, status, "{name}: {}", String::from_utf8_lossy(&reply.body));
        let expected = if status == 200 { READY } else { "\"error\"" };
        assert!(String::from_utf8_lossy(&reply.body).contains(expected), "{name}");
        calls += usize::from(body.is_some());
        let seen = setup.openwhisk.seen().calls;
        assert_eq!(seen.len(), calls, "{name}");
        if let Some(body) = body {
            let call = seen.last().expect("a call");
            assert_eq!(String::from_utf8_lossy(&call.body), String::from_utf8_lossy(body), "{name}");
            assert!(call.headers.iter().all(|(name, _)| name != "upgrade" && name != "connection"), "{name}: {call:?}");
        }
    }

    // The body comes later than its head, and in pieces.
    let mut stream = client::connect(setup.port);
    for piece in [&upgrade("POST", &[("content-length", "7")])[..], b"{\"a\"", b":", b"2}"] {
        assert_eq!(setup.openwhisk.seen().calls.len(), calls, "no call before its body is complete");
        stream.write_all(piece).expect("sent");
        // A request that is answered in between has its turn, so the pieces arrive one by one.
        assert_eq!(get(setup.port, "/hello").status, 200);
        calls += 1;
    }
    let reply = read_reply(&mut stream, "POST");
    assert_eq!((reply.status, reply.body.as_slice()), (200, READY.as_bytes()));
    let bodies: Vec<_> = setup.openwhisk.seen().calls.into_iter().map(|call| call.body).collect();
    assert_eq!(bodies.iter().filter(|body| *body == b"{\"a\":2}").count(), 1);
    setup.check();
}

/// A request that Envoy takes for one without `upgrade`.
fn head_of_h2c() -> Vec<u8> {
    let headers = [("upgrade", "h2c"), ("http2-settings", "AAMAAABkAAQAAP__")];
    let head = head("GET", "/hello", &headers);
    let head = String::from_utf8(head).expect("text");
    format!("{}\r\n", head.replace("connection: close", "connection: Upgrade, HTTP2-Settings")).into_bytes()
}

/// Sends these bytes and reads one reply; Envoy need not close the connection after it.
fn ask_and_leave(port: u16, bytes: &[u8]) -> Reply {
    let mut stream = client::connect(port);
    stream.write_all(bytes).expect("sent");
    let method = String::from_utf8_lossy(bytes.split(|byte| *byte == b' ').next().expect("a method"));
    read_reply(&mut stream, &method)
}

fn read_reply(stream: &mut std::net::TcpStream, method: &str) -> Reply {
    let mut reader = std::io::BufReader::new(stream);
    testbed::http1::read_next_reply(&mut reader, method).unwrap_or_else(|error| panic!("no valid reply: {error}"))
}

fn other_route() {
    let setup = Setup::new("pause");
    let mut stream = client::connect(setup.port);
    let head = String::from_utf8(upgrade("GET", &[])).expect("text").replace("/hello", "/socket");
    stream.write_all(head.as_bytes()).expect("sent");
    let mut reply = Vec::new();
    while !reply.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("the head of a reply");
        reply.extend(byte);
    }
    assert!(reply.starts_with(b"HTTP/1.1 101 "), "{}", reply.escape_ascii());
    stream.write_all(b"ping").expect("sent");
    let mut pong = [0; 4];
    stream.read_exact(&mut pong).expect("an echo");
    assert_eq!(&pong, b"pong");
    assert_eq!((setup.socket.seen().calls.len(), setup.openwhisk.seen().calls.len()), (1, 0));
    drop(stream);
    setup.check();
}

fn refused() {
    let setup = Setup::new("pause");
    let trace = head("TRACE", "/hello", &[]);
    check_refused("TRACE", &ask_and_leave(setup.port, &[&trace[..], b"\r\n"].concat()));
    check_refused("CONNECT", &ask_and_leave(setup.port, CONNECT));
    check_refused("CONNECT", &connect_over_http2(setup.port));
    assert_eq!(setup.openwhisk.seen().calls, []);
    setup.check();
}

fn connect_over_http2(port: u16) -> Reply {
    in_http2(port, async |client| {
        let request = http::Request::connect("gateway.example:443").body(()).expect("a request");
        ask_stream(client, request, false).await
    })
}

fn check_refused(method: &str, reply: &Reply) {
    let body = String::from_utf8_lossy(&reply.body);
    assert_eq!((reply.status, header(reply, "allow").len()), (405, 1), "{method}: {body}");
    assert!(body.contains(&format!("the method {method} invokes no action")), "{body}");
}

fn extended() {
    let setup = Setup::new("pause");
    let reply = in_http2(setup.port, async |client| {
        // Until the settings of the other side have come.
        while !client.is_extended_connect_protocol_enabled() {
            tokio::task::yield_now().await;
        }
        let mut request = http::Request::builder()
            .method("CONNECT")
            .uri("http://gateway.example/hello")
            .extension(Protocol::from_static("websocket"));
        request = request.header("sec-websocket-version", "13");
        ask_stream(client, request.body(()).expect("a request"), false).await
    });
    assert_eq!((reply.status, reply.body.as_slice()), (200, READY.as_bytes()));
    let calls = setup.openwhisk.seen().calls;
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].body, b"");
    setup.check();
}

/// Who answers CONNECT on a listener without `upgrade_configs` for it.
fn connects(plan: &mut Plan) {
    let some = json!({ "routes": { "hello": {} } });
    let mut tunnel = route("tunnel", "tunnel", "/");
    tunnel["match"] = json!({ "connect_matcher": {} });
    let with_route = json!({ "manager": routes(&json!([tunnel])) });
    let rows = [
        ("the_filter_in_the_reference", json!({}), Value::Null, 405),
        ("envoy_where_there_is_no_route_for_it", some.clone(), Value::Null, 404),
        ("envoy_where_there_is_a_route_for_it", some, with_route, 403),
    ];
    for (who, attributes, changes, status) in rows {
        let name = format!("upgrade::connect_is_refused_by::{who}");
        let behind = Behind::Script(script::result(READY));
        plan.site_with(Site { name: name.clone(), config: config(&name, attributes), behind }, changes);
        plan.test(&name.clone(), move |stage| {
            let port = stage.port(&name);
            for reply in [ask_and_leave(port, CONNECT), connect_over_http2(port)] {
                assert_eq!(reply.status, status);
                if status == 405 {
                    check_refused("CONNECT", &reply);
                } else {
                    assert_eq!(reply.body, b"");
                }
            }
            assert_eq!(stage.upstream(&name).seen().calls, []);
            stage.check_good();
        });
    }
}
