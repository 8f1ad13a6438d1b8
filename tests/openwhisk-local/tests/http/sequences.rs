use super::server::{Reply, Server};
use serde::Serialize;
use serde_json::{Value, json};

#[track_caller]
fn sequence(server: &Server, name: &str, components: &[&str]) -> Reply {
    let components: Vec<String> = components.iter().map(|name| format!("/_/{name}")).collect();
    put(server, name, &components)
}

#[track_caller]
fn put(server: &Server, name: &str, components: &[impl Serialize]) -> Reply {
    let body = json!({"exec": {"kind": "sequence", "components": components}});
    server.call("PUT", &format!("actions/{name}?overwrite=true"), &body.to_string())
}

fn prepared() -> Server {
    let server = Server::start();
    server.action("increment", "function main(p) { return { n: (p.n || 0) + 1 }; }");
    server.action("fail", "function main() { return { error: 'stop', x: 1 }; }");
    server.action("list", "function main() { return [1, 2]; }");
    server.action("length", "function main(list) { return { length: list.length }; }");
    server
}

#[test]
fn the_result_of_one_is_the_argument_of_the_next() {
    let server = prepared();
    let shown = put(&server, "s", &["_/increment", "/_/increment", "/guest/increment"]).json();
    assert_eq!(
        shown["exec"],
        json!({"components": ["/guest/increment", "/guest/increment", "/guest/increment"], "kind": "sequence"})
    );
    assert_eq!(shown["parameters"][0]["key"], "_actions");
    let reply = server.result("s", "{\"n\":1,\"error\":\"does not stop it\"}");
    assert_eq!((reply.status, reply.text.as_str()), (200, "{\"n\":4}"));
    let record = server.record(reply.activation());
    let at_once = server.call("POST", "actions/s?blocking=true", "").json();
    assert_eq!(at_once["logs"].as_array().unwrap().len(), 3, "the ids are told at once");
    let logs: Vec<&str> = record["logs"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    assert_eq!(logs.len(), 3);
    let annotation = |record: &Value, key: &str| {
        record["annotations"]
            .as_array()
            .unwrap()
            .iter()
            .find(|item| item["key"] == key)
            .map(|item| item["value"].clone())
    };
    assert_eq!(annotation(&record, "topmost"), Some(json!(true)));
    assert_eq!(annotation(&record, "kind"), Some(json!("sequence")));
    let keys = |record: &Value| -> Vec<String> {
        let items = record["annotations"].as_array().unwrap();
        items.iter().map(|item| item["key"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(keys(&record), ["topmost", "path", "waitTime", "kind", "limits"]);
    let component = server.record(logs[0]);
    assert_eq!(keys(&component), ["causedBy", "path", "waitTime", "kind", "timeout", "limits", "initTime"]);
    assert_eq!(component["cause"], reply.activation());
    assert_eq!(annotation(&component, "causedBy"), Some(json!("sequence")));
}

#[test]
fn sequences_nest_and_pass_arrays() {
    let server = prepared();
    sequence(&server, "inner", &["increment", "increment"]);
    sequence(&server, "outer", &["inner", "increment"]);
    assert_eq!(server.result("outer", "").text, "{\"n\":3}");
    sequence(&server, "arrays", &["list", "length"]);
    assert_eq!(server.result("arrays", "").text, "{\"length\":2}");
}

#[test]
fn an_error_ends_it() {
    let server = prepared();
    sequence(&server, "s", &["increment", "fail", "increment"]);
    let reply = server.result("s", "");
    assert_eq!((reply.status, reply.text.as_str()), (502, "{\"error\":\"stop\"}"));
    let record = server.record(reply.activation());
    assert_eq!(record["logs"].as_array().unwrap().len(), 2);
    assert_eq!(record["response"]["status"], "application error");
}

#[test]
fn a_component_that_is_gone_is_an_application_error() {
    let server = prepared();
    sequence(&server, "s", &["increment", "fail"]);
    assert_eq!(server.call("DELETE", "actions/fail", "").status, 200);
    let reply = server.result("s", "");
    assert_eq!((reply.status, reply.text.as_str()), (502, "{\"error\":\"Sequence component does not exist.\"}"));
    assert_eq!(server.record(reply.activation())["logs"].as_array().unwrap().len(), 1);
}

#[test]
fn wrong_sequences_are_not_created() {
    let server = prepared();
    sequence(&server, "s", &["increment"]);
    sequence(&server, "t", &["s"]);
    let many = ["increment"; 51];
    let cases: &[(&str, &[&str], &str)] = &[
        ("new", &[], "No component specified for the sequence."),
        ("new", &["missing"], "Sequence component does not exist."),
        ("new", &["new"], "Sequence may not refer to itself."),
        ("s", &["t"], "Sequence may not refer to itself."),
        ("new", &many, "Too many actions in the sequence."),
    ];
    for (name, components, text) in cases {
        assert_eq!(sequence(&server, name, components).error(), (400, (*text).to_owned()), "{name} {components:?}");
    }
    assert_eq!(sequence(&server, "new", &many[..50]).status, 200);
    let text = "The request content was malformed:\nrequirement failed: The fully qualified name of the entity must contain at least the namespace and the name of the entity.";
    assert_eq!(put(&server, "new", &["increment"]).error(), (400, text.to_owned()));
}
