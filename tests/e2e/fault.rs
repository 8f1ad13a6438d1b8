//! Upstreams that break off, lie or say something strange.

use serde_json::json;

use crate::client::{get, header};
use crate::stage::Plan;
use crate::upstream::{self, Script, answer, answers, breaks_off_after};

/// Adds the tests.
pub fn add(plan: &mut Plan) {
    for (name, script, status, text) in faults() {
        plan.test_site(&format!("fault::{name}"), json!({}), script, move |_, port, _| {
            let reply = get(port, "/hello");
            let body = String::from_utf8_lossy(&reply.body);
            assert_eq!(reply.status, status, "{body:.200}");
            assert!(body.contains(text), "{text:?} is not in {body:.200}");
            assert_eq!(header(&reply, "content-type"), [b"application/json"]);
        });
    }

    let name = "fault::without_an_upstream_attribute_the_cluster_is_host_and_port_of_api_host";
    plan.test_site(name, json!({ "upstream": null, "api_host": "http://nowhere.example" }), upstream::result("{}"), {
        |stage, port, upstream| {
            assert_eq!(get(port, "/hello").status, 503);
            assert_eq!(upstream.seen().calls, []);
            stage.check_logged(&["no upstream \"nowhere.example:80\"", "must name a cluster"]);
        }
    });
}

/// Name, what the upstream does, and the status and a part of the body that the client gets.
fn faults() -> Vec<(&'static str, Script, u16, &'static str)> {
    let ready = b"{\"ready\":true}";
    let many: Vec<_> = (0..200).map(|n| (format!("x-{n}"), "v".to_owned())).collect();
    let many: Vec<_> = many.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let unreachable = "openwhisk cannot be reached";
    let broken_off = "the answer of openwhisk broke off";
    let json_type = [("content-type", "application/json")];
    vec![
        ("closed_before_the_answer", breaks_off_after(Vec::new()), 503, unreachable),
        ("closed_in_the_status_line", breaks_off_after(b"HTTP/1.1 2".to_vec()), 502, broken_off),
        ("closed_in_the_headers", breaks_off_after(b"HTTP/1.1 200 OK\r\ncontent-type: appl".to_vec()), 502, broken_off),
        (
            "closed_in_the_body",
            breaks_off_after(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"a\":".to_vec()),
            502,
            broken_off,
        ),
        (
            "closed_in_a_chunk",
            breaks_off_after(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n".to_vec()),
            502,
            broken_off,
        ),
        ("not_http", breaks_off_after(b"SSH-2.0-OpenSSH_9.6\r\n".to_vec()), 502, broken_off),
        ("larger_than_envoy_takes", answers(answer(200, &json_type, &vec![b' '; 33 << 20])), 502, broken_off),
        (
            "a_503_of_a_load_balancer_is_not_ours",
            answers(answer(503, &[("content-type", "text/plain")], b"no server is available")),
            503,
            "the answer with status 503 is not one of openwhisk's API",
        ),
        (
            "a_504_of_a_load_balancer_is_not_ours",
            answers(answer(504, &[("content-type", "text/plain")], b"upstream request timeout")),
            504,
            "the answer with status 504 is not one of openwhisk's API",
        ),
        (
            "a_503_in_json_is_openwhisks",
            answers(answer(503, &json_type, b"{\"code\":\"1\",\"error\":\"overloaded\"}")),
            503,
            "{\"code\":\"1\",\"error\":\"overloaded\"}",
        ),
        (
            "a_504_in_json_is_openwhisks",
            answers(answer(504, &json_type, b"{\"code\":\"1\",\"error\":\"late\"}")),
            504,
            "{\"code\":\"1\",\"error\":\"late\"}",
        ),
        (
            "a_header_value_that_is_not_utf8_does_no_harm",
            answers([&b"HTTP/1.1 200 OK\r\nx-strange: \xff\x80\r\ncontent-length: 14\r\n\r\n"[..], ready].concat()),
            200,
            "{\"ready\":true}",
        ),
        (
            "an_activation_id_that_is_not_utf8_does_no_harm",
            answers(
                [&b"HTTP/1.1 200 OK\r\nx-openwhisk-activation-id: \xff\r\ncontent-length: 14\r\n\r\n"[..], ready]
                    .concat(),
            ),
            200,
            "{\"ready\":true}",
        ),
        (
            "a_header_name_that_is_not_utf8_is_no_http",
            answers([&b"HTTP/1.1 200 OK\r\n\xff: 1\r\ncontent-length: 14\r\n\r\n"[..], ready].concat()),
            502,
            broken_off,
        ),
        // Envoy takes 100 from an upstream unless its cluster says otherwise.
        ("200_headers_are_more_than_envoy_takes", answers(answer(200, &many, ready)), 502, broken_off),
    ]
}
