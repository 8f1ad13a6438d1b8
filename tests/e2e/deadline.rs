//! Deadlines, in seconds of the clock.

use std::ops::Range;
use std::time::{Duration, Instant};

use corpus::Reply;
use serde_json::{Value, json};

use crate::client::{self, get};
use crate::modes::SLOW;
use crate::stage::Plan;
use crate::upstream;

/// When the answer of a deadline may come: a little early, as Envoy's clock counts from the time at which its loop
/// woke up, some milliseconds before it makes the call; and later on a busy machine, but before the action of
/// 3 seconds has ended.
const fn around(deadline: u64) -> Range<Duration> {
    Duration::from_millis(deadline - 20)..Duration::from_millis(2500)
}

/// Adds the tests.
pub fn add(plan: &mut Plan) {
    let attributes = || json!({ "timeout": 1000 });
    plan.test_site("deadline::a_silent_upstream_is_given_up", attributes(), upstream::silent(), |_, port, _| {
        let reply = given_up(port, 1000, around(1000));
        assert_eq!(id(&reply), None);
    });
    plan.test_action("deadline::an_action_of_3_seconds_is_given_up_after_1", attributes(), SLOW, |_, port| {
        // Envoy's deadline and the 202 of OpenWhisk come at the same time: the id is known or not.
        id(&given_up(port, 1000, around(1000)));
    });

    let accept = || json!({ "timeout": 500, "on_timeout": "accept" });
    plan.test_action("deadline::accept_answers_with_the_id_after_the_timeout", accept(), SLOW, |stage, port| {
        let (reply, took) = timed(port);
        assert_eq!(reply.status, 202, "{}", String::from_utf8_lossy(&reply.body));
        let id = id(&reply).expect("an id");
        assert!(around(500).contains(&took), "answered after {took:?}");
        assert_eq!(stage.openwhisk().record(&id), None, "the action has ended already");
        assert_eq!(stage.openwhisk().wait_for_record(&id)["response"]["result"], json!({ "received": {} }));
    });
    plan.test_site("deadline::accept_waits_a_second_longer", accept(), upstream::silent(), |_, port, _| {
        let late = Duration::from_millis(1480)..Duration::from_millis(3500);
        assert_eq!(id(&given_up(port, 500, late)), None);
    });
}

fn timed(port: u16) -> (Reply, Duration) {
    let start = Instant::now();
    let reply = get(port, "/hello");
    (reply, start.elapsed())
}

/// A request that gets no result within the timeout, and its error after some time.
fn given_up(port: u16, timeout: u64, expected: Range<Duration>) -> Reply {
    let (reply, took) = timed(port);
    let body = String::from_utf8_lossy(&reply.body);
    assert_eq!(reply.status, 504, "{body}");
    assert!(body.contains(&format!("the action did not answer within {timeout} ms")), "{body}");
    assert_eq!(client::header(&reply, "content-type"), [b"application/json"]);
    assert!(expected.contains(&took), "answered after {took:?}, expected {expected:?}");
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
