use super::server::{PATIENCE, Server};
use serde_json::{Value, json};
use std::time::Instant;

const HELLO: &str = "function main(params) { console.log('seen'); return { hello: params.name }; }";

#[test]
fn non_blocking_is_202_with_the_id_alone() {
    let server = Server::start();
    server.action("a", HELLO);
    for path in ["actions/a", "actions/a?result=true", "actions/a?blocking=false&timeout=5"] {
        let reply = server.call("POST", path, "");
        assert_eq!(reply.status, 202, "{path}");
        assert_eq!(reply.json(), json!({"activationId": reply.activation()}), "{path}");
        assert_eq!(server.record(reply.activation())["name"], "a");
    }
}

#[test]
fn blocking_gives_the_record_without_logs() {
    let server = Server::start();
    server.action("a", HELLO);
    let reply = server.call("POST", "actions/a?blocking=true", "{\"name\":\"you\"}");
    assert_eq!(reply.status, 200);
    let mut record = reply.json();
    assert_eq!(record["activationId"], reply.activation());
    assert_eq!(record["logs"], json!([]));
    assert_eq!(
        record["response"],
        json!({"result": {"hello": "you"}, "size": 15, "status": "success", "success": true})
    );
    assert_eq!(annotation(&record, "path"), "guest/a");
    assert_eq!(annotation(&record, "kind"), "nodejs:20");
    assert_eq!(annotation(&record, "timeout"), false);
    assert_eq!(annotation(&record, "limits"), json!({"concurrency": 1, "logs": 10, "memory": 256, "timeout": 60000}));
    assert!(annotation(&record, "initTime").is_u64());
    for (key, value) in [("name", "a"), ("namespace", "guest"), ("subject", "guest"), ("version", "0.0.1")] {
        assert_eq!(record[key], value, "{key}");
    }
    let mut stored = server.record(reply.activation());
    assert!(stored["logs"][0].as_str().unwrap().ends_with(" stdout: seen"), "{stored}");
    stored["logs"].take();
    record["logs"].take();
    assert_eq!(stored, record);
    let warm = server.call("POST", "actions/a?blocking=true", "").json();
    assert_eq!(annotation(&warm, "initTime"), Value::Null, "only a cold start loads the code");
}

#[track_caller]
fn annotation(record: &Value, key: &str) -> Value {
    let items = record["annotations"].as_array().unwrap();
    items.iter().find(|item| item["key"] == key).map_or(Value::Null, |item| item["value"].clone())
}

#[test]
fn the_result_alone_on_demand() {
    let server = Server::start();
    let cases = [
        ("function main() { return { b: 1, a: 2 }; }", 200, "{\"a\":2,\"b\":1}"),
        ("function main() {}", 200, "{}"),
        ("function main() { return [1, { error: 2 }]; }", 200, "[1,{\"error\":2}]"),
        ("function main() { return { error: 'boom', x: 1 }; }", 502, "{\"error\":\"boom\"}"),
        ("function main() { return { error: null }; }", 502, "{\"error\":null}"),
        ("function main() { return { error: 5 }; }", 502, "{\"error\":5}"),
        (
            "function main() { return Promise.reject({ error: { statusCode: 404 } }); }",
            502,
            "{\"error\":{\"error\":{\"statusCode\":404}}}",
        ),
        ("function main() { throw new Error('bad'); }", 502, "{\"error\":\"An error has occurred: Error: bad\"}"),
    ];
    for (code, status, text) in cases {
        server.action("a", code);
        let reply = server.result("a", "");
        assert_eq!((reply.status, reply.text.as_str()), (status, text), "{code}");
        assert_eq!(reply.activation().len(), 32, "{code}");
    }
}

#[test]
fn an_array_goes_out_bare_without_being_asked() {
    let server = Server::start();
    server.action("a", "function main() { return [1]; }");
    let reply = server.call("POST", "actions/a?blocking=true&result=false", "");
    assert_eq!((reply.status, reply.text.as_str()), (200, "[1]"));
    assert_eq!(server.record(reply.activation())["response"]["result"], json!([1]));
}

#[test]
fn after_the_wait_it_is_202_and_the_activation_goes_on() {
    let server = Server::start();
    server.action(
        "slow",
        "function main() { return new Promise((resolve) => setTimeout(() => resolve({ done: 1 }), 300)); }",
    );
    let result = (200, "{\"done\":1}");
    let asked = Instant::now();
    let reply = loop {
        let reply = server.call("POST", "actions/slow?blocking=true&result=true&timeout=100", "");
        if reply.status == 202 {
            break reply;
        }
        // Where the machine is so busy that the server looks when both the wait and the action are over.
        assert_eq!((reply.status, reply.text.as_str()), result);
        assert!(asked.elapsed() < PATIENCE, "it always waits for the end");
    };
    assert_eq!(reply.json(), json!({"activationId": reply.activation()}));
    assert_eq!(server.record(reply.activation())["response"]["result"], json!({"done": 1}));
    let reply = server.call("POST", "actions/slow?blocking=true&result=true&timeout=60000", "");
    assert_eq!((reply.status, reply.text.as_str()), result);
}

#[test]
fn the_wait_is_not_cut_to_the_limit_of_the_action() {
    let server = Server::start();
    server.action_with(
        "stuck",
        "function main() { return new Promise(() => {}); }",
        json!({"limits": {"timeout": 1000}}),
    );
    let reply = server.result("stuck", "");
    assert_eq!(reply.status, 502);
    assert_eq!(reply.json()["error"], "The action exceeded its time limits of 1000 milliseconds.");
    let record = server.record(reply.activation());
    assert_eq!(annotation(&record, "timeout"), true);
    assert_eq!(record["response"]["status"], "action developer error");
    assert_eq!(record["response"].get("size"), None);
    let last = record["logs"].as_array().unwrap().last().unwrap().as_str().unwrap();
    assert!(
        last.ends_with("stderr: The action did not initialize or run as expected. Log data might be missing."),
        "{last}"
    );
}

#[test]
fn parameters_are_merged_package_binding_action_payload() {
    let server = Server::start();
    let parameters = |pairs: &[(&str, &str)]| {
        let items: Vec<_> = pairs.iter().map(|(key, value)| json!({"key": key, "value": value})).collect();
        json!({"parameters": items})
    };
    let package = parameters(&[("a", "package"), ("b", "package"), ("c", "package"), ("d", "package")]);
    server.call("PUT", "packages/p", &package.to_string());
    let mut binding = parameters(&[("b", "binding"), ("c", "binding"), ("d", "binding")]);
    binding["binding"] = json!({"namespace": "_", "name": "p"});
    server.call("PUT", "packages/q", &binding.to_string());
    server.action_with("p/echo", "function main(p) { return p; }", parameters(&[("c", "action"), ("d", "action")]));
    let reply = server.result("q/echo", "{\"d\":\"payload\"}");
    assert_eq!(reply.json(), json!({"a": "package", "b": "binding", "c": "action", "d": "payload"}));
    let reply = server.result("p/echo", "{\"d\":{\"deep\":[1.0,1e2]}}");
    assert_eq!(reply.json(), json!({"a": "package", "b": "package", "c": "action", "d": {"deep": [1, 100]}}));
    let record = server.call("POST", "actions/q/echo?blocking=true", "").json();
    assert_eq!(annotation(&record, "path"), "guest/p/echo");
    assert_eq!(annotation(&record, "binding"), "guest/q");
}

#[test]
fn closed_parameters_may_not_be_sent() {
    let server = Server::start();
    let fields = json!({
        "annotations": [{"key": "final", "value": true}],
        "parameters": [{"key": "a", "value": 1}, {"key": "b", "value": null}],
    });
    server.action_with("closed", "function main(p) { return p; }", fields);
    let text = "Request defines parameters that are not allowed (e.g., reserved properties).";
    assert_eq!(server.result("closed", "{\"a\":2}").error(), (400, text.to_owned()));
    assert_eq!(server.result("closed", "{\"b\":2,\"c\":3}").json(), json!({"a": 1, "b": 2, "c": 3}));
}

#[test]
fn init_parameters_go_to_the_environment() {
    let server = Server::start();
    let fields = json!({"parameters": [{"key": "A", "value": {"x": 1}, "init": true}, {"key": "B", "value": 1}]});
    server.action_with("env", "function main(p) { return { p, a: process.env.A }; }", fields);
    assert_eq!(server.result("env", "").json(), json!({"p": {"B": 1}, "a": "{\"x\":1}"}));
}

#[test]
fn the_environment_tells_the_action_what_it_is() {
    let server = Server::start();
    server.call("PUT", "packages/p", "{}");
    server.action("p/env", "function main() { return process.env; }");
    let reply = server.call_with("POST", "actions/p/env?blocking=true&result=true", &[("x-request-id", "mine")], "");
    let env = reply.json();
    assert_eq!(env["__OW_ACTION_NAME"], "/guest/p/env");
    assert_eq!(env["__OW_NAMESPACE"], "guest");
    assert_eq!(env["__OW_ACTION_VERSION"], "0.0.1");
    assert_eq!(env["__OW_ACTIVATION_ID"], reply.activation());
    assert_eq!(env["__OW_TRANSACTION_ID"], "mine");
    assert_eq!(env["__OW_API_HOST"], server.url);
    assert!(env["__OW_DEADLINE"].as_str().unwrap().parse::<u64>().is_ok());
    assert_eq!(env.get("__OW_API_KEY"), None);
    let annotations = json!({"annotations": [{"key": "provide-api-key", "value": true}]});
    server.action_with("key", "function main() { return process.env; }", annotations);
    assert!(server.result("key", "").json()["__OW_API_KEY"].as_str().unwrap().starts_with("23bc46b1-"));
}

#[test]
fn payloads_up_to_the_limit_pass() {
    let server = Server::start();
    server.action("echo", "function main(p) { return p; }");
    let body = format!("{{\"a\":\"{}\"}}", "x".repeat(1_048_576 - 8));
    assert_eq!(body.len(), 1_048_576);
    assert_eq!(server.result("echo", &body).text, body);
}

#[test]
fn a_busy_action_does_not_hold_up_another() {
    let server = Server::start();
    server.action_with("busy", "function main() { for (;;); }", json!({"limits": {"timeout": 300_000}}));
    server.action("quick", HELLO);
    let mut busy = Vec::new();
    for _ in 0..4 {
        busy.push(server.call("POST", "actions/busy", ""));
    }
    assert!(busy.iter().all(|reply| reply.status == 202));
    assert_eq!(server.result("quick", "").status, 200);
    for reply in busy {
        assert_eq!(server.get(&format!("activations/{}", reply.activation())).status, 404, "it has ended");
    }
}
