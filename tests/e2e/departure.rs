//! Clients that go away in every phase of a request, while others are served.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Instant;

use openwhisk_envoy::Protocol;
use serde_json::json;
use testbed::client::{self, chunked, head, request};
use testbed::envoy::Options;
use testbed::http2::client::reset_http2;
use testbed::script::{Script, answer};
use testbed::upstream::{Seen, Upstream};
use tokio::net::TcpSocket;

use crate::bootstrap::{self, Line, routes};
use crate::load::{Got, Load, count, echoes};
use crate::stage::{Behind, Plan, Site, config};

/// How many clients go away in each phase, half of them with a reset.
const TIMES: usize = 20;

/// The deadline of the calls that nobody waits for.
const TIMEOUT: u64 = 1000;

/// The site of those who stay, of those who go, and of the next good request to the same upstream.
const STAY: &str = "stay";
const GO: &str = "go";
const NEXT: &str = "next";

/// More than fits between an Envoy and a client that does not read.
const LARGE: usize = 16 << 20;

/// Adds the tests.
pub fn add(plan: &mut Plan) {
    for (workers, protocol) in [(1, Protocol::Http1), (2, Protocol::Http1), (2, Protocol::Http2)] {
        let name = format!("departure::clients_that_go_away_in_every_phase_with_{workers}_workers_over_{protocol:?}");
        plan.test_alone(&name, move || go_away_under_load(workers, protocol));
    }
    http2(plan);
}

/// A stream of HTTP/2 can end alone: the others on its connection live on.
fn http2(plan: &mut Plan) {
    let name = "departure::a_stream_of_http2_that_is_reset_leaves_the_connection";
    // The other has the time it needs.
    let attributes = json!({ "routes": { "silent": { "timeout": TIMEOUT }, "quick": {} } });
    let site = Site { name: name.to_owned(), config: config(name, attributes), behind: Behind::Script(does_as_told()) };
    let all = ["silent", "quick"].map(|route| bootstrap::route(name, route, &format!("/{route}")));
    plan.site_with(site, json!({ "manager": routes(&json!(all)) }));
    plan.test(name, move |stage| {
        let (port, upstream) = (stage.port(name), stage.upstream(name));
        for calls in 0..TIMES {
            let is_called = || silent(&upstream.seen()) > calls;
            let reply = reset_http2(port, ("/silent", b"\"silent\""), is_called, ("/quick", b"\"quick\""));
            assert_eq!((reply.status, reply.body.as_slice()), (200, &b"{}"[..]));
        }
        upstream.wait("the end of the calls", |seen| seen.open <= 1);
        stage.check_no_leak(name);
        stage.check_good();
    });
}

/// How many calls are not answered.
fn silent(seen: &Seen) -> usize {
    seen.calls.iter().filter(|call| call.body == b"\"silent\"").count()
}

/// What a client sends before it goes, and what it waits for then.
type Phase = (&'static str, Vec<u8>, Until);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    /// Nothing.
    Sent,
    /// The upstream has the call and does not answer it.
    Called,
    /// The reply has begun.
    Replied,
}

fn phases() -> Vec<Phase> {
    let announced = |body: &[u8]| [&head("POST", "/hello", &[("content-length", "1000")]), &b"\r\n"[..], body].concat();
    let in_a_chunk = chunked("/hello", &[&[b' '; 1000]], &[]);
    let kept = |body: &str| {
        format!("POST /hello HTTP/1.1\r\nhost: gateway\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
    };
    vec![
        ("at once", Vec::new(), Until::Sent),
        ("in the headers", b"POST /hello HTTP/1.1\r\nhost: gate".to_vec(), Until::Sent),
        ("before the body", announced(b""), Until::Sent),
        ("in the body", announced(b"{\"a\":"), Until::Sent),
        ("in a chunk", in_a_chunk[..in_a_chunk.len() - 500].to_vec(), Until::Sent),
        ("before the last chunk", in_a_chunk[..in_a_chunk.len() - 5].to_vec(), Until::Sent),
        ("after the request", request("POST", "/hello", &[], b"\"quick\""), Until::Sent),
        ("during the call", request("POST", "/hello", &[], b"\"silent\""), Until::Called),
        ("during the call, with another request", [kept("\"silent\""), kept("\"quick\"")].concat(), Until::Called),
        ("in the reply", request("POST", "/hello", &[], b"\"large\""), Until::Replied),
    ]
}

/// Does what the call asks for.
fn does_as_told() -> Script {
    let json = |body: &[u8]| answer(200, &[("content-type", "application/json")], body);
    let (quick, large) = (json(b"{}"), json(&[&vec![b' '; LARGE], &b"{}"[..]].concat()));
    Arc::new(move |call, connection| match call.body.as_slice() {
        b"\"silent\"" => connection.wait_for_close(),
        b"\"large\"" => connection.send(&large),
        _ => connection.send(&quick),
    })
}

fn go_away_under_load(workers: usize, protocol: Protocol) {
    let start = |script| Upstream::speaking(protocol, script);
    let (staying, going) = (start(echoes()), start(does_as_told()));
    let lines = [
        Line::of(STAY, json!({}), staying.address()),
        Line::of(GO, json!({ "timeout": TIMEOUT }), going.address()),
        Line::of(NEXT, json!({}), going.address()),
    ];
    let mut envoy = bootstrap::envoy(&lines, &Options { workers, ..Options::default() });
    let ports = envoy.ports();
    let (stay, go, next) = (ports[STAY], ports[GO], ports[NEXT]);
    let load = Load::start(stay);
    load.wait_for_echoes(Instant::now(), 1);

    let mut gone = 0;
    for time in 0..TIMES {
        for (phase, bytes, until) in phases() {
            let calls = silent(&going.seen());
            let mut stream = client::connect(go);
            stream.write_all(&bytes).unwrap_or_else(|error| panic!("{phase}: {error}"));
            match until {
                Until::Sent => {}
                Until::Called => drop(going.wait(phase, |seen| silent(seen) > calls)),
                Until::Replied => stream.read_exact(&mut [0; 100]).unwrap_or_else(|error| panic!("{phase}: {error}")),
            }
            leave(stream, time % 2 == 0);
            gone += 1;
        }
        let reply = client::ask(next, &request("POST", "/hello", &[], b"\"quick\""));
        assert_eq!((reply.status, reply.body.as_slice()), (200, &b"{}"[..]), "the next good request");
    }
    envoy.wait_for_counter(&format!("cluster.{GO}.upstream_rq_active"), |active| active == 0);
    let requests = load.stop();
    println!("{workers} workers, {gone} gone, {} stayed: {:?}", requests.len(), count(&requests));
    assert!(requests.iter().all(|request| request.got == Got::Echo("hello".to_owned())), "{:?}", count(&requests));
    for gauge in ["downstream_rq_active", "downstream_cx_active"] {
        envoy.wait_for_counter(&format!("http.gateway.{gauge}"), |active| active == 0);
    }
    assert_eq!(envoy.complaints(), Vec::<String>::new());
}

fn leave(stream: TcpStream, resets: bool) {
    if resets {
        TcpSocket::from_std_stream(stream).set_zero_linger().expect("set");
    }
}
