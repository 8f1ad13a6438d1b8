//! One listener with many routes, each with settings of its own or with none.

use corpus::{Call, GUEST, Headers, Reply};
use serde_json::{Map, Value, json};
use testbed::client::{ask, get, head, header, in_chunks, request};
use testbed::envoy::Options;
use testbed::openwhisk::Action;
use testbed::script::{self, answer, sends};
use testbed::upstream::Upstream;

use crate::bootstrap::{self, Line, route, routes};
use crate::modes::ENDLESS;
use crate::stage::{Behind, Plan, Site, Stage, config};

/// The listener; the routes that name no upstream are served by the local `OpenWhisk`.
const SITE: &str = "routes";

/// Behind the routes that are not for the filter.
const PLAIN: &str = "routes::plain";

/// The upstream of a route that has one of its own.
const OTHER: &str = "routes::other";

/// What is behind the routes that are not for the filter answers so.
const TEAPOT: &[u8] = b"\0not JSON\xff";

/// Adds the tests.
pub fn add(plan: &mut Plan) {
    listener(plan);
    plan.test("routes::each_has_its_action_mode_and_timeout", each);
    untouched(plan);
    for (name, path, expected) in [
        ("one_without_a_name_is_untouched", "/unnamed", (418, TEAPOT)),
        ("no_route_is_envoys_404", "/nowhere", (404, &b""[..])),
    ] {
        plan.test(&format!("routes::{name}"), move |stage| {
            let reply = get(stage.port(SITE), path);
            assert_eq!((reply.status, reply.body.as_slice()), expected);
            stage.check_good();
        });
    }
    plan.test_alone("routes::ten_thousand_are_taken", ten_thousand);
}

fn listener(plan: &mut Plan) {
    let attributes = json!({
        "action": null,
        "routes": {
            "sold": { "package": "routes-shop", "action": "order", "parameters": "http", "path_prefix": "/sold" },
            "bought": { "package": "routes-depot", "action": "order" },
            "recorded": { "action": "routes-echo", "mode": "activation" },
            "queued": { "action": "routes-echo", "mode": "async" },
            "quick": { "action": "routes-endless", "timeout": 300 },
            "patient": { "action": "routes-slow", "timeout": 60000 },
            "elsewhere": { "action": "far", "upstream": OTHER, "service_token": GUEST },
        },
    });
    let listed = ["sold", "bought", "recorded", "queued", "quick", "patient", "elsewhere"];
    let mut all: Vec<_> = listed.iter().map(|name| route(SITE, name, &format!("/{name}"))).collect();
    let below = |prefix| json!({ "path_separated_prefix": prefix });
    let off = json!({ "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "disabled": true });
    all.extend([
        json!({ "match": below("/unnamed"), "route": { "cluster": PLAIN } }),
        json!({ "name": "plain", "match": below("/plain"), "route": { "cluster": PLAIN } }),
        json!({
            "name": "off", "match": below("/off"), "route": { "cluster": PLAIN },
            "typed_per_filter_config": { "openwhisk": off },
        }),
    ]);
    let trailers = json!({ "enable_trailers": true });
    let mut manager = routes(&json!(all));
    manager["http_protocol_options"] = trailers.clone();
    let site = Site { name: SITE.to_owned(), config: config(SITE, attributes), behind: Behind::OpenWhisk(None) };
    plan.site_with(site, json!({ "manager": manager }));

    let headers = [("set-cookie", "a=1"), ("set-cookie", "b=2"), ("content-type", "text/x-tea"), ("x-plain", "\u{e9}")];
    let behind = Behind::Script(sends(answer(418, &headers, TEAPOT)));
    let options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
    let cluster = json!({ "typed_extension_protocol_options": {
        options: { "explicit_http_config": { "http_protocol_options": trailers } },
    } });
    let site = Site { name: PLAIN.to_owned(), config: config(PLAIN, json!({})), behind };
    plan.site_with(site, json!({ "cluster": cluster }));
    plan.scripted(OTHER, json!({}), script::result("{\"far\":true}"));
}

fn each(stage: &Stage) {
    let create = |package: Option<&str>, name: &str, code: &str| {
        let action = Action { package: package.map(str::to_owned), name: name.to_owned(), code: code.to_owned() };
        stage.openwhisk().create(&action).unwrap_or_else(|error| panic!("{error}"));
    };
    create(Some("routes-shop"), "order", "const main = ({ __ow_path, of }) => ({ sold: __ow_path, of });");
    create(Some("routes-depot"), "order", "const main = (params) => ({ bought: params });");
    create(None, "routes-echo", "const main = (params) => params;");
    create(None, "routes-endless", ENDLESS);
    // Longer than the other route would wait.
    create(
        None,
        "routes-slow",
        "const main = () => new Promise((resolve) => setTimeout(() => resolve({ slow: true }), 2000));",
    );
    let ask = |path: &str| {
        let reply =
            ask(stage.port(SITE), &request("POST", path, &[("content-type", "application/json")], b"{\"a\":1}"));
        (reply.status, serde_json::from_slice::<Value>(&reply.body).expect("JSON"))
    };
    assert_eq!(ask("/sold/7?of=tea"), (200, json!({ "sold": "/7", "of": "tea" })));
    assert_eq!(ask("/bought/7?of=tea"), (200, json!({ "bought": { "a": 1 } })));
    let (status, record) = ask("/recorded");
    assert_eq!((status, &record["response"]["result"]), (200, &json!({ "a": 1 })), "{record}");
    let (status, accepted) = ask("/queued");
    assert_eq!((status, accepted["activationId"].is_string()), (202, true), "{accepted}");
    let (status, error) = ask("/quick");
    assert_eq!((status, &error["error"]), (504, &json!("the action did not answer within 300 ms")), "{error}");
    assert_eq!(ask("/patient"), (200, json!({ "slow": true })));
    assert_eq!(ask("/elsewhere"), (200, json!({ "far": true })));
    let calls = stage.upstream(OTHER).seen().calls;
    assert_eq!(calls.len(), 1);
    assert!(calls[0].path.starts_with("/api/v1/namespaces/guest/actions/far?"), "{}", calls[0].path);
    stage.check_no_leak(SITE);
    stage.check_good();
}

/// Nothing is different from a route where the filter is switched off.
fn untouched(plan: &mut Plan) {
    for (name, size, trailers) in [
        ("without_a_body", 0, &[][..]),
        ("with_200_kb", 200_000, &[]),
        ("with_200_kb_and_trailers", 200_000, &[("x-checksum", "1"), ("x-more", "2")]),
        ("with_more_than_envoy_buffers", 3 << 20, &[]),
    ] {
        plan.test(&format!("routes::one_that_is_not_listed_is_untouched_{name}"), move |stage| {
            let body: Vec<_> = (0..size).map(|n| b"0123456789"[n % 10]).collect();
            let exchange = |route: &str| {
                let path = format!("{route}/{name}/a%20b/c?q=%ff&q=+&q");
                let (reply, call, arrived) = exchange(stage, &path, &body, trailers);
                assert_eq!((call.method.as_str(), call.path.strip_prefix(route)), ("POST", path.strip_prefix(route)));
                assert!(call.body == body, "{} of {} bytes, or others", call.body.len(), body.len());
                let sent: Headers =
                    trailers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect();
                assert_eq!(arrived, sent);
                assert_eq!((reply.status, reply.body.as_slice()), (418, TEAPOT));
                assert_eq!(header(&reply, "set-cookie"), [b"a=1", b"b=2"]);
                let is_fixed = |name: &str| !["date", "x-envoy-upstream-service-time"].contains(&name);
                let reply = reply.headers.into_iter().filter(|(name, _)| is_fixed(name)).collect::<Vec<_>>();
                (call.headers, reply)
            };
            assert_eq!(exchange("/plain"), exchange("/off"));
            stage.check_good();
        });
    }
}

/// The reply to a request, and the call and trailers that arrived behind the routes which are not for the filter.
fn exchange(stage: &Stage, path: &str, body: &[u8], trailers: &[(&str, &str)]) -> (Reply, Call, Headers) {
    let headers =
        [("x-request-id", "42"), ("authorization", "Basic YTpi"), ("cookie", "a=1"), ("x-a", "1"), ("x-a", "2")];
    let mut request = [&head("POST", path, &headers), &b"x-odd: \xff\r\n"[..]].concat();
    if trailers.is_empty() {
        request.extend(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
        request.extend(body);
    } else {
        request.extend(b"transfer-encoding: chunked\r\n\r\n");
        request.extend(in_chunks(&body.chunks(7777).collect::<Vec<_>>(), trailers));
    }
    let reply = ask(stage.port(SITE), &request);
    let seen = stage.upstream(PLAIN).seen();
    let arrived = seen.calls.into_iter().zip(seen.trailers).find(|(call, _)| call.path == path);
    let (call, trailers) = arrived.unwrap_or_else(|| panic!("{path} never arrived: {}", reply.status));
    (reply, call, trailers)
}

fn ten_thousand() {
    const COUNT: usize = 10_000;
    let name = "ten_thousand";
    let attributes = |n| json!({ "package": "many", "action": format!("action-{n}"), "timeout": 1000 + n });
    let listed: Map<_, _> = (0..COUNT).map(|n| (format!("route-{n}"), attributes(n))).collect();
    let all: Vec<_> = (0..COUNT).map(|n| route(name, &format!("route-{n}"), &format!("/{n}"))).collect();
    let upstream = Upstream::start(script::result("{\"ready\":true}"));
    let mut line = Line::of(name, json!({ "action": null, "routes": listed }), upstream.address());
    line.changes = json!({ "manager": routes(&json!(all)) });
    let mut envoy = bootstrap::envoy(&[line], &Options::default());
    let port = envoy.port(name);
    for n in [0, COUNT - 1] {
        let reply = get(port, &format!("/{n}"));
        assert_eq!((reply.status, reply.body.as_slice()), (200, &b"{\"ready\":true}"[..]));
        let expected =
            format!("/api/v1/namespaces/guest/actions/many/action-{n}?blocking=true&result=true&timeout={}", 1000 + n);
        assert_eq!(upstream.seen().calls.last().map(|call| call.path.clone()), Some(expected));
    }
    assert_eq!(envoy.complaints(), Vec::<String>::new());
}
