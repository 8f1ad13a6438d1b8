//! What a listener that `openwhisk-envoy` prints does with clients whom nobody knows.

use std::io::{BufRead, BufReader, Read, Write};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use openwhisk_envoy::Protocol;
use serde_json::{Value, json};
use testbed::PATIENCE;
use testbed::bootstrap::{at, merge};
use testbed::client::{self, Session, ask, get, request};
use testbed::envoy::Envoy;
use testbed::http1;
use testbed::script::{self, answer, result, sends};

use crate::bootstrap::rendered;
use crate::composition::{MANAGER, READY, Setup};
use crate::stage::Plan;

/// Where the largest number of clients is.
const LIMIT: &str = "/overload_manager/resource_monitors/0/typed_config/max_active_downstream_connections";

/// A timeout of the listener, in milliseconds.
const TIMEOUT: u64 = 500;

/// Adds the tests.
pub fn add(plan: &mut Plan) {
    plan.test_alone("edge::envoy_has_nothing_to_warn_of_at_start", warnings);
    plan.test_alone("edge::connections_have_a_limit_but_those_of_operators", connections);
    plan.test_alone("edge::a_client_cannot_say_who_it_is", who);
    plan.test_alone("edge::the_id_of_a_request_is_the_clients", ids);
    plan.test_alone("edge::a_connection_opens_100_requests_at_a_time", streams);
    plan.test_alone("edge::a_400_closes_no_connection", bad_requests);
    plan.test_alone("edge::a_request_whose_end_is_in_doubt_closes_its_connection", doubtful);
    plan.test_alone("edge::a_silent_stream_gets_504_or_if_it_is_not_complete_408", silent_streams);
    plan.test_alone("edge::request_timeout_goes_on_in_the_call_for_a_request_without_a_body", slow_requests);
}

fn warnings() {
    let warnings = |configuration: &Value| -> Vec<String> {
        let envoy = Envoy::start(configuration);
        envoy.log().lines().filter(|line| line.contains("[warning]")).map(str::to_owned).collect()
    };
    for attributes in [json!({}), json!({ "routes": { "a": {} }, "request_body": "buffer_filter" })] {
        let mut configuration = rendered(Protocol::Http1, &attributes, None);
        assert_eq!(warnings(&configuration), Vec::<String>::new(), "{attributes}");
        // Envoy does warn.
        configuration.as_object_mut().expect("an object").remove("overload_manager");
        let [warning] = &warnings(&configuration)[..] else { panic!("expected a warning") };
        assert!(
            warning.contains("no configured limit to the number of allowed active downstream connections"),
            "{warning}"
        );
    }
}

fn connections() {
    let setup = Setup::new(|configuration| *at(configuration, LIMIT) = json!(2));
    let mut clients = [0, 1].map(|_| Session::connect(setup.port).expect("something listens"));
    for client in &mut clients {
        assert_eq!(client.post("/hello", b"").expect("a reply").body, READY.as_bytes());
    }
    let third = Session::connect(setup.port).and_then(|mut third| third.post("/hello", b""));
    assert!(third.is_err(), "a third client is served: {third:?}");
    assert_eq!(get(setup.envoy.admin(), "/ready").status, 200);
    drop(clients);
    let started = Instant::now();
    while client::try_get(setup.port, "/hello").is_err() {
        assert!(started.elapsed() < PATIENCE, "nobody is served after two clients have left");
        thread::sleep(Duration::from_millis(10));
    }
}

/// The headers with which the action was called for a request with these.
fn received(setup: &Setup, headers: &[(&str, &str)]) -> Value {
    assert_eq!(ask(setup.port, &request("GET", "/hello", headers, b"")).status, 200);
    let call = setup.calls().pop().expect("a call");
    let mut parameters: Value = serde_json::from_slice(&call.body).expect("JSON");
    parameters["__ow_headers"].take()
}

fn who() {
    let setup = Setup::new(|_| {});
    let headers = received(
        &setup,
        &[
            ("x-forwarded-for", "192.0.2.7"),
            ("x-forwarded-proto", "https"),
            ("x-envoy-external-address", "192.0.2.7"),
            ("x-envoy-internal", "true"),
            ("x_envoy_internal", "true"),
        ],
    );
    assert_eq!(headers["x-envoy-external-address"], "127.0.0.1", "{headers}");
    assert_eq!(headers["x-forwarded-proto"], "http", "{headers}");
    // The client's own is there, and behind it what Envoy knows.
    let forwarded = headers["x-forwarded-for"].as_str().expect("a string");
    assert!(forwarded.starts_with("192.0.2.7,") && !forwarded.ends_with("192.0.2.7"), "{headers}");
    assert_eq!((&headers["x-envoy-internal"], &headers["x_envoy_internal"]), (&Value::Null, &Value::Null), "{headers}");
}

fn ids() {
    let setup = Setup::new(|_| {});
    for id in [
        "1",
        "a string of 36 characters, no UUID..",
        "0193712f-7c3a-7b21-9c5e-2f4d8e6a1b3c",
        "0193712f-7c3a-4b21-9c5e-2f4d8e6a1b3c",
        "0193712f-7c3a-9b21-9c5e-2f4d8e6a1b3c",
    ] {
        let headers = received(&setup, &[("x-request-id", id)]);
        assert_eq!(headers["x-request-id"], id);
        let calls = setup.calls();
        let sent = calls.last().expect("a call").headers.iter().find(|(name, _)| name == "x-request-id");
        assert_eq!(sent.map(|(_, value)| value.as_slice()), Some(id.as_bytes()), "{id}");
    }
    // Where the client sends none, Envoy makes one.
    let headers = received(&setup, &[]);
    assert_eq!(headers["x-request-id"].as_str().map(str::len), Some(36), "{headers}");
}

fn streams() {
    let setup = Setup::new(|_| {});
    let mut stream = client::connect(setup.port);
    // The preface, and settings without any. Source: RFC 9113, 3.4, 4.1 and 6.5.
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").expect("sent");
    let mut head = [0; 9];
    stream.read_exact(&mut head).expect("a frame");
    assert_eq!(head[3], 4, "Envoy's first frame has its settings");
    let mut settings = vec![0; usize::from(u16::from_be_bytes([head[1], head[2]]))];
    stream.read_exact(&mut settings).expect("settings");
    let value = |name: u8| settings.chunks(6).find(|setting| setting[..2] == [0, name]).map(|setting| &setting[2..]);
    assert_eq!(value(3), Some(&100_u32.to_be_bytes()[..]), "{settings:?}");
}

/// Whoever says 400: the filter, the action, or `OpenWhisk`.
fn bad_requests() {
    let script: script::Script = Arc::new(|call, connection| {
        let says_openwhisk = call.body.windows(9).any(|part| part == b"openwhisk");
        let refusal = answer(400, &[("content-type", "application/json")], b"{\"code\":\"1\",\"error\":\"openwhisk\"}");
        let says = if says_openwhisk { sends(refusal) } else { result(r#"{"statusCode":400,"body":"action"}"#) };
        says(call, connection)
    });
    let setup = Setup::with(script, |_| {});
    let mut client = Session::connect(setup.port).expect("something listens");
    let says = [("{", "is not JSON"), ("{\"a\":\"action\"}", "action"), ("{\"a\":\"openwhisk\"}", "openwhisk")];
    for (body, says) in says.into_iter().cycle().take(12) {
        let reply = client.post("/hello", body.as_bytes()).expect("the connection is open");
        let text = String::from_utf8_lossy(&reply.body);
        assert!(reply.status == 400 && text.contains(says), "{body}: {} {text}", reply.status);
        assert!(!http1::is_last(&reply), "{body}: {reply:?}");
    }
    assert_eq!(setup.calls().len(), 8);
}

/// What might be taken for the next request, by one or the other.
const NEXT: &str = "GET /hello HTTP/1.1\r\nhost: gateway.example\r\nconnection: close\r\n\r\n";

fn doubtful() {
    let setup = Setup::new(|_| {});
    let head = |lines: &str| format!("POST /hello HTTP/1.1\r\nhost: gateway.example\r\n{lines}\r\n");
    let chunked = |body: &str| format!("{}{body}", head("transfer-encoding: chunked\r\n"));
    let with_next = |start: &str| format!("{start}content-length: {}\r\n\r\n{NEXT}", NEXT.len());
    let (nul, fragment) = ("POST /hello%00 HTTP/1.1\r\nhost: g\r\n", "POST /hello#a HTTP/1.1\r\nhost: g\r\n");
    let no_host = "POST /hello HTTP/1.1\r\n";
    let json = "content-type: application/json\r\n";
    let closed: Vec<(&str, String, u16)> = vec![
        ("a length that is no number", head("content-length: x\r\n"), 400),
        ("a length with a sign", head("content-length: +0\r\n"), 400),
        ("two lengths", head("content-length: 0\r\ncontent-length: 1\r\n"), 400),
        ("a list of lengths", head("content-length: 0, 0\r\n"), 400),
        ("a length and chunks", head("content-length: 5\r\ntransfer-encoding: chunked\r\n") + "0\r\n\r\n", 400),
        ("an unknown coding", head("transfer-encoding: xchunked\r\n") + "0\r\n\r\n", 501),
        ("a coding behind chunks", head("transfer-encoding: chunked, identity\r\n") + "0\r\n\r\n", 501),
        ("a blank before the colon", head("transfer-encoding : chunked\r\n") + "0\r\n\r\n", 400),
        ("a blank in a name", head("x a: 1\r\n"), 400),
        ("NUL in a value", head("x-a: \0\r\n"), 400),
        ("a line without a colon", head("x-a\r\n"), 400),
        ("a size of a chunk that is no number", chunked("x\r\n\r\n"), 400),
        ("a size of a chunk with a sign", chunked("-1\r\n\r\n"), 400),
        ("a size of a chunk of 17 digits", chunked("FFFFFFFFFFFFFFFFF\r\n"), 400),
        ("lines of chunks that end with LF", chunked("0\n\n"), 400),
        ("an unknown method", head("").replace("POST", "BREW"), 400),
        ("bytes that are no HTTP", "\u{16}\u{3}\u{1}\r\n\r\n".to_owned(), 400),
        // Refused before their bodies are read, which might be requests.
        ("no host, and a body", with_next(no_host), 400),
        ("a path with NUL, and a body", with_next(nul), 400),
        ("a path with a fragment, and a body", with_next(fragment), 400),
        ("TRACE with a body", with_next(&head("").replace("POST", "TRACE").replace("\r\n\r\n", "\r\n")), 405),
    ];
    // Where they end is beyond doubt.
    let kept = [
        ("no host", format!("{no_host}\r\n"), 400),
        ("a path with NUL", format!("{nul}\r\n"), 400),
        ("a path with a fragment", format!("{fragment}\r\n"), 400),
        ("a body that is no JSON but a request", with_next(&head(json).replace("\r\n\r\n", "\r\n")), 400),
    ];
    let calls = kept.len();
    let rows = closed.into_iter().map(|row| (row, false)).chain(kept.into_iter().map(|row| (row, true)));
    // At the same time, for Envoy leaves a client a second to read.
    let port = setup.port;
    let clients: Vec<_> = rows
        .map(|((about, request, status), is_kept)| {
            let expected = if is_kept { vec![status, 200] } else { vec![status] };
            (about, expected, thread::spawn(move || statuses(port, &[request.as_bytes(), NEXT.as_bytes()].concat())))
        })
        .collect();
    let mut wrong = Vec::new();
    for (about, expected, client) in clients {
        let got = client.join().expect("replies");
        if got != expected {
            wrong.push(format!("{about}: {got:?} and not {expected:?}"));
        }
    }
    assert_eq!((wrong, setup.calls().len()), (Vec::new(), calls));
}

/// The statuses of all replies until the connection ends.
fn statuses(port: u16, requests: &[u8]) -> Vec<u16> {
    let mut stream = client::connect(port);
    stream.write_all(requests).expect("sent");
    let mut reader = BufReader::new(stream);
    let mut statuses = Vec::new();
    while !reader.fill_buf().unwrap_or_default().is_empty() {
        statuses.push(http1::read_next_reply(&mut reader, "POST").expect("a reply").status);
    }
    statuses
}

/// A listener with timeouts of its own, and requests in all stages with what Envoy answers.
fn check_timeouts(setup: &Setup, cases: &[(&str, &[u8], u16, &str)]) {
    for (about, bytes, status, body) in cases {
        let mut stream = client::connect(setup.port);
        stream.write_all(bytes).expect("sent");
        let reply = http1::read_next_reply(&mut BufReader::new(stream), "POST").expect(about);
        assert_eq!((reply.status, &*String::from_utf8_lossy(&reply.body)), (*status, *body), "{about}");
    }
}

/// A timeout of the listener, and no other.
fn only(name: &str) -> impl FnOnce(&mut Value) {
    let mut timeouts = json!({ "request_timeout": "0s", "stream_idle_timeout": "0s", "request_headers_timeout": "0s" });
    timeouts[name] = json!(format!("0.{TIMEOUT}s"));
    move |configuration| merge(at(configuration, MANAGER), &timeouts)
}

const COMPLETE: &[u8] = b"POST /hello HTTP/1.1\r\nhost: g\r\ncontent-length: 2\r\n\r\n{}";
const WITHOUT_BODY: &[u8] = b"GET /hello HTTP/1.1\r\nhost: g\r\n\r\n";
const INCOMPLETE: &[u8] = b"POST /hello HTTP/1.1\r\nhost: g\r\ncontent-length: 3\r\n\r\n{}";
const HALF_A_HEAD: &[u8] = b"POST /hello HTTP/1.1\r\nho";

fn silent_streams() {
    let setup = Setup::with(script::silent(), only("stream_idle_timeout"));
    let cases: [(&str, &[u8], u16, &str); 4] = [
        ("without a body", WITHOUT_BODY, 504, "stream timeout"),
        ("complete", COMPLETE, 504, "stream timeout"),
        ("incomplete", INCOMPLETE, 408, "stream timeout"),
        ("half a head", HALF_A_HEAD, 408, "stream timeout"),
    ];
    check_timeouts(&setup, &cases);
}

fn slow_requests() {
    let setup = Setup::with(script::silent(), only("request_timeout"));
    let cases: [(&str, &[u8], u16, &str); 3] = [
        ("without a body", WITHOUT_BODY, 504, "request timeout"),
        ("incomplete", INCOMPLETE, 408, "request timeout"),
        ("half a head", HALF_A_HEAD, 408, "request timeout"),
    ];
    check_timeouts(&setup, &cases);

    // It ends with a body, however long the action takes.
    let slow: script::Script = Arc::new(|call, connection| {
        thread::sleep(Duration::from_millis(2 * TIMEOUT));
        result(READY)(call, connection)
    });
    let setup = Setup::with(slow, only("request_timeout"));
    check_timeouts(&setup, &[("complete", COMPLETE, 200, READY)]);
}
