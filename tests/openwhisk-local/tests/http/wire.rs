use super::server::Server;

/// Status and text of a reply in plain text, without an id, to a connection that is closed afterwards.
#[track_caller]
fn refused(server: &Server, name: &str, request: &str, status: u16, text: &str) {
    let reply = server.raw(request.as_bytes());
    assert_eq!((reply.status, reply.text.as_str()), (status, text), "{name}");
    assert_eq!(reply.header("content-type"), Some("text/plain; charset=UTF-8"), "{name}");
    for absent in ["x-request-id", "access-control-allow-origin"] {
        assert_eq!(reply.header(absent), None, "{name}");
    }
}

#[test]
fn requests_over_the_limits_of_http_are_refused() {
    let server = Server::start();
    let get = |target: &str, headers: &str| format!("GET {target} HTTP/1.1\r\nhost: x\r\n{headers}\r\n");
    let value = |length: usize| get("/ping", &format!("connection: close\r\nx-a: {}\r\n", "x".repeat(length)));
    let name = |length: usize| get("/ping", &format!("connection: close\r\n{}: x\r\n", "x".repeat(length)));
    // With host and connection there are two more.
    let lines = |count: usize| get("/ping", &format!("connection: close\r\n{}", "x-a: 1\r\n".repeat(count - 2)));
    let target = |length: usize| get(&format!("/ping?{}", "x".repeat(length - 6)), "connection: close\r\n");
    for (what, request) in [("value", value(8192)), ("name", name(64)), ("lines", lines(64)), ("target", target(8192))]
    {
        assert_eq!(server.raw(request.as_bytes()).text, "pong", "the longest {what}");
    }
    let illegal = "Illegal request-target: Invalid input";
    let host = "Request is missing required `Host` header";
    let cases = [
        ("value", value(8193), 431, "HTTP header value exceeds the configured limit of 8192 characters"),
        ("name", name(65), 431, "HTTP header name exceeds the configured limit of 64 characters"),
        ("lines", lines(65), 400, "HTTP message contains more than the configured limit of 64 headers"),
        ("target", target(8193), 414, "URI length exceeds the configured limit of 8192 characters"),
        ("escape in the path", get("/%zz", ""), 400, illegal),
        ("escape in the query", get("/?a=%4", ""), 400, illegal),
        ("brackets", get("/?a[]=1", ""), 400, illegal),
        ("bar", get("/a|b", ""), 400, illegal),
        ("method", String::from("FOO / HTTP/1.1\r\nhost: x\r\n\r\n"), 501, "Unsupported HTTP method"),
        ("small letters", String::from("get / HTTP/1.1\r\nhost: x\r\n\r\n"), 501, "Unsupported HTTP method"),
        (
            "connect",
            String::from("CONNECT x:1 HTTP/1.1\r\nhost: x:1\r\n\r\n"),
            400,
            "CONNECT requests are not supported",
        ),
        ("no host", String::from("GET / HTTP/1.1\r\n\r\n"), 400, host),
        ("no host in 1.0", String::from("GET / HTTP/1.0\r\n\r\n"), 400, host),
        (
            "two types",
            get("/", "content-type: text/plain\r\ncontent-type: text/css\r\n"),
            400,
            "HTTP message must not contain more than one Content-Type header",
        ),
    ];
    for (what, request, status, text) in cases {
        refused(&server, what, &request, status, text);
    }
    let latin1 = server.raw(b"GET /ping HTTP/1.1\r\nhost: x\r\nx-a: \xe9\r\n\r\n");
    assert_eq!((latin1.status, latin1.text.as_str()), (400, host));
    let utf8 = server.raw("GET /ping HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-a: \u{e9}\r\n\r\n".as_bytes());
    assert_eq!(utf8.text, "pong");
}

#[test]
fn a_body_of_more_than_50_mib_is_nothing_to_the_api() {
    let server = Server::start();
    let most = vec![b' '; 50 * 1024 * 1024];
    let reply = server.raw_call("POST", "actions/missing", "", &most);
    assert_eq!(reply.error(), (413, String::from("Request larger than allowed: 52428800 > 1048576 bytes.")));
    let reply = server.raw_call("POST", "actions/missing", "", &[most, vec![b' ']].concat());
    assert_eq!((reply.status, reply.text.as_str()), (400, "Request too large"));
}

#[test]
fn control_characters_in_a_header_are_400() {
    let server = Server::start();
    assert_eq!(server.raw(b"GET /ping HTTP/1.1\r\nhost: x\r\nx-a: a\x01b\r\n\r\n").status, 400);
}

#[test]
fn other_methods_are_405_or_404() {
    let server = Server::start();
    server.action("a", "function main() { return {}; }");
    let id = server.result("a", "").activation().to_owned();
    server.record(&id);
    let cases = [
        ("GET", "/nothing", 405, Some("OPTIONS")),
        ("POST", "/api", 405, Some("OPTIONS")),
        ("GET", "//", 405, Some("OPTIONS")),
        ("GET", "/ping/", 405, Some("OPTIONS")),
        ("HEAD", "/", 405, Some("GET, OPTIONS")),
        ("TRACE", "/api/v1", 405, Some("GET, DELETE, POST, PUT, HEAD, OPTIONS, PATCH")),
        ("OPTIONS", "/nothing", 200, None),
        ("GET", "/api/v1/nothing", 401, None),
        ("HEAD", "/api/v1/namespaces/_/actions", 401, None),
    ];
    for (method, path, status, allow) in cases {
        let reply = server.raw(format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes());
        assert_eq!((reply.status, reply.header("allow")), (status, allow), "{method} {path}");
        if let Some(allow) = allow.filter(|_| method != "HEAD") {
            let text = format!("HTTP method not allowed, supported methods: {allow}");
            assert_eq!(reply.error(), (405, text), "{method} {path}");
        }
    }
    for path in
        [String::from("actions"), String::from("actions/a"), format!("activations/{id}"), String::from("limits")]
    {
        for method in ["HEAD", "PATCH", "TRACE"] {
            let expected = if method == "TRACE" { 405 } else { 404 };
            assert_eq!(server.raw_call(method, &path, "", b"").status, expected, "{method} {path}");
        }
    }
}

#[test]
fn dots_are_resolved_before_anything_is_routed() {
    let server = Server::start();
    for path in ["activations/.", "activations/x/..", "../_/activations", "%2e/activations"] {
        let reply = server.raw_call("GET", path, "", b"");
        assert_eq!((reply.status, reply.text.as_str()), (200, "[]"), "{path}");
    }
}
