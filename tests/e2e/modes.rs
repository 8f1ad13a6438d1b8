//! What is done with the action, and what is waited for.

use corpus::Reply;
use serde_json::{Value, json};
use testbed::client::{ask, header, request};

use crate::stage::Plan;

/// An action that does not end before `OpenWhisk` ends it, after a minute.
pub const ENDLESS: &str = "const main = () => new Promise(() => {});";

/// An action that takes 3 seconds, and tells what it received.
pub const SLOW: &str = "function main(params) {
    return new Promise((resolve) => setTimeout(() => resolve({ received: params }), 3000));
}";

/// An action that tells what it received.
const QUICK: &str = "const main = (params) => ({ received: params });";

/// Adds the tests.
pub fn add(plan: &mut Plan) {
    let sent = || request("POST", "/hello", &[], br#"{"name":"world"}"#);
    let received = json!({ "received": { "name": "world" } });

    let expected = received.clone();
    plan.test_action("modes::async_answers_before_the_action_has_run", json!({ "mode": "async" }), ENDLESS, {
        move |stage, port| {
            let id = accepted(&ask(port, &sent()));
            // Instead of a look at the clock: the action never ends by itself.
            assert_eq!(stage.openwhisk().record(&id), None, "the action has ended already");
        }
    });
    plan.test_action("modes::async_hands_the_body_to_the_action", json!({ "mode": "async" }), QUICK, {
        move |stage, port| {
            let id = accepted(&ask(port, &sent()));
            assert_eq!(stage.openwhisk().wait_for_record(&id)["response"]["result"], expected);
        }
    });

    plan.test_action("modes::activation_answers_with_the_record", json!({ "mode": "activation" }), QUICK, {
        move |stage, port| {
            let reply = ask(port, &sent());
            let text = String::from_utf8_lossy(&reply.body);
            assert_eq!(reply.status, 200, "{text}");
            let mut record: Value = serde_json::from_str(&text).expect("JSON");
            assert_eq!(record["response"]["result"], received);
            let id = record["activationId"].as_str().unwrap_or_else(|| panic!("no id in {text}")).to_owned();
            assert_eq!(header(&reply, "x-openwhisk-activation-id"), [id.as_bytes()]);
            // The logs are kept apart from the answer.
            let mut kept = stage.openwhisk().wait_for_record(&id);
            for record in [&mut record, &mut kept] {
                record.as_object_mut().expect("an object").remove("logs");
            }
            assert_eq!(record, kept);
        }
    });

    plan.test_action("modes::metadata_does_not_run_the_action", json!({ "mode": "metadata" }), QUICK, {
        move |stage, port| {
            let reply = ask(port, &sent());
            let text = String::from_utf8_lossy(&reply.body);
            assert_eq!(reply.status, 200, "{text}");
            let metadata: Value = serde_json::from_str(&text).expect("JSON");
            assert_eq!(metadata["exec"]["code"], QUICK);
            let name = metadata["name"].as_str().unwrap_or_else(|| panic!("no name in {text}"));
            assert_eq!(stage.openwhisk().records_of(name), Vec::<Value>::new());
            assert_eq!(header(&reply, "x-openwhisk-activation-id"), [b""; 0]);
        }
    });
}

/// The id in a reply that says that the action was accepted, and nothing else.
fn accepted(reply: &Reply) -> String {
    let text = String::from_utf8_lossy(&reply.body);
    assert_eq!(reply.status, 202, "{text}");
    let body: Value = serde_json::from_str(&text).expect("JSON");
    let id = body["activationId"].as_str().unwrap_or_else(|| panic!("no id in {text}"));
    assert_eq!(body, json!({ "activationId": id }));
    assert_eq!(header(reply, "x-openwhisk-activation-id"), [id.as_bytes()]);
    assert_eq!(header(reply, "content-type"), [b"application/json"]);
    id.to_owned()
}
