//! Other filters of Envoy around this one, in configurations that `openwhisk-envoy` prints: what the table of
//! docs/operations.md promises of each.

use std::io::Read;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use corpus::{Call, Reply};
use flate2::read::GzDecoder;
use openwhisk_envoy::Protocol;
use serde_json::{Value, json};
use testbed::PATIENCE;
use testbed::artifact;
use testbed::bootstrap::{array, at};
use testbed::client::{ask, header, request};
use testbed::envoy::Envoy;
use testbed::script::{self, answer, sends};
use testbed::upstream::{self, Upstream};

use crate::bootstrap::rendered;
use crate::stage::Plan;

pub const READY: &str = "{\"ready\":true}";

/// Where the chain of filters and the routes are.
pub const MANAGER: &str = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
pub const FILTERS: &str = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters";
pub const ROUTE: &str =
    "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/route_config/virtual_hosts/0/routes/0";

/// A row of the table on that page.
type Row = (&'static str, fn());

/// The rows of the table on that page, by the name of the filter, or of the setting, in its first column.
const ROWS: &[Row] = &[
    ("cors", cors),
    ("local_ratelimit", local_ratelimit),
    ("rbac", rbac),
    ("ext_authz", ext_authz),
    ("header_mutation", header_mutation),
    ("fault", fault),
    ("compressor", compressor),
    ("local_reply_config", local_reply_config),
    ("response_headers_to_add", response_headers_to_add),
    ("outlier_detection", outlier_detection),
];

/// Adds the tests.
pub fn add(plan: &mut Plan) {
    for (name, test) in ROWS {
        plan.test_alone(&format!("composition::{name}"), *test);
    }
    plan.test_alone("composition::the_table_of_the_page_is_what_is_tried", documented);
    plan.test_alone("composition::what_gets_by_the_filter_reaches_nothing", without_the_filter);
    plan.test_alone("composition::the_access_log_tells_who_answered", access_log);
}

fn documented() {
    let page = include_str!("../../docs/operations.md").lines();
    let rows = page.skip_while(|line| !line.starts_with("| filter or setting |")).skip(2);
    let rows: Vec<_> = rows.map_while(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    assert_eq!(rows, ROWS.iter().map(|(name, _)| *name).collect::<Vec<_>>());
}

/// What the page shows for a setting.
fn recipe(name: &str) -> Value {
    let block = include_str!("../../docs/operations.md").split("```yml\n").find(|block| block.starts_with(name));
    let block = block.and_then(|block| block.split("```").next()).unwrap_or_else(|| panic!("no recipe of {name}"));
    let mut block: Value = serde_saphyr::from_str(block).unwrap_or_else(|error| panic!("{error}"));
    block[name].take()
}

/// An Envoy with other filters, and the `OpenWhisk` behind it.
pub struct Setup {
    pub envoy: Envoy,
    pub port: u16,
    openwhisk: Upstream,
}

impl Setup {
    /// With a change of what `openwhisk-envoy` prints.
    pub fn new(change: impl FnOnce(&mut Value)) -> Self {
        Self::with(script::result(READY), change)
    }

    pub fn with(script: script::Script, change: impl FnOnce(&mut Value)) -> Self {
        let openwhisk = Upstream::start(script);
        let attributes = json!({
            "api_host": format!("http://127.0.0.1:{}", openwhisk.port), "parameters": "http", "timeout": 20_000,
            "routes": { "hello": {} },
        });
        let mut configuration = rendered(Protocol::Http1, &attributes, None);
        change(&mut configuration);
        let envoy = Envoy::start(&configuration);
        let port = envoy.only_port();
        Self { envoy, port, openwhisk }
    }

    /// A request to the route of the filter.
    fn ask(&self, method: &str, headers: &[(&str, &str)]) -> Reply {
        ask(self.port, &request(method, "/hello", headers, b""))
    }

    /// How often the action was called, each time with parameters.
    pub fn calls(&self) -> Vec<Call> {
        self.openwhisk.seen().calls
    }
}

impl Drop for Setup {
    fn drop(&mut self) {
        if !thread::panicking() {
            assert_eq!(self.envoy.complaints(), Vec::<String>::new());
        }
    }
}

/// Puts a filter in front of all others, and its configuration for the route of the filter.
pub fn in_front(name: &str, filter: Value, per_route: Option<Value>) -> impl FnOnce(&mut Value) {
    let name = format!("envoy.filters.http.{name}");
    move |configuration| {
        array(at(configuration, FILTERS)).insert(0, json!({ "name": name, "typed_config": filter }));
        if let Some(per_route) = per_route {
            at(configuration, ROUTE)["typed_per_filter_config"] = json!({ name: per_route });
        }
    }
}

/// The type of a message of a filter.
pub fn typed(message: &str, mut fields: Value) -> Value {
    fields["@type"] = json!(format!("type.googleapis.com/envoy.extensions.filters.http.{message}"));
    fields
}

fn values<'a>(reply: &'a Reply, name: &str) -> Vec<&'a str> {
    header(reply, name).into_iter().map(|value| std::str::from_utf8(value).expect("text")).collect()
}

/// A preflight is answered without the action, and its reply may be read by the origin.
fn cors() {
    let policy = json!({
        "allow_origin_string_match": [{ "exact": "https://shop.example" }], "allow_methods": "GET, POST",
    });
    let per_route = typed("cors.v3.CorsPolicy", policy);
    let setup = Setup::new(in_front("cors", typed("cors.v3.Cors", json!({})), Some(per_route)));
    let origin = ("origin", "https://shop.example");
    let preflight = setup.ask("OPTIONS", &[origin, ("access-control-request-method", "POST")]);
    assert_eq!((preflight.status, values(&preflight, "access-control-allow-methods")), (200, vec!["GET, POST"]));
    assert_eq!(setup.calls(), []);
    let reply = setup.ask("GET", &[origin]);
    assert_eq!((reply.status, reply.body.as_slice()), (200, READY.as_bytes()));
    assert_eq!(values(&reply, "access-control-allow-origin"), ["https://shop.example"]);
    assert_eq!(setup.calls().len(), 1);
}

fn local_ratelimit() {
    let limit = |fields: Value| typed("local_ratelimit.v3.LocalRateLimit", fields);
    let all = json!({ "default_value": { "numerator": 100, "denominator": "HUNDRED" } });
    let per_route = limit(json!({
        "stat_prefix": "route", "token_bucket": { "max_tokens": 2, "fill_interval": "3600s" },
        "filter_enabled": all, "filter_enforced": all,
    }));
    let setup = Setup::new(in_front("local_ratelimit", limit(json!({ "stat_prefix": "all" })), Some(per_route)));
    let statuses: Vec<_> = (0..4).map(|_| setup.ask("GET", &[]).status).collect();
    assert_eq!((statuses, setup.calls().len()), (vec![200, 200, 429, 429], 2));
}

fn rbac() {
    let permission = json!({ "permissions": [{ "any": true }], "principals": [{
        "header": { "name": "x-team", "string_match": { "exact": "shop" } },
    }] });
    let rules = json!({ "rules": { "action": "ALLOW", "policies": { "team": permission } } });
    let per_route = typed("rbac.v3.RBACPerRoute", json!({ "rbac": rules }));
    let setup = Setup::new(in_front("rbac", typed("rbac.v3.RBAC", json!({})), Some(per_route)));
    assert_eq!((setup.ask("GET", &[]).status, setup.calls().len()), (403, 0));
    assert_eq!((setup.ask("GET", &[("x-team", "shop")]).status, setup.calls().len()), (200, 1));
}

fn ext_authz() {
    // Lets in who says so, and tells the action whom.
    let authority = Upstream::start(Arc::new(|call, connection| {
        let may = call.headers.iter().any(|(name, value)| name == "authorization" && value == b"Bearer friend");
        let answer = if may { answer(200, &[("x-user", "alice")], b"") } else { answer(401, &[], b"who?") };
        connection.send(&answer)
    }));
    let service = json!({ "http_service": {
        "server_uri": { "uri": "http://authority", "cluster": "authority", "timeout": "20s" },
        "authorization_response": { "allowed_upstream_headers": { "patterns": [{ "exact": "x-user" }] } },
    } });
    let filter = in_front("ext_authz", typed("ext_authz.v3.ExtAuthz", service), None);
    let port = authority.port;
    let setup = Setup::new(|configuration| {
        let mut cluster = at(configuration, "/static_resources/clusters/0").clone();
        cluster["name"] = json!("authority");
        cluster["load_assignment"]["cluster_name"] = json!("authority");
        let address = "/load_assignment/endpoints/0/lb_endpoints/0/endpoint/address/socket_address/port_value";
        *at(&mut cluster, address) = json!(port);
        array(at(configuration, "/static_resources/clusters")).push(cluster);
        filter(configuration);
    });
    let refused = setup.ask("GET", &[]);
    assert_eq!((refused.status, refused.body.as_slice(), setup.calls().len()), (401, &b"who?"[..], 0));
    assert_eq!(setup.ask("GET", &[("authorization", "Bearer friend")]).status, 200);
    let calls = setup.calls();
    let received: Value = serde_json::from_slice(&calls[0].body).expect("JSON");
    assert_eq!((calls.len(), &received["__ow_headers"]["x-user"]), (1, &json!("alice")));
}

/// In front it changes what the action receives, and what the client gets of it.
fn header_mutation() {
    let append = |name: &str| json!([{ "append": { "header": { "key": name, "value": "1" } } }]);
    let mutations = json!({ "mutations": {
        "request_mutations": append("x-asked"), "response_mutations": append("x-replied"),
    } });
    let filter = typed("header_mutation.v3.HeaderMutation", json!({}));
    let per_route = typed("header_mutation.v3.HeaderMutationPerRoute", mutations);
    let setup = Setup::new(in_front("header_mutation", filter, Some(per_route)));
    let reply = setup.ask("GET", &[]);
    assert_eq!((reply.status, values(&reply, "x-replied")), (200, vec!["1"]));
    let received: Value = serde_json::from_slice(&setup.calls()[0].body).expect("JSON");
    assert_eq!(received["__ow_headers"]["x-asked"], json!("1"), "{received}");
}

fn fault() {
    let abort = json!({ "abort": {
        "http_status": 418, "percentage": { "numerator": 100, "denominator": "HUNDRED" },
    }, "headers": [{ "name": "x-break", "present_match": true }] });
    let per_route = typed("fault.v3.HTTPFault", abort);
    let setup = Setup::new(in_front("fault", typed("fault.v3.HTTPFault", json!({})), Some(per_route)));
    assert_eq!((setup.ask("GET", &[("x-break", "1")]).status, setup.calls().len()), (418, 0));
    assert_eq!((setup.ask("GET", &[]).status, setup.calls().len()), (200, 1));
}

fn compressor() {
    let long = format!("{{\"long\":\"{}\"}}", "x".repeat(10_000));
    let gzip = "type.googleapis.com/envoy.extensions.compression.gzip.compressor.v3.Gzip";
    let library = json!({ "compressor_library": { "name": "gzip", "typed_config": { "@type": gzip } } });
    let setup =
        Setup::with(script::result(&long), in_front("compressor", typed("compressor.v3.Compressor", library), None));
    let plain = setup.ask("GET", &[]);
    assert_eq!(
        (plain.status, plain.body.as_slice(), values(&plain, "content-encoding").len()),
        (200, long.as_bytes(), 0)
    );
    let packed = setup.ask("GET", &[("accept-encoding", "gzip")]);
    assert_eq!((packed.status, values(&packed, "content-encoding")), (200, vec!["gzip"]));
    let mut unpacked = String::new();
    GzDecoder::new(packed.body.as_slice()).read_to_string(&mut unpacked).expect("gzip");
    assert!(packed.body.len() < 1000 && unpacked == long, "{} bytes", packed.body.len());
}

/// A format for all replies takes the results, too; one for those with a flag of Envoy's takes its own errors only.
fn local_reply_config() {
    let format = json!({ "json_format": { "gateway": "%RESPONSE_CODE%" } });
    let for_all = json!({ "body_format": format });
    let for_envoys = json!({ "mappers": [{
        "filter": { "response_flag_filter": {} }, "body_format_override": format,
    }] });
    for (name, config, result) in [("all", for_all, "{\"gateway\":200}"), ("envoys", for_envoys, READY)] {
        let setup = Setup::new(|configuration| {
            at(configuration, MANAGER)["local_reply_config"] = config;
            // All other paths have no route.
            let routes = "/route_config/virtual_hosts/0/routes";
            array(at(at(configuration, MANAGER), routes)).truncate(1);
        });
        let reply = setup.ask("GET", &[]);
        assert_eq!((reply.status, String::from_utf8_lossy(&reply.body).trim_end()), (200, result), "{name}");
        let reply = ask(setup.port, &request("GET", "/nowhere", &[], b""));
        let body = String::from_utf8_lossy(&reply.body);
        assert_eq!((reply.status, body.trim_end()), (404, "{\"gateway\":404}"), "{name}");
    }
}

/// On a route with a cluster they act on every reply, on one with a `direct_response` they would not.
fn response_headers_to_add() {
    let setup = Setup::new(|configuration| {
        at(configuration, ROUTE)["response_headers_to_add"] = json!([{ "header": { "key": "x-added", "value": "1" } }]);
    });
    let reply = setup.ask("GET", &[]);
    assert_eq!((reply.status, values(&reply, "x-added")), (200, vec!["1"]));
}

/// Envoy's own settings take a failed action for a failed `OpenWhisk`; with errors of its own only, they do not.
fn outlier_detection() {
    let usual = json!({ "consecutive_5xx": 5, "base_ejection_time": "600s", "max_ejection_percent": 100 });
    let mut own_only = recipe("outlier_detection");
    own_only["max_ejection_percent"] = json!(100);
    own_only["base_ejection_time"] = json!("600s");
    let failed = [("content-type", "application/json"), ("x-openwhisk-activation-id", "1")];
    let failed = answer(502, &failed, b"{\"error\":\"boom\"}");
    for (name, detection, expected) in [("usual", usual, 503), ("own only", own_only, 502)] {
        let setup = Setup::with(sends(failed.clone()), |configuration| {
            let cluster = at(configuration, "/static_resources/clusters/0");
            cluster["outlier_detection"] = detection;
            // Else the only host of a cluster is called however often it fails.
            cluster["common_lb_config"] = json!({ "healthy_panic_threshold": { "value": 0 } });
        });
        for _ in 0..5 {
            assert_eq!(setup.ask("GET", &[]).status, 502, "{name}");
        }
        let ejections = "cluster.openwhisk.outlier_detection.ejections_active";
        if expected == 503 {
            setup.envoy.wait_for_counter(ejections, |ejections| ejections == 1);
        }
        assert_eq!(setup.ask("GET", &[]).status, expected, "{name}");
        assert_eq!(setup.envoy.counter(ejections), u64::from(expected == 503), "{name}");
    }
}

/// Without the filter, or with the filter switched off, the route leads to a cluster without a host.
fn without_the_filter() {
    let off = json!({ "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "disabled": true });
    let removed: fn(&mut Value) = |configuration| {
        array(at(configuration, FILTERS)).retain(|filter| filter["name"] != "openwhisk");
    };
    let switched_off = move |configuration: &mut Value| {
        at(configuration, ROUTE)["typed_per_filter_config"] = json!({ "openwhisk": off });
    };
    for (name, setup) in [("removed", Setup::new(removed)), ("switched off", Setup::new(switched_off))] {
        let reply = setup.ask("GET", &[]);
        let body = String::from_utf8_lossy(&reply.body);
        assert_eq!((reply.status, &*body, setup.calls().len()), (503, "no healthy upstream", 0), "{name}");
    }
}

/// On an error its kind, and the id of the activation where there is one.
fn access_log() {
    let script = Arc::new(|call: &Call, connection: &mut upstream::Connection| {
        let json = ("content-type", "application/json");
        let id = ("x-openwhisk-activation-id", "44794bd6aab74415b4e42a308d880e5b");
        let is = |path: &[u8]| call.body.windows(path.len()).any(|window| window == path);
        connection.send(&match () {
            () if is(b"/hello/refused") => answer(404, &[json], b"{\"error\":\"no\"}"),
            () if is(b"/hello/failed") => answer(502, &[json, id], b"{\"error\":\"boom\"}"),
            () => answer(200, &[json, id], b"{}"),
        })
    });
    let path = artifact::temporary("access-log");
    let setup = Setup::with(script, |configuration| {
        let log = &mut array(&mut at(configuration, MANAGER)["access_log"])[0];
        log["name"] = json!("file");
        let config = &mut log["typed_config"];
        config["@type"] = json!("type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog");
        config["path"] = json!(path);
    });
    let id = "44794bd6aab74415b4e42a308d880e5b";
    let cases = [
        ("/done", 200, format!("activation={id} error=-")),
        ("/refused", 404, "activation=- error=refused".to_owned()),
        ("/failed", 502, format!("activation={id} error=action_failed")),
        ("/malformed?__ow_x=1", 400, "activation=- error=malformed".to_owned()),
    ];
    for (path, status, _) in &cases {
        assert_eq!(ask(setup.port, &request("GET", &format!("/hello{path}"), &[], b"")).status, *status, "{path}");
    }
    let started = Instant::now();
    let log = loop {
        let log = std::fs::read_to_string(&path).unwrap_or_default();
        if log.lines().count() == cases.len() {
            break log;
        }
        assert!(started.elapsed() < PATIENCE, "the access log has {log:?}");
        thread::sleep(std::time::Duration::from_millis(20));
    };
    for ((path, status, expected), line) in cases.iter().zip(log.lines()) {
        assert!(line.starts_with(&format!("GET /hello{path} {status} ")) && line.ends_with(expected), "{path}: {line}");
    }
    drop(setup);
    std::fs::remove_file(path).expect("removed");
}
