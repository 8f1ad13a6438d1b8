//! The invariants, for inputs that are nearly right. The same ones each time; `PROPTEST_CASES=100000` tries more.
#![allow(clippy::panic, reason = "test code stops at the first surprise")]

mod strategies;

use std::fmt::Debug;

use arbitrary::{Arbitrary, Unstructured};
use properties::encode::Encode;
use properties::input::{Line, Rest};
use properties::reply::Head;
use properties::{Answered, Asked};
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngSeed, TestError, TestRunner};

/// Checks many values, and of those that fail shows a small one.
fn hold<S: Strategy<Value: Debug>>(strategy: &S, check: impl Fn(&S::Value)) {
    let is_given = std::env::var_os("PROPTEST_CASES").is_some();
    let cases = if is_given { Config::default().cases } else { 2000 };
    let config = Config { cases, failure_persistence: None, rng_seed: RngSeed::Fixed(5), ..Config::default() };
    match TestRunner::new(config).run(strategy, |value| {
        check(&value);
        Ok(())
    }) {
        Ok(()) => {}
        Err(TestError::Fail(reason, value)) => panic!("{reason}\nthe smallest input: {value:#?}"),
        Err(TestError::Abort(reason)) => panic!("{reason}"),
    }
}

/// What is written as bytes is read back from them.
fn is_read_back<T>(value: &T)
where
    T: Encode + Debug + PartialEq + for<'a> Arbitrary<'a>,
{
    let bytes = value.encoded();
    assert_eq!(T::arbitrary_take_rest(Unstructured::new(&bytes)).as_ref(), Ok(value), "{}", bytes.escape_ascii());
}

#[test]
fn a_configuration_is_accepted_and_stays_the_same_or_its_mistakes_are_told() {
    hold(&strategies::configuration(), |json| properties::configuration(json));
}

#[test]
fn every_answer_gives_a_reply_that_can_be_sent() {
    hold(&strategies::answered(), properties::reply);
}

#[test]
fn every_request_gives_the_parameters_of_the_readme_or_its_errors() {
    hold(&strategies::asked(), properties::payload);
}

#[test]
fn whatever_happens_there_is_one_call_and_one_reply_at_most() {
    hold(&strategies::traffic(), properties::exchange);
}

#[test]
fn seeds_are_read_as_they_were_written() {
    let inputs = (strategies::answered(), strategies::asked(), strategies::traffic());
    hold(&inputs, |(answered, asked, traffic)| {
        is_read_back(answered);
        is_read_back(asked);
        is_read_back(traffic);
    });
}

fn answered(body: &str) -> Answered {
    let head = Head { status: 200, is_upstreams: true, ..Head::default() };
    Answered { head, body: Rest(body.as_bytes().to_vec()), ..Answered::default() }
}

fn asked(body: &str) -> Asked {
    let content_type = (Line(b"content-type".to_vec()), Line(b"application/json".to_vec()));
    Asked { http: true, headers: vec![content_type], body: Rest(body.as_bytes().to_vec()), ..Asked::default() }
}

/// What a fuzzer does not get at, because it is long.
#[test]
fn size_and_depth_break_nothing() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let lines = |count: usize| format!(r#"{{"headers": {{"a": [{}1]}}}}"#, "1,".repeat(count));
    let long = "x".repeat(1_100_000);
    let bodies = [
        deep.clone(),
        format!(r#"{{"a": {deep}}}"#),
        format!(r#"{{"body": {deep}}}"#),
        format!(r#"{{"statusCode": {deep}}}"#),
        lines(998),
        lines(999),
        lines(1000),
        lines(100_000),
        format!(r#"{{"headers": {{"a": "{long}"}}}}"#),
        format!(r#"{{"headers": {{"a": "{}"}}}}"#, &long.get(..999_989).unwrap_or_default()),
        format!(r#"{{"{long}": 1}}"#),
        format!(r#"{{"__ow_{long}": 1}}"#),
        long.clone(),
    ];
    for body in bodies {
        properties::reply(&answered(&body));
        properties::payload(&asked(&body));
        properties::configuration(body.as_bytes());
    }
    for value in [deep, format!("\"{long}\""), "\"\\u0007\"".to_owned(), format!("\"{}\"", "\\u0007".repeat(1000))] {
        for attribute in ["api_host", "service_token", "action", "upstream", "timeout", "routes", "\\u0007", "mode"] {
            properties::configuration(format!(r#"{{"{attribute}": {value}}}"#).as_bytes());
            properties::configuration(format!(r#"{{"routes": {{"\u0007": {{"{attribute}": {value}}}}}}}"#).as_bytes());
        }
    }
}

/// What a result or a request is made of does not matter: its bytes count.
#[test]
fn no_shape_costs_more_than_its_bytes() {
    const SIZE: usize = 60_000;
    let shapes = [
        ("", "{\"\":0},", ""),
        ("{\"statusCode\":[", "{\"\":0},", "0]}"),
        ("{\"headers\":{\"a\":[", "0,", "0]}}"),
        ("{\"headers\":{", "\"a\":0,", "\"a\":0}}"),
        ("{\"headers\":{\"a\":\"", "x", "\"}}"),
        ("{\"headers\":{\"", "\\u0061", "\":0}}"),
        ("{\"body\":\"", "\\u00e9", "\"}"),
        ("{\"body\":\"", "\\n", "\"}"),
        ("{\"isBase64Encoded\":true,\"body\":\"", "AAAA", "\"}"),
        ("{\"error\":{\"statusCode\":[", "{\"\":0},", "0]}}"),
        ("{\"error\":{\"headers\":{\"a\":[", "0,", "0]}}}"),
        ("{\"", "\\n", "\":0}"),
        ("{", "\"a\":0,", "\"a\":0}"),
        ("[", "{\"\":0},", "0]"),
        ("", "\0", ""),
        ("a=", "\u{e9}", ""),
        ("", "%ff", ""),
        ("", "a=1&", ""),
        ("", "+", ""),
    ];
    let types = ["application/json", "application/x-www-form-urlencoded", "text/plain", "image/png"];
    for (before, unit, after) in shapes {
        let body = [before, &unit.repeat(SIZE.checked_div(unit.len()).unwrap_or_default()), after].concat();
        for (status, id) in [(200, None), (502, Some(Line(b"1".to_vec()))), (404, None)] {
            let mut answer = answered(&body);
            answer.head = Head { status, id, ..answer.head };
            properties::reply(&answer);
        }
        for content_type in types {
            let mut request = asked(&body);
            request.headers = vec![(Line(b"content-type".to_vec()), Line(content_type.as_bytes().to_vec()))];
            properties::payload(&request);
        }
    }
    let mut not_utf8 = answered("");
    not_utf8.body = Rest(vec![0xff; SIZE]);
    properties::reply(&not_utf8);
    for content_type in types {
        let mut request = asked("");
        request.headers = vec![(Line(b"content-type".to_vec()), Line(content_type.as_bytes().to_vec()))];
        request.body = Rest(vec![0xff; SIZE]);
        properties::payload(&request);
    }
}

/// Found here: the mistake quoted all of the name.
#[test]
fn a_mistake_about_a_variable_with_a_long_name_is_short() {
    properties::configuration(format!(r#"{{"service_token": "$ENV://{}"}}"#, "X".repeat(10_000)).as_bytes());
}

/// Found by fuzzing: a control character in a name was taken for JSON, and `200` with it for a reply.
#[test]
fn a_name_with_a_control_character_is_no_json() {
    for body in ["{\"a\nb\": 1}", "{\"\0\": 1}", "{\"body\": \"x\", \"\x1f\": 1}", "{\"headers\": {\"\t\": 1}}"] {
        properties::reply(&answered(body));
        properties::payload(&asked(body));
    }
}
