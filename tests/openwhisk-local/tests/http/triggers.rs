use super::server::{AUTHORIZATION, Reply, Server};
use serde_json::{Value, json};

/// A trigger `t`, an action `echo`, and a rule `r` between them.
fn prepared(options: &[&str]) -> Server {
    let server = Server::start_with(options);
    server.action("echo", "function main(p) { return p; }");
    assert_eq!(server.call("PUT", "triggers/t", "{}").status, 200);
    rule(&server, "r", "echo");
    server
}

#[track_caller]
fn rule(server: &Server, name: &str, action: &str) {
    let body = json!({"trigger": "/_/t", "action": format!("/_/{action}")});
    assert_eq!(server.call("PUT", &format!("rules/{name}"), &body.to_string()).status, 200);
}

#[track_caller]
fn switch(server: &Server, name: &str, status: &str) -> Reply {
    server.call("POST", &format!("rules/{name}"), &json!({"status": status}).to_string())
}

/// Fires; the record of the trigger, and what it says about its rules.
#[track_caller]
fn fire(server: &Server, payload: &str) -> (Value, Vec<Value>) {
    let reply = server.call("POST", "triggers/t", payload);
    assert_eq!((reply.status, reply.json()), (202, json!({"activationId": reply.activation()})));
    let record = server.record(reply.activation());
    let logs = record["logs"].as_array().unwrap().iter();
    let logs = logs.map(|line| serde_json::from_str(line.as_str().unwrap()).unwrap()).collect();
    (record, logs)
}

#[test]
fn a_trigger_is_shown_with_its_rules() {
    let server = Server::start();
    let mut created = server.call("PUT", "triggers/t", "{\"parameters\":[{\"key\":\"a\",\"value\":1}]}").json();
    assert!(created["updated"].take().is_u64());
    let parameters = json!([{"key": "a", "value": 1}]);
    let shown = json!({"annotations": [], "limits": {}, "name": "t", "namespace": "guest", "parameters": parameters, "publish": false, "updated": null, "version": "0.0.1"});
    assert_eq!(created, shown);
    assert_eq!(server.call("PUT", "triggers/t", "{}").error(), (409, String::from("resource already exists")));
    assert_eq!(server.call("PUT", "triggers/u", "").status, 400, "a body is needed");
    server.action("a", "function main() { return {}; }");
    rule(&server, "r", "a");
    let rules = json!({"guest/r": {"action": {"name": "a", "path": "guest"}, "status": "active"}});
    assert_eq!(server.get("triggers/t").json()["rules"], rules);
    let changed = server.call("PUT", "triggers/t?overwrite=true", "{}").json();
    assert_eq!(
        (&changed["version"], &changed["parameters"], &changed["rules"]),
        (&json!("0.0.2"), &parameters, &rules)
    );
    let keys: Vec<String> = server.get("triggers").json()[0].as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["annotations", "name", "namespace", "publish", "updated", "version"]);
    assert_eq!(server.get("triggers?count=true").text, "{\"triggers\":1}");
    assert_eq!(server.call("DELETE", "triggers/t", "").json()["name"], "t");
    let missing = (404, String::from("The requested resource does not exist."));
    for method in ["GET", "DELETE", "POST"] {
        assert_eq!(server.call(method, "triggers/t", "").error(), missing, "{method}");
    }
}

#[test]
fn a_rule_lives_its_life() {
    let server = prepared(&[]);
    let mut shown = server.get("rules/r").json();
    assert!(shown["updated"].take().is_u64());
    assert_eq!(
        shown,
        json!({
            "action": {"name": "echo", "path": "guest"}, "annotations": [], "name": "r", "namespace": "guest",
            "publish": false, "status": "active", "trigger": {"name": "t", "path": "guest"}, "updated": null,
            "version": "0.0.1",
        })
    );
    assert_eq!(server.get("rules").json()[0].get("status"), None);
    for (status, _) in [("inactive", 0), ("inactive", 1), ("active", 2), ("inactive", 3)] {
        let reply = switch(&server, "r", status);
        assert_eq!((reply.status, reply.text.as_str()), (200, "OK"), "{status}");
        assert_eq!(reply.header("content-type"), Some("text/plain; charset=UTF-8"));
        assert_eq!(server.get("rules/r").json()["status"], status);
    }
    let updated = server.call("PUT", "rules/r?overwrite=true", "{\"status\":\"active\"}").json();
    assert_eq!((&updated["version"], &updated["trigger"]["name"]), (&json!("0.0.2"), &json!("t")));
    let parts = json!({"trigger": {"path": "_", "name": "t"}, "action": {"path": "guest", "name": "echo"}, "status": "inactive"});
    let created = server.call("PUT", "rules/s", &parts.to_string()).json();
    assert_eq!(created["status"], "active", "a status that is sent is ignored");
    assert_eq!(server.call("DELETE", "rules/s", "").status, 200);
    assert_eq!(server.get("triggers/t").json()["rules"].as_object().unwrap().len(), 1);

    assert_eq!(server.call("DELETE", "triggers/t", "").status, 200);
    assert_eq!(server.get("rules/r").json()["status"], "inactive");
    let gone = (404, String::from("Only rules with existing triggers can be activated"));
    assert_eq!(switch(&server, "r", "active").error(), gone);
    let again = server.call("PUT", "triggers/t", "{}").json();
    assert_eq!(again.get("rules"), None, "a new trigger of that name has none of them");
}

#[test]
fn wrong_rules_are_refused() {
    let server = prepared(&[]);
    let malformed = |text: &str| format!("The request content was malformed:\n{text}");
    let cases = [
        ("PUT", "{}", 400, String::from("rule requires a valid trigger and a valid action")),
        ("PUT", "{\"trigger\":\"/_/t\"}", 400, String::from("rule requires a valid trigger and a valid action")),
        ("PUT", "{\"trigger\":\"/_/x\",\"action\":\"/_/echo\"}", 400, String::from("trigger /guest/x does not exist")),
        ("PUT", "{\"trigger\":\"/_/t\",\"action\":\"/_/x\"}", 400, String::from("action /guest/x does not exist")),
        (
            "PUT",
            "{\"trigger\":\"t\",\"action\":\"/_/echo\"}",
            400,
            malformed(
                "requirement failed: The fully qualified name of the entity must contain at least the namespace and the name of the entity.",
            ),
        ),
        (
            "PUT",
            "{\"trigger\":\"/other/t\",\"action\":\"/_/echo\"}",
            403,
            String::from("The supplied authentication is not authorized to access 'other/t'."),
        ),
        ("POST", "{\"status\":\"foo\"}", 400, malformed("requirement failed: foo is not a recognized rule state")),
        ("POST", "{}", 400, malformed("key not found: status")),
    ];
    for (method, body, status, text) in cases {
        let name = if method == "POST" { "r" } else { "new" };
        assert_eq!(server.call(method, &format!("rules/{name}"), body).error(), (status, text), "{method} {body}");
    }
}

#[test]
fn all_collections_share_their_names() {
    let server = prepared(&[]);
    server.call("PUT", "packages/p", "{}");
    let action = json!({"exec": {"kind": "nodejs:20", "code": "x"}}).to_string();
    let link = json!({"trigger": "/_/t", "action": "/_/echo"}).to_string();
    for (collection, body) in [("actions", action.as_str()), ("packages", "{}"), ("triggers", "{}"), ("rules", &link)] {
        for (own, name) in [("actions", "echo"), ("packages", "p"), ("triggers", "t"), ("rules", "r")] {
            let path = format!("{collection}/{name}");
            assert_eq!(server.call("PUT", &path, body).error().1, "resource already exists", "{path}");
            if own != collection {
                let text = "Resource by this name exists but is not in this collection.";
                assert_eq!(server.get(&path).error(), (409, text.to_owned()), "{path}");
            }
        }
    }
}

#[test]
fn a_fire_without_active_rules_is_204_and_nothing_else() {
    let server = prepared(&[]);
    switch(&server, "r", "inactive");
    let reply = server.call("POST", "triggers/t?blocking=nonsense&timeout=0", "{}");
    assert_eq!((reply.status, reply.text.as_str()), (204, ""));
    for absent in ["content-type", "x-openwhisk-activation-id"] {
        assert_eq!(reply.header(absent), None);
    }
    // A record of the fire would be there before that of what came after it.
    server.record(server.result("echo", "").activation());
    assert_eq!(server.get("activations?count=true").text, "{\"activations\":1}");
}

#[test]
fn what_a_fired_action_receives() {
    let server = Server::start();
    let bound = |value: &str, names: &[&str]| {
        let items: Vec<_> = names.iter().map(|name| json!({"key": name, "value": value})).collect();
        json!({"parameters": items})
    };
    server.action_with(
        "echo",
        "function main(p) { p.id = process.env.__OW_TRANSACTION_ID; return p; }",
        bound("action", &["a", "b", "c"]),
    );
    server.call("PUT", "triggers/t", &bound("trigger", &["b", "c", "__ow_headers"]).to_string());
    rule(&server, "r", "echo");
    let headers = [("content-type", "application/json"), ("x-request-id", "mine"), ("X-A", "1"), ("x-a", "2")];
    let reply = server.call_with("POST", "triggers/t", &headers, "{\"c\":\"payload\"}");
    let record = server.record(reply.activation());
    let log: Value = serde_json::from_str(record["logs"][0].as_str().unwrap()).unwrap();
    let fired = server.record(log["activationId"].as_str().unwrap());
    assert_eq!(fired.get("cause"), None);
    let result = &fired["response"]["result"];
    for (key, value) in [("a", "action"), ("b", "trigger"), ("c", "payload"), ("id", "mine")] {
        assert_eq!(result[key], value, "{key}");
    }
    let seen = &result["__ow_headers"];
    assert_eq!((&seen["x-a"], &seen["x-request-id"]), (&json!("2"), &json!("mine")));
    assert_eq!(seen["authorization"], AUTHORIZATION, "with the caller's key");
    assert_eq!(seen.get("content-length"), None);

    let (_, logs) = fire(&server, "{\"__ow_headers\":5}");
    let fired = server.record(logs[0]["activationId"].as_str().unwrap());
    assert_eq!(fired["response"]["result"]["__ow_headers"], 5, "the payload wins");
}

#[test]
fn the_record_of_a_trigger_tells_what_became_of_its_rules() {
    let server = prepared(&[]);
    for name in ["inactive", "gone"] {
        server.action(name, "function main() { return {}; }");
        rule(&server, &format!("of-{name}"), name);
    }
    server.action_with(
        "closed",
        "function main() { return {}; }",
        json!({"annotations": [{"key": "final", "value": true}], "parameters": [{"key": "b", "value": 1}]}),
    );
    rule(&server, "of-closed", "closed");
    switch(&server, "of-inactive", "inactive");
    server.call("DELETE", "actions/gone", "");
    let (record, logs) = fire(&server, "{\"b\":1,\"a\":2}");
    let keys: Vec<&str> = record.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        [
            "activationId",
            "annotations",
            "logs",
            "name",
            "namespace",
            "publish",
            "response",
            "start",
            "subject",
            "version"
        ]
    );
    assert_eq!(record["annotations"], json!([]));
    assert_eq!(record["response"], json!({"result": {"a": 2, "b": 1}, "status": "success", "success": true}));
    let failed = |name: &str, error: &str| json!({"statusCode": 1, "success": false, "rule": format!("guest/of-{name}"), "action": format!("guest/{name}"), "error": error});
    assert_eq!(
        logs[0],
        failed("closed", "Request defines parameters that are not allowed (e.g., reserved properties).")
    );
    assert_eq!(logs[1], failed("gone", "The requested resource does not exist."));
    assert_eq!(
        logs[2],
        failed("inactive", "Rule 'guest/of-inactive' is inactive, action 'guest/inactive' was not activated.")
    );
    let id = &logs[3]["activationId"];
    assert_eq!(
        logs[3],
        json!({"statusCode": 0, "success": true, "activationId": id, "rule": "guest/r", "action": "guest/echo"})
    );
    server.record(id.as_str().unwrap());
    let found = server.get("activations?name=t").json();
    assert_eq!((found.as_array().unwrap().len(), found[0].get("end")), (1, None));
}

#[test]
fn fires_have_a_limit_of_their_own_and_know_nothing_of_that_of_actions() {
    let server = prepared(&["--invocations-per-minute", "0", "--fires-per-minute", "1000000"]);
    let (_, logs) = fire(&server, "{}");
    let error = "Too many requests in the last minute (count: 1, allowed: 0).";
    assert_eq!((&logs[0]["error"], &logs[0]["success"]), (&json!(error), &json!(false)));
    let server = prepared(&["--fires-per-minute", "0"]);
    assert_eq!(server.call("POST", "triggers/t", "{}").error(), (429, error.to_owned()));
    assert_eq!(server.result("echo", "{}").status, 200);
}

#[test]
fn a_payload_that_only_the_headers_make_too_large_is_told_in_the_record() {
    let server = prepared(&[]);
    let (_, logs) = fire(&server, &format!("{{\"a\":\"{}\"}}", "x".repeat(1_048_576 - 8)));
    assert!(logs[0]["error"].as_str().unwrap().starts_with("Request larger than allowed: "), "{logs:?}");
}

#[test]
fn a_fire_is_checked_as_an_invocation_is() {
    let server = prepared(&[]);
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(1_048_577 - 8));
    let wrong = "Resource by this name exists but is not in this collection.";
    let cases = [
        ("triggers/t", "[]", 400, "The request content was malformed:\nJSON object expected"),
        ("triggers/missing", large.as_str(), 413, "Request larger than allowed: 1048577 > 1048576 bytes."),
        ("triggers/echo", "{}", 409, wrong),
        ("triggers/p/t", "{}", 404, "The requested resource could not be found."),
        ("triggers/-t", "{}", 400, "The name of the entity contains illegal characters."),
    ];
    for (path, body, status, text) in cases {
        assert_eq!(server.call("POST", path, body).error(), (status, text.to_owned()), "{path}");
    }
    assert_eq!(server.call_with("POST", "triggers/t", &[("content-type", "text/plain")], "{}").status, 415);
    let foreign = server.send("POST", "/api/v1/namespaces/other/triggers/t", &[("authorization", AUTHORIZATION)], "");
    assert_eq!(
        foreign.error(),
        (403, String::from("The supplied authentication is not authorized to access 'other/t'."))
    );
    assert_eq!(server.call_with("POST", "triggers/t", &[("accept", "text/html")], "").status, 406);
}
