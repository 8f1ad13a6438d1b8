//! What a route makes of paths, fields and results.

use serde_json::{Value, json};
use testbed::client::{ask, get, header, request};
use testbed::envoy::{Envoy, Options};
use testbed::script;
use testbed::upstream::Upstream;

use crate::bootstrap::rendered;
use crate::modes::SLOW;
use crate::stage::Plan;

/// What stands in the environment for `bind`.
const ENVIRONMENT: &[(&str, &str)] = &[("OPENWHISK_BOUND", "bound \"secret\" that-nobody-may-see")];

/// Adds the tests.
pub fn add(plan: &mut Plan) {
    templates(plan);
    plain_results(plan);
    repeated(plan);
    timing(plan);
    plan.test_alone("route_attributes::bind_reads_the_environment_and_wins", bound);
}

/// The parameters of the last call.
fn last(upstream: &Upstream) -> Value {
    let calls = upstream.seen().calls;
    serde_json::from_slice(&calls.last().expect("a call").body).expect("JSON")
}

fn templates(plan: &mut Plan) {
    let attributes = json!({ "parameters": "http", "path_template": "/hello/{id}/items/{item}" });
    let name = "route_attributes::a_path_that_does_not_fit_invokes_nothing";
    plan.test_site(name, attributes, script::result("{}"), |_, port, upstream| {
        let long = format!("/hello/{}", "a/".repeat(10_000));
        let paths =
            ["/hello", "/hello/1", "/hello/1/items", "/hello/1/items/", "/hello/1/items/2/", "/hello/1/items/2/3"];
        let others = ["/hello/1/Items/2", "/hello/1%2Fitems/2", "/hello/1/items/2/%2e%2e", "/hello//items/2", &long];
        for path in paths.iter().chain(&others) {
            let reply = get(port, path);
            let text = String::from_utf8_lossy(&reply.body);
            assert_eq!(reply.status, 404, "{path}: {text}");
            assert!(text.contains("there is nothing at this path"), "{path}: {text}");
        }
        assert_eq!(upstream.seen().calls, []);
        let fitting = [("/hello/1/items/2", "1", "2"), ("/hello/a%2Fb%25/%69tems/%FF+?id=x", "a/b%", "\u{fffd}+")];
        for (index, (path, id, item)) in fitting.into_iter().enumerate() {
            assert_eq!(get(port, path).status, 200, "{path}");
            assert_eq!(upstream.seen().calls.len(), index + 1);
            let parameters = last(upstream);
            assert_eq!((&parameters["id"], &parameters["item"]), (&json!(id), &json!(item)), "{path}");
        }
    });
}

fn plain_results(plan: &mut Plan) {
    for (name, code, status, body) in [
        ("mail", "const main = () => ({ id: 7, body: 'mail text' });", 200, r#"{"body":"mail text","id":7}"#),
        ("null", "const main = () => ({ number: 1, body: null });", 200, r#"{"body":null,"number":1}"#),
        ("status", "const main = () => ({ statusCode: 404 });", 200, r#"{"statusCode":404}"#),
        ("array", "const main = () => [1, { headers: 1 }];", 200, r#"[1,{"headers":1}]"#),
        ("error", "const main = () => ({ error: { statusCode: 404 } });", 502, r#"{"error":{"statusCode":404}}"#),
    ] {
        plan.test_action(
            &format!("route_attributes::plain::{name}"),
            json!({ "response": "plain" }),
            code,
            move |_, port| {
                let reply = get(port, "/hello");
                assert_eq!((reply.status, String::from_utf8_lossy(&reply.body).as_ref()), (status, body));
                assert_eq!(header(&reply, "content-type"), [b"application/json"]);
            },
        );
    }
}

fn repeated(plan: &mut Plan) {
    let attributes = json!({ "parameters": "http", "repeated": "list" });
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let name = "route_attributes::repeated_fields_are_lists";
    plan.test_site(name, attributes.clone(), script::result("{}"), move |_, port, upstream| {
        let body = (0..10_000).map(|n| format!("a={n}")).collect::<Vec<_>>().join("&");
        let headers = [form[0], ("x-line", "1"), ("cookie", "b=1"), ("x-line", "2, 3")];
        let sent = request("POST", "/hello?q=1&r=x&q=&q=1", &headers, body.as_bytes());
        assert_eq!(ask(port, &sent).status, 200);
        let parameters = last(upstream);
        assert_eq!((&parameters["q"], &parameters["r"]), (&json!(["1", "", "1"]), &json!("x")));
        let values = parameters["a"].as_array().expect("a list");
        assert_eq!((values.len(), &values[9999]), (10_000, &json!("9999")));
        assert_eq!(
            parameters["__ow_headers"]["x-line"].as_str().map(|line| line.replace(", ", ",")),
            Some("1,2,3".into())
        );
    });
    let name = "route_attributes::too_many_fields_for_lists_are_400";
    plan.test_site(name, attributes, script::result("{}"), move |_, port, upstream| {
        let reply = ask(port, &request("POST", "/hello", &form, "a=1&".repeat(16_385).as_bytes()));
        let text = String::from_utf8_lossy(&reply.body);
        assert_eq!(reply.status, 400, "{text}");
        assert!(text.contains("the query or form of the request has more than 16384 fields"), "{text}");
        assert_eq!(upstream.seen().calls, []);
    });
}

/// The metrics in the header, by their names, in milliseconds.
fn metrics(reply: &corpus::Reply) -> Vec<(String, u64)> {
    let [timing] = header(reply, "server-timing")[..] else { panic!("no timing: {reply:?}") };
    let timing = std::str::from_utf8(timing).expect("UTF-8");
    let metric = |metric: &str| {
        let (name, duration) = metric.split_once(";dur=").unwrap_or_else(|| panic!("{timing}"));
        (name.to_owned(), duration.parse().unwrap_or_else(|error| panic!("{error}: {timing}")))
    };
    timing.split(", ").map(metric).collect()
}

fn timing(plan: &mut Plan) {
    let name = "route_attributes::server_timing_tells_of_the_call";
    plan.test_action(name, json!({ "server_timing": true }), SLOW, |_, port| {
        let metrics = metrics(&get(port, "/hello"));
        // The action takes three seconds.
        assert!(matches!(&metrics[..], [(name, duration)] if name == "openwhisk" && *duration >= 2900), "{metrics:?}");
    });
    let attributes = json!({ "server_timing": true, "mode": "activation" });
    plan.test_action("route_attributes::server_timing_tells_of_the_record", attributes, SLOW, |_, port| {
        let reply = get(port, "/hello");
        let record: Value = serde_json::from_slice(&reply.body).expect("JSON");
        let metrics = metrics(&reply);
        let of = |wanted: &str| metrics.iter().find(|(name, _)| name == wanted).map(|(_, duration)| json!(duration));
        assert_eq!(of("action").as_ref(), Some(&record["duration"]), "{metrics:?}");
        for (name, annotation) in [("wait", "waitTime"), ("init", "initTime")] {
            let annotations = record["annotations"].as_array().expect("a list").iter();
            let told = annotations.into_iter().find(|told| told["key"] == annotation);
            assert_eq!(of(name).as_ref(), told.map(|told| &told["value"]), "{record}");
        }
    });
    plan.test_site("route_attributes::server_timing_is_off", json!({}), script::result("{}"), |_, port, _| {
        assert_eq!(header(&get(port, "/hello"), "server-timing"), [b""; 0]);
    });
}

fn bound() {
    let upstream = Upstream::start(script::result("{}"));
    let attributes = json!({
        "api_host": format!("http://127.0.0.1:{}", upstream.port), "parameters": "http", "path_template": "/{place}",
        "bind": { "key": "$ENV://OPENWHISK_BOUND", "stage": "prod", "more": [1, { "a": null }] },
    });
    let configuration = rendered(openwhisk_envoy::Protocol::Http1, &attributes, None);
    let options = Options { environment: ENVIRONMENT, ..Options::default() };
    let mut envoy = Envoy::start_with(&configuration, &options).unwrap_or_else(|error| panic!("{error}"));
    let headers = [("content-type", "application/json")];
    let body = br#"{"key":"of the client","stage":"test","k\u0065y":1,"mine":2}"#;
    assert_eq!(ask(envoy.only_port(), &request("POST", "/key?key=1&more=2", &headers, body)).status, 200);
    let parameters = last(&upstream);
    let expected = json!([ENVIRONMENT[0].1, "prod", [1, { "a": null }], 2, "key"]);
    assert_eq!(json!(["key", "stage", "more", "mine", "place"].map(|name| &parameters[name])), expected);
    let dump = envoy.ask("/config_dump").unwrap_or_else(|error| panic!("{error}"));
    assert!(dump.contains("$ENV://OPENWHISK_BOUND") && !dump.contains("that-nobody-may-see"));
    assert!(!envoy.log().contains("that-nobody-may-see"));
    assert_eq!(envoy.complaints(), Vec::<String>::new());
}
