//! Filters in front that change the path of a request: the action is that of the route which the new path has.

use serde_json::{Value, json};
use testbed::bootstrap::{array, at};
use testbed::client::{ask, header, request};
use testbed::envoy::Envoy;
use testbed::script;
use testbed::upstream::Upstream;

use crate::bootstrap::rendered;
use crate::composition::{FILTERS, ROUTE, in_front, typed};
use crate::stage::Plan;
use openwhisk_envoy::Protocol;

/// The routes, each with an action of its own name.
const ROUTES: [&str; 2] = ["open", "secret"];

/// Changes the path to the one that a header says.
const LUA: &str = "function envoy_on_request(handle)
    local path = handle:headers():get('x-path')
    if path then
        handle:headers():replace(':path', path)
        handle:clearRouteCache()
    end
end";

/// Adds the tests.
pub fn add(plan: &mut Plan) {
    plan.test_alone("selection::the_action_is_that_of_the_path_which_a_filter_has_set", lua);
    plan.test_alone("selection::without_the_inert_filter_the_wrong_action_runs", without);
    plan.test_alone("selection::settings_for_filters_of_the_same_kind_are_not_its_own", same_kind);
}

/// Which actions were called, one for each request: the path the client sent, and the one that the filter set.
fn actions(change: impl FnOnce(&mut Value), paths: &[(&str, &str)]) -> Vec<String> {
    let openwhisk = Upstream::start(script::result("{}"));
    let routes: serde_json::Map<_, _> =
        ROUTES.iter().map(|name| ((*name).to_owned(), json!({ "action": name }))).collect();
    let attributes = json!({
        "api_host": format!("http://127.0.0.1:{}", openwhisk.port), "parameters": "http", "timeout": 20_000,
        "routes": routes,
    });
    let mut configuration = rendered(Protocol::Http1, &attributes, None);
    in_front("lua", typed("lua.v3.Lua", json!({ "default_source_code": { "inline_string": LUA } })), None)(
        &mut configuration,
    );
    change(&mut configuration);
    let mut envoy = Envoy::start(&configuration);
    let port = envoy.only_port();
    let called = paths.iter().map(|(sent, set)| {
        let before = openwhisk.seen().calls.len();
        let reply = ask(port, &request("GET", sent, &[("x-path", set)], b""));
        let calls = openwhisk.seen().calls;
        match calls.get(before..) {
            Some([call]) => {
                let action = call.path.split(['/', '?']).nth(6).unwrap_or_default();
                assert!(call.body.windows(set.len()).any(|window| window == set.as_bytes()), "{sent} {set}");
                format!("{} {action}", reply.status)
            }
            _ => format!("{} {}", reply.status, String::from_utf8_lossy(&reply.body).trim_end()),
        }
    });
    let called = called.collect();
    assert_eq!(envoy.complaints(), Vec::<String>::new());
    called
}

fn lua() {
    let untouched = "404 this route is not taken over by the filter";
    // Which filters a request meets is decided by its first path.
    let switched_off = "503 no healthy upstream";
    let cases = [
        (("/open", "/open"), "200 open"),
        (("/open/a", "/secret/a"), "200 secret"),
        (("/secret", "/open"), "200 open"),
        (("/open", "/elsewhere"), untouched),
        (("/elsewhere", "/open"), switched_off),
    ];
    assert_eq!(actions(|_| {}, &cases.map(|(paths, _)| paths)), cases.map(|(_, expected)| expected));
}

/// If this fails, Envoy does it by itself now, and the inert filter can go.
fn without() {
    let removed = |configuration: &mut Value| {
        array(at(configuration, FILTERS)).retain(|filter| filter["name"] != "select_route");
    };
    assert_eq!(actions(removed, &[("/open", "/secret")]), ["200 open"]);
}

/// A header that a route adds by the settings of another filter is added once.
fn same_kind() {
    let append = json!({ "mutations": { "response_mutations": [
        { "append": { "header": { "key": "x-added", "value": "1" }, "append_action": "APPEND_IF_EXISTS_OR_ADD" } },
    ] } });
    let filter = typed("header_mutation.v3.HeaderMutation", json!({}));
    let per_route = typed("header_mutation.v3.HeaderMutationPerRoute", append);
    let openwhisk = Upstream::start(script::result("{}"));
    let attributes = json!({
        "api_host": format!("http://127.0.0.1:{}", openwhisk.port), "routes": { "open": { "action": "open" } },
    });
    let mut configuration = rendered(Protocol::Http1, &attributes, None);
    in_front("header_mutation", filter, Some(per_route))(&mut configuration);
    assert_eq!(at(&mut configuration, ROUTE)["name"], "open");
    let envoy = Envoy::start(&configuration);
    let port = envoy.only_port();
    let reply = ask(port, &request("GET", "/open", &[], b""));
    assert_eq!((reply.status, header(&reply, "x-added").len()), (200, 1));
}
