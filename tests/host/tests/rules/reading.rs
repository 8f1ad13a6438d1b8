//! What a filter reads must be there, and what it asks for must exist.

use host::Personality::{Apisix, Envoy};
use host::{Answer, Host, Personality};

use crate::module::Argument::Number;
use crate::module::{
    CONTINUE, Do, PAUSE, call, filter, get_property, read_buffer, read_header, read_map, reply, set_property, want_body,
};
use crate::{ANSWERED, BODY, Callbacks, HEADERS, assert_crash, failed, get, host, post, send};

#[test]
fn a_buffer_is_read_where_and_as_far_as_it_is_there() {
    let empty =
        "APISIX: the filter read the body of a request that has none; the buffer still holds the body of an earlier";
    let reads = [want_body(), CONTINUE];
    assert_crash(empty, &[(HEADERS, &reads), (BODY, &[read_buffer(0, 0, 100), CONTINUE])], send);
    assert_crash(
        "APISIX: the filter read the body of the request in the phase RequestHeaders; the buffer is gone",
        &[(HEADERS, &[read_buffer(0, 0, 3), CONTINUE])],
        post,
    );
    assert_crash(
        "APISIX: the filter read the body of the request in the phase Answer; the buffer is gone, or holds the body",
        &[(HEADERS, &reads), (BODY, &[call(), PAUSE]), (ANSWERED, &[read_buffer(0, 0, 3)])],
        |host| {
            let id = post(host);
            host.answer(id, Answer::new(200));
        },
    );
    let sizes = [
        (
            0,
            -1,
            "read 4294967295 bytes from 0 of a buffer of 3; the host answers `BadArgument`, at which the SDK panics",
        ),
        (0, 0, "read 0 bytes from 0 of a buffer of 3;"),
        (3, 1, "read 1 bytes from 3 of a buffer of 3;"),
    ];
    for (start, size, expected) in sizes {
        let expected = format!("APISIX: the filter {expected}");
        let body: &[Do] = &[read_buffer(0, start, size), CONTINUE];
        assert_crash(&expected, &[(HEADERS, &reads), (BODY, body)], post);
    }
    assert_crash(
        "Envoy: the filter read 4294967295 bytes from 1 of a buffer of 3;",
        &[(HEADERS, &[PAUSE]), (BODY, &[read_buffer(0, 1, -1), CONTINUE])],
        post,
    );
    for personality in Personality::ALL {
        let expected = format!("{personality}: the filter read the body of an answer too early or too late;");
        assert_crash(&expected, &[(HEADERS, &[read_buffer(4, 0, 1), CONTINUE])], send);
    }
}

#[test]
fn headers_are_read_where_they_are_there() {
    let without_host = |host: &mut Host| host.send(get().without_host());
    assert_crash(
        "APISIX: the filter read all headers of a request without `host`; the worker crashes (SIGSEGV)",
        &[(HEADERS, &[read_map(0), CONTINUE])],
        without_host,
    );
    assert_crash(
        "APISIX: the filter read `:authority` of a request without `host`; the worker crashes (SIGSEGV)",
        &[(HEADERS, &[read_header(0, ":authority"), CONTINUE])],
        without_host,
    );
    for personality in Personality::ALL {
        let none = format!("{personality}: the filter read the headers of an answer that has none;");
        for read in [read_map(6), read_header(6, ":status")] {
            assert_crash(&none, &[(HEADERS, &[call(), PAUSE]), (ANSWERED, &[read])], failed);
        }
        let gone = format!("{personality}: the filter read the headers of an answer too early or too late;");
        assert_crash(&gone, &[(HEADERS, &[read_map(6), CONTINUE])], send);
    }
    assert_crash(
        "APISIX: the filter called `the header map 1 in the phase RequestHeaders`;",
        &[(HEADERS, &[read_map(1), CONTINUE])],
        send,
    );
}

#[test]
fn a_name_in_an_answer_may_be_of_any_bytes() {
    let reads = |read| [read, reply(200, &[], "x")];
    let answered = |host: &mut Host| {
        let id = send(host);
        host.answer(id, Answer::new(200).header(b"x-\xff", "1").header("a", b"\xff"));
        host.reply(id).status
    };
    assert_crash(
        "APISIX: the filter read all headers of an answer, one of which is named \"x-\\xff\"; the SDK panics",
        &[(HEADERS, &[call(), PAUSE]), (ANSWERED, &reads(read_map(6)))],
        answered,
    );
    for (personality, read) in [(Apisix, read_header(6, "a")), (Envoy, read_map(6))] {
        let callbacks = [(HEADERS, &[call(), PAUSE][..]), (ANSWERED, &reads(read))];
        assert_eq!(answered(&mut host(personality, &filter(&callbacks))), 200, "{personality}");
    }
}

#[test]
fn requests_are_asked_about_only_while_they_are_there() {
    let version = || get_property("nginx_version");
    assert_crash(
        "APISIX: the filter read the property `nginx_version` outside of a request; the host answers `BadArgument`",
        &[("on_configure", &[version()])],
        send,
    );
    let done: Callbacks<'_> = &[(HEADERS, &[reply(200, &[], "x"), PAUSE]), ("on_done", &[version()])];
    assert_crash("APISIX: the filter read the property `nginx_version` outside of a request;", done, send);
    let late: Callbacks<'_> = &[(HEADERS, &[reply(200, &[], "x"), PAUSE]), ("on_log", &[call()])];
    assert_crash("Envoy: the filter made a call at the end of a request;", late, send);
    assert_crash(
        "APISIX: the filter set the property `colour`; the host answers `NotFound`, at which the SDK panics",
        &[(HEADERS, &[set_property("colour", "red"), CONTINUE])],
        send,
    );
}

#[test]
fn what_apisix_does_not_have_is_not_called() {
    let functions = [
        ("proxy_get_current_time_nanoseconds", 1),
        ("proxy_set_tick_period_milliseconds", 1),
        ("proxy_get_shared_data", 5),
        ("proxy_set_shared_data", 5),
        ("proxy_register_shared_queue", 3),
        ("proxy_resolve_shared_queue", 5),
        ("proxy_dequeue_shared_queue", 3),
        ("proxy_enqueue_shared_queue", 3),
        ("proxy_grpc_call", 12),
        ("proxy_call_foreign_function", 6),
        ("proxy_done", 0),
    ];
    for (name, arguments) in functions {
        let deed = Do::Host(name, vec![Number(0); arguments]);
        let expected =
            format!("APISIX: the filter called `{name}`; the host answers `Unimplemented`, at which the SDK");
        assert_crash(&expected, &[(HEADERS, &[deed, CONTINUE])], send);
    }
    let unplayed = Do::Host("proxy_get_shared_data", vec![Number(0); 5]);
    assert_crash(
        "Envoy: the filter called `proxy_get_shared_data`; a real host may do it, but this one does not",
        &[(HEADERS, &[unplayed, CONTINUE])],
        send,
    );
}
