//! Deadlines, in seconds of the clock.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::client::{self, get};
use crate::openwhisk::Action;
use crate::stage::{Behind, Plan, Site, config};
use crate::upstream;

/// The deadline of the sites here, 1 second, less the grain of Envoy's clock: it counts from the time at
/// which its loop woke up, some milliseconds before it makes the call.
const DEADLINE: Duration = Duration::from_millis(980);

/// Well before the 3 seconds that the action takes, on a busy machine.
const SOON: Duration = Duration::from_millis(2500);

/// Adds the tests.
pub fn add(plan: &mut Plan) {
    let attributes = || json!({ "timeout": 1000 });
    for (name, script) in [
        ("deadline::a_silent_upstream_is_given_up", upstream::silent()),
        ("deadline::a_dripping_upstream_is_given_up", upstream::drips()),
    ] {
        plan.test_site(name, attributes(), script, |_, port, _| check(port));
    }

    let name = "deadline::an_action_of_3_seconds_is_given_up_after_1";
    let code = "function main() { return new Promise((resolve) => setTimeout(() => resolve({ late: true }), 3000)); }";
    let action = Action { package: None, name: "slow".to_owned(), code: code.to_owned() };
    let config = config(name, json!({ "timeout": 1000, "action": "slow" }));
    plan.site(Site { name: name.to_owned(), config, behind: Behind::OpenWhisk(Some(action)) });
    plan.test(name, move |stage| {
        stage.check_openwhisk();
        check(stage.port(name));
        stage.check_good();
    });
}

fn check(port: u16) {
    let start = Instant::now();
    let reply = get(port, "/hello");
    let took = start.elapsed();
    let body = String::from_utf8_lossy(&reply.body);
    assert_eq!(reply.status, 504, "{body}");
    assert!(body.contains("the action did not answer within 1000 ms"), "{body}");
    assert_eq!(client::header(&reply, "content-type"), [b"application/json"]);
    assert!((DEADLINE..SOON).contains(&took), "answered after {took:?}");
}
