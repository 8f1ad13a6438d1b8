//! What a driver saw, compared with what the case says.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Value, json};

use crate::body::Text;
use crate::case::{Case, Driver, ExpectedBody, ExpectedReply};

/// Headers as they came: names in any case, values as bytes.
pub type Headers = Vec<(String, Vec<u8>)>;

/// The `user-agent` of a call: the filter's name and some version.
pub const ANY_VERSION: &str = "openwhisk-filter/*";

/// The headers of a call that tell Envoy when to try again, and how often. Envoy keeps them to itself.
pub const RETRY_HEADERS: [&str; 2] = ["x-envoy-retry-on", "x-envoy-max-retries"];

/// What stands for a number in the value of a header.
const NUMBER: &str = "{number}";

/// The header with the id of the activation.
const ACTIVATION_ID: &str = "x-openwhisk-activation-id";

/// How many bytes of a body a difference shows.
const SHOWN: usize = 200;

/// Headers that a driver adds to messages of each kind: none in the core itself, so that there each one
/// counts.
struct Added {
    requests: &'static [&'static str],
    calls: &'static [&'static str],
    replies: &'static [&'static str],
}

fn added_by(driver: Driver) -> Added {
    match driver {
        Driver::Native | Driver::AbiEnvoy | Driver::AbiApisix => Added { requests: &[], calls: &[], replies: &[] },
        Driver::Envoy | Driver::EnvoyHttp2 | Driver::OpenWhisk => Added {
            requests: &["x-forwarded-proto", "x-forwarded-for", "x-envoy-external-address"],
            calls: &["x-envoy-internal", "x-envoy-expected-rq-timeout-ms", "content-length"],
            replies: &["date", "server", "content-length", "connection"],
        },
    }
}

/// What `OpenWhisk` received.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Call {
    /// The method.
    pub method: String,
    /// The path and query.
    pub path: String,
    /// All headers, `host` among them.
    pub headers: Headers,
    /// The body.
    pub body: Vec<u8>,
}

/// What the client got.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// All headers.
    pub headers: Headers,
    /// The body.
    pub body: Vec<u8>,
}

/// A driver saw something else than the case says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    case: String,
    about: String,
    lines: Vec<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "tests/golden/{}: {}", self.case, self.about)?;
        self.lines.iter().try_for_each(|line| writeln!(f, "  {line}"))
    }
}

impl std::error::Error for Difference {}

impl Case {
    /// Compares the calls that `OpenWhisk` received, usually one or none.
    ///
    /// # Errors
    /// The [`Difference`] if it is not what the case says.
    pub fn compare_calls(&self, got: &[Call], driver: Driver) -> Result<(), Difference> {
        let mut lines = Vec::new();
        match (&self.call, got) {
            (None, []) => {}
            (Some(expected), [got]) => {
                compare(&mut lines, "method of the call", &expected.method, &got.method);
                compare(&mut lines, "path of the call", &expected.path, &got.path);
                let added = added_by(driver);
                let mut headers = expected.headers.clone();
                if !matches!(driver, Driver::Native | Driver::AbiEnvoy) {
                    headers.retain(|name, _| !RETRY_HEADERS.contains(&name.as_str()));
                }
                if driver == Driver::AbiApisix && self.config.get("keepalive") == Some(&Value::Bool(false)) {
                    headers.insert("connection".to_owned(), vec!["close".to_owned()]);
                }
                compare_headers(&mut lines, "call", &headers, &by_name(&got.headers, added.calls));
                match &expected.body {
                    ExpectedBody::Bytes(expected) => compare_bytes(&mut lines, "call", expected, &got.body),
                    ExpectedBody::Parameters(expected) => {
                        lines.extend(expected.differences(&got.body, added.requests));
                    }
                }
            }
            (expected, got) => {
                compare(&mut lines, "number of calls", &usize::from(expected.is_some()), &got.len());
            }
        }
        self.verdict(lines)
    }

    /// Compares the reply. With the local `OpenWhisk` any activation id will do, if it is the same
    /// one everywhere.
    ///
    /// # Errors
    /// The [`Difference`] if it is not what the case says.
    pub fn compare_reply(&self, got: &Reply, driver: Driver) -> Result<(), Difference> {
        let mut lines = Vec::new();
        let reply = self.reply_on_apisix.as_ref().filter(|_| driver == Driver::AbiApisix).unwrap_or(&self.reply);
        let ExpectedReply { status, headers: expected, body } = reply;
        compare(&mut lines, "status of the reply", status, &got.status);
        let headers = by_name(&got.headers, added_by(driver).replies);
        let mut expected = expected.clone();
        let listed = match expected.get(ACTIVATION_ID).map(Vec::as_slice) {
            Some([id]) => Some(id.clone()),
            _ => None,
        };
        let mut id = listed.clone();
        if driver == Driver::OpenWhisk
            && id.is_some()
            && let Some([received]) = headers.get(ACTIVATION_ID).map(Vec::as_slice)
            && received.len() == 32
            && received.bytes().all(|digit| digit.is_ascii_hexdigit())
        {
            id = Some(received.clone());
            for value in expected.values_mut().flatten() {
                *value = value.replace(listed.as_deref().unwrap_or_default(), received);
            }
        }
        compare_headers(&mut lines, "reply", &expected, &headers);
        match body {
            Text::Bytes(bytes) => match (listed, id, str::from_utf8(bytes)) {
                (Some(listed), Some(id), Ok(text)) if listed != id => {
                    compare_bytes(&mut lines, "reply", text.replace(&listed, &id).as_bytes(), &got.body);
                }
                _ => compare_bytes(&mut lines, "reply", bytes, &got.body),
            },
            Text::Error(sentence) => {
                let mut expected = json!({ "error": sentence, "code": self.request_id() });
                if let (Some(id), Some(fields)) = (id, expected.as_object_mut()) {
                    fields.insert("activationId".to_owned(), json!(id));
                }
                if serde_json::from_slice::<Value>(&got.body).ok().as_ref() != Some(&expected) {
                    compare_bytes(&mut lines, "reply", expected.to_string().as_bytes(), &got.body);
                }
            }
        }
        self.verdict(lines)
    }

    fn verdict(&self, lines: Vec<String>) -> Result<(), Difference> {
        if lines.is_empty() {
            return Ok(());
        }
        Err(Difference { case: self.name.clone(), about: self.about.clone(), lines })
    }
}

fn compare<T: PartialEq + fmt::Debug>(lines: &mut Vec<String>, what: &str, expected: &T, got: &T) {
    if expected != got {
        lines.push(format!("{what}: expected {expected:?}, got {got:?}"));
    }
}

/// The values of each header in their order, without those that somebody else adds.
fn by_name(headers: &Headers, added: &[&str]) -> BTreeMap<String, Vec<String>> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in headers {
        let name = name.to_ascii_lowercase();
        if !added.contains(&name.as_str()) {
            let value = String::from_utf8(value.clone()).unwrap_or_else(|_| value.escape_ascii().to_string());
            all.entry(name).or_default().push(value);
        }
    }
    all
}

fn compare_headers(
    lines: &mut Vec<String>,
    of: &str,
    expected: &BTreeMap<String, Vec<String>>,
    got: &BTreeMap<String, Vec<String>>,
) {
    let nothing = Vec::new();
    for (name, expected) in expected {
        let got = got.get(name).unwrap_or(&nothing);
        if !same_values(expected, got) {
            compare(lines, &format!("header {name} of the {of}"), expected, got);
        }
    }
    for (name, got) in got.iter().filter(|(name, _)| !expected.contains_key(*name)) {
        compare(lines, &format!("header {name} of the {of}"), &nothing, got);
    }
}

fn same_values(expected: &[String], got: &[String]) -> bool {
    let same = |expected: &String, got: &String| {
        expected == got
            || (expected == ANY_VERSION && got.starts_with(ANY_VERSION.trim_end_matches('*')))
            || is_with_numbers(expected, got)
    };
    expected.len() == got.len() && expected.iter().zip(got).all(|(expected, got)| same(expected, got))
}

/// Whether a text is the expected one, with digits for each [`NUMBER`] in it.
fn is_with_numbers(expected: &str, got: &str) -> bool {
    let mut parts = expected.split(NUMBER);
    let first = got.strip_prefix(parts.next().unwrap_or_default());
    let rest = parts.try_fold(first, |rest, part| {
        let behind = rest?.trim_start_matches(|c: char| c.is_ascii_digit());
        (Some(behind) != rest).then(|| behind.strip_prefix(part))
    });
    rest == Some(Some(""))
}

fn compare_bytes(lines: &mut Vec<String>, of: &str, expected: &[u8], got: &[u8]) {
    if expected == got {
        return;
    }
    let shown = |bytes: &[u8]| {
        let part = bytes.get(..SHOWN).unwrap_or(bytes);
        let rest = if part.len() < bytes.len() { "…" } else { "" };
        format!("\"{}{rest}\" ({} bytes)", part.escape_ascii(), bytes.len())
    };
    let at = expected.iter().zip(got).take_while(|(expected, got)| expected == got).count();
    lines.push(format!("body of the {of}: expected {}", shown(expected)));
    lines.push(format!("{:>width$} {}, differs at byte {at}", "got", shown(got), width = of.len().saturating_add(22)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::{Request, parse};
    use crate::parameters::Parameters;

    const ID: &str = "0123456789abcdef0123456789abcdef";

    fn case() -> Case {
        let text = "about: Some fact.\nrequest: {headers: {x-request-id: '7'}}\ncall: {path: /a, body: '{}'}\nanswer: \
                    {status: 200}\nreply: {status: 502, headers: {x-openwhisk-activation-id: '0'}, body: {error: why}}";
        let mut case = parse("some-fact".to_owned(), text, None).expect("a case");
        case.call.as_mut().expect("a call").headers.retain(|name, _| name == "user-agent");
        case
    }

    /// The call of that case with these headers.
    fn call(all: &[(&str, &str)]) -> Call {
        Call { method: "POST".to_owned(), path: "/a".to_owned(), headers: headers(all), body: b"{}".to_vec() }
    }

    /// Its reply about this activation.
    fn reply(id: &str, body: &str) -> Reply {
        Reply { status: 502, headers: headers(&[(ACTIVATION_ID, id)]), body: body.as_bytes().to_vec() }
    }

    fn headers(all: &[(&str, &str)]) -> Headers {
        all.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect()
    }

    #[test]
    fn what_the_host_adds_is_no_difference() {
        let by_envoy = [("content-length", "2"), ("x-envoy-internal", "true")];
        let call = call(&[&[("User-Agent", "openwhisk-filter/1.2.3")], &by_envoy[..]].concat());
        assert_eq!(case().compare_calls(std::slice::from_ref(&call), Driver::Envoy), Ok(()));
        assert!(case().compare_calls(&[call], Driver::Native).is_err());
        let mut reply = reply(ID, &format!(r#"{{"code": "7", "error": "why", "activationId": "{ID}"}}"#));
        reply.headers.extend(headers(&[("server", "envoy"), ("date", "now")]));
        assert_eq!(case().compare_reply(&reply, Driver::OpenWhisk), Ok(()));
        assert!(case().compare_reply(&reply, Driver::Envoy).is_err());
    }

    #[test]
    fn an_error_about_an_activation_tells_its_id_twice() {
        let told = r#"{"error":"why","code":"7","activationId":"0"}"#;
        let cases = [
            (Driver::Native, "0", told, true),
            (Driver::Native, "0", r#"{"error":"why","code":"7"}"#, false),
            (Driver::Native, "0", r#"{"error":"why","code":"7","activationId":"1"}"#, false),
            (Driver::OpenWhisk, ID, &format!(r#"{{"error":"why","code":"7","activationId":"{ID}"}}"#), true),
            (Driver::OpenWhisk, ID, r#"{"error":"why","code":"7","activationId":"0"}"#, false),
            (Driver::OpenWhisk, "1", r#"{"error":"why","code":"7","activationId":"1"}"#, false),
        ];
        for (driver, id, body, fits) in cases {
            let compared = case().compare_reply(&reply(id, body), driver);
            assert_eq!(compared.is_ok(), fits, "{driver:?} {id} {body}: {compared:?}");
        }
        let mut without = case();
        without.reply.headers.clear();
        for (body, fits) in [(r#"{"error":"why","code":"7"}"#, true), (told, false)] {
            let reply = Reply { headers: Headers::new(), ..reply("", body) };
            assert_eq!(without.compare_reply(&reply, Driver::Native).is_ok(), fits, "{body}");
        }
    }

    #[test]
    fn an_id_in_a_body_or_another_header_is_that_of_the_header() {
        let mut case = case();
        case.reply.body = Text::Bytes(b"{\"activationId\":\"0\"}".to_vec());
        let same = format!("{{\"activationId\":\"{ID}\"}}");
        case.reply.headers.insert("location".to_owned(), vec!["/jobs/0".to_owned()]);
        let reply = |id: &str, body: &str| {
            let mut reply = reply(id, body);
            reply.headers.extend(headers(&[("location", &format!("/jobs/{ID}"))]));
            reply
        };
        for (driver, body, fits) in [
            (Driver::OpenWhisk, same.as_str(), true),
            (Driver::OpenWhisk, "{\"activationId\":\"0\"}", false),
            (Driver::Envoy, &same, false),
        ] {
            let compared = case.compare_reply(&reply(ID, body), driver);
            assert_eq!(compared.is_ok(), fits, "{driver:?} {body}: {compared:?}");
        }
    }

    #[test]
    fn headers_about_retries_are_seen_before_envoy_takes_them() {
        let mut case = case();
        let expected = case.call.as_mut().expect("a call");
        expected.headers.insert(RETRY_HEADERS[1].to_owned(), vec!["2".to_owned()]);
        let bare = [("user-agent", "openwhisk-filter/1")];
        let with = [bare[0], (RETRY_HEADERS[1], "2")];
        for driver in [Driver::Native, Driver::AbiEnvoy, Driver::AbiApisix, Driver::Envoy] {
            let seen = matches!(driver, Driver::Native | Driver::AbiEnvoy);
            assert_eq!(case.compare_calls(&[call(&with)], driver).is_ok(), seen, "{driver:?}");
            assert_eq!(case.compare_calls(&[call(&bare)], driver).is_ok(), !seen, "{driver:?}");
        }
    }

    #[test]
    fn headers_that_envoy_gives_to_a_request_count_where_they_are_listed() {
        let request = Request { method: "GET".to_owned(), path: "/".to_owned(), headers: Vec::new(), body: Vec::new() };
        let asked = |proto: &str| {
            let body = format!(
                r#"{{"__ow_method":"get","__ow_path":"/","__ow_query":"","__ow_headers":{{"host":"gateway.example","x-request-id":""{proto}}}}}"#
            );
            Call { body: body.into(), ..call(&[("user-agent", "openwhisk-filter/1")]) }
        };
        let http = r#","x-envoy-external-address":"127.0.0.1","x-forwarded-for":"10.0.0.1","x-forwarded-proto":"http""#;
        for (listed, driver, proto, fits) in [
            (json!({}), Driver::Envoy, http, true),
            (json!({}), Driver::Envoy, "", true),
            (json!({}), Driver::Envoy, r#","x-real-ip":"10.0.0.1""#, false),
            (json!({}), Driver::Native, http, false),
            (json!({"x-forwarded-proto": "http"}), Driver::Envoy, http, true),
            (json!({"x-forwarded-proto": "https"}), Driver::Envoy, http, false),
            (json!({"x-forwarded-proto": "http"}), Driver::Envoy, "", false),
        ] {
            let given = json!({ "__ow_headers": listed }).as_object().cloned().unwrap_or_default();
            let given = Parameters::new(crate::file::Parameters::Object(given), &request, false).expect("parameters");
            let mut case = case();
            case.call.as_mut().expect("a call").body = ExpectedBody::Parameters(given);
            let compared = case.compare_calls(&[asked(proto)], driver);
            assert_eq!(compared.is_ok(), fits, "{driver:?} {listed} {proto}: {compared:?}");
        }
    }

    #[test]
    fn a_header_may_have_a_number_in_it() {
        for (expected, got, fits) in [
            ("a;dur={number}", "a;dur=0", true),
            ("a;dur={number}, b;dur={number}", "a;dur=12, b;dur=345", true),
            ("a;dur={number}", "a;dur=", false),
            ("a;dur={number}", "a;dur=x", false),
            ("a;dur={number}", "a;dur=1.5", false),
            ("a;dur={number}", "b;dur=1", false),
            ("a;dur={number}, b;dur={number}", "a;dur=1, b;dur=", false),
            ("{number}", "{number}", true),
            ("1", "2", false),
        ] {
            assert_eq!(same_values(&[expected.to_owned()], &[got.to_owned()]), fits, "{expected} {got}");
        }
    }

    #[test]
    fn a_difference_names_the_case_and_both_sides() {
        let call = Call { headers: headers(&[("cookie", "a=1")]), body: b"{\"\xff".to_vec(), ..Call::default() };
        let text = case().compare_calls(&[call], Driver::Native).expect_err("differs").to_string();
        let expected = [
            "tests/golden/some-fact: Some fact.",
            "method of the call: expected \"POST\", got \"\"",
            "header user-agent of the call: expected [\"openwhisk-filter/*\"], got []",
            "header cookie of the call: expected [], got [\"a=1\"]",
            "body of the call: expected \"{}\" (2 bytes)",
            "got \"{\\\"\\xff\" (3 bytes), differs at byte 1",
        ];
        for line in expected {
            assert!(text.contains(line), "{line:?} is missing:\n{text}");
        }
        let text = case().compare_calls(&[], Driver::Native).expect_err("no call").to_string();
        assert!(text.contains("number of calls: expected 1, got 0"), "{text}");
        let text = case().compare_reply(&Reply::default(), Driver::Native).expect_err("differs").to_string();
        assert!(text.contains("status of the reply: expected 502, got 0"), "{text}");
        assert!(text.contains(r#"expected "{\"activationId\":\"0\",\"code\":\"7\",\"error\":\"why\"}""#), "{text}");
    }
}
