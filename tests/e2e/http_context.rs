//! Whole requests as parameters, with the local `OpenWhisk`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use corpus::Reply;
use serde_json::{Value, json};
use testbed::client::{ask, chunked, head, header, request};
use testbed::http2::client::ask_http2;
use testbed::openwhisk::Action;
use testbed::script;

use crate::bootstrap::{route, routes};
use crate::stage::{Behind, Plan, Site, config};

/// The site whose action answers with its parameters.
const SITE: &str = "http_context";

/// Its action. A header tells the method, also where the reply has no body.
const ECHO: &str = "const main = (params) => ({ headers: { 'x-method': params.__ow_method }, body: params });";

/// A body that is one JSON object.
const NAMED: &[u8] = b"{\"name\":\"world\"}";

/// The type of that body.
const JSON: (&str, &str) = ("content-type", "application/json");

/// Adds the tests.
pub fn add(plan: &mut Plan) {
    let action = Action { package: None, name: SITE.to_owned(), code: ECHO.to_owned() };
    let attributes = json!({ "parameters": "http", "action": SITE, "path_prefix": "/hello" });
    let behind = Behind::OpenWhisk(Some(action));
    plan.site(Site { name: SITE.to_owned(), config: config(SITE, attributes), behind });
    methods(plan);
    forms(plan);
    paths(plan);
    headers(plan);
    large(plan);
    huge_bodies(plan);
    reserved(plan);
}

/// The parameters that an action received, without what Envoy says of the client, and the request id, which it makes.
fn received(reply: &Reply) -> Value {
    let text = String::from_utf8_lossy(&reply.body);
    assert_eq!(reply.status, 200, "{text}");
    let mut parameters: Value = serde_json::from_str(&text).expect("JSON");
    let headers = parameters["__ow_headers"].as_object_mut().expect("headers");
    for name in ["x-request-id", "x-forwarded-for", "x-envoy-external-address"] {
        assert!(headers.remove(name).is_some_and(|value| value.is_string()), "no {name} in {text}");
    }
    parameters
}

fn methods(plan: &mut Plan) {
    for (method, body) in [
        ("GET", &b""[..]),
        ("POST", NAMED),
        ("PUT", NAMED),
        ("PATCH", NAMED),
        ("DELETE", b""),
        ("OPTIONS", b""),
        ("HEAD", b""),
    ] {
        plan.test(&format!("http_context::method::{}", method.to_lowercase()), move |stage| {
            stage.check_openwhisk();
            let reply = ask(stage.port(SITE), &request(method, "/hello/a?b=c", &[JSON], body));
            let method = method.to_lowercase();
            assert_eq!(header(&reply, "x-method"), [method.as_bytes()]);
            if method == "head" {
                assert_eq!((reply.status, reply.body.as_slice()), (200, &b""[..]));
                return;
            }
            let headers = json!({
                "host": "gateway.example", "content-type": "application/json", "x-forwarded-proto": "http",
            });
            let mut expected = json!({
                "__ow_method": method, "__ow_path": "/a", "__ow_query": "b=c", "__ow_headers": headers, "b": "c",
            });
            if !body.is_empty() {
                expected["name"] = json!("world");
            }
            assert_eq!(received(&reply), expected);
        });
    }
}

type Ask = Box<dyn Fn(u16) -> Reply + Send>;

/// However a body is sent, it becomes parameters, and its trailers do not.
fn forms(plan: &mut Plan) {
    let (bytes, name) = (json!({ "__ow_body": STANDARD.encode(NAMED) }), json!({ "name": "world" }));
    let in_chunks = |trailers| -> Ask {
        Box::new(move |port| ask(port, &chunked("/hello", &[b"{\"name\":", b"\"world\"}"], trailers)))
    };
    let http2 = |body, trailers| -> Ask { Box::new(move |port| ask_http2(port, "/hello", &[JSON], body, trailers)) };
    let forms: Vec<(&str, Ask, Value)> = vec![
        ("chunked", in_chunks(&[]), bytes.clone()),
        ("chunked_with_trailers", in_chunks(&[("x-checksum", "1"), ("content-type", "text/plain")]), bytes),
        ("http2", http2(Some(NAMED), &[]), name.clone()),
        ("http2_with_trailers", http2(Some(NAMED), &[("x-checksum", "1"), ("content-type", "text/plain")]), name),
        ("http2_only_trailers", http2(None, &[("x-checksum", "1")]), json!({})),
        ("http2_no_body", http2(None, &[]), json!({})),
    ];
    for (name, ask, fields) in forms {
        plan.test(&format!("http_context::form::{name}"), move |stage| {
            stage.check_openwhisk();
            let mut parameters = received(&ask(stage.port(SITE)));
            let parameters = parameters.as_object_mut().expect("an object");
            assert_eq!(parameters.remove("__ow_method"), Some(json!("post")));
            assert_eq!(parameters.remove("__ow_path"), Some(json!("")));
            assert_eq!(parameters.remove("__ow_query"), Some(json!("")));
            let headers = parameters.remove("__ow_headers").expect("headers");
            assert_eq!((&headers["x-checksum"], &headers["host"]), (&Value::Null, &json!("gateway.example")));
            assert_eq!(*parameters, *fields.as_object().expect("an object"));
        });
    }
}

/// The path and query that the action sees, or the status that Envoy answers without it.
type Seen = Result<[&'static str; 2], u16>;

/// Which paths the action sees, and how; or which status Envoy answers without it.
fn paths(plan: &mut Plan) {
    let paths: [(&[u8], Seen); 25] = [
        (b"/hello/%C3%A9%2F%2f%5C?q=%FF+%zz", Ok(["/%C3%A9%2F%2f%5C", "q=%FF+%zz"])),
        (b"/hello/%zz/%", Ok(["/%zz/%", ""])),
        // The listener tidies a path up before it looks for its route: the route and the action see the same one.
        (b"/hello//a///", Ok(["/a/", ""])),
        (b"/hello/./a/b/../c/%2e%2e/d/.", Ok(["/a/d/", ""])),
        (b"/hello/a/../../hello/b", Ok(["/b", ""])),
        (b"/x/../hello/b", Ok(["/b", ""])),
        (b"/hello/./../a/%2e%2e", Err(404)),
        (b"/hello/%41%7E%2Dz", Ok(["/A~-z", ""])),
        (b"/hello/a\\b;v=1\"<>{}|^`", Ok(["/a/b;v=1%22%3C%3E%7B%7D%7C%5E%60", ""])),
        (b"/hello?a=/../b//c\\", Ok(["", "a=/../b//c\\"])),
        (b"/hello/%00", Err(400)),
        (b"/hello?a?b/c", Ok(["", "a?b/c"])),
        (b"http://other.example/hello/a?q", Ok(["/a", "q"])),
        (b"/hello/\xc3\xa9", Err(400)),
        (b"/hello/\xff", Err(400)),
        (b"/hello?q=\xc3\xa9", Err(400)),
        (b"/hello?q=\xff", Err(400)),
        (b"/hello/a#b", Err(400)),
        (b"/hello?a#b", Err(400)),
        (b"/hello/a b", Err(400)),
        (b"/hello/\x7f", Err(400)),
        (b"/hello/\0", Err(400)),
        (b"*", Err(400)),
        (b"hello", Err(400)),
        (b"", Err(400)),
    ];
    for (path, expected) in paths {
        plan.test(&format!("http_context::path::{}", path.escape_ascii()), move |stage| {
            stage.check_openwhisk();
            let rest = [&head("GET", "", &[])[4..], b"\r\n"].concat();
            let reply = ask(stage.port(SITE), &[b"GET ", path, &rest].concat());
            match expected {
                Ok([path, query]) => {
                    let parameters = received(&reply);
                    assert_eq!((&parameters["__ow_path"], &parameters["__ow_query"]), (&json!(path), &json!(query)));
                }
                Err(status) => assert_eq!(reply.status, status, "{}", String::from_utf8_lossy(&reply.body)),
            }
            stage.check_good();
        });
    }
    // Envoy's HTTP/2 takes what its HTTP/1.1 refuses.
    plan.test("http_context::path::of_http2_need_not_be_ascii", |stage| {
        stage.check_openwhisk();
        let parameters = received(&ask_http2(stage.port(SITE), "/hello/\u{e9}?q=\u{e9}", &[], None, &[]));
        assert_eq!((&parameters["__ow_path"], &parameters["__ow_query"]), (&json!("/%C3%A9"), &json!("q=\u{e9}")));
        assert_eq!(parameters["q"], "\u{e9}");
    });
}

fn headers(plan: &mut Plan) {
    let name = "http_context::headers_that_are_not_utf8_are_replaced";
    plan.test(name, |stage| {
        stage.check_openwhisk();
        let lines = b"x-odd: a\xff\x80b\r\ncontent-type: text/plain; charset=\xff\r\ncontent-length: 2\r\n\r\n\xffb";
        let reply = ask(stage.port(SITE), &[&head("POST", "/hello", &[]), &lines[..]].concat());
        let parameters = received(&reply);
        assert_eq!(parameters["__ow_headers"]["x-odd"], "a\u{fffd}\u{fffd}b");
        assert_eq!(parameters["__ow_body"], "\u{fffd}b");
        stage.check_good();
    });
}

/// A query of 5,000 parameters is larger than the 60 KB that Envoy takes unless it is told otherwise.
fn large(plan: &mut Plan) {
    let query = || (0..5000).map(|n| format!("name{n}=value{n}")).collect::<Vec<_>>().join("&");
    plan.test("http_context::a_query_of_90_kb_is_envoys_431", move |stage| {
        assert_eq!(ask(stage.port(SITE), &request("GET", &format!("/hello?{}", query()), &[], b"")).status, 431);
        stage.check_good();
    });
    let name = "http_context::a_query_of_90_kb_reaches_the_action_where_envoy_takes_it";
    let code = "function main({ __ow_query, __ow_method, __ow_path, __ow_headers, ...fields }) {
        const names = Object.keys(fields);
        return { length: __ow_query.length, count: names.length, last: fields.name4999 };
    }";
    let action = Action { package: None, name: "http_context.large".to_owned(), code: code.to_owned() };
    let attributes = json!({ "parameters": "http", "action": action.name });
    let behind = Behind::OpenWhisk(Some(action));
    let site = Site { name: name.to_owned(), config: config(name, attributes), behind };
    plan.site_with(site, json!({ "manager": { "max_request_headers_kb": 96 } }));
    plan.test(name, move |stage| {
        stage.check_openwhisk();
        let query = query();
        let reply = ask(stage.port(name), &request("GET", &format!("/hello?{query}"), &[], b""));
        let text = String::from_utf8_lossy(&reply.body);
        assert_eq!(reply.status, 200, "{text}");
        let expected = json!({ "length": query.len(), "count": 5000, "last": "value4999" });
        assert_eq!(serde_json::from_str::<Value>(&text).expect("JSON"), expected);
        stage.check_good();
    });
}

/// Bodies that become several times as large, which were once the end of the worker.
fn huge_bodies(plan: &mut Plan) {
    let form = ("content-type", "application/x-www-form-urlencoded");
    let text = ("content-type", "text/plain");
    let nuls = vec![0; 48 << 20];
    let fields = b"abcd&".repeat(4 << 20);
    for (name, content_type, body) in [
        ("http_context::48_mb_of_nul_harm_nobody", text, nuls),
        ("http_context::20_mb_of_fields_harm_nobody", form, fields),
    ] {
        let behind = Behind::Script(script::result("{}"));
        let site = Site { name: name.to_owned(), config: config(name, json!({ "parameters": "http" })), behind };
        let mut route = route(name, "hello", "/hello");
        route["request_body_buffer_limit"] = json!(64 << 20);
        plan.site_with(site, json!({ "manager": routes(&json!([route])) }));
        plan.test(name, move |stage| {
            let reply = ask(stage.port(name), &request("POST", "/hello", &[content_type], &body));
            // As much memory as there is.
            assert!([200, 413].contains(&reply.status), "{}", String::from_utf8_lossy(&reply.body));
            stage.check_good();
        });
    }
}

/// No position lets a client set what the filter sets itself, and none of these is called.
fn reserved(plan: &mut Plan) {
    let form = ("content-type", "application/x-www-form-urlencoded");
    let long_form = "a=1&".repeat(9000) + "__ow_x=2";
    let requests = [
        ("first_in_the_query", request("GET", "/hello?__ow_method=put&a=1", &[], b"")),
        ("last_in_the_query", request("GET", "/hello?a=1&&__ow_path", &[], b"")),
        ("in_the_query_with_escapes", request("GET", "/hello?%5f_%6fw_headers=1", &[], b"")),
        ("in_the_query_of_a_post", request("POST", "/hello?__ow_user=admin", &[JSON], NAMED)),
        ("in_a_query_that_is_not_utf8", request("GET", "/hello?__ow_%ff=1", &[], b"")),
        ("that_nobody_uses_yet", request("GET", "/hello?__ow_=1", &[], b"")),
        ("in_a_form_with_escapes", request("POST", "/hello", &[form], b"a=1&%5F%5Fow_body=x")),
        ("at_the_end_of_a_form", request("POST", "/hello", &[form], long_form.as_bytes())),
        ("in_json", request("PUT", "/hello", &[JSON], b"{\"a\":1,\"__ow_query\":\"x\"}")),
        ("in_json_with_escapes", request("POST", "/hello", &[JSON], b"{\"\\u005f\\u005Fow_method\":\"x\"}")),
        ("in_json_twice", request("POST", "/hello", &[JSON], b"{\"__ow_path\":1,\"a\":2,\"__ow_path\":3}")),
        (
            "in_json_of_a_strange_type",
            request("PATCH", "/hello", &[("content-type", "application/merge-patch+JSON")], b" {\"__ow_body\": null} "),
        ),
    ];
    for (name, bytes) in requests {
        let name = format!("http_context::reserved::{name}");
        let attributes = json!({ "parameters": "http" });
        plan.test_site(&name, attributes, script::result("{}"), move |_, port, upstream| {
            let reply = ask(port, &bytes);
            let text = String::from_utf8_lossy(&reply.body);
            assert_eq!(reply.status, 400, "{text}");
            assert!(text.contains("Request defines parameters that are not allowed"), "{text}");
            assert_eq!(upstream.seen().calls, []);
        });
    }
    // Elsewhere the name means nothing.
    plan.test("http_context::reserved::elsewhere_it_harms_nobody", |stage| {
        stage.check_openwhisk();
        let headers = [("__ow_method", "put"), ("cookie", "__ow_path=1"), JSON];
        let body = b"{\"a\":{\"__ow_query\":1}}";
        let reply = ask(stage.port(SITE), &request("POST", "/hello/__ow_body?x__ow_user=1", &headers, body));
        let parameters = received(&reply);
        assert_eq!(parameters["__ow_method"], "post");
        // The listener drops headers with underscores.
        assert_eq!(parameters["__ow_headers"]["__ow_method"], Value::Null);
        assert_eq!(parameters["__ow_path"], "/__ow_body");
        assert_eq!(parameters["__ow_query"], "x__ow_user=1");
        assert_eq!(parameters["a"], json!({ "__ow_query": 1 }));
    });
}
