//! Requests in every form HTTP knows, and in none.

use std::io::{Read, Write};
use std::net::TcpStream;

use corpus::Reply;
use serde_json::json;
use testbed::client::{self, ask, chunked, get, head, header, request};
use testbed::http2::client::ask_http2;
use testbed::script;
use testbed::upstream::Upstream;

use crate::stage::Plan;

/// A body that is one JSON object.
const NAMED: &[u8] = b"{\"name\":\"world\"}";

/// What the action returns.
const READY: &str = "{\"ready\":true}";

/// Adds the tests.
pub fn add(plan: &mut Plan) {
    bodies(plan);
    heads(plan);
    too_large(plan);
    disconnects(plan);
    routes(plan);
    grpc(plan);
}

/// Sends a request to a port and gives the reply.
pub type Ask = Box<dyn Fn(u16) -> Reply + Send>;

/// All forms of bodies, each with the bytes that the action should receive.
pub fn forms() -> Vec<(&'static str, Ask, Vec<u8>)> {
    let sent = |bytes: Vec<u8>| -> Ask { Box::new(move |port| ask(port, &bytes)) };
    let of_size = |size: usize| [&b"{\"a\":\""[..], &vec![b'x'; size - 8], b"\"}"].concat();
    let (medium, large) = (of_size(64 << 10), of_size(1 << 20));
    vec![
        ("no_body", sent(request("POST", "/hello", &[], b"")), Vec::new()),
        ("content_length_0", sent(request("POST", "/hello", &[("content-length", "0")], b"")), Vec::new()),
        ("content_length", sent(request("POST", "/hello", &[], NAMED)), NAMED.to_vec()),
        ("content_length_1", sent(request("POST", "/hello", &[], b"7")), b"7".to_vec()),
        ("content_length_64_kb", sent(request("POST", "/hello", &[], &medium)), medium),
        ("content_length_1_mb", sent(request("POST", "/hello", &[], &large)), large.clone()),
        (
            "a_body_that_is_not_text",
            sent(request("POST", "/hello", &[], b"\0\xff\r\n\r\n")),
            b"\0\xff\r\n\r\n".to_vec(),
        ),
        ("a_get_with_a_body", sent(request("GET", "/hello", &[], NAMED)), NAMED.to_vec()),
        ("chunked", sent(chunked("/hello", &[b"{\"name\":", b"\"world\"}"], &[])), NAMED.to_vec()),
        ("chunked_1_mb", sent(chunked("/hello", &large.chunks(9999).collect::<Vec<_>>(), &[])), large.clone()),
        ("chunked_without_chunks", sent(chunked("/hello", &[], &[])), Vec::new()),
        ("chunked_with_trailers", sent(chunked("/hello", &[NAMED], &[("x-checksum", "1")])), NAMED.to_vec()),
        ("http2_no_body", Box::new(|port| ask_http2(port, "/hello", &[], None, &[])), Vec::new()),
        ("http2", Box::new(|port| ask_http2(port, "/hello", &[], Some(NAMED), &[])), NAMED.to_vec()),
        (
            "http2_1_mb",
            {
                let large = large.clone();
                Box::new(move |port| ask_http2(port, "/hello", &[], Some(&large), &[]))
            },
            large,
        ),
        (
            "http2_with_trailers",
            Box::new(|port| ask_http2(port, "/hello", &[], Some(NAMED), &[("x-checksum", "1")])),
            NAMED.to_vec(),
        ),
        (
            "http2_only_trailers",
            Box::new(|port| ask_http2(port, "/hello", &[], None, &[("x-checksum", "1")])),
            Vec::new(),
        ),
        ("expect_100_continue", Box::new(expect_continue), NAMED.to_vec()),
    ]
}

/// However a body is sent, the action receives it as it is.
fn bodies(plan: &mut Plan) {
    for (name, ask, expected) in forms() {
        let name = format!("wire::body::{name}");
        plan.test_site(&name, json!({}), script::result(READY), move |_, port, upstream| {
            let reply = ask(port);
            assert_eq!((reply.status, reply.body.as_slice()), (200, READY.as_bytes()));
            let calls = upstream.seen().calls;
            assert_eq!(calls.len(), 1);
            assert!(calls[0].body == expected, "{:.100}", calls[0].body.escape_ascii().to_string());
        });
    }
}

/// Sends the body only after Envoy has asked for it.
fn expect_continue(port: u16) -> Reply {
    let mut stream = client::connect(port);
    let length = NAMED.len().to_string();
    stream
        .write_all(&head("POST", "/hello", &[("expect", "100-continue"), ("content-length", &length)]))
        .expect("sent");
    stream.write_all(b"\r\n").expect("sent");
    let mut interim = Vec::new();
    while !interim.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("an interim reply");
        interim.extend(byte);
    }
    assert!(interim.starts_with(b"HTTP/1.1 100 "), "{}", interim.escape_ascii());
    stream.write_all(NAMED).expect("sent");
    client::read_only_reply(&mut stream, "POST")
}

/// Strange heads get a reply, and the action what it may have of them.
fn heads(plan: &mut Plan) {
    // Envoy takes 100 headers; two are those of every request.
    let some = |count: usize| (0..count - 2).map(|n| format!("x-{n}: v\r\n")).collect::<Vec<_>>().concat();
    let long = |name: &str, size: usize| format!("{name}: {}\r\n", "v".repeat(size));
    let with = |method: &str, lines: &[u8]| [&head(method, "/hello", &[]), lines, b"\r\n"].concat();
    let heads = [
        ("a_value_that_is_not_utf8", with("GET", b"x-strange: \x80\xff\r\n"), 200),
        ("a_forwarded_value_that_is_not_utf8", with("GET", b"traceparent: \x80\r\n"), 200),
        ("a_request_id_that_is_not_utf8", with("GET", b"x-request-id: \xff\r\n"), 200),
        ("a_cookie_that_is_not_utf8", with("GET", b"cookie: a=\xe4\r\n"), 200),
        ("a_name_that_is_not_utf8_is_envoys_400", with("GET", b"\xff: 1\r\n"), 400),
        ("a_value_with_nul_is_envoys_400", with("GET", b"x-a: \0\r\n"), 400),
        ("100_headers", with("GET", some(100).as_bytes()), 200),
        ("101_headers_are_envoys_431", with("GET", some(101).as_bytes()), 431),
        ("a_header_of_55_kb", with("GET", long("x-long", 55 << 10).as_bytes()), 200),
        ("a_forwarded_header_of_55_kb", with("GET", long("tracestate", 55 << 10).as_bytes()), 200),
        ("a_header_of_64_kb_is_envoys_431", with("GET", long("x-long", 64 << 10).as_bytes()), 431),
        ("head", with("HEAD", b""), 200),
        ("options", with("OPTIONS", b""), 200),
        ("an_unknown_method", with("BREW", b""), 400),
        ("a_content_length_that_is_no_number", with("POST", b"content-length: x\r\n"), 400),
        ("two_content_lengths", with("POST", b"content-length: 1\r\ncontent-length: 2\r\n"), 400),
    ];
    for (name, bytes, status) in heads {
        let name = format!("wire::head::{name}");
        let is_head = bytes.starts_with(b"HEAD");
        plan.test_site(&name, json!({}), script::result(READY), move |_, port, upstream| {
            let reply = ask(port, &bytes);
            assert_eq!(reply.status, status);
            assert_eq!(upstream.seen().calls.len(), usize::from(status == 200));
            if status == 200 {
                let expected = if is_head { "" } else { READY };
                assert_eq!(reply.body, expected.as_bytes());
                assert_eq!(header(&reply, "content-length"), [READY.len().to_string().as_bytes()]);
            }
        });
    }
}

/// Requests with more than 1000 bytes of body.
pub fn larger_than_1000() -> [(&'static str, Vec<u8>); 5] {
    let body = vec![b' '; 1001];
    let announced =
        |size: u64| [head("POST", "/hello", &[("content-length", &size.to_string())]), b"\r\n".to_vec()].concat();
    [
        // The body is never sent: the announcement is enough.
        ("announced", announced(1001)),
        ("announced_with_20_digits", announced(u64::MAX)),
        ("sent", request("POST", "/hello", &[], &body)),
        ("chunked", chunked("/hello", &[&body], &[])),
        ("chunked_with_trailers", chunked("/hello", &[&body], &[("x-checksum", "1")])),
    ]
}

fn too_large(plan: &mut Plan) {
    for (name, bytes) in larger_than_1000() {
        let name = format!("wire::too_large::{name}");
        let limit = json!({ "max_req_body_size": 1000 });
        plan.test_site(&name, limit, script::result(READY), move |_, port, upstream| {
            let reply = ask(port, &bytes);
            let body = String::from_utf8_lossy(&reply.body);
            assert_eq!(reply.status, 413, "{body}");
            assert!(body.contains("the body of the request is larger than 1000 bytes"), "{body}");
            assert_eq!(upstream.seen().calls, []);
        });
    }
    plan.test_site(
        "wire::too_large::chunked_exactly_the_limit_is_not",
        json!({ "max_req_body_size": 1001 }),
        script::result(READY),
        |_, port, _| assert_eq!(ask(port, &chunked("/hello", &[&[b' '; 1001]], &[])).status, 200),
    );
    plan.test_site(
        "wire::too_large::beyond_what_envoy_buffers_is_envoys_413",
        json!({}),
        script::result(READY),
        |_, port, upstream| {
            assert_eq!(ask(port, &request("POST", "/hello", &[], &vec![b' '; 2 << 20])).status, 413);
            assert_eq!(upstream.seen().calls, []);
        },
    );
}

/// A client that goes away in the middle harms nobody.
fn disconnects(plan: &mut Plan) {
    let announced = |body: &[u8]| [&head("POST", "/hello", &[("content-length", "100")]), &b"\r\n"[..], body].concat();
    let phases = [
        ("at_once", Vec::new()),
        ("in_the_headers", b"POST /hello HTTP/1.1\r\nhost: gate".to_vec()),
        ("before_the_body", announced(b"")),
        ("in_the_body", announced(b"{\"a\":")),
        ("in_a_chunk", [head("POST", "/hello", &[("transfer-encoding", "chunked")]), b"\r\nff\r\n{".to_vec()].concat()),
    ];
    for (name, bytes) in phases {
        let name = format!("wire::disconnect::{name}");
        plan.test_site(&name, json!({}), script::result(READY), move |stage, port, upstream| {
            for _ in 0..5 {
                client::leave_after(port, &bytes);
            }
            stage.check_good();
            assert_eq!(upstream.seen().calls, []);
        });
    }
    // The call goes on without its client: Envoy 1.40 does not cancel it. Its end must harm nobody.
    let name = "wire::disconnect::before_the_deadline_of_the_call";
    plan.test_site(name, json!({ "timeout": 500 }), script::silent(), |_, port, upstream: &Upstream| {
        let stream = pending(port);
        upstream.wait("the call", |seen| seen.calls.len() == 1);
        drop(stream);
        upstream.wait("the end of the call", |seen| seen.open == 0);
    });
    let name = "wire::disconnect::before_the_answer";
    plan.test_site(name, json!({}), script::answers_after(6, READY), |_, port, upstream: &Upstream| {
        for calls in 1..=5 {
            let stream = pending(port);
            upstream.wait("the call", |seen| seen.calls.len() == calls);
            drop(stream);
        }
        assert_eq!(get(port, "/hello").body, READY.as_bytes(), "the answer to the one who stayed");
    });
}

/// A request that waits for its reply.
fn pending(port: u16) -> TcpStream {
    let mut stream = client::connect(port);
    stream.write_all(&request("POST", "/hello", &[], NAMED)).expect("sent");
    stream
}

fn routes(plan: &mut Plan) {
    for (name, path, is_taken) in [
        ("switched_off_is_untouched", "/", false),
        ("that_only_starts_alike_is_untouched", "/helloween", false),
        ("with_a_query_is_taken", "/hello?name=world", true),
        ("below_is_taken", "/hello/there", true),
    ] {
        let name = format!("wire::route::{name}");
        plan.test_site(&name, json!({}), script::result(READY), move |_, port, upstream| {
            let reply = get(port, path);
            let untouched = (404, "this route is not taken over by the filter\n");
            let (status, body) = if is_taken { (200, READY) } else { untouched };
            assert_eq!((reply.status, reply.body.as_slice()), (status, body.as_bytes()));
            assert_eq!(upstream.seen().calls.len(), usize::from(is_taken));
        });
    }
}

/// Envoy turns every reply of its own into one of gRPC where the request is of gRPC, ours among them.
fn grpc(plan: &mut Plan) {
    let refused = script::sends(script::answer(404, &[("content-type", "application/json")], b"{}"));
    plan.test_site("wire::grpc_gets_the_error_as_a_grpc_status", json!({}), refused, |_, port, _| {
        let reply = ask(port, &request("POST", "/hello", &[("content-type", "application/grpc")], NAMED));
        assert_eq!(reply.status, 200);
        assert_eq!(header(&reply, "grpc-status"), [b"12"]);
    });
}
