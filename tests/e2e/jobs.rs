//! Results of activations that clients ask for, with the local `OpenWhisk`.

use corpus::Reply;
use serde_json::{Value, json};
use testbed::client::{ask, get, header, request};
use testbed::openwhisk::Action;
use testbed::script;

use crate::modes::ENDLESS;
use crate::stage::{Behind, Plan, Site, Stage, config};

/// What a client gets of an activation that is not there, runs still, or is of something else.
const NOT_THERE: &str = "there is no such activation, or it has not ended yet";

/// An id that no activation has.
const NOBODY: &str = "00000000000000000000000000000000";

/// The package of an action, and another name for it.
const PACKAGE: &str = "jobs.provider";
const BINDING: &str = "jobs.binding";

/// Adds the tests.
pub fn add(plan: &mut Plan) {
    let shaped = "const main = ({ n }) => ({ statusCode: 201, headers: { 'x-n': n }, body: { n } });";
    let fails = "const main = () => ({ error: 'boom' });";
    let mut site = |name: &str, attributes: Value, action: Option<Action>| {
        let behind = Behind::OpenWhisk(action);
        plan.site(Site { name: name.to_owned(), config: config(name, attributes), behind });
    };
    for (name, code) in [("jobs.shaped", shaped), ("jobs.fails", fails), ("jobs.endless", ENDLESS)] {
        let action = Action { package: None, name: name.to_owned(), code: code.to_owned() };
        site(&format!("{name}.start"), json!({ "action": name, "mode": "async", "location": "/jobs/" }), Some(action));
        let timed = name == "jobs.shaped";
        site(name, json!({ "action": name, "mode": "poll", "namespace": "_", "server_timing": timed }), None);
    }
    let action = Action { package: Some(PACKAGE.to_owned()), name: "a".to_owned(), code: shaped.to_owned() };
    site("jobs.bound.start", json!({ "package": BINDING, "action": "a", "mode": "async" }), Some(action));
    for (name, package, namespace) in
        [("jobs.bound", BINDING, "guest"), ("jobs.bound.own", BINDING, "_"), ("jobs.provider", PACKAGE, "guest")]
    {
        site(name, json!({ "package": package, "action": "a", "mode": "poll", "namespace": namespace }), None);
    }
    site("jobs.fire", json!({ "action": null, "trigger": "jobs.trigger", "parameters": "http" }), None);

    plan.test("jobs::the_result_is_that_of_a_call_that_waited", the_result);
    plan.test("jobs::the_error_is_that_of_a_call_that_waited", the_error);
    plan.test("jobs::what_runs_and_what_never_was_is_404", not_there);
    plan.test("jobs::the_record_of_another_action_is_not_served", another_action);
    plan.test("jobs::the_record_of_a_trigger_is_not_served", trigger);
    plan.test("jobs::a_binding_serves_what_was_invoked_through_it", binding);
    no_ids(plan);
}

/// Invokes an action, and gives the id of its activation when that has ended.
fn start(stage: &Stage, site: &str) -> String {
    let reply = ask(stage.port(site), &request("POST", "/hello", &[], br#"{"n":7}"#));
    assert_eq!(reply.status, 202, "{}", String::from_utf8_lossy(&reply.body));
    let id = id_of(&reply);
    stage.openwhisk().wait_for_record(&id);
    id
}

fn id_of(reply: &Reply) -> String {
    let [id] = header(reply, "x-openwhisk-activation-id")[..] else { panic!("no id: {reply:?}") };
    String::from_utf8(id.to_vec()).expect("UTF-8")
}

fn poll(stage: &Stage, site: &str, id: &str) -> Reply {
    let reply = get(stage.port(site), &format!("/hello/jobs/{id}?a=b"));
    stage.check_no_leak(site);
    reply
}

/// Fails unless a client was told that there is nothing.
fn check_not_there(reply: &Reply) {
    let text = String::from_utf8_lossy(&reply.body);
    assert_eq!(reply.status, 404, "{text}");
    assert!(text.ends_with(&format!("\"error\":\"{NOT_THERE}\"}}")), "{text}");
    assert_eq!(header(reply, "retry-after"), [b"1"]);
}

fn the_result(stage: &Stage) {
    stage.check_openwhisk();
    let accepted = ask(stage.port("jobs.shaped.start"), &request("POST", "/hello", &[], br#"{"n":7}"#));
    let id = id_of(&accepted);
    assert_eq!((accepted.status, header(&accepted, "retry-after")), (202, vec![&b"1"[..]]));
    assert_eq!(header(&accepted, "location"), [format!("/jobs/{id}").as_bytes()]);
    stage.openwhisk().wait_for_record(&id);
    let reply = poll(stage, "jobs.shaped", &id);
    assert_eq!((reply.status, reply.body.as_slice()), (201, &br#"{"n":7}"#[..]));
    assert_eq!(header(&reply, "x-n"), [b"7"]);
    assert_eq!(header(&reply, "x-openwhisk-activation-id"), [id.as_bytes()]);
    let [timing] = header(&reply, "server-timing")[..] else { panic!("no timing: {reply:?}") };
    let timing = String::from_utf8_lossy(timing);
    let names: Vec<_> = timing.split(", ").filter_map(|metric| Some(metric.split_once(";dur=")?.0)).collect();
    assert!(names.starts_with(&["openwhisk", "action", "wait"]), "{timing}");
    let head = ask(stage.port("jobs.shaped"), &request("HEAD", &format!("/hello/{id}"), &[], b""));
    assert_eq!((head.status, header(&head, "x-n")), (201, vec![&b"7"[..]]));
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        let reply = ask(stage.port("jobs.shaped"), &request(method, &format!("/hello/{id}"), &[], b""));
        assert_eq!(reply.status, 405, "{method}");
    }
}

fn the_error(stage: &Stage) {
    stage.check_openwhisk();
    let id = start(stage, "jobs.fails.start");
    let reply = poll(stage, "jobs.fails", &id);
    assert_eq!((reply.status, reply.body.as_slice()), (502, &br#"{"error":"boom"}"#[..]));
}

fn not_there(stage: &Stage) {
    stage.check_openwhisk();
    let id = id_of(&ask(stage.port("jobs.endless.start"), &request("POST", "/hello", &[], b"")));
    check_not_there(&poll(stage, "jobs.endless", &id));
    check_not_there(&poll(stage, "jobs.endless", NOBODY));
}

fn another_action(stage: &Stage) {
    stage.check_openwhisk();
    let id = start(stage, "jobs.shaped.start");
    check_not_there(&poll(stage, "jobs.fails", &id));
    // It is there.
    assert_eq!(poll(stage, "jobs.shaped", &id).status, 201);
}

fn trigger(stage: &Stage) {
    let openwhisk = stage.openwhisk();
    let put = |entity: &str, body: Value| {
        openwhisk.put(entity, &body.to_string()).unwrap_or_else(|error| panic!("{error}"));
    };
    put("triggers/jobs.trigger", json!({}));
    put("rules/jobs.rule", json!({ "trigger": "/_/jobs.trigger", "action": "/_/jobs.shaped" }));
    let id = start(stage, "jobs.fire");
    check_not_there(&poll(stage, "jobs.shaped", &id));
}

fn binding(stage: &Stage) {
    let bound = json!({ "binding": { "namespace": "_", "name": PACKAGE } });
    let created = stage.openwhisk().put(&format!("packages/{BINDING}"), &bound.to_string());
    created.unwrap_or_else(|error| panic!("{error}"));
    let id = start(stage, "jobs.bound.start");
    for (site, status) in [("jobs.bound", 201), ("jobs.bound.own", 201), ("jobs.provider", 404)] {
        assert_eq!(poll(stage, site, &id).status, status, "{site}");
    }
}

/// What is no id is no question to `OpenWhisk`.
fn no_ids(plan: &mut Plan) {
    let attributes = json!({ "mode": "poll" });
    let name = "jobs::without_an_id_nobody_is_asked";
    plan.test_site(name, attributes, script::result("{}"), |_, port, upstream| {
        let long = format!("{NOBODY}0");
        for end in ["", "/", &"0".repeat(31), &long, &"A".repeat(32), &"g".repeat(32), "%30", &format!("{NOBODY}/")] {
            let reply = get(port, &format!("/hello/{end}"));
            assert_eq!((reply.status, header(&reply, "retry-after").len()), (404, 0), "{end}");
        }
        assert_eq!(upstream.seen().calls, []);
        get(port, &format!("/hello/{NOBODY}"));
        let calls = upstream.seen().calls;
        let [call] = &calls[..] else { panic!("{calls:?}") };
        let path = format!("/api/v1/namespaces/_/activations/{NOBODY}");
        assert_eq!((call.method.as_str(), call.path.as_str(), call.body.len()), ("GET", path.as_str(), 0));
    });
}
