//! What nginx does before and behind a filter.

use host::Personality::{Apisix, Envoy};
use host::{Personality, Request, Sender, Standing, Version};

use crate::module::{CONTINUE, Do, PAUSE, filter, read_header, reply, want_body};
use crate::{BODY, HEADERS, Headers, get, host};

/// The headers of a reply, as the client of a host gets them.
fn sent(personality: Personality, status: i32, headers: Headers<'_>, body: &str, request: Request) -> String {
    let mut host = host(personality, &filter(&[(HEADERS, &[reply(status, headers, body), PAUSE])]));
    let id = host.send(request);
    let text = String::from_utf8_lossy;
    let lines: Vec<_> =
        host.reply(id).headers.iter().map(|(name, value)| format!("{}: {}", text(name), text(value))).collect();
    lines.join(", ")
}

#[test]
fn the_type_of_a_body_is_that_of_nginx() {
    let html = &[("content-type", "text/html")];
    let cases: [(i32, Headers<'_>, &str, &str); 19] = [
        (200, &[], "", "content-type: text/plain; charset=utf-8"),
        (201, &[], "", "content-type: text/plain; charset=utf-8"),
        (205, &[], "", "content-type: text/plain; charset=utf-8"),
        (204, &[], "", ""),
        (304, &[], "", ""),
        (204, html, "", ""),
        (200, &[], "x", "content-type: text/plain; charset=utf-8"),
        (404, &[], "x", "content-type: text/plain; charset=utf-8"),
        (200, html, "x", "content-type: text/html; charset=utf-8"),
        (404, html, "x", "content-type: text/html; charset=utf-8"),
        (307, html, "x", "content-type: text/html; charset=utf-8"),
        (301, html, "x", "content-type: text/html"),
        (302, html, "x", "content-type: text/html"),
        (200, &[("content-type", "Text/Plain")], "x", "content-type: Text/Plain; charset=utf-8"),
        (
            200,
            &[("content-type", "application/javascript")],
            "x",
            "content-type: application/javascript; charset=utf-8",
        ),
        (200, &[("content-type", "text/csv")], "x", "content-type: text/csv"),
        (200, &[("content-type", "application/json")], "x", "content-type: application/json"),
        (200, &[("content-type", "text/plain; charset=latin1")], "x", "content-type: text/plain; charset=latin1"),
        (200, &[("content-type", "text/plain; format=flowed")], "x", "content-type: text/plain; format=flowed"),
    ];
    for (status, headers, body, expected) in cases {
        assert_eq!(sent(Apisix, status, headers, body, get()), expected, "{status} {headers:?} {body:?}");
    }
    let head = sent(Apisix, 200, html, "x", Request::new("HEAD", "/"));
    assert_eq!(head, "content-type: text/html; charset=utf-8");
}

#[test]
fn the_headers_of_a_reply_are_those_of_nginx() {
    let cases: [(i32, Headers<'_>, &str, &str); 8] = [
        (204, &[("x-empty", ""), ("x-a", "1")], "x-a: 1", "x-empty: , x-a: 1"),
        (204, &[("x_under_score", "1")], "x-under-score: 1", "x_under_score: 1"),
        (204, &[("location", "/1"), ("location", "/2")], "location: /2", "location: /1, location: /2"),
        (204, &[("location", "/1"), ("location", "")], "", "location: /1, location: "),
        (
            204,
            &[("set-cookie", "a"), ("set-cookie", "b")],
            "set-cookie: a, set-cookie: b",
            "set-cookie: a, set-cookie: b",
        ),
        (304, &[("etag", "1"), ("x-a", "1")], "x-a: 1", "etag: 1, x-a: 1"),
        (304, &[("last-modified", "1"), ("accept-ranges", "1")], "", "last-modified: 1, accept-ranges: 1"),
        (204, &[("etag", "1")], "", "etag: 1"),
    ];
    for (status, headers, on_apisix, on_envoy) in cases {
        assert_eq!(sent(Apisix, status, headers, "", get()), on_apisix, "{status} {headers:?}");
        assert_eq!(sent(Envoy, status, headers, "", get()), on_envoy, "{status} {headers:?}");
    }
    for name in ["etag", "last-modified", "content-encoding", "content-range", "accept-ranges", "expires", "refresh"] {
        let headers = [("content-type", "a/b"), (name, "1"), (name, "2")];
        assert_eq!(sent(Apisix, 200, &headers, "x", get()), format!("{name}: 2, content-type: a/b"));
    }
}

#[test]
fn what_nginx_refuses_does_not_reach_the_filter() {
    let path_of = |size: usize| format!("/{}", "x".repeat(size - 1));
    // What stands around the path, its end included, has 15 bytes.
    let (longest, too_long) = (path_of(8192 - 15), path_of(8192 - 14));
    let refused = [
        (Request::new("GET", "/%"), 400),
        (Request::new("GET", "/a%2"), 400),
        (Request::new("GET", "/%zz"), 400),
        (Request::new("GET", "/%2x?%20"), 400),
        (Request::new("GET", &too_long), 414),
        (Request::new("OPTIONS", "*"), 400),
        (Request::new("get", "/"), 400),
        (Request::new("Get", "/"), 400),
        (Request::new("CONNECT", "ow:80"), 405),
        (Request::new("TRACE", "/"), 405),
        (get().header("x-long", "x".repeat(8192)), 400),
    ];
    for (request, status) in refused {
        let mut host = host(Apisix, &filter(&[(HEADERS, &[Do::Trap])]));
        let id = host.send(request.clone());
        assert_eq!((host.reply(id).status, host.reply(id).sender), (status, Sender::Host), "{request:?}");
    }
    let taken = [
        Request::new("GET", "/%20%Ff?%zz%"),
        Request::new("GET", &longest),
        Request::new("GET", &too_long).version(Version::Http2),
        Request::new("OPTIONS", "/*"),
        Request::new("PURGE", "/"),
        get().header("x-long", "x".repeat(8000)),
    ];
    for request in taken {
        let mut host = host(Apisix, &filter(&[(HEADERS, &[reply(200, &[], "x"), PAUSE])]));
        let id = host.send(request.clone());
        assert_eq!(host.reply(id).sender, Sender::Filter, "{request:?}");
    }
    let mut envoy = host(Envoy, &filter(&[(HEADERS, &[reply(200, &[], "x"), PAUSE])]));
    let id = envoy.send(Request::new("TRACE", "/%zz"));
    assert_eq!(envoy.reply(id).sender, Sender::Filter);
}

#[test]
fn nginx_hands_on_no_header_with_a_strange_name() {
    let request = || ["x-a", "x_b", "x.c", "x\u{e9}"].iter().fold(get(), |request, name| request.header(name, "1"));
    for (personality, strange) in [(Apisix, 1), (Envoy, 0)] {
        let reads = [("x-a", 0), ("x_b", 0), ("x.c", strange), ("x\u{e9}", strange)];
        let mut deeds: Vec<_> =
            reads.iter().flat_map(|(name, status)| [read_header(0, name), Do::Expect(*status)]).collect();
        deeds.push(CONTINUE);
        let mut host = host(personality, &filter(&[(HEADERS, &deeds)]));
        let id = host.send(request());
        assert_eq!(host.standing(id), Standing::PassedOn, "{personality}");
    }
}

#[test]
fn nginx_closes_the_connection_at_trailers_of_http2() {
    let trailers = || host::Headers::from_iter([("a", "1")]);
    let callbacks = [(HEADERS, &[want_body(), CONTINUE][..]), (BODY, &[reply(200, &[], "x"), PAUSE])];
    let post = |version| Request::new("POST", "/").version(version).chunk("x").trailers(trailers());
    let mut host = host(Apisix, &filter(&callbacks));
    let id = host.send(post(Version::Http2));
    assert_eq!(host.standing(id), Standing::Gone);
    let id = host.send(post(Version::Http11));
    assert_eq!(host.reply(id).status, 200);
}
