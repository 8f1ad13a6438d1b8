//! `tests/api`, a small HTTP API in one action, which docs/functions.md shows.

use std::fs;

use serde_json::{Value, json};
use testbed::artifact;
use testbed::client::{ask, header, request};
use testbed::openwhisk::Action;

use crate::bootstrap::{route, routes};
use crate::stage::{Behind, Plan, Site};

/// The site, and the cluster that the configuration names.
const SITE: &str = "openwhisk";

/// Method, path, type and body of a request; status, a header and body of the reply.
type Exchange = (&'static str, &'static str, &'static str, &'static str, u16, (&'static str, &'static str), Value);

/// Adds the tests.
pub fn add(plan: &mut Plan) {
    let read = |path| fs::read_to_string(artifact::source(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    let action = Action { package: None, name: "orders".to_owned(), code: read("tests/api/orders.js") };
    let config = read("tests/api/filter.json");
    let site = Site { name: SITE.to_owned(), config, behind: Behind::OpenWhisk(Some(action)) };
    plan.site_with(site, json!({ "manager": routes(&json!([route(SITE, "orders", "/orders")])) }));
    for (method, path, content_type, sent, status, (name, value), body) in exchanges() {
        let about = format!("api::{} {path} {sent}", method.to_lowercase());
        plan.test(about.trim_end(), move |stage| {
            stage.check_openwhisk();
            let headers = [("content-type", content_type)];
            let reply = ask(stage.port(SITE), &request(method, path, &headers, sent.as_bytes()));
            let text = String::from_utf8_lossy(&reply.body);
            assert_eq!(reply.status, status, "{text}");
            assert_eq!(header(&reply, name), [value.as_bytes()], "{:?}", reply.headers);
            let received = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).expect("JSON") };
            assert_eq!(received, body);
            stage.check_no_leak(SITE);
        });
    }
}

fn exchanges() -> Vec<Exchange> {
    let tea = json!({ "id": 1, "item": "tea", "quantity": 2 });
    let milk = json!({ "id": 2, "item": "milk", "quantity": 1 });
    let coffee = json!({ "id": 3, "item": "coffee", "quantity": 4 });
    let incomplete = json!({ "error": "an order has an item and a quantity" });
    let (json, form) = ("application/json", "application/x-www-form-urlencoded");
    let is_json = ("content-type", "application/json");
    vec![
        ("GET", "/orders", json, "", 200, is_json, json!([tea, milk])),
        ("GET", "/orders/", json, "", 200, is_json, json!([tea, milk])),
        ("GET", "/orders?item=milk", json, "", 200, is_json, json!([milk])),
        ("GET", "/orders?item=none", json, "", 200, is_json, json!([])),
        ("HEAD", "/orders", json, "", 200, is_json, Value::Null),
        ("POST", "/orders", json, r#"{"item":"coffee","quantity":4}"#, 201, ("location", "/orders/3"), coffee),
        ("POST", "/orders", json, r#"{"item":"coffee"}"#, 400, is_json, incomplete.clone()),
        ("POST", "/orders?quantity=4", json, r#"{"item":"coffee"}"#, 400, is_json, incomplete.clone()),
        ("POST", "/orders", form, "item=coffee&quantity=4", 400, is_json, incomplete.clone()),
        ("DELETE", "/orders", json, "", 405, ("allow", "GET, HEAD, POST"), json!({ "error": "only GET, HEAD, POST" })),
        ("GET", "/orders/1", json, "", 200, is_json, tea.clone()),
        ("HEAD", "/orders/1", json, "", 200, is_json, Value::Null),
        (
            "PUT",
            "/orders/1",
            json,
            r#"{"item":"tea","quantity":3}"#,
            200,
            is_json,
            json!({ "id": 1, "item": "tea", "quantity": 3 }),
        ),
        ("PUT", "/orders/1", json, r#"{"quantity":0}"#, 400, is_json, incomplete),
        ("DELETE", "/orders/2", json, "", 204, ("server", "envoy"), Value::Null),
        (
            "PATCH",
            "/orders/1",
            json,
            "{}",
            405,
            ("allow", "GET, HEAD, PUT, DELETE"),
            json!({ "error": "only GET, HEAD, PUT, DELETE" }),
        ),
        ("GET", "/orders/9", json, "", 404, is_json, json!({ "error": "no order 9" })),
        ("GET", "/orders/1/lines", json, "", 404, is_json, json!({ "error": "no order 1/lines" })),
    ]
}
