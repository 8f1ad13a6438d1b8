//! Requests that reach the action with all bytes of their bodies, with the local `OpenWhisk`.

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use testbed::client::{ask, chunked, head, request};
use testbed::openwhisk::Action;

use crate::stage::{Behind, Plan, Site, config};

/// The site whose action checks signatures.
const SIGNED: &str = "raw.signed";

/// With what clients sign.
const SECRET: &str = "the secret of the webhook";

/// An action that takes only what is signed.
const VERIFY: &str = r#"
const { createHmac, timingSafeEqual } = require("crypto");
function main({ __ow_headers: headers, __ow_body: body, __ow_isBase64Encoded: isBase64, secret }) {
  const bytes = Buffer.from(body, isBase64 ? "base64" : "utf8");
  const expected = createHmac("sha256", secret).update(bytes).digest();
  const isSigned = timingSafeEqual(Buffer.from(headers["x-signature"], "hex"), expected);
  return { statusCode: isSigned ? 200 : 401, body: { bytes: bytes.length, isBase64 } };
}"#;

/// An action that tells what it received.
const ECHO: &str = "const main = (received) => ({ received });";

/// Adds the tests.
pub fn add(plan: &mut Plan) {
    let action = Action { package: None, name: SIGNED.to_owned(), code: VERIFY.to_owned() };
    let attributes = json!({ "action": SIGNED, "parameters": "raw", "bind": { "secret": SECRET } });
    let behind = Behind::OpenWhisk(Some(action));
    plan.site(Site { name: SIGNED.to_owned(), config: config(SIGNED, attributes), behind });
    signatures(plan);
    nothing_is_refused(plan);
    paths(plan);
}

/// The signature of a body, in hexadecimal digits.
fn signature(body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("a key of any length");
    mac.update(body);
    mac.finalize().into_bytes().iter().fold(String::new(), |mut digits, byte| {
        write!(digits, "{byte:02x}").expect("a string takes it");
        digits
    })
}

fn signatures(plan: &mut Plan) {
    let all: Vec<u8> = (0..=255).collect();
    let bodies: Vec<(&str, &str, Vec<u8>, bool)> = vec![
        (
            "json_with_odd_spaces_and_escapes",
            "application/json",
            b"{ \"a\" :1.0,\r\n\t\"b\":\"\\u00fc\\/\" , \"a\":1e400 }\n".to_vec(),
            true,
        ),
        ("json_that_is_broken", "application/json", b"{\"a\":".to_vec(), true),
        ("json_of_another_type", "application/vnd.api+json", b"{ \"a\" : 1 }".to_vec(), false),
        ("all_bytes", "application/octet-stream", all.clone(), true),
        ("all_bytes_as_text", "text/plain; charset=utf-8", all.clone(), true),
        ("all_bytes_as_a_form", "application/x-www-form-urlencoded", all, true),
        ("text", "text/plain", "h\u{e9}llo \u{1f600}\r\n\0\u{feff}".as_bytes().to_vec(), false),
        ("form", "application/x-www-form-urlencoded", b"a=1&a=2&__ow_body=x&%zz&&".to_vec(), false),
        ("compressed", "application/json", b"\x1f\x8b\x08\0\0\0\0\0\0\x03".to_vec(), true),
        ("megabyte_of_text", "text/plain", vec![b'x'; 1_000_000], false),
        ("empty_json", "application/json", Vec::new(), false),
        ("empty", "application/octet-stream", Vec::new(), false),
    ];
    for (name, content_type, body, is_base64) in bodies {
        plan.test(&format!("raw::signature::{name}"), move |stage| {
            stage.check_openwhisk();
            let sent = |signature: &str, body: &[u8]| {
                let headers = [("content-type", content_type), ("x-signature", signature)];
                let reply = ask(stage.port(SIGNED), &request("POST", "/hello", &headers, body));
                let text = String::from_utf8_lossy(&reply.body).into_owned();
                (reply.status, serde_json::from_str::<Value>(&text).unwrap_or_else(|error| panic!("{error}: {text}")))
            };
            let told = json!({ "bytes": body.len(), "isBase64": is_base64 });
            assert_eq!(sent(&signature(&body), &body), (200, told));
            let mut other = body.clone();
            other.push(b' ');
            assert_eq!(sent(&signature(&body), &other).0, 401);
            stage.check_no_leak(SIGNED);
        });
    }
    plan.test("raw::signature::chunks_without_a_type", |stage| {
        stage.check_openwhisk();
        let (body, mut sent) = (b"{ \"a\" :1}", head("POST", "/hello", &[("transfer-encoding", "chunked")]));
        sent.extend(format!("x-signature: {}\r\n", signature(body)).bytes());
        let chunks = chunked("/hello", &[&body[..3], &body[3..]], &[]);
        let start = chunks.windows(4).position(|end| end == b"\r\n\r\n").expect("a head");
        sent.extend(&chunks[start + 2..]);
        assert_eq!(ask(stage.port(SIGNED), &sent).status, 200);
    });
    // In base64 it is more than OpenWhisk takes.
    plan.test("raw::a_megabyte_of_bytes_is_the_413_of_openwhisk", |stage| {
        stage.check_openwhisk();
        let reply = ask(stage.port(SIGNED), &request("POST", "/hello", &[], &vec![0; 1_000_000]));
        let text = String::from_utf8_lossy(&reply.body);
        assert!(reply.status == 413 && text.contains("Request larger than allowed: "), "{} {text}", reply.status);
    });
}

fn nothing_is_refused(plan: &mut Plan) {
    let attributes = json!({ "parameters": "raw" });
    plan.test_action("raw::reserved_names_are_the_clients", attributes, ECHO, |_, port| {
        let form = [("content-type", "application/x-www-form-urlencoded")];
        let reply = ask(port, &request("PUT", "/hello?__ow_method=get&a=1", &form, b"__ow_body=x&secret=y"));
        let received: Value = serde_json::from_slice(&reply.body).expect("JSON");
        let mut received = received["received"].clone();
        received.as_object_mut().expect("an object").remove("__ow_headers");
        let expected = json!({
            "__ow_method": "put", "__ow_path": "/hello", "__ow_query": "__ow_method=get&a=1",
            "__ow_body": "__ow_body=x&secret=y", "__ow_isBase64Encoded": false,
        });
        assert_eq!(received, expected);
    });
}

/// What a listener hands on that leaves paths alone, as docs/recipes.md says it.
fn paths(plan: &mut Plan) {
    const NAME: &str = "raw::without_normalization_path_and_query_are_as_they_were_sent";
    let action = Action { package: None, name: "raw.path".to_owned(), code: ECHO.to_owned() };
    let attributes = json!({ "action": action.name, "parameters": "raw" });
    let site =
        Site { name: NAME.to_owned(), config: config(NAME, attributes), behind: Behind::OpenWhisk(Some(action)) };
    plan.site_with(site, json!({ "manager": { "normalize_path": false, "merge_slashes": false } }));
    plan.test(NAME, |stage| {
        stage.check_openwhisk();
        let (path, query) = ("/hello//a/./%41%2f/../%7e;v=1", "q=%20+%zz&&b=/../c");
        let reply = ask(stage.port(NAME), &request("GET", &format!("{path}?{query}"), &[], b""));
        let received: Value = serde_json::from_slice(&reply.body).expect("JSON");
        let received = &received["received"];
        assert_eq!((&received["__ow_path"], &received["__ow_query"]), (&json!(path), &json!(query)));
        stage.check_good();
    });
}
