//! Upstreams that break off, lie or say something strange: the table of what they do and what the client gets.

use std::io;
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use corpus::Reply;
use openwhisk_envoy::Protocol;
use serde_json::{Value, json};
use testbed::client::{ask, get, header, request};
use testbed::script::{self, Greeting, Script, once};

use crate::deadline::is_due;
use crate::stage::{Behind, Plan};

mod http2;
mod table;

/// The activation that the strange answers are about.
const ID: &str = "44794bd6aab74415b4e42a308d880e5b";

/// The result in the strange answers.
const RESULT: &str = "{\"ready\":true}";

/// The length of that result.
const FIT: &str = "content-length: 14\r\n";

/// The result in the answers to the calls that follow.
const NEXT: &str = "{\"next\":true}";

/// How much the client sends: an upstream needs many reads for it.
const SENT: usize = 500_000;

/// The timeout of the calls that are given up: the upstream would go on for longer.
const TIMEOUT: u64 = 1100;

/// What the upstream does with the first call, or with the first connection.
enum Does {
    /// Its port is closed.
    Refuse,
    /// This, before it reads anything.
    Greet(Greeting),
    /// This, when it has read the call.
    Answer(Script),
}

/// What the client gets, always as JSON.
#[derive(Clone, Copy, Debug)]
struct Gets {
    status: u16,
    body: Body,
    /// Whether it is told the id of the activation.
    id: bool,
}

#[derive(Clone, Copy, Debug)]
enum Body {
    /// These bytes.
    Exactly(&'static str),
    /// The gateway's error with this sentence.
    Error(&'static str),
    /// The gateway's error about the status of the answer.
    Status(&'static str),
    /// The gateway's error of a deadline, no sooner than that.
    Late,
    /// Likewise, or that of an answer that broke off: behind the headers of an answer the filter tells one from the
    /// other by its own clock, and that of a busy Envoy is behind.
    LateBehindHead,
    /// The gateway's error with this sentence, or the one that `OpenWhisk` cannot be reached.
    ErrorOrUnreachable(&'static str),
}

impl Gets {
    const fn is_late(&self) -> bool {
        matches!(self.body, Body::Late | Body::LateBehindHead)
    }
}

/// Name, fault, and what the client gets.
type Row = (&'static str, Does, Gets);

/// Adds the tests.
pub fn add(plan: &mut Plan) {
    for (group, rows) in table::table() {
        for (name, does, gets) in rows {
            fault(plan, Protocol::Http1, &format!("fault::{group}::{name}"), does, gets);
        }
    }
    for (name, does, gets) in http2::table() {
        fault(plan, Protocol::Http2, &format!("fault::http2::{name}"), does, gets);
    }
    surpluses_on_idle_connections(plan);

    let name = "fault::without_an_upstream_attribute_the_cluster_is_host_and_port_of_api_host";
    plan.test_site(name, json!({ "upstream": null, "api_host": "http://nowhere.example" }), script::result("{}"), {
        |stage, port, upstream| {
            assert_eq!(get(port, "/hello").status, 503);
            assert_eq!(upstream.seen().calls, []);
            stage.check_logged(&["no upstream \"nowhere.example:80\"", "must name a cluster"]);
        }
    });
}

/// The usual answer with these headers beside the usual ones.
fn ok(headers: &str, body: &str) -> Vec<u8> {
    let usual = format!("content-type: application/json\r\nx-openwhisk-activation-id: {ID}");
    format!("HTTP/1.1 200 OK\r\n{usual}\r\n{headers}\r\n{body}").into_bytes()
}

/// The first call meets the fault; then the upstream is well, and the next calls get what is theirs.
fn fault(plan: &mut Plan, protocol: Protocol, name: &str, does: Does, gets: Gets) {
    let next = script::result(NEXT);
    let (first, behind) = match does {
        Does::Refuse => (0, Behind::Closed(next)),
        Does::Greet(greeting) => (0, Behind::Greeting(greeting, next)),
        Does::Answer(script) => (1, Behind::Script(once(script, next))),
    };
    // So little that it is there before the deadline, whatever the upstream has read of it by then.
    let (timeout, size) = if gets.is_late() { (TIMEOUT, 2) } else { (60_000, SENT) };
    let was_closed = matches!(behind, Behind::Closed(_));
    let request_id = name.to_owned();
    plan.test_behind(protocol, name, json!({ "timeout": timeout }), behind, move |_, port, upstream| {
        let request = request("POST", "/hello", &[("x-request-id", &request_id)], &vec![b' '; size]);
        let start = Instant::now();
        let reply = ask(port, &request);
        check(&reply, gets, &request_id, start.elapsed());
        upstream.wait("the first call", |seen| seen.calls.len() >= first);
        if was_closed {
            upstream.open();
        }
        for _ in 0..2 {
            check_next(&ask(port, &request));
        }
        assert_eq!(upstream.seen().calls.len(), first + 2, "each call is made once");
    });
}

fn check(reply: &Reply, mut gets: Gets, request_id: &str, took: Duration) {
    if gets.is_late() {
        assert!(is_due(took, TIMEOUT), "given up after {took:?}");
    }
    if matches!(gets.body, Body::LateBehindHead) && reply.status == table::BROKEN_OFF.status {
        gets = table::BROKEN_OFF;
    }
    if matches!(gets.body, Body::ErrorOrUnreachable(_)) && reply.status == table::UNREACHABLE.status {
        gets = table::UNREACHABLE;
    }
    let body = String::from_utf8_lossy(&reply.body);
    let ids = if gets.id { vec![ID.as_bytes()] } else { Vec::new() };
    let got = (reply.status, header(reply, "x-openwhisk-activation-id"), header(reply, "content-type"));
    assert_eq!(got, (gets.status, ids, vec![&b"application/json"[..]]), "{body:.200}");
    let sentence = match gets.body {
        Body::Exactly(expected) => return assert_eq!(body, expected),
        Body::Error(sentence) | Body::ErrorOrUnreachable(sentence) => sentence.to_owned(),
        Body::Status(status) => format!("the answer with status {status} is not one of openwhisk's API"),
        Body::Late | Body::LateBehindHead => format!("the action did not answer within {TIMEOUT} ms"),
    };
    let mut expected = json!({ "error": sentence, "code": request_id });
    if gets.id {
        expected["activationId"] = json!(ID);
    }
    assert_eq!(serde_json::from_str::<Value>(&body).ok(), Some(expected), "{body:.200}");
}

fn check_next(reply: &Reply) {
    assert_eq!((reply.status, String::from_utf8_lossy(&reply.body)), (200, NEXT.into()), "the next call");
}

/// What comes on a connection that no call uses is for nobody.
fn surpluses_on_idle_connections(plan: &mut Plan) {
    let stolen = ok("content-length: 15\r\n", "{\"stolen\":true}");
    for (name, surplus) in [
        ("an_answer", stolen),
        ("the_408_of_a_load_balancer", b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n".to_vec()),
        ("garbage", b"\0\xff\r\n\r\n".to_vec()),
        ("an_empty_line", b"\r\n".to_vec()),
    ] {
        let (got_the_reply, reply) = mpsc::channel();
        let reply = Mutex::new(reply);
        let first: Script = Arc::new(move |_, connection| {
            connection.send(&ok(FIT, RESULT))?;
            reply.lock().expect("not poisoned").recv().map_err(io::Error::other)?;
            connection.send(&surplus)?;
            connection.wait_for_close()
        });
        let script = once(first, script::result(NEXT));
        let name = format!("fault::surplus_on_an_idle_connection::{name}");
        plan.test_site(&name, json!({}), script, move |_, port, upstream| {
            assert_eq!(get(port, "/hello").body, RESULT.as_bytes());
            got_the_reply.send(()).expect("the upstream waits for it");
            upstream.wait("the end of the connection", |seen| seen.open == 0);
            for _ in 0..2 {
                check_next(&get(port, "/hello"));
            }
        });
    }
}
