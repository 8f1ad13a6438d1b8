use super::server::Server;
use serde_json::{Value, json};

const CODE: &str = "function main() { return {}; }";

#[track_caller]
fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect()
}

#[test]
fn an_action_is_shown_with_and_without_its_code() {
    let server = Server::start();
    server.action_with("a", CODE, json!({"parameters": [{"key": "p", "value": 1}], "namespace": "ignored"}));
    let mut shown = server.get("actions/a").json();
    assert!(shown["updated"].take().is_u64());
    assert_eq!(
        shown,
        json!({
            "annotations": [{"key": "provide-api-key", "value": false}, {"key": "exec", "value": "nodejs:20"}],
            "exec": {"binary": false, "code": CODE, "kind": "nodejs:20"},
            "limits": {"concurrency": 1, "logs": 10, "memory": 256, "timeout": 60000},
            "name": "a", "namespace": "guest", "parameters": [{"key": "p", "value": 1}],
            "publish": false, "updated": null, "version": "0.0.1",
        })
    );
    assert_eq!(server.get("actions/a?code=false").json()["exec"], json!({"binary": false, "kind": "nodejs:20"}));
    assert_eq!(server.get("actions/a?code=x").status, 400);
    let deleted = server.call("DELETE", "actions/a", "");
    assert_eq!((deleted.status, deleted.json()["name"].as_str()), (200, Some("a")));
    assert_eq!(server.get("actions/a").status, 404);
}

#[test]
fn what_exists_is_only_overwritten_on_demand() {
    let server = Server::start();
    let body = json!({"exec": {"kind": "nodejs:20", "code": CODE}}).to_string();
    assert_eq!(server.call("PUT", "actions/a", &body).json()["version"], "0.0.1");
    assert_eq!(server.call("PUT", "actions/a", &body).error(), (409, String::from("resource already exists")));
    assert_eq!(server.call("PUT", "packages/a", "{}").error(), (409, String::from("resource already exists")));
    assert_eq!(server.call("PUT", "actions/a?overwrite=true", "{}").json()["version"], "0.0.2");
    assert_eq!(server.call("PUT", "actions/b", "{}").error(), (400, String::from("exec undefined")));
    let text = "The request content was malformed:\nUnexpected end-of-input at input index 0 (line 1, position 1), expected JSON Value:\n\n^\n";
    assert_eq!(server.call("PUT", "actions/b", "").error(), (400, text.to_owned()));
    assert_eq!(server.call_with("PUT", "actions/b", &[], "").error(), (400, text.to_owned()));
    let text = "The request content was malformed:\nObject expected in field 'exec'";
    assert_eq!(server.call("PUT", "actions/b", "[]").error(), (400, text.to_owned()));
    let wrong = json!({"exec": {"kind": "python:3", "code": "x"}}).to_string();
    let (status, text) = server.call("PUT", "actions/b", &wrong).error();
    assert_eq!(status, 400);
    assert!(text.starts_with("The request content was malformed:\nThe specified runtime 'python:3' is not supported by this platform. Valid values are: "), "{text}");
    let limits = json!({"exec": {"kind": "nodejs:20", "code": CODE}, "limits": {"timeout": 300_001}}).to_string();
    let text = "requirement failed: duration 300001 milliseconds exceeds allowed threshold of 300000 milliseconds";
    assert_eq!(server.call("PUT", "actions/b", &limits).error(), (400, text.to_owned()));
}

#[test]
fn parts_of_another_shape_are_malformed() {
    let server = Server::start();
    let cases = [
        (json!({"limits": {"timeout": "1"}}), "time limit malformed"),
        (json!({"limits": 5}), "Object expected in field 'timeout'"),
        (json!({"parameters": {}}), "parameters malformed!"),
        (json!({"parameters": [{"key": "a"}]}), "parameters malformed!"),
        (json!({"version": "1"}), "semantic version malformed"),
        (json!({"version": 1}), "semantic version malformed"),
    ];
    for (mut fields, text) in cases {
        fields["exec"] = json!({"kind": "nodejs:20", "code": CODE});
        let reply = server.call("PUT", "actions/a", &fields.to_string());
        assert_eq!(reply.error(), (400, format!("The request content was malformed:\n{text}")), "{fields}");
    }
    server.action_with("a", CODE, json!({"limits": {"instances": 3}}));
    let limits = json!({"concurrency": 1, "instances": 3, "logs": 10, "memory": 256, "timeout": 60000});
    assert_eq!(server.get("actions/a").json()["limits"], limits);
}

#[test]
fn lists_show_the_latest_first() {
    let server = Server::start();
    server.call("PUT", "packages/p", "{}");
    for name in ["a", "b", "p/c"] {
        server.action(name, CODE);
    }
    let list = server.get("actions").json();
    assert_eq!(names(&list), ["c", "b", "a"]);
    assert_eq!(list[0]["namespace"], "guest/p");
    assert_eq!(list[0]["exec"], json!({"binary": false}));
    assert_eq!(list[0].get("parameters"), None);
    assert_eq!(names(&server.get("actions?skip=1&limit=1").json()), ["b"]);
    assert_eq!(server.get("actions?count=true").text, "{\"actions\":3}");
    assert_eq!(names(&server.get("actions/p/").json()), ["c"]);
    assert_eq!(server.get("actions/p").status, 409);
}

#[test]
fn packages_live_their_life() {
    let server = Server::start();
    let created = server.call("PUT", "packages/p", "{}").json();
    for (key, expected) in
        [("annotations", json!([])), ("binding", json!({})), ("parameters", json!([])), ("version", json!("0.0.1"))]
    {
        assert_eq!(created[key], expected, "{key}");
    }
    let cases = [
        ("packages/default", json!({}), "Package name 'default' is reserved."),
        (
            "packages/x",
            json!({"binding": {"namespace": "_", "name": "missing"}}),
            "Binding references a package that does not exist.",
        ),
    ];
    for (path, body, text) in cases {
        assert_eq!(server.call("PUT", path, &body.to_string()).error(), (400, text.to_owned()), "{path}");
    }
    server.action("p/a", CODE);
    server.action_with("p/f", CODE, json!({"annotations": [{"key": "feed", "value": true}]}));
    let shown = server.get("packages/p").json();
    assert_eq!((names(&shown["actions"]), names(&shown["feeds"])), (vec!["a"], vec!["f"]));
    let binding = json!({"binding": {"namespace": "_", "name": "p"}}).to_string();
    let bound = server.call("PUT", "packages/q", &binding).json();
    let place = json!({"name": "p", "namespace": "guest"});
    assert_eq!((&bound["binding"], &bound["annotations"]), (&place, &json!([{"key": "binding", "value": place}])));
    assert_eq!(names(&server.get("actions/q/").json()), ["f", "a"]);
    assert_eq!(server.get("actions/q/a?code=false").json()["binding"], "guest/q");
    let not_on_binding = "Operation not permitted on package binding.";
    let body = json!({"exec": {"kind": "nodejs:20", "code": CODE}}).to_string();
    assert_eq!(server.call("PUT", "actions/q/x", &body).error(), (400, not_on_binding.to_owned()));
    assert_eq!(server.call("PUT", "actions/missing/x", &body).status, 404);
    let text = "Package not empty (contains 2 entities). Set force param or delete package contents.";
    assert_eq!(server.call("DELETE", "packages/p", "").error(), (409, text.to_owned()));
    assert_eq!(server.call("DELETE", "packages/p?force=true", "").status, 200);
    assert_eq!(server.get("actions?count=true").text, "{\"actions\":0}");
    let named = (404, String::from("The requested resource 'guest/p' does not exist."));
    assert_eq!(server.get("packages/p").error(), named);
    assert_eq!(server.get("packages/q").error(), named, "a binding that leads nowhere");
    let unnamed = (404, String::from("The requested resource does not exist."));
    assert_eq!(server.call("DELETE", "packages/p", "").error(), unnamed);
    assert_eq!(server.get("actions/p/a").error(), unnamed);
}

#[test]
fn activations_are_found_by_name_and_time() {
    let server = Server::start();
    server.call("PUT", "packages/p", "{}");
    server.action("a", CODE);
    server.action("p/a", CODE);
    let first = server.result("a", "").activation().to_owned();
    let second = server.result("p/a", "").activation().to_owned();
    server.record(&first);
    server.record(&second);
    let ids = |query: &str| -> Vec<String> {
        let list = server.get(&format!("activations?{query}")).json();
        list.as_array().unwrap().iter().map(|item| item["activationId"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(""), [second.clone(), first.clone()]);
    assert_eq!(ids("name=a"), std::slice::from_ref(&first));
    assert_eq!(ids("name=p/a"), std::slice::from_ref(&second));
    assert_eq!(ids("name="), [second.clone(), first.clone()]);
    let start = server.record(&first)["start"].as_u64().unwrap();
    assert!(ids(&format!("upto={start}")).contains(&first));
    assert!(ids(&format!("upto={}", start - 1)).is_empty());
    assert_eq!(ids(&format!("since={start}")).len(), 2);
    assert_eq!(server.get("activations?count=true").text, "{\"activations\":2}");
    let summary = &server.get("activations?limit=1").json()[0];
    assert_eq!((&summary["statusCode"], summary.get("response")), (&json!(0), None));
    assert_eq!(server.get("activations?docs=true").json()[0]["response"]["status"], "success");
    let malformed = |name: &str, reason: &str| (400, format!("The query parameter '{name}' was malformed:\n{reason}"));
    assert_eq!(ids("since=-1").len(), 2);
    assert!(ids("name=/guest/a").is_empty());
    let cases = [
        ("since=", malformed("since", "Parameter is not a valid value for epoch seconds: ")),
        ("limit=", malformed("limit", "The value '' is not an integer for activations.")),
        ("since=x", malformed("since", "Parameter is not a valid value for epoch seconds: x")),
        ("name=a/b/c", malformed("name", "Parameter may be a 'simple' name or 'package-name/simple' name: a/b/c")),
        ("docs=true&count=true", (400, String::from("The parameter 'docs' is not permitted with 'count'."))),
    ];
    for (query, expected) in cases {
        assert_eq!(server.get(&format!("activations?{query}")).error(), expected, "{query}");
    }
}

#[test]
fn one_activation_in_parts() {
    let server = Server::start();
    server.action("a", "function main() { return { error: 1 }; }");
    let id = server.result("a", "").activation().to_owned();
    server.record(&id);
    assert_eq!(
        server.get(&format!("activations/{id}/result")).text,
        "{\"result\":{\"error\":1},\"size\":11,\"status\":\"application error\",\"success\":false}"
    );
    assert_eq!(server.get(&format!("activations/{id}/logs")).text, "{\"logs\":[]}");
    assert_eq!(server.get(&format!("activations/{id}/")).status, 200);
    let cases = [
        ("activations/abc", 400, "Activation id length is 3 but must be 32."),
        ("activations/0000000000000000000000000000000g", 400, "The activation id is not valid."),
        ("activations/00000000000000000000000000000000", 404, "The requested resource does not exist."),
        ("activations/00000000000000000000000000000000/logs", 404, "The requested resource does not exist."),
    ];
    for (path, status, text) in cases {
        assert_eq!(server.get(path).error(), (status, text.to_owned()), "{path}");
    }
}
