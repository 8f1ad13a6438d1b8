//! What nginx does before and behind a filter.

use abi_host::Personality::{Apisix, Envoy};
use abi_host::Request;

use crate::module::{PAUSE, filter, reply};
use crate::{HEADERS, Headers, get, host};

/// The headers of a reply, as the client of a host gets them.
fn sent(personality: abi_host::Personality, status: i32, headers: Headers<'_>, body: &str, request: Request) -> String {
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
