//! Requests that fire triggers, with the local `OpenWhisk`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use corpus::{GUEST, Reply};
use serde_json::{Value, json};
use testbed::client::{ask, header, request};
use testbed::openwhisk::Action;

use crate::stage::{Behind, Plan, Site, Stage, config};

/// The site, its trigger, and its action.
const SITE: &str = "triggers.fire";
const TRIGGER: &str = "triggers.trigger";
const ACTION: &str = "triggers.action";

/// Adds the tests.
pub fn add(plan: &mut Plan) {
    let action = Action {
        package: None,
        name: ACTION.to_owned(),
        code: "const main = (received) => ({ received });".to_owned(),
    };
    let mut site = |name: &str, trigger: &str, action: Option<Action>| {
        let attributes = json!({
            "action": null, "trigger": trigger, "parameters": "http", "path_template": "/hello/{kind}",
            "bind": { "stage": "prod" },
        });
        let behind = Behind::OpenWhisk(action);
        plan.site(Site { name: name.to_owned(), config: config(name, attributes), behind });
    };
    site(SITE, TRIGGER, Some(action));
    site("triggers.asleep", "triggers.asleep", None);
    site("triggers.missing", "triggers.nobody", None);
    plan.test("triggers::the_rule_invokes_its_action_which_never_sees_the_key", fired);
    plan.test("triggers::without_an_active_rule_it_is_204", asleep);
    plan.test("triggers::a_trigger_that_is_missing_is_the_404_of_openwhisk", missing);
}

/// Fires, with what nobody may see.
fn fire(stage: &Stage, site: &str) -> Reply {
    let headers = [
        ("content-type", "application/json"),
        ("authorization", "Bearer of-the-client"),
        ("x-client", "here"),
        ("cookie", "a=1"),
    ];
    let reply = ask(stage.port(site), &request("POST", "/hello/order?stage=test", &headers, br#"{"n":7,"kind":"x"}"#));
    stage.check_no_leak(site);
    reply
}

fn put(stage: &Stage, entity: &str, body: &Value) {
    stage.openwhisk().put(entity, &body.to_string()).unwrap_or_else(|error| panic!("{error}"));
}

fn fired(stage: &Stage) {
    put(stage, &format!("triggers/{TRIGGER}"), &json!({}));
    let rule = json!({ "trigger": format!("/_/{TRIGGER}"), "action": format!("/_/{ACTION}") });
    put(stage, "rules/triggers.rule", &rule);
    let reply = fire(stage, SITE);
    let text = String::from_utf8_lossy(&reply.body);
    assert_eq!(reply.status, 202, "{text}");
    let body: Value = serde_json::from_str(&text).expect("JSON");
    let id = body["activationId"].as_str().expect("an id");
    assert_eq!(header(&reply, "x-openwhisk-activation-id"), [id.as_bytes()]);
    let record = stage.openwhisk().wait_for_record(id);
    let rule: Value = serde_json::from_str(record["logs"][0].as_str().expect("a rule")).expect("JSON");
    assert_eq!((&rule["rule"], &rule["success"]), (&json!("guest/triggers.rule"), &json!(true)));
    let record = stage.openwhisk().wait_for_record(rule["activationId"].as_str().expect("an id"));
    let received = &record["response"]["result"]["received"];
    assert_eq!((&received["n"], &received["kind"], &received["stage"]), (&json!(7), &json!("order"), &json!("prod")));
    let headers = received["__ow_headers"].as_object().expect("headers");
    assert_eq!((headers.get("x-client"), headers.get("authorization")), (Some(&json!("here")), None), "{received}");
    let shown = record.to_string();
    for secret in [GUEST, &STANDARD.encode(GUEST), "of-the-client", "a=1"] {
        assert!(!shown.contains(secret), "{secret}: {shown}");
    }
}

fn asleep(stage: &Stage) {
    put(stage, "triggers/triggers.asleep", &json!({}));
    let check = |expected: u16| {
        let reply = fire(stage, "triggers.asleep");
        assert_eq!((reply.status, reply.body.is_empty()), (expected, expected == 204));
        assert_eq!(header(&reply, "x-openwhisk-activation-id").is_empty(), expected == 204);
    };
    check(204);
    let rule = json!({ "trigger": "/_/triggers.asleep", "action": format!("/_/{ACTION}") });
    put(stage, "rules/triggers.sleeping", &rule);
    check(202);
    for (state, expected) in [("inactive", 204), ("active", 202)] {
        stage.openwhisk().set_rule("triggers.sleeping", state);
        check(expected);
    }
}

fn missing(stage: &Stage) {
    stage.check_openwhisk();
    let reply = fire(stage, "triggers.missing");
    let text = String::from_utf8_lossy(&reply.body);
    assert_eq!(reply.status, 404, "{text}");
    assert!(text.contains("The requested resource does not exist."), "{text}");
}
