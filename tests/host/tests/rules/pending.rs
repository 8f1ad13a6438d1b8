//! What a filter holds, it must have a reason to hold; what it calls, it must see through.

use host::Personality::Envoy;
use host::{Headers, Request, Setup, Upstreams};

use crate::module::{CONTINUE, Do, PAUSE, call, call_to, filter, reply, want_body};
use crate::{ANSWERED, BODY, Callbacks, HEADERS, answered, assert_crash, post, send, sentence};

#[test]
fn what_is_held_is_pending() {
    let apisix = "APISIX: the filter returned `Pause` with nothing pending; the worker crashes (SIGSEGV)";
    let envoy = "Envoy: the filter returned `Pause` with nothing pending; the client hangs until the stream timeout";
    assert_crash(apisix, &[(HEADERS, &[PAUSE])], send);
    assert_crash(apisix, &[(HEADERS, &[want_body(), CONTINUE]), (BODY, &[PAUSE])], post);
    assert_crash(envoy, &[(HEADERS, &[PAUSE])], send);
    assert_crash(envoy, &[(HEADERS, &[PAUSE]), (BODY, &[PAUSE])], post);
    // The rest of the request is still to come, but APISIX does not know that.
    assert_crash(apisix, &[(HEADERS, &[PAUSE])], post);
    // Trailers come where the filter thought that the body had ended.
    assert_crash(envoy, &[(HEADERS, &[PAUSE]), (BODY, &[PAUSE]), ("on_request_trailers", &[PAUSE])], |host| {
        host.send(Request::new("POST", "/").chunk("abc").trailers(Headers::from_iter([("a", "1")])));
    });
}

#[test]
fn a_refused_call_is_not_pending() {
    let url = call_to("http://127.0.0.1:80", &[(":method", "GET"), (":path", "/"), (":scheme", "http")], 1000);
    assert_crash(
        "APISIX: the filter returned `Pause` after a call that was refused; the worker crashes (SIGSEGV)",
        &[(HEADERS, &[url, Do::Expect(2), PAUSE])],
        send,
    );
    let said = sentence(|| {
        let setup = Setup::new(Envoy).upstreams(Upstreams::Unknown);
        let mut host = setup.load(&filter(&[(HEADERS, &[call(), Do::Expect(2), PAUSE])]));
        host.configure("{}").expect("the filter takes it");
        send(&mut host);
    });
    assert!(said.starts_with("Envoy: the filter returned `Pause` after a call that was refused"), "{said}");
}

#[test]
fn what_is_called_is_replied_to() {
    let callbacks: Callbacks<'_> = &[(HEADERS, &[call(), PAUSE]), (ANSWERED, &[])];
    let apisix = "APISIX: the filter did nothing after the end of a call; the request leaks to the route's upstream";
    let envoy = "Envoy: the filter did nothing after the end of a call; the client hangs until the stream timeout";
    assert_crash(apisix, callbacks, answered);
    assert_crash(envoy, callbacks, answered);
}

#[test]
fn a_request_does_not_leak_during_its_call() {
    assert_crash(
        "Envoy: the filter returned `Continue` during a call; the request leaks to the route's upstream",
        &[(HEADERS, &[call(), CONTINUE])],
        send,
    );
    let late: Callbacks<'_> = &[(HEADERS, &[CONTINUE]), (BODY, &[call(), PAUSE])];
    assert_crash("Envoy: the filter made a call after it let the request go on;", late, post);
    let late: Callbacks<'_> = &[(HEADERS, &[CONTINUE]), (BODY, &[reply(200, &[], ""), PAUSE])];
    assert_crash(
        "Envoy: the filter replied with the status 200 after it let the request go on; the route's upstream",
        late,
        post,
    );
}
