//! What a filter sends must be what hosts can send.

use crate::module::{PAUSE, call, call_to, reply};
use crate::{Callbacks, HEADERS, Headers, assert_crash, send};

#[test]
fn a_call_is_complete() {
    let cases: [(&str, Headers<'_>); 8] = [
        (
            "APISIX: the filter made a call without `:method`; the call takes that of an earlier",
            &[(":path", "/"), (":scheme", "http")],
        ),
        ("APISIX: the filter made a call without `:path`;", &[(":method", "GET"), (":scheme", "http")]),
        ("APISIX: the filter made a call without `:scheme`;", &[(":method", "GET"), (":path", "/")]),
        ("Envoy: the filter made a call without `:authority`; the host refuses", &[(":method", "GET"), (":path", "/")]),
        (
            "APISIX: the filter made a call with a header \":path\" of \"/a b\"; the bytes go to the upstream as they are",
            &[(":method", "GET"), (":path", "/a b"), (":scheme", "http")],
        ),
        (
            "Envoy: the filter made a call with a header \"x\" of \"1\\r\\ny: 2\"; the host answers the call itself",
            &[(":method", "GET"), (":path", "/"), (":authority", "ow"), ("x", "1\r\ny: 2")],
        ),
        (
            "Envoy: the filter made a call with a header \"a b\" of \"1\";",
            &[(":method", "GET"), (":path", "/"), (":authority", "ow"), ("a b", "1")],
        ),
        (
            "APISIX: the filter made a call with a header \":status\" of \"1\";",
            &[(":method", "GET"), (":path", "/"), (":scheme", "http"), (":status", "1")],
        ),
    ];
    for (expected, headers) in cases {
        assert_crash(expected, &[(HEADERS, &[call_to("ow", headers, 1000), PAUSE])], send);
    }
    let endless = call_to("ow", &[(":method", "GET"), (":path", "/"), (":authority", "ow")], 0);
    assert_crash(
        "Envoy: the filter made a call with the timeout 0; a timeout of 0 is no deadline at all",
        &[(HEADERS, &[endless, PAUSE])],
        send,
    );
}

#[test]
fn a_reply_is_one_that_hosts_can_send() {
    let cases: [(&str, i32, Headers<'_>, &str); 23] = [
        ("APISIX: the filter replied with the status 0; below 100 the worker crashes (SIGSEGV)", 0, &[], "x"),
        ("APISIX: the filter replied with the status 150;", 150, &[], "x"),
        ("APISIX: the filter replied with the status 600;", 600, &[], "x"),
        ("Envoy: the filter replied with the status 101; the client hangs, or takes it for", 101, &[], "x"),
        ("Envoy: the filter replied with the status 65736;", 65_736, &[], "x"),
        ("APISIX: the filter replied with the status 408; nginx closes the connection", 408, &[], "x"),
        ("APISIX: the filter replied with the status 444;", 444, &[], ""),
        ("APISIX: the filter replied with the status 499;", 499, &[], "x"),
        ("APISIX: the filter replied with a header named \"a b\";", 200, &[("a b", "1")], ""),
        ("Envoy: the filter replied with a header named \"\";", 200, &[("", "1")], ""),
        (
            "Envoy: the filter replied with a header `a` of \"b\\r\\nc: d\"; it splits the response",
            200,
            &[("a", "b\r\nc: d")],
            "",
        ),
        ("APISIX: the filter replied with a header `a` of \"\\x00\"; it is percent-encoded", 200, &[("a", "\0")], ""),
        (
            "APISIX: the filter replied with a header `Content-Length`; they come out twice",
            200,
            &[("Content-Length", "1")],
            "",
        ),
        ("Envoy: the filter replied with a header `connection`; the host drops", 200, &[("connection", "close")], ""),
        ("Envoy: the filter replied with a header `:status`;", 200, &[(":status", "200")], ""),
        (
            "APISIX: the filter replied with the status 502 and no body; nginx makes its own HTML page of it",
            502,
            &[],
            "",
        ),
        ("APISIX: the filter replied with the status 301 and no body;", 301, &[("location", "/")], ""),
        ("APISIX: the filter replied with the status 302 and no body;", 302, &[], ""),
        ("APISIX: the filter replied with the status 303 and no body;", 303, &[], ""),
        ("APISIX: the filter replied with the status 307 and no body;", 307, &[], ""),
        ("APISIX: the filter replied with the status 308 and no body;", 308, &[], ""),
        ("APISIX: the filter replied with the status 422 and no body;", 422, &[], ""),
        ("Envoy: the filter replied with the status 204 and a body; it goes out with a wrong", 204, &[], "x"),
    ];
    for (expected, status, headers, body) in cases {
        assert_crash(expected, &[(HEADERS, &[reply(status, headers, body), PAUSE])], send);
    }
}

#[test]
fn a_request_has_one_reply() {
    let ok = || reply(200, &[], "x");
    let twice: Callbacks<'_> = &[(HEADERS, &[ok(), ok(), PAUSE])];
    let apisix = "APISIX: the filter replied with the status 200 after its reply; the last status and body win";
    let envoy = "Envoy: the filter replied with the status 200 after its reply; the second one is lost";
    assert_crash(apisix, twice, send);
    assert_crash(envoy, twice, send);
    // nginx keeps the status, and the next request on the worker would be replied with it.
    assert_crash(apisix, &[(HEADERS, &[ok(), PAUSE]), ("on_response_headers", &[ok()])], send);
    assert_crash(
        "APISIX: the filter made a call after its reply; the call goes first, and the reply is lost",
        &[(HEADERS, &[ok(), call(), PAUSE])],
        send,
    );
    assert_crash(
        "APISIX: the filter replied with the status 200 during a call; the call goes first, and the reply is lost",
        &[(HEADERS, &[call(), ok(), PAUSE])],
        send,
    );
    assert_crash(
        "Envoy: the filter returned `Pause` in the response to its own reply; the reply is held, and the client hangs",
        &[(HEADERS, &[ok(), PAUSE]), ("on_response_headers", &[PAUSE])],
        send,
    );
}
