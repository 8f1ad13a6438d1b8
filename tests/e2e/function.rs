//! Results of actions that no reply can be made of, too large for a golden case.

use serde_json::{Map, json};
use testbed::client::{self, get};
use testbed::script;

use crate::stage::Plan;

/// Adds the tests.
pub fn add(plan: &mut Plan) {
    many_headers(plan);
    deep_nesting(plan);
    a_megabyte(plan);
}

/// A host drops all headers of a reply, without a word, where there are more than it takes.
fn many_headers(plan: &mut Plan) {
    let result = |count: usize, size: usize| {
        let headers: Map<_, _> = (0..count).map(|n| (format!("x-{n}"), json!("v".repeat(size)))).collect();
        script::result(json!({ "statusCode": 201, "headers": headers, "body": "x" }).to_string())
    };
    plan.test_site("function::as_many_headers_as_may_be_arrive", json!({}), result(93, 1), |_, port, _| {
        let reply = get(port, "/hello");
        assert_eq!(reply.status, 201);
        assert_eq!(
            reply
                .headers
                .iter()
                .filter(|(name, _)| name.starts_with("x-") && name != "x-openwhisk-activation-id")
                .count(),
            93
        );
        assert_eq!(client::header(&reply, "content-type"), [b"text/html; charset=UTF-8"]);
    });
    for (name, script) in [
        ("function::one_header_more_breaks_a_rule", result(94, 1)),
        ("function::ten_thousand_headers_break_a_rule", result(10_000, 1)),
        ("function::a_megabyte_of_headers_breaks_a_rule", result(10, 120_000)),
    ] {
        plan.test_site(name, json!({}), script, |_, port, _| {
            let reply = get(port, "/hello");
            let body = String::from_utf8_lossy(&reply.body);
            assert_eq!(reply.status, 502, "{body}");
            assert!(body.contains("the result of the action breaks a rule"), "{body}");
            assert_eq!(client::header(&reply, "content-type"), [b"application/json"]);
        });
    }
}

fn deep_nesting(plan: &mut Plan) {
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let body = deep.clone();
    let shaped = script::result(format!("{{\"body\":{deep}}}"));
    plan.test_site("function::a_body_nested_10000_deep_is_handed_on", json!({}), shaped, move |_, port, _| {
        assert!(get(port, "/hello").body == body.as_bytes(), "the body is changed");
    });
    for (name, result) in [
        ("function::headers_nested_10000_deep_break_a_rule", format!("{{\"headers\":{{\"x\":{deep}}}}}")),
        ("function::a_status_code_nested_10000_deep_breaks_a_rule", format!("{{\"statusCode\":{deep}}}")),
    ] {
        plan.test_site(name, json!({}), script::result(result), |_, port, _| {
            assert_eq!(get(port, "/hello").status, 502);
        });
    }
}

fn a_megabyte(plan: &mut Plan) {
    let result = format!("{{\"text\":\"{}\"}}", "x".repeat(1 << 20));
    let expected = result.clone();
    plan.test_site("function::a_result_of_1_mb_is_handed_on", json!({}), script::result(result), move |_, port, _| {
        let reply = get(port, "/hello");
        assert_eq!(reply.status, 200);
        assert_eq!(client::header(&reply, "content-length"), [expected.len().to_string().as_bytes()]);
        assert!(reply.body == expected.as_bytes(), "the body is changed");
    });
}
