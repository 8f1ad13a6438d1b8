//! `request_body`: where a control plane cannot set `allow_on_headers_stop_iteration`, a buffer filter behind this one keeps
//! requests from the upstream of the route.

use std::io::Write;

use serde_json::{Value, json};
use testbed::bootstrap::{array, at, filter, string_value};
use testbed::client::{self, ask, get, head};
use testbed::envoy::Envoy;
use testbed::script;
use testbed::upstream::Upstream;

use crate::bootstrap::{Line, Reference};
use crate::composition::MANAGER;
use crate::stage::{Plan, config};
use crate::wire;

const READY: &str = "{\"ready\":true}";

/// Adds the tests.
pub fn add(plan: &mut Plan) {
    for (name, attributes) in [("every_route", json!({})), ("one_of_the_routes", json!({ "routes": { "hello": {} } }))]
    {
        let name = format!("request_body::a_request_held_by_the_buffer_filter_never_reaches_the_route::{name}");
        plan.test_alone(&name, move || held(attributes));
    }
    plan.test_alone("request_body::on_any_other_route_the_buffer_filter_is_off", off);
    plan.test_alone("request_body::without_the_buffer_filter_it_would", not_held);
    plan.test_alone("request_body::the_buffer_filter_holds_no_more_than_it_should", too_large);
}

/// An Envoy whose filter may not hold headers, and what is around it.
struct Setup {
    envoy: Envoy,
    port: u16,
    openwhisk: Upstream,
    /// Behind the route.
    route: Upstream,
}

impl Setup {
    /// As `openwhisk-envoy` prints it, and as the manifests make it, with other filters.
    fn new(attributes: Value, change: impl FnOnce(&mut Vec<Value>)) -> Self {
        let mut config: Value = serde_json::from_str(&config("openwhisk", attributes)).expect("JSON");
        config["request_body"] = json!("buffer_filter");
        config["api_host"] = json!("http://127.0.0.1");
        let config = config.to_string();
        let reference = Reference::of(config.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
        let (openwhisk, route) = (Upstream::start(script::result(READY)), Upstream::start(script::result("1")));
        let line = Line {
            name: "openwhisk".to_owned(),
            plugin: string_value(&config),
            upstream: Some(openwhisk.address()),
            changes: Value::Null,
        };
        let mut configuration = reference.with(&[line], route.port);
        let manager = at(&mut configuration, MANAGER);
        // Istio and Envoy Gateway cannot set it.
        filter(manager)["typed_config"]["config"]["allow_on_headers_stop_iteration"] = json!(false);
        change(array(at(manager, "/http_filters")));
        let envoy = Envoy::start(&configuration);
        Self { port: envoy.port("openwhisk"), envoy, openwhisk, route }
    }

    /// Fails if anything reached the upstream of the route, a head without its body too, or went wrong inside.
    fn check(mut self) {
        let connections = self.envoy.counter("cluster.leak.upstream_cx_total");
        assert_eq!((connections, self.route.seen().accepted), (0, 0), "the upstream of the route was called");
        assert_eq!(self.envoy.complaints(), Vec::<String>::new());
    }
}

fn held(attributes: Value) {
    let setup = Setup::new(attributes, |_| {});
    let forms = wire::forms();
    let count = forms.len();
    for (index, (name, ask, expected)) in forms.into_iter().enumerate() {
        let reply = ask(setup.port);
        assert_eq!((reply.status, reply.body.as_slice()), (200, READY.as_bytes()), "{name}");
        let calls = setup.openwhisk.seen().calls;
        assert_eq!(calls.len(), index + 1, "{name}");
        assert!(calls[index].body == expected, "{name}: {:.100}", calls[index].body.escape_ascii().to_string());
    }
    assert_eq!(get(setup.port, "/hello").body, READY.as_bytes());

    // The body comes later than its head, and in pieces; a client that leaves in between calls nothing.
    let announced = [&head("POST", "/hello", &[("content-length", "7")])[..], b"\r\n"].concat();
    client::leave_after(setup.port, &announced);
    let mut stream = client::connect(setup.port);
    for piece in [&announced[..], b"{\"a\"", b":", b"1"] {
        stream.write_all(piece).expect("sent");
        // A request that is answered in between has its turn, so the pieces arrive one by one.
        assert_eq!(get(setup.port, "/hello").status, 200);
    }
    let calls = setup.openwhisk.seen().calls.len();
    assert_eq!(calls, count + 5, "no call before its body is complete");
    stream.write_all(b"}").expect("sent");
    assert_eq!(client::read_only_reply(&mut stream, "POST").body, READY.as_bytes());
    assert_eq!(setup.openwhisk.seen().calls.last().expect("a call").body, b"{\"a\":1}");
    setup.check();
}

/// What is larger than the buffer still goes through where the filter has nothing to do.
fn off() {
    let setup = Setup::new(json!({}), |_| {});
    let huge = client::request("POST", "/elsewhere", &[], &vec![b' '; 3 << 20]);
    let reply = ask(setup.port, &huge);
    assert_eq!(reply.status, 404, "the reply of that route, not 413");
    assert_eq!(setup.openwhisk.seen().calls, []);
    setup.check();
}

fn not_held() {
    let setup = Setup::new(json!({}), |filters| {
        filters.retain(|filter| filter["name"] != "envoy.filters.http.buffer");
    });
    let Setup { envoy, port, .. } = &setup;
    assert_eq!(get(*port, "/hello").body, READY.as_bytes());
    assert_eq!(envoy.counter("cluster.leak.upstream_cx_total"), 0, "a request without a body is held");
    let announced = [&head("POST", "/hello", &[("content-length", "7")])[..], b"\r\n"].concat();
    let mut stream = client::connect(*port);
    stream.write_all(&announced).expect("sent");
    envoy.wait_for_counter("cluster.leak.upstream_cx_total", |connections| connections > 0);
}

fn too_large() {
    let setup = Setup::new(json!({ "max_req_body_size": 1000 }), |_| {});
    for (name, request) in wire::larger_than_1000() {
        let reply = ask(setup.port, &request);
        let body = String::from_utf8_lossy(&reply.body);
        assert_eq!(reply.status, 413, "{name}: {body}");
        assert!(body.contains("the body of the request is larger than 1000 bytes"), "{name}: {body}");
    }
    let huge = client::request("POST", "/hello", &[], &vec![b' '; 2 << 20]);
    assert_eq!(ask(setup.port, &huge).status, 413, "Envoy's own");
    assert_eq!(setup.openwhisk.seen().calls, []);
    setup.check();
}
