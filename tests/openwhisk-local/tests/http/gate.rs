use super::server::{AUTHORIZATION, Server};
use serde_json::json;
use std::process::Command;

const MALFORMED: &str = "The request content was malformed:\n";

#[test]
fn only_the_key_opens() {
    let server = Server::start();
    let missing = "The resource requires authentication, which was not supplied with the request";
    let invalid = "The supplied authentication is invalid";
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[], missing),
        (&[("authorization", "Bearer x")], missing),
        (&[("authorization", "Digest x")], missing),
        (&[("authorization", "Basic")], missing),
        (&[("authorization", "Basic %%%")], missing),
        (&[("authorization", "Basic eDp5")], invalid),
        (&[("authorization", "basic eDp5")], invalid),
    ];
    for (headers, text) in cases {
        let reply = server.send("GET", "/api/v1/namespaces/_/actions", headers, "");
        assert_eq!(reply.error(), (401, (*text).to_owned()), "{headers:?}");
        assert_eq!(
            reply.header("www-authenticate"),
            Some("Basic realm=\"OpenWhisk secure realm\",charset=UTF-8"),
            "{headers:?}"
        );
        assert_eq!(reply.header("access-control-allow-origin"), None);
    }
    let key = AUTHORIZATION.strip_prefix("Basic ").unwrap();
    for value in [format!("basic {key}"), format!("Basic  {key} "), format!("Basic {}", key.trim_end_matches('='))] {
        let reply = server.send("GET", "/api/v1/namespaces", &[("authorization", &value)], "");
        assert_eq!((reply.status, reply.text.as_str()), (200, "[\"guest\"]"), "{value}");
    }
    for (first, second, status) in [(AUTHORIZATION, "Basic eDp5", 200), ("Basic eDp5", AUTHORIZATION, 401)] {
        let both = [("authorization", first), ("authorization", second)];
        assert_eq!(server.send("GET", "/api/v1/namespaces", &both, "").status, status, "the first counts");
    }
}

#[test]
fn malformed_names_are_400_without_the_headers_for_browsers() {
    let server = Server::start();
    let name = "The name of the entity contains illegal characters.";
    let zeros = |count: usize| "0".repeat(count);
    let cases = [
        ("POST", "_/actions/-a", name),
        ("GET", "_/actions/a+b", name),
        ("GET", "_/actions/a;b", name),
        ("GET", "_/actions/a:b", name),
        ("GET", "_/actions/a%00", name),
        ("GET", "_/packages/%C3%BC", name),
        ("GET", "-x/actions", "The namespace contains illegal characters."),
        ("GET", &format!("_/activations/{}", zeros(31)), "Activation id length is 31 but must be 32."),
        ("GET", &format!("_/activations/{}/other", zeros(33)), "Activation id length is 33 but must be 32."),
        ("GET", &format!("_/activations/{}A/logs", zeros(31)), "The activation id is not valid."),
    ];
    for (method, path, text) in cases {
        let reply = server.send(method, &format!("/api/v1/namespaces/{path}"), &[("authorization", AUTHORIZATION)], "");
        assert_eq!(reply.error(), (400, text.to_owned()), "{path}");
        assert_eq!(reply.header("access-control-allow-origin"), None, "{path}");
    }
    let other = server.get(&format!("activations/{}/other", zeros(32)));
    assert_eq!(other.error(), (404, String::from("The requested resource could not be found.")));
}

#[test]
fn what_is_wrong_with_a_request_is_told_in_the_words_of_the_controller() {
    let server = Server::start();
    server.action("a", "function main() { return {}; }");
    server.call("PUT", "packages/p", "{}");
    let missing = "The requested resource does not exist.";
    let no_route = "The requested resource could not be found.";
    let long = "x".repeat(257);
    let too_long = format!("actions/{long}");
    let wait = "The query parameter 'timeout' was malformed:\nTimeout must be number of milliseconds up to 60000.";
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(1_048_577 - 8));
    let cases: &[(&str, &str, &str, u16, &str)] = &[
        ("POST", "actions/missing", "", 404, missing),
        ("GET", "actions/missing", "", 404, missing),
        ("DELETE", "actions/missing", "", 404, missing),
        ("POST", "actions/p", "", 409, "Resource by this name exists but is not in this collection."),
        ("GET", "actions/p", "", 409, "Resource by this name exists but is not in this collection."),
        ("GET", "packages/a", "", 409, "Resource by this name exists but is not in this collection."),
        ("POST", "actions/q/a", "", 404, missing),
        ("POST", "actions/a/a", "", 409, "Resource by this name exists but is not in this collection."),
        ("POST", "actions/-a", "", 400, "The name of the entity contains illegal characters."),
        ("POST", "actions/a%2Fa", "", 400, "The name of the entity contains illegal characters."),
        ("POST", &too_long, "", 400, "Name segement longer than allowed: 257 > 256."),
        ("POST", "actions/a?timeout=0", "", 400, wait),
        ("POST", "actions/a?timeout=60001", "", 400, wait),
        ("POST", "actions/missing?timeout=abc", "", 400, wait),
        (
            "POST",
            "actions/a?blocking=maybe",
            "",
            400,
            "The query parameter 'blocking' was malformed:\n'maybe' is not a valid Boolean value",
        ),
        (
            "POST",
            "actions/a?result=2",
            "",
            400,
            "The query parameter 'result' was malformed:\n'2' is not a valid Boolean value",
        ),
        ("POST", "actions/a?timeout=0", "[", 400, wait),
        ("POST", "actions/a", "[]", 400, &format!("{MALFORMED}JSON object expected")),
        ("POST", "actions/a", "null", 400, &format!("{MALFORMED}JSON object expected")),
        (
            "POST",
            "actions/a",
            "abc",
            400,
            &format!(
                "{MALFORMED}Unexpected character 'a' at input index 0 (line 1, position 1), expected JSON Value:\nabc\n^\n"
            ),
        ),
        ("POST", "actions/missing", &large, 413, "Request larger than allowed: 1048577 > 1048576 bytes."),
        ("POST", "actions/a?timeout=0", &large, 413, "Request larger than allowed: 1048577 > 1048576 bytes."),
        ("PATCH", "actions/a", "", 404, no_route),
        ("POST", "packages/p", "{}", 404, no_route),
        ("DELETE", "activations/00000000000000000000000000000000", "", 404, no_route),
        ("GET", "nothing", "", 404, no_route),
        (
            "GET",
            "actions?limit=201",
            "",
            400,
            "The query parameter 'limit' was malformed:\nThe value '201' is not in the range of 0 to 200 for actions.",
        ),
        (
            "GET",
            "packages?skip=-1",
            "",
            400,
            "The query parameter 'skip' was malformed:\nThe value '-1' is not greater than or equal to 0 for packages.",
        ),
        (
            "GET",
            "activations?limit=x",
            "",
            400,
            "The query parameter 'limit' was malformed:\nThe value 'x' is not an integer for activations.",
        ),
    ];
    for (method, path, body, status, text) in cases {
        let reply = server.call(method, path, body);
        assert_eq!(reply.error(), (*status, (*text).to_owned()), "{method} {path}");
    }
}

#[test]
fn other_types_than_json_are_refused() {
    let server = Server::start();
    server.action("a", "function main() { return {}; }");
    let taken: &[(&[(&str, &str)], &str)] = &[
        (&[], ""),
        (&[("content-type", "application/json; charset=latin1")], "{}"),
        (&[("content-type", "application/json; charset=utf-8")], "{}"),
        (&[("content-type", "application/json")], ""),
    ];
    for (headers, body) in taken {
        assert_eq!(server.call_with("POST", "actions/a", headers, body).status, 202, "{headers:?} {body:?}");
    }
    let none = "application/octet-stream";
    let cases = [
        (Some("text/plain"), "text/plain"),
        (Some("application/x-www-form-urlencoded"), "application/x-www-form-urlencoded"),
        (Some("application/vnd.api+json"), "application/vnd.api+json"),
        (Some("nonsense"), none),
        (Some("application/json; ;"), none),
        (Some(""), none),
        (None, none),
    ];
    for (media, told) in cases {
        for (method, path) in [("POST", "actions/a"), ("PUT", "actions/b"), ("PUT", "packages/b")] {
            let headers = media.map_or_else(String::new, |media| format!("content-type: {media}\r\n"));
            let reply = server.raw_call(method, path, &headers, b"{}");
            let text = format!("The request's Content-Type [{told}] is not supported. Expected:\napplication/json");
            assert_eq!(reply.error(), (415, text), "{method} {path} {media:?}");
        }
    }
}

#[test]
fn another_namespace_is_closed() {
    let server = Server::start();
    let key = [("authorization", AUTHORIZATION)];
    let cases = [
        ("POST", "other/actions/a", "other/a"),
        ("GET", "other/actions/p/a", "other/p"),
        ("GET", "other/actions", "other"),
        ("GET", "other/activations", "other"),
    ];
    for (method, path, what) in cases {
        let reply = server.send(method, &format!("/api/v1/namespaces/{path}"), &key, "");
        let text = format!("The supplied authentication is not authorized to access '{what}'.");
        assert_eq!(reply.error(), (403, text), "{path}");
    }
    let reply = server.send("GET", "/api/v1/namespaces/other/packages", &key, "");
    assert_eq!((reply.status, reply.text.as_str()), (200, "[]"));
    let reply = server.send("GET", "/api/v1/namespaces/-x/actions", &key, "");
    assert_eq!(reply.error(), (400, String::from("The namespace contains illegal characters.")));
}

#[test]
fn replies_carry_the_headers_of_the_original() {
    let server = Server::start();
    let reply = server.call_with("GET", "actions", &[("x-request-id", "mine")], "");
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.header("x-request-id"), Some("mine"));
    assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
    assert_eq!(
        reply.header("access-control-allow-headers"),
        Some("Authorization, Origin, X-Requested-With, Content-Type, Accept, User-Agent")
    );
    assert_eq!(reply.header("access-control-allow-methods"), Some("GET, DELETE, POST, PUT, HEAD"));
    let reply = server.call_with("GET", "actions", &[("x-request-id", "sid_mine")], "");
    assert_eq!(reply.header("x-request-id").map(str::len), Some(32));
    let empty = server.raw_call("GET", "nothing", "x-request-id:\r\nx-request-id: second\r\n", b"");
    assert_eq!((empty.header("x-request-id"), &empty.json()["code"]), (Some(""), &json!("")));
    for path in ["/api/v1", "/api/v1/namespaces/_/actions/a", "/api/v1/no/such/path"] {
        let reply = server.send("OPTIONS", path, &[], "");
        assert_eq!((reply.status, reply.text.as_str()), (200, "OK"), "{path}");
        assert_eq!(reply.header("access-control-allow-origin"), Some("*"), "{path}");
    }
}

#[test]
fn json_that_the_client_does_not_accept_is_withheld() {
    let server = Server::start();
    server.action("a", "function main() { return {}; }");
    let text = "Resource representation is only available with these types:\napplication/json";
    let reply = server.call_with("POST", "actions/a?blocking=true", &[("accept", "text/html")], "");
    assert_eq!(reply.error(), (406, text.to_owned()));
    let reply = server.call_with("POST", "actions/a", &[("accept-charset", "iso-8859-1")], "");
    assert_eq!(reply.error(), (406, text.to_owned()));
    let reply = server.call_with("POST", "actions/missing", &[("accept", "text/html")], "");
    assert_eq!(reply.status, 404, "errors are exempt");
}

#[test]
fn the_server_tells_about_itself_without_a_key() {
    let server = Server::start();
    assert_eq!(server.send("GET", "/ping", &[], "").text, "pong");
    let root = server.send("GET", "/", &[], "").json();
    assert_eq!(root["api_paths"][0], "/api/v1");
    let limits: Vec<&str> = root["limits"].as_object().unwrap().keys().map(String::as_str).collect();
    let mut expected = vec!["actions_per_minute", "concurrent_actions", "sequence_length", "triggers_per_minute"]
        .into_iter()
        .map(str::to_owned)
        .collect::<Vec<_>>();
    for bound in ["default_max", "default_min", "max", "min"] {
        expected.extend(["duration", "logs", "memory"].map(|what| format!("{bound}_action_{what}")));
    }
    expected.sort();
    assert_eq!(limits, expected);
    assert_eq!(server.send("GET", "/api/v1", &[], "").json()["api_version"], "1.0.0");
    assert_eq!(server.get("limits").json()["maxActionTimeout"], 300_000);
    assert_eq!(server.get("triggers").text, "[]");
    assert_eq!(server.get("rules").text, "[]");
}

#[test]
fn throttles_count_before_anything_is_looked_up() {
    let server = Server::start_with(&["--invocations-per-minute", "0"]);
    let reply = server.call("POST", "actions/missing", "");
    let text = "Too many requests in the last minute (count: 1, allowed: 0).";
    assert_eq!(reply.error(), (429, text.to_owned()));
    let server = Server::start_with(&["--concurrent-invocations", "1"]);
    server.action("slow", "function main() { return new Promise(() => {}); }");
    assert_eq!(server.call("POST", "actions/slow", "").status, 202);
    let reply = server.call("POST", "actions/slow", "");
    let text = "Too many concurrent requests in flight (count: 1, allowed: 1).";
    assert_eq!(reply.error(), (429, text.to_owned()));
}

#[test]
fn a_port_in_use_is_one_sentence_and_status_1() {
    let server = Server::start();
    let address = server.url.strip_prefix("http://").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_openwhisk-local")).args(["--listen", address]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.starts_with(&format!("openwhisk-local: cannot listen on {address}: ")), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
}

#[test]
fn a_signal_ends_it_even_while_an_action_runs() {
    for signal in ["INT", "TERM"] {
        let mut server = Server::start();
        // Longer than the test has patience.
        server.action_with("busy", "function main() { for (;;); }", json!({"limits": {"timeout": 300_000}}));
        assert_eq!(server.call("POST", "actions/busy", "").status, 202);
        assert!(Command::new("kill").args(["-s", signal, &server.pid()]).status().unwrap().success());
        assert_eq!(server.ended().code(), Some(0), "{signal}");
    }
}
