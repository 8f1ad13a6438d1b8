//! Deadlines: no reply of one comes before it. How long after it is the machine's affair.

use std::time::{Duration, Instant};

use corpus::Reply;
use serde_json::{Value, json};
use testbed::PATIENCE;
use testbed::client::{self, get};
use testbed::script;

use crate::modes::{ENDLESS, SLOW};
use crate::stage::Plan;

/// How much earlier than its deadline a reply may come: Envoy counts from the time at which its loop woke up, on a clock
/// that goes in steps.
const SLACK: Duration = Duration::from_millis(100);

/// Adds the tests.
pub fn add(plan: &mut Plan) {
    let attributes = || json!({ "timeout": 1000 });
    plan.test_site("deadline::a_silent_upstream_is_given_up", attributes(), script::silent(), |_, port, _| {
        let reply = given_up(timed(port), 1000, 1100);
        assert_eq!(id(&reply), None);
    });
    plan.test_action("deadline::an_action_that_never_ends_is_given_up", attributes(), ENDLESS, |_, port| {
        // OpenWhisk tells it a little after its wait, which a busy machine may draw out beyond the deadline.
        let start = Instant::now();
        while id(&given_up(timed(port), 1000, 1000)).is_none() {
            assert!(start.elapsed() < PATIENCE, "the id is never told");
        }
    });
    // The filter tells it from an answer that broke off by its own clock, and that of a busy Envoy is behind.
    let stalls = script::stalls_after(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{".to_vec());
    plan.test_site("deadline::an_answer_that_stops_in_its_body_is_given_up", attributes(), stalls, |_, port, _| {
        given_up(eventually(port, 504, 1100), 1000, 1100);
    });

    let accept = || json!({ "timeout": 500, "on_timeout": "accept" });
    plan.test_action("deadline::accept_answers_with_the_id_after_the_timeout", accept(), SLOW, |stage, port| {
        let (reply, took) = eventually(port, 202, 1500);
        assert!(is_due(took, 500), "answered after {took:?}");
        let id = id(&reply).expect("an id");
        assert_eq!(stage.openwhisk().wait_for_record(&id)["response"]["result"], json!({ "received": {} }));
    });
    plan.test_site("deadline::accept_waits_a_second_longer", accept(), script::silent(), |_, port, _| {
        assert_eq!(id(&given_up(timed(port), 500, 1500)), None);
    });
}

/// Whether a reply that took so long may be that of a deadline, in milliseconds.
pub fn is_due(took: Duration, deadline: u64) -> bool {
    took + SLACK >= Duration::from_millis(deadline)
}

fn timed(port: u16) -> (Reply, Duration) {
    let start = Instant::now();
    let reply = get(port, "/hello");
    (reply, start.elapsed())
}

/// Asks until a reply has this status. Any other is the second best of a busy machine, where the deadline came first.
fn eventually(port: u16, status: u16, deadline: u64) -> (Reply, Duration) {
    let start = Instant::now();
    loop {
        let (reply, took) = timed(port);
        if reply.status == status {
            return (reply, took);
        }
        let body = String::from_utf8_lossy(&reply.body);
        assert!(is_due(took, deadline), "{} after {took:?}: {body}", reply.status);
        assert!(start.elapsed() < PATIENCE, "never {status}, but {}: {body}", reply.status);
    }
}

/// Checks the error of a request that gets no result within the timeout, no sooner than so many milliseconds after it.
fn given_up((reply, took): (Reply, Duration), timeout: u64, deadline: u64) -> Reply {
    let body = String::from_utf8_lossy(&reply.body);
    assert_eq!(reply.status, 504, "{body}");
    assert!(body.contains(&format!("the action did not answer within {timeout} ms")), "{body}");
    assert_eq!(client::header(&reply, "content-type"), [b"application/json"]);
    assert!(is_due(took, deadline), "answered after {took:?}, expected {deadline} ms");
    reply
}

/// The id of the activation, if the reply tells one: in its header and in its body.
fn id(reply: &Reply) -> Option<String> {
    let body: Value = serde_json::from_slice(&reply.body).expect("JSON");
    let id = body["activationId"].as_str();
    let header: Vec<_> = id.iter().map(|id| id.as_bytes()).collect();
    assert_eq!(client::header(reply, "x-openwhisk-activation-id"), header, "{body}");
    id.map(str::to_owned)
}
