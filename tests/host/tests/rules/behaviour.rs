//! What the hosts do, where nobody breaks a rule.

use std::time::Duration;

use host::Personality::{Apisix, Envoy};
use host::{Answer, Failure, Headers, Kind, Level, Personality, Request, Sender, Setup, Standing, Version};

use crate::module::Argument::{Long, Number, Out};
use crate::module::{
    CONTINUE, Do, PAUSE, call, call_to, filter, get_property, read_buffer, read_header, read_map, reply, text,
    want_body,
};
use crate::{ANSWERED, BODY, HEADERS, host};

fn log(line: &str) -> Do {
    Do::Host("proxy_log", vec![Number(3), text(line)])
}

fn lines(host: &host::Host) -> Vec<&str> {
    host.log().iter().map(|line| line.text.as_str()).collect()
}

#[test]
fn apisix_says_nothing_about_the_headers_and_claims_their_end() {
    let told = [Do::ExpectParameter(1, 0), Do::ExpectParameter(2, 1), want_body(), CONTINUE];
    let body = [Do::ExpectParameter(1, 6), Do::ExpectParameter(2, 1), reply(200, &[], "x"), PAUSE];
    let mut host = host(Apisix, &filter(&[(HEADERS, &told), (BODY, &body)]));
    let id = host.begin(Request::new("POST", "/").chunk("abc").chunk("def").trailers(Headers::new()));
    assert_eq!(host.standing(id), Standing::Waiting);
    host.advance(id);
    host.advance(id);
    assert_eq!(host.standing(id), Standing::Waiting, "the trailers are still to come");
    host.advance(id);
    assert_eq!(host.reply(id).body, b"x");
    assert_eq!(host.cost(id).callbacks["proxy_on_request_body"], 1);
}

#[test]
fn apisix_calls_for_a_body_that_is_not_there() {
    let body = [Do::ExpectParameter(1, 0), Do::ExpectParameter(2, 1), reply(204, &[], ""), PAUSE];
    let mut host = host(Apisix, &filter(&[(HEADERS, &[want_body(), CONTINUE]), (BODY, &body)]));
    let id = host.send(Request::new("GET", "/"));
    assert_eq!(host.reply(id).status, 204);
}

#[test]
fn apisix_keeps_the_body_to_itself_unless_asked() {
    let mut host = host(Apisix, &filter(&[(HEADERS, &[CONTINUE]), (BODY, &[Do::Trap])]));
    let id = host.send(Request::new("POST", "/").body("abc"));
    assert_eq!(host.standing(id), Standing::PassedOn);
    host.complete(id);
    assert_eq!(host.cost(id).callbacks["proxy_on_request_headers"], 1);
}

#[test]
fn apisix_holds_a_request_that_is_continued_during_its_call() {
    let mut host = host(Apisix, &filter(&[(HEADERS, &[call(), CONTINUE]), (ANSWERED, &[reply(200, &[], "x")])]));
    let id = host.send(Request::new("GET", "/"));
    assert_eq!(host.call(id).upstream, "ow:80");
    host.answer(id, Answer::new(200));
    assert_eq!(host.reply(id).status, 200);
}

#[test]
fn apisix_makes_one_call_at_a_time_and_takes_no_url() {
    let url = call_to("http://ow", &[(":method", "GET"), (":path", "/"), (":scheme", "http")], 1000);
    let twice = [url, Do::Expect(2), call(), Do::Expect(0), call(), Do::Expect(10), PAUSE];
    let mut host = host(Apisix, &filter(&[(HEADERS, &twice), (ANSWERED, &[reply(200, &[], "x")])]));
    let id = host.send(Request::new("GET", "/"));
    assert_eq!((host.calls(id).len(), host.refused_calls(id).len()), (1, 2));
    host.answer(id, Answer::new(200));
    assert_eq!(host.reply(id).status, 200);
}

#[test]
fn apisix_tells_every_failure_by_no_headers() {
    let none = [Do::ExpectParameter(2, 0), Do::ExpectParameter(3, 0), reply(503, &[], "x")];
    for failure in [Failure::Unreachable, Failure::DeadlinePassed, Failure::BrokenOff, Failure::DeadlinePassedInBody] {
        let mut host = host(Apisix, &filter(&[(HEADERS, &[call(), PAUSE]), (ANSWERED, &none)]));
        let id = host.send(Request::new("GET", "/"));
        host.fail(id, failure);
        assert_eq!(host.reply(id).status, 503, "{failure:?}");
    }
}

#[test]
fn apisix_trusts_no_address() {
    let upstreams = [("127.0.0.1:443", false), ("[::1]:443", false), ("127.0.0.1", false), ("ow.example:443", true)];
    for (upstream, is_trusted) in upstreams {
        for (personality, scheme, is_answered) in
            [(Apisix, "https", is_trusted), (Apisix, "http", true), (Envoy, "https", true)]
        {
            let headers = [(":method", "GET"), (":path", "/"), (":scheme", scheme), (":authority", "ow.example")];
            // `:status`, and on Envoy what it adds.
            let told = match personality {
                _ if !is_answered => 0,
                Apisix => 1,
                Envoy => 2,
            };
            let callbacks = [
                (HEADERS, &[call_to(upstream, &headers, 1000), PAUSE][..]),
                (ANSWERED, &[Do::ExpectParameter(2, told), reply(200, &[], "x")]),
            ];
            let mut host = host(personality, &filter(&callbacks));
            let id = host.send(Request::new("GET", "/"));
            host.answer(id, Answer::new(200));
            assert_eq!(host.reply(id).status, 200, "{personality} {scheme} {upstream}");
        }
    }
}

#[test]
fn apisix_complains_of_each_context_that_is_not_done() {
    for (callbacks, complains) in [
        (vec![], true),
        (vec![("on_done", &[Do::Return(0)][..])], true),
        (vec![("on_done", &[Do::Return(1)][..])], false),
    ] {
        let replies = [reply(200, &[], "x"), CONTINUE];
        let all = [vec![(HEADERS, &replies[..])], callbacks].concat();
        let mut apisix = host(Apisix, &filter(&all));
        apisix.send(Request::new("GET", "/"));
        let said = lines(&apisix).iter().any(|line| line.starts_with("failed to mark context"));
        assert_eq!(said, complains, "{all:?}");
    }
}

#[test]
fn apisix_answers_itself_while_the_configuration_is_refused() {
    let callbacks = [("on_configure", &[log("no"), Do::Return(0)][..]), ("on_done", &[Do::Return(1)])];
    let mut host = Setup::new(Apisix).load(&filter(&callbacks));
    host.configure("{}").expect("it is not looked at yet");
    for count in 1..3 {
        let id = host.send(Request::new("GET", "/"));
        assert_eq!((host.reply(id).status, host.reply(id).sender), (503, Sender::Host));
        // Once for the request, and once more for the 503.
        assert_eq!(host.cost_of_plugin().callbacks["proxy_on_configure"], 2 * count);
        assert_eq!(lines(&host).len(), usize::try_from(2 * count).expect("small"));
    }
    assert!(!host.cost_of_plugin().callbacks.contains_key("proxy_on_vm_start"));
}

#[test]
fn envoy_refuses_a_configuration_at_once() {
    let mut host = Setup::new(Envoy).load(&filter(&[("on_configure", &[log("no"), Do::Return(0)])]));
    let refused = host.configure("{}").expect_err("the filter refuses");
    assert_eq!(refused.said.len(), 1);
    assert_eq!(refused.to_string(), "the filter refused its configuration\n  Warn no");
}

#[test]
fn apisix_shows_at_most_a_hundred_headers() {
    let request =
        || (0..200).fold(Request::new("GET", "/"), |request, number| request.header(format!("x-{number:03}"), "1"));
    // 4 bytes for the count, 8 for each header and its text with two NULs; `host` is one of those of APISIX.
    let pseudo = 4 + 35 + 20 + 16 + 21;
    for (personality, size) in [(Apisix, pseudo + 29 + 99 * 16), (Envoy, pseudo + 200 * 16)] {
        let all = [read_map(0), Do::ExpectSize(size)];
        // A single header is found wherever it stands, and nothing is said of one that is not there.
        let single = [read_header(0, "X-150"), Do::Expect(0), read_header(0, "y"), Do::Expect(1), CONTINUE];
        let mut host = host(personality, &filter(&[(HEADERS, &[&all[..], &single].concat())]));
        let id = host.send(request());
        assert_eq!(host.standing(id), Standing::PassedOn, "{personality}");
    }
}

#[test]
fn of_duplicates_a_single_header_is_the_first() {
    for personality in Personality::ALL {
        let first = filter(&[(HEADERS, &[read_header(0, "a"), Do::ExpectSize(1), CONTINUE])]);
        host(personality, &first).send(Request::new("GET", "/").header("a", "1").header("A", "22"));
    }
}

#[test]
fn only_apisix_has_the_version_of_nginx() {
    for (personality, status) in [(Apisix, 0), (Envoy, 1)] {
        let module = filter(&[(HEADERS, &[get_property("nginx_version"), Do::Expect(status), CONTINUE])]);
        host(personality, &module).send(Request::new("GET", "/"));
        let own = filter(&[(HEADERS, &[get_property("xds\0route_name"), Do::Expect(0), CONTINUE])]);
        host(personality, &own).send(Request::new("GET", "/").property(&["xds", "route_name"], "r"));
    }
    let protocol = filter(&[(HEADERS, &[get_property("request\0protocol"), Do::Expect(0), CONTINUE])]);
    host(Envoy, &protocol).send(Request::new("GET", "/").version(Version::Http2));
}

#[test]
fn without_host_apisix_still_gives_single_headers() {
    let module = filter(&[(
        HEADERS,
        &[read_header(0, "host"), Do::Expect(1), read_header(0, ":path"), Do::Expect(0), CONTINUE],
    )]);
    let mut host = host(Apisix, &module);
    let id = host.send(Request::new("GET", "/").without_host());
    assert_eq!(host.standing(id), Standing::PassedOn);
}

#[test]
fn metrics_are_kept_by_envoy_only() {
    let counted = [
        Do::Host("proxy_define_metric", vec![Number(0), text("calls"), Out]),
        Do::Host("proxy_increment_metric", vec![Number(0), Long(2)]),
        Do::Expect(0),
        Do::Host("proxy_define_metric", vec![Number(2), text("time"), Out]),
        Do::Host("proxy_record_metric", vec![Number(1), Long(7)]),
        Do::Expect(0),
        CONTINUE,
    ];
    for personality in Personality::ALL {
        let mut host = host(personality, &filter(&[(HEADERS, &counted)]));
        host.send(Request::new("GET", "/"));
        host.send(Request::new("GET", "/"));
        let metrics: Vec<_> = host.metrics().iter().map(|metric| (metric.name.as_str(), metric.kind)).collect();
        match personality {
            Apisix => assert_eq!(metrics, []),
            Envoy => {
                assert_eq!(metrics, [("calls", Kind::Counter), ("time", Kind::Histogram)]);
                let values: Vec<_> = host.metrics().iter().map(|metric| metric.values.clone()).collect();
                assert_eq!(values, [vec![4], vec![7, 7]]);
            }
        }
    }
}

#[test]
fn apisix_cuts_long_lines_of_the_log() {
    for (personality, size) in [(Apisix, 4096), (Envoy, 5000)] {
        let mut host = host(personality, &filter(&[(HEADERS, &[log(&"x".repeat(5000)), CONTINUE])]));
        host.send(Request::new("GET", "/"));
        assert_eq!(lines(&host)[0].len(), size, "{personality}");
        assert_eq!(host.log()[0].level, Level::Warn);
    }
}

#[test]
fn envoy_delivers_the_body_as_it_grows() {
    let body = [read_buffer(0, 0, -1), Do::Expect(0), PAUSE];
    let done = [reply(200, &[], "x"), PAUSE];
    let mut host = host(
        Envoy,
        &filter(&[(HEADERS, &[Do::ExpectParameter(2, 0), PAUSE]), (BODY, &body), ("on_request_trailers", &done)]),
    );
    let id = host.begin(Request::new("POST", "/").chunk("abc").chunk("").trailers(Headers::from_iter([("a", "1")])));
    for _ in 0..2 {
        host.advance(id);
        assert_eq!(host.standing(id), Standing::Waiting);
    }
    host.advance(id);
    assert_eq!(host.reply(id).header("content-type"), Some("text/plain"));
    assert_eq!(host.cost(id).callbacks["proxy_on_request_body"], 2);
}

#[test]
fn envoy_sends_a_reply_through_the_response() {
    let changed = Do::Host("proxy_replace_header_map_value", vec![Number(2), text("a"), text("2")]);
    // `:status`, those of the reply, and a content type.
    let headers = [Do::ExpectParameter(1, 4), Do::ExpectParameter(2, 0), changed, CONTINUE];
    let callbacks = [
        (HEADERS, &[reply(200, &[("A", "1"), ("set-cookie", "b")], "x"), PAUSE][..]),
        ("on_response_headers", &headers),
        ("on_response_body", &[Do::ExpectParameter(1, 1), read_buffer(1, 0, 1), Do::ExpectSize(1), CONTINUE]),
    ];
    let mut host = host(Envoy, &filter(&callbacks));
    let id = host.send(Request::new("GET", "/"));
    assert_eq!((host.reply(id).header("a"), host.reply(id).body.as_slice()), (Some("2"), &b"x"[..]));
}

#[test]
fn a_reply_to_head_has_no_body() {
    for personality in Personality::ALL {
        let callbacks = [(HEADERS, &[reply(404, &[], "x"), PAUSE][..]), ("on_response_body", &[Do::Trap])];
        let mut host = host(personality, &filter(&callbacks));
        let id = host.send(Request::new("HEAD", "/"));
        assert_eq!((host.reply(id).status, host.reply(id).body.as_slice()), (404, &b""[..]), "{personality}");
    }
}

#[test]
fn a_client_that_goes_away_cancels_the_call_on_envoy_only() {
    let callbacks = [
        (HEADERS, &[call(), PAUSE][..]),
        (ANSWERED, &[log("answered"), reply(200, &[], "x")]),
        ("on_done", &[Do::Return(1)]),
    ];
    let mut envoy = host(Envoy, &filter(&callbacks));
    let id = envoy.send(Request::new("GET", "/"));
    envoy.disconnect(id);
    assert_eq!(envoy.standing(id), Standing::Gone);
    assert_eq!(lines(&envoy), Vec::<&str>::new());

    let mut apisix = host(Apisix, &filter(&callbacks));
    let id = apisix.send(Request::new("GET", "/"));
    apisix.disconnect(id);
    assert!(matches!(apisix.standing(id), Standing::Called(_)));
    apisix.answer(id, Answer::new(200));
    assert_eq!(apisix.standing(id), Standing::Gone);
    assert_eq!(lines(&apisix), ["answered"]);
}

#[test]
fn the_end_of_a_request_is_logged_on_envoy_only() {
    for personality in Personality::ALL {
        let callbacks = [
            (HEADERS, &[reply(200, &[], "x"), PAUSE][..]),
            ("on_log", &[log("log"), read_map(0)]),
            ("on_done", &[log("done")]),
            ("on_delete", &[log("delete")]),
        ];
        let mut host = host(personality, &filter(&callbacks));
        host.send(Request::new("GET", "/"));
        let expected: &[&str] = match personality {
            Apisix => &["done", "delete"],
            Envoy => &["log", "done", "delete"],
        };
        assert_eq!(lines(&host), expected, "{personality}");
    }
}

#[test]
fn requests_are_interleaved_on_one_worker() {
    for personality in Personality::ALL {
        let callbacks = [(HEADERS, &[call(), PAUSE][..]), (ANSWERED, &[read_map(6), reply(200, &[], "x")])];
        let mut host = host(personality, &filter(&callbacks));
        let first = host.send(Request::new("GET", "/1"));
        let second = host.send(Request::new("GET", "/2"));
        host.answer(second, Answer::new(200));
        assert!(matches!(host.standing(first), Standing::Called(_)), "{personality}");
        host.answer(first, Answer::new(200));
        assert_eq!((host.reply(first).status, host.reply(second).status), (200, 200), "{personality}");
        let third = host.send(Request::new("GET", "/3"));
        host.answer(third, Answer::new(200));
        assert_eq!(host.cost(first), host.cost(third), "{personality}: the same request costs the same");
    }
}

#[test]
fn the_clock_stands_still_until_a_deadline_passes() {
    for personality in Personality::ALL {
        let callbacks = [(HEADERS, &[call(), PAUSE][..]), (ANSWERED, &[reply(200, &[], "x")])];
        let mut host = host(personality, &filter(&callbacks));
        host.advance_clock(Duration::from_secs(5));
        let id = host.send(Request::new("GET", "/"));
        host.advance_clock(Duration::from_millis(400));
        host.fail(id, Failure::DeadlinePassed);
        assert_eq!(host.clock().elapsed(), Duration::from_secs(6), "{personality}");
    }
}
