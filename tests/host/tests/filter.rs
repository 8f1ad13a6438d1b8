//! The built filter on Envoy.
#![allow(clippy::panic, clippy::expect_used, reason = "test code stops at the first surprise")]

use std::time::Duration;

use host::{Answer, Failure, Filter, Headers, Host, Level, Personality, Request, Setup, Standing, Upstreams, Version};

const CONFIGURATION: &str = r#"{
    "api_host": "http://openwhisk.example", "service_token": "alice:wonderland", "namespace": "guest",
    "action": "hello", "upstream": "openwhisk", "timeout": 2000, "max_req_body_size": 1000
}"#;

fn envoy(upstreams: Upstreams) -> Host {
    let mut host = Setup::new(Personality::Envoy).upstreams(upstreams).load(&Filter::built());
    host.configure(CONFIGURATION).expect("the configuration is valid");
    host
}

fn host() -> Host {
    envoy(Upstreams::Available)
}

fn get() -> Request {
    Request::new("GET", "/hello").header("x-request-id", "42")
}

/// A gateway error, with the id of the request.
fn gateway_error(sentence: &str) -> String {
    format!(r#"{{"code":"42","error":"{sentence}"}}"#)
}

fn json(status: u16, body: &str) -> Answer {
    Answer::new(status).header("content-type", "application/json").body(body)
}

#[test]
fn a_plain_result_is_the_reply() {
    let mut host = host();
    let id = host.send(get());
    let call = host.call(id);
    assert_eq!((call.upstream.as_str(), call.deadline), ("openwhisk", Duration::from_millis(2100)));
    assert_eq!(
        (call.header(":method"), call.header("authorization")),
        (Some("POST"), Some("Basic YWxpY2U6d29uZGVybGFuZA=="))
    );
    host.answer(id, json(200, r#"{"a":1}"#));
    let reply = host.reply(id);
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")));
    assert_eq!(reply.body, br#"{"a":1}"#);
}

#[test]
fn a_shaped_result_shapes_the_reply() {
    let mut host = host();
    let id = host.send(get());
    let result = r#"{"statusCode":201,"headers":{"set-cookie":["a=1","b=2"]},"body":"hi"}"#;
    host.answer(id, json(200, result).header("x-openwhisk-activation-id", "0123"));
    let reply = host.reply(id);
    assert_eq!((reply.status, reply.body.as_slice()), (201, &b"hi"[..]));
    assert_eq!(reply.headers.iter().filter(|(name, _)| *name == b"set-cookie").count(), 2);
    assert_eq!(reply.header("x-openwhisk-activation-id"), Some("0123"));
}

#[test]
fn a_body_in_chunks_is_called_with_as_a_whole() {
    let mut host = host();
    let id = host.begin(Request::new("POST", "/hello").chunk("{\"a\"").chunk(":1}").chunk(""));
    host.advance(id);
    host.advance(id);
    assert_eq!(host.standing(id), Standing::Waiting);
    host.advance(id);
    assert_eq!(host.call(id).body, b"{\"a\":1}");
}

#[test]
fn trailers_end_a_body() {
    for version in [Version::Http11, Version::Http2] {
        let mut host = host();
        let trailers = Headers::from_iter([("grpc-status", "0")]);
        let id = host.send(Request::new("POST", "/hello").version(version).chunk("{}").trailers(trailers));
        assert_eq!(host.call(id).body, b"{}", "{version}");
    }
}

#[test]
fn a_body_that_is_too_large_is_refused_before_it_ends() {
    let mut host = host();
    let id = host.begin(Request::new("POST", "/hello").chunk("x".repeat(1000)).chunk("x").chunk("never sent"));
    host.advance(id);
    host.advance(id);
    assert_eq!(host.reply(id).status, 413);
    assert!(!host.has_more(id));
}

#[test]
fn failures_have_their_own_replies() {
    let cases = [
        (Failure::Unreachable, 503, "openwhisk cannot be reached"),
        (Failure::DeadlinePassed, 504, "the action did not answer within 2000 ms"),
        (Failure::DeadlinePassedInBody, 504, "the action did not answer within 2000 ms"),
        (Failure::BrokenOff, 502, "the answer of openwhisk broke off, the action may have run"),
    ];
    for (failure, status, sentence) in cases {
        let mut host = host();
        let id = host.send(get());
        host.fail(id, failure);
        let reply = host.reply(id);
        assert_eq!(
            (reply.status, String::from_utf8_lossy(&reply.body)),
            (status, gateway_error(sentence).into()),
            "{failure:?}"
        );
    }
}

#[test]
fn an_upstream_that_cannot_be_called_is_logged() {
    let cases = [(Upstreams::Unknown, "the host knows no upstream"), (Upstreams::Unavailable, "no healthy host")];
    for (upstreams, sentence) in cases {
        let mut host = envoy(upstreams);
        let id = host.send(get());
        assert_eq!(host.reply(id).status, 503, "{upstreams:?}");
        assert_eq!(host.reply(id).body, gateway_error("openwhisk cannot be reached").as_bytes());
        assert!(host.calls(id).is_empty() && host.refused_calls(id).len() == 1, "{upstreams:?}");
        assert!(host.log().iter().any(|line| line.level == Level::Warn && line.text.contains(sentence)), "{sentence}");
    }
}

#[test]
fn requests_do_not_mix() {
    let mut host = host();
    let [first, second] = ["1", "2"].map(|body| host.send(Request::new("POST", "/hello").body(body)));
    let gone = host.send(get());
    host.disconnect(gone);
    host.answer(second, json(200, "\"two\""));
    host.answer(first, json(200, "\"one\""));
    assert_eq!((host.calls(first)[0].body.as_slice(), host.calls(second)[0].body.as_slice()), (&b"1"[..], &b"2"[..]));
    assert_eq!(host.standing(gone), Standing::Gone);
    assert_ne!(host.reply(first), host.reply(second));
}

#[test]
fn hostile_bytes_do_not_trap() {
    let all: Vec<u8> = (1..=255).filter(|byte| !b"\r\n".contains(byte)).collect();
    let mut host = host();
    let many = (0..200).fold(get(), |request, number| request.header(format!("x-{number}"), &all));
    for request in [get().header("traceparent", &all).header("x-request-id", &all), many, Request::new(&all, &all)] {
        let id = host.send(request);
        host.answer(id, Answer::new(200).header("x-openwhisk-activation-id", &all).body(&all));
        assert_eq!(host.reply(id).status, 502);
    }
}

#[test]
fn the_environment_is_read_when_the_filter_is_configured() {
    let configuration = CONFIGURATION.replace("alice:wonderland", "$ENV://TOKEN");
    let mut host = Setup::new(Personality::Envoy).environment("TOKEN", "a:b").load(&Filter::built());
    host.configure(&configuration).expect("the variable is set");
    let id = host.send(get());
    assert_eq!(host.call(id).header("authorization"), Some("Basic YTpi"));

    let mut without = Setup::new(Personality::Envoy).load(&Filter::built());
    let refused = without.configure(&configuration).expect_err("the variable is not set").to_string();
    assert!(refused.contains("`service_token`"), "{refused}");
}

#[test]
fn a_request_costs_the_same_each_time() {
    let mut host = host();
    let ids: Vec<_> = (0..4).map(|_| host.send(get())).collect();
    for id in &ids {
        host.answer(*id, json(200, "{}"));
    }
    let last = host.cost(ids[3]);
    assert_eq!(host.cost(ids[2]).callbacks, last.callbacks);
    assert_eq!(host.cost(ids[2]).host_calls, last.host_calls);
    assert_eq!((last.host_calls["proxy_http_call"], last.host_calls["proxy_send_local_response"]), (1, 1));
    assert!(last.fuel > 0);
}
