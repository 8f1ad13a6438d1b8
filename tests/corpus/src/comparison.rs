//! What a driver saw, compared with what the case says.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Value, json};

use crate::body::Text;
use crate::case::{ANY_VERSION, Case, Driver, ExpectedReply};

/// Headers as they came: names in any case, values as bytes.
pub type Headers = Vec<(String, Vec<u8>)>;

/// How many bytes of a body a difference shows.
const SHOWN: usize = 200;

/// Headers that a driver adds to what the filter sends: none in the core itself, so that there each one counts.
struct Added {
    to_calls: &'static [&'static str],
    to_replies: &'static [&'static str],
}

fn added_by(driver: Driver) -> Added {
    match driver {
        Driver::Native | Driver::AbiEnvoy | Driver::AbiApisix => Added { to_calls: &[], to_replies: &[] },
        Driver::Envoy | Driver::OpenWhisk => Added {
            to_calls: &["x-envoy-internal", "x-envoy-expected-rq-timeout-ms", "content-length"],
            to_replies: &["date", "server", "content-length", "connection"],
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
                compare_headers(
                    &mut lines,
                    "call",
                    &expected.headers,
                    &by_name(&got.headers, added_by(driver).to_calls),
                );
                compare_bytes(&mut lines, "call", &expected.body, &got.body);
            }
            (expected, got) => {
                compare(&mut lines, "number of calls", &usize::from(expected.is_some()), &got.len());
            }
        }
        self.verdict(lines)
    }

    /// Compares the reply. With the local `OpenWhisk` any activation id will do.
    ///
    /// # Errors
    /// The [`Difference`] if it is not what the case says.
    pub fn compare_reply(&self, got: &Reply, driver: Driver) -> Result<(), Difference> {
        let mut lines = Vec::new();
        let reply = self.reply_on_apisix.as_ref().filter(|_| driver == Driver::AbiApisix).unwrap_or(&self.reply);
        let ExpectedReply { status, headers: expected, body } = reply;
        compare(&mut lines, "status of the reply", status, &got.status);
        let mut headers = by_name(&got.headers, added_by(driver).to_replies);
        if driver == Driver::OpenWhisk
            && let Some(id) = headers.get_mut("x-openwhisk-activation-id")
            && let Some(expected) = expected.get("x-openwhisk-activation-id")
            && id.iter().all(|id| id.len() == 32 && id.bytes().all(|digit| digit.is_ascii_hexdigit()))
        {
            id.clone_from(expected);
        }
        compare_headers(&mut lines, "reply", expected, &headers);
        match body {
            Text::Bytes(expected) => compare_bytes(&mut lines, "reply", expected, &got.body),
            Text::Error(sentence) => {
                let expected = json!({ "error": sentence, "code": self.request_id() });
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
        expected == got || (expected == ANY_VERSION && got.starts_with(ANY_VERSION.trim_end_matches('*')))
    };
    expected.len() == got.len() && expected.iter().zip(got).all(|(expected, got)| same(expected, got))
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
    use crate::case::{ExpectedCall, GUEST, Request};

    fn case() -> Case {
        let one = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), vec![value.to_owned()])]);
        let config = json!({ "service_token": GUEST });
        Case {
            name: "some-fact".to_owned(),
            about: "Some fact.".to_owned(),
            config: config.as_object().cloned().unwrap_or_default(),
            request: Request {
                method: "GET".to_owned(),
                path: "/hello".to_owned(),
                headers: vec![("x-request-id".to_owned(), "7".to_owned())],
                body: Vec::new(),
            },
            call: Some(ExpectedCall {
                method: "POST".to_owned(),
                path: "/a".to_owned(),
                headers: one("user-agent", "openwhisk-filter/*"),
                body: b"{}".to_vec(),
            }),
            answer: None,
            reply: ExpectedReply {
                status: 502,
                headers: one("x-openwhisk-activation-id", "0"),
                body: Text::Error("why".to_owned()),
            },
            reply_on_apisix: None,
            action: None,
            openwhisk: false,
            except: BTreeMap::new(),
        }
    }

    fn headers(all: &[(&str, &str)]) -> Headers {
        all.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect()
    }

    #[test]
    fn what_the_host_adds_is_no_difference() {
        let call = Call {
            method: "POST".to_owned(),
            path: "/a".to_owned(),
            headers: headers(&[
                ("User-Agent", "openwhisk-filter/1.2.3"),
                ("content-length", "2"),
                ("x-envoy-internal", "true"),
            ]),
            body: b"{}".to_vec(),
        };
        assert_eq!(case().compare_calls(std::slice::from_ref(&call), Driver::Envoy), Ok(()));
        assert!(case().compare_calls(&[call], Driver::Native).is_err());
        let reply = Reply {
            status: 502,
            headers: headers(&[
                ("x-openwhisk-activation-id", "0123456789abcdef0123456789abcdef"),
                ("server", "envoy"),
                ("date", "now"),
            ]),
            body: br#"{"code": "7", "error": "why"}"#.to_vec(),
        };
        assert_eq!(case().compare_reply(&reply, Driver::OpenWhisk), Ok(()));
        assert!(case().compare_reply(&reply, Driver::Envoy).is_err());
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
        assert!(text.contains(r#"expected "{\"code\":\"7\",\"error\":\"why\"}""#), "{text}");
    }
}
