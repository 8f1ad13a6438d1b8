//! Configurations that are nearly right.

use properties::input::SECRET;
use proptest::prelude::*;

use super::{json, nearly, word};

/// An attribute with a value that is most often right, else wrong.
fn given(name: &'static str, right: &'static [&'static str], wrong: &'static [&'static str]) -> BoxedStrategy<String> {
    let value = prop_oneof![12 => word(right), 1 => word(wrong)];
    value.prop_map(move |value| format!("\"{name}\": {}", value.replace("SECRET", SECRET))).boxed()
}

fn words(attribute: &'static str, right: &'static [&'static str]) -> BoxedStrategy<String> {
    given(attribute, right, &["\"x\"", "1", "null", "\"\""])
}

/// One attribute: most often right, else wrong or unknown, with the secret where secrets belong.
fn attribute() -> BoxedStrategy<String> {
    prop_oneof![4 => usual(), 1 => of_functions()].boxed()
}

/// An attribute about what a function can be.
fn of_functions() -> BoxedStrategy<String> {
    prop_oneof![
        words("response", &["\"plain\"", "\"shaped\""]),
        words("repeated", &["\"list\"", "\"last\""]),
        words("location", &["\"/jobs\"", "\"/a/b/\""]),
        words("path_template", &["\"/a/{b}\"", "\"/{a*}\"", "\"/\""]),
        words("server_timing", &["true", "false"]),
        given(
            "bind",
            &["{}", "{\"a\": \"SECRET\"}", "{\"a\": [{\"b\": \"$ENV://TOKEN\"}], \"c\": 1.50}"],
            &[
                "null",
                "[\"SECRET\"]",
                "{\"__ow_a\": \"SECRET\"}",
                "{\"a\": \"$ENV://NONE\"}",
                "{\"a\": 1, \"a\": \"SECRET\"}"
            ]
        ),
    ]
    .boxed()
}

fn usual() -> BoxedStrategy<String> {
    let name = |attribute| {
        let right = &["\"a\"", "\"a b@c.d&e-f\"", "\"_\""];
        given(attribute, right, &["\" a\"", "\"\"", "\"\\u0000\"", "7", "\"a:SECRET\"", "null"])
    };
    let number = |attribute, right| {
        given(attribute, right, &["0", "-1", "1.5", "1e300", "18446744073709551616", "\"1\"", "null", "[SECRET]"])
    };
    let flag = |attribute| given(attribute, &["true", "false"], &["null", "\"x\"", "1"]);
    prop_oneof![
        given(
            "api_host",
            &["\"http://ow\"", "\"https://[::1]:1/x/\"", "\"http://ow:80/%20\""],
            &[
                "\"http://a:SECRET@ow\"",
                "\"ow\"",
                "{}",
                "null",
                "\"http://ow/%zz\"",
                "\"http://ow/\u{e9}\"",
                "\"http://ow/?a\""
            ]
        ),
        given(
            "service_token",
            &["\"a:SECRET\"", "\"$ENV://TOKEN\"", "\"$env://OPENWHISK_TOKEN\""],
            &[
                "\"SECRET\"",
                "\":SECRET\"",
                "[\"SECRET\"]",
                "{\"SECRET\": 1}",
                "\"$ENV://BROKEN\"",
                "\"$ENV://NONE\"",
                "\"$env://a:SECRET\"",
                "\"$secret://SECRET\"",
                "\"a:SECRET\\n\"",
            ]
        ),
        given(
            "authorization",
            &["\"Bearer SECRET\"", "\"SECRET\"", "\"$ENV://TOKEN\"", "null"],
            &["\"a:SECRET\"", "\" SECRET\"", "\"\"", "[\"SECRET\"]", "\"SECRET\\nx: y\"", "\"$secret://SECRET\""]
        ),
        given(
            "call_headers",
            &["{}", "{\"X-A\": \"SECRET\"}", "{\"a\": \"$env://BROKEN\", \"b\": \"b c\"}", "{\"a\": \"$ENV://TOKEN\"}"],
            &[
                "null",
                "\"SECRET\"",
                "[\"SECRET\"]",
                "{\"a\": [\"SECRET\"]}",
                "{\"a:SECRET\": \"x\"}",
                "{\"a\": \"x\", \"A\": \"SECRET\"}",
                "{\"x-envoy-retry-on\": \"5xx\", \"Connection\": \"SECRET\"}",
                "{\"a\": \"\", \"b\": \"\\r\\nc: SECRET\", \"\\u0007\": \"x\"}",
            ]
        ),
        name("namespace"),
        name("package"),
        name("action"),
        name("trigger"),
        flag("ssl_verify"),
        flag("keepalive"),
        flag("result"),
        words("mode", &["\"result\"", "\"activation\"", "\"metadata\"", "\"async\"", "\"poll\""]),
        words("parameters", &["\"http\"", "\"http\"", "\"raw\"", "\"body\""]),
        words("request_body", &["\"pause\"", "\"buffer_filter\""]),
        words("action_errors", &["\"pass\"", "\"hide\""]),
        words("on_timeout", &["\"error\"", "\"accept\""]),
        words("path_prefix", &["\"/a\"", "\"/a/b//\"", "\"/\"", "\"/\\\"\\\\\""]),
        words("forward_headers", &["[]", "[\"Cookie\", \"cookie\"]", "[\"authorization\"]"]),
        number("timeout", &["1", "60000", "1000.0"]),
        number("retries", &["0", "1", "5"]),
        number("max_concurrency", &["1", "1000", "18446744073709551615"]),
        number("keepalive_timeout", &["1000", "60000.0", "18446744073709551615"]),
        number("keepalive_pool", &["1", "5", "9007199254740992"]),
        number("max_req_body_size", &["1", "1e6", "18446744073709551615"]),
        given("upstream", &["\"ow\"", "\"ow:80\""], &["\"\"", "\"a:SECRET@ow\"", "\"\\u0007\"", "1"]),
        prop_oneof![
            given("servce_token", &["\"a:SECRET\""], &["null"]),
            given("\\u0007\\u202e", &["{\"SECRET\": \"SECRET\"}"], &["null"]),
        ],
    ]
    .boxed()
}

fn attributes(most: usize, complete: f64) -> BoxedStrategy<Vec<String>> {
    const COMPLETE: &[&str] = &[
        r#""api_host": "http://ow""#,
        r#""service_token": "alice:wonderland""#,
        r#""namespace": "guest""#,
        r#""action": "hello""#,
    ];
    let some = prop::collection::vec(attribute(), 0..most);
    (prop::bool::weighted(complete), some)
        .prop_map(|(is_complete, mut some): (bool, Vec<String>)| {
            if is_complete {
                let is_missing = |wanted: &&&str| {
                    let name = wanted.split_once(':').map_or("", |(name, _)| name);
                    !some.iter().any(|attribute| attribute.starts_with(name))
                };
                let missing: Vec<_> = COMPLETE.iter().filter(is_missing).map(|text| (*text).to_owned()).collect();
                some.extend(missing);
            }
            some
        })
        .boxed()
}

pub fn configuration() -> BoxedStrategy<Vec<u8>> {
    let name = word(&["\"a\"", "\"b.c\"", "\"c\"", "\"d\"", "\"\"", "\"\\u0000\"", "\"\u{fc}\""]);
    let settings = prop_oneof![9 => attributes(3, 0.2).prop_map(|all| format!("{{{}}}", all.join(","))), 1 => json()];
    let routes = prop::collection::vec((name, settings), 0..4).prop_map(|routes| {
        let routes: Vec<_> = routes.into_iter().map(|(name, settings)| format!("{name}: {settings}")).collect();
        format!("\"routes\": {{{}}}", routes.join(","))
    });
    let routes = prop_oneof![3 => routes, 1 => json().prop_map(|json| format!("\"routes\": {json}"))];
    let routes = prop::option::of(routes);
    let all = (attributes(4, 0.9), routes).prop_map(|(mut all, routes)| {
        all.extend(routes);
        format!("{{{}}}", all.join(","))
    });
    prop_oneof![12 => nearly(all.boxed()), 1 => nearly(json()), 1 => prop::collection::vec(any::<u8>(), 0..40)].boxed()
}
