//! A golden case, complete for a driver to run it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::body::Text;
use crate::error::Wrong;
use crate::parameters::Parameters;
use crate::{file, usual};

/// The key of the standalone `OpenWhisk`'s guest: the token of every case that sets none.
pub const GUEST: &str =
    "23bc46b1-71f6-4ed5-8c54-816aa4f8c502:123zO3xZCLrMN6v2BKK1dXYFpXlPkccOFqm12CdAsMgRU4VrNZ9lyGVCGuMDGIwP";

/// One exchange, and what it must look like.
#[derive(Clone, Debug)]
pub struct Case {
    /// The name of its folder, which states the fact.
    pub name: String,
    /// The fact, in a sentence.
    pub about: String,
    /// The attributes of the filter, without `upstream` unless the case gives it.
    pub config: Map<String, Value>,
    /// What the client sends.
    pub request: Request,
    /// What `OpenWhisk` must receive; nothing if no call may happen.
    pub call: Option<ExpectedCall>,
    /// What `OpenWhisk` answers, where it is scripted.
    pub answer: Option<Answer>,
    /// What the client must get.
    pub reply: ExpectedReply,
    /// What the client must get on APISIX, where that is something else.
    pub(crate) reply_on_apisix: Option<ExpectedReply>,
    /// The program of the action, for a driver with an `OpenWhisk` that executes it.
    pub action: Option<String>,
    pub(crate) openwhisk: bool,
    pub(crate) except: BTreeMap<Driver, String>,
}

/// A way to run a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Driver {
    /// The core, natively.
    Native,
    /// The built filter in a host for tests that behaves as Envoy does.
    AbiEnvoy,
    /// The built filter in a host for tests that behaves as the wasm runtime of APISIX does.
    AbiApisix,
    /// A real Envoy, with a scripted upstream.
    Envoy,
    /// A real Envoy, with a scripted upstream that speaks HTTP/2.
    EnvoyHttp2,
    /// A real Envoy, with the local `OpenWhisk`.
    #[serde(rename = "openwhisk")]
    OpenWhisk,
}

/// What the client sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The path and query.
    pub path: String,
    /// The headers, without `host` and those of the body's length.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body.
    pub body: Vec<u8>,
}

/// What `OpenWhisk` must receive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedCall {
    /// The method.
    pub method: String,
    /// The path and query.
    pub path: String,
    /// All headers, with lower-case names.
    pub headers: BTreeMap<String, Vec<String>>,
    /// The body.
    pub body: ExpectedBody,
}

/// The body that `OpenWhisk` must receive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExpectedBody {
    /// These bytes.
    Bytes(Vec<u8>),
    /// A JSON object with these fields, in whatever order and spelling.
    Parameters(Parameters),
}

/// What `OpenWhisk` answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A whole answer.
    Whole {
        /// Its status.
        status: u16,
        /// Its headers.
        headers: Vec<(String, String)>,
        /// Its body.
        body: Vec<u8>,
    },
    /// Something else.
    Fault(Fault),
}

/// What happens instead of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The connection is refused.
    Unreachable,
    /// The connection is closed before the answer.
    Closed,
    /// Nothing comes before the deadline.
    Silent,
    /// The connection is closed in the body of the answer.
    BrokenOff,
    /// The host knows no such upstream.
    UnknownUpstream,
}

/// What the client must get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedReply {
    /// The status.
    pub status: u16,
    /// All headers that are not the gateway's own, with lower-case names.
    pub headers: BTreeMap<String, Vec<String>>,
    /// The body.
    pub body: Text,
}

impl Case {
    /// The configuration as JSON, with this upstream unless the case says something else.
    #[must_use]
    pub fn config_json(&self, upstream: &str) -> String {
        let mut config = self.config.clone();
        match config.get("upstream") {
            None => _ = config.insert("upstream".to_owned(), upstream.into()),
            Some(Value::Null) => _ = config.remove("upstream"),
            Some(_) => {}
        }
        Value::Object(config).to_string()
    }

    /// Why a driver leaves the case out, if it does and the case is for it at all.
    #[must_use]
    pub fn exception(&self, driver: Driver) -> Option<&str> {
        self.except.get(&driver).map(String::as_str)
    }

    /// Whether a driver runs the case.
    #[must_use]
    pub fn runs_on(&self, driver: Driver) -> bool {
        !self.except.contains_key(&driver) && (driver != Driver::OpenWhisk || self.openwhisk)
    }

    /// An attribute that is a string.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.config.get(name)?.as_str()
    }

    /// The id of the request, which is the `code` of gateway errors.
    #[must_use]
    pub fn request_id(&self) -> &str {
        self.request.id()
    }
}

impl Request {
    /// What stands behind the last slash of the path.
    pub(crate) fn last_segment(&self) -> &str {
        let path = self.path.split('?').next().unwrap_or_default();
        path.rsplit('/').next().unwrap_or_default()
    }

    pub(crate) fn id(&self) -> &str {
        let header = self.headers.iter().find(|(name, _)| name == "x-request-id");
        header.and_then(|(_, value)| str::from_utf8(value).ok()).unwrap_or_default()
    }
}

/// Reads all cases in a folder, sorted by name.
///
/// # Errors
/// [`Wrong`] for the first file that is not a case.
pub fn cases(folder: &Path) -> Result<Vec<Case>, Wrong> {
    let entries = fs::read_dir(folder).map_err(|error| Wrong::new(folder, error))?;
    let mut folders: Vec<_> = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    if folders.is_empty() {
        return Err(Wrong::new(folder, "there is no case here"));
    }
    folders.iter().map(|folder| read(folder)).collect()
}

fn read(folder: &Path) -> Result<Case, Wrong> {
    let path = folder.join("case.yaml");
    let text = fs::read_to_string(&path).map_err(|error| Wrong::new(&path, error))?;
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let action = fs::read_to_string(folder.join("action.js")).ok();
    parse(name, &text, action).map_err(|reason| Wrong::new(&path, reason))
}

pub(crate) fn parse(name: String, text: &str, action: Option<String>) -> Result<Case, String> {
    let file: file::File = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
    if let Some((driver, _)) = file.except.iter().find(|(_, reason)| reason.trim().is_empty()) {
        return Err(format!("`except` gives no reason for {driver:?}"));
    }
    let config = usual::config(&name, file.config);
    let request = usual::request(&name, file.request)?;
    let call = match file.call {
        file::Call::None(file::Nothing::None) => None,
        file::Call::Some(call) => Some(usual::call(call, &config, &request)?),
    };
    let answer = file.answer.map(answer).transpose()?;
    if call.is_none() && answer.is_some() {
        return Err("`answer` is given, but `call` is none".to_owned());
    }
    if call.is_some() && answer.is_none() {
        return Err("`answer` is missing, as `call` is not none".to_owned());
    }
    let reply = expected_reply(file.reply)?;
    let reply_on_apisix = file.reply_on_apisix.map(expected_reply).transpose()?;
    let openwhisk = file.openwhisk || action.is_some();
    Ok(Case {
        name,
        about: file.about,
        config,
        request,
        call,
        answer,
        reply,
        reply_on_apisix,
        action,
        openwhisk,
        except: file.except,
    })
}

fn expected_reply(file: file::Reply) -> Result<ExpectedReply, String> {
    Ok(ExpectedReply { status: file.status, headers: by_name(file.headers), body: file.body.into_text()? })
}

fn answer(file: file::Answer) -> Result<Answer, String> {
    match file {
        file::Answer::Fault(file::Broken { fault }) => Ok(Answer::Fault(fault)),
        file::Answer::Whole(file::Whole { status, headers, body }) => {
            Ok(Answer::Whole { status, headers: lines(headers), body: body.into_bytes()? })
        }
    }
}

fn by_name(headers: BTreeMap<String, file::Values>) -> BTreeMap<String, Vec<String>> {
    headers.into_iter().map(|(name, values)| (name.to_ascii_lowercase(), values.into_vec())).collect()
}

fn lines(headers: BTreeMap<String, file::Values>) -> Vec<(String, String)> {
    let line = |name: String, values: file::Values| {
        values.into_vec().into_iter().map(move |value| (name.to_ascii_lowercase(), value))
    };
    headers.into_iter().flat_map(|(name, values)| line(name, values)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Case, String> {
        parse("the-name".to_owned(), text, None)
    }

    #[test]
    fn the_shortest_case_is_the_usual_call() {
        let case = parsed("about: x\ncall: {}\nanswer: {status: 200}\nreply: {status: 200}").expect("a case");
        let call = case.call.as_ref().expect("a call");
        assert_eq!(call.method, "POST");
        assert_eq!(call.path, "/api/v1/namespaces/guest/actions/the-name?blocking=true&result=true&timeout=60000");
        assert_eq!(call.headers["host"], ["openwhisk.example"]);
        assert_eq!(call.headers["x-request-id"], ["golden-the-name"]);
        assert_eq!(case.request_id(), "golden-the-name");
        assert!(case.config_json("up").contains(r#""upstream":"up""#));
        assert!(case.runs_on(Driver::Envoy) && !case.runs_on(Driver::OpenWhisk));
    }

    #[test]
    fn the_usual_call_follows_the_attributes() {
        let cases = [
            ("{timeout: 5}", "POST", "?blocking=true&result=true&timeout=5"),
            ("{mode: result, on_timeout: accept}", "POST", "?blocking=true&result=true&timeout=60000"),
            ("{mode: activation, timeout: 5}", "POST", "?blocking=true&result=false&timeout=5"),
            ("{mode: async, timeout: 5}", "POST", "?blocking=false"),
            ("{mode: metadata}", "GET", ""),
            ("{result: false}", "GET", ""),
            ("{mode: async, location: /jobs}", "POST", "?blocking=false"),
        ];
        for (config, method, query) in cases {
            let text = format!(
                "about: x\nconfig: {config}\nrequest: {{body: raw}}\ncall: {{}}\nanswer: {{status: 200}}\nreply: {{status: 200}}"
            );
            let call = parsed(&text).expect(config).call.expect("a call");
            assert_eq!(call.method, method, "{config}");
            assert_eq!(call.path, format!("/api/v1/namespaces/guest/actions/the-name{query}"), "{config}");
            let body = if method == "GET" { &b""[..] } else { b"raw" };
            assert_eq!(call.body, ExpectedBody::Bytes(body.to_vec()), "{config}");
            assert!(!call.headers.contains_key("x-envoy-max-retries"), "{config}");
        }
        let text = "about: x\nconfig: {retries: 2}\ncall: {}\nanswer: {status: 200}\nreply: {status: 200}";
        let call = parsed(text).expect("a case").call.expect("a call");
        assert_eq!(call.headers["x-envoy-max-retries"], ["2"]);
        assert_eq!(call.headers["x-envoy-retry-on"], ["connect-failure,refused-stream,reset-before-request"]);
        let none = parsed(&text.replace("retries: 2", "retries: 0")).expect("a case").call.expect("a call");
        assert!(!none.headers.contains_key("x-envoy-max-retries") && !none.headers.contains_key("x-envoy-retry-on"));
    }

    #[test]
    fn a_trigger_is_fired_and_a_record_is_read() {
        let rest = "call: {}\nanswer: {status: 200}\nreply: {status: 200}";
        let fired = parsed(&format!("about: x\nconfig: {{trigger: t, parameters: raw}}\n{rest}")).expect("a case");
        assert_eq!(fired.attribute("action"), None);
        let fired = fired.call.expect("a call");
        assert_eq!((fired.method.as_str(), fired.path.as_str()), ("POST", "/api/v1/namespaces/guest/triggers/t"));
        let polled = format!("about: x\nconfig: {{mode: poll}}\nrequest: {{path: /jobs/7?x/y, body: z}}\n{rest}");
        let polled = parsed(&polled).expect("a case").call.expect("a call");
        assert_eq!((polled.method.as_str(), polled.path.as_str()), ("GET", "/api/v1/namespaces/_/activations/7"));
        assert_eq!(polled.body, ExpectedBody::Bytes(Vec::new()));
    }

    #[test]
    fn what_is_no_case_is_told() {
        let cases = [
            ("", "end of input"),
            ("about: x\nreply: {status: 200}", "call"),
            ("about: x\ncall: never\nreply: {status: 200}", "expected `none`"),
            ("about: x\ncall: none\nreply: {status: 200}\nrequest: {verb: GET}", "verb"),
            ("about: x\ncall: none\nreply: {status: 200, headers: {a: 1}}", "quote numbers"),
            ("about: x\ncall: none\nreply: {status: 200, body: {base64: '%'}}", "not base64"),
            ("about: x\ncall: none\nreply: {status: 200, body: {times: 1}}", "expected a string, {base64"),
            ("about: x\ncall: none\nreply: {status: 200}\nrequest: {body: {error: x}}", "replies only"),
            ("about: x\ncall: none\nreply: {status: 200}\nrequest: {path: {base64: '/w=='}}", "expected text"),
            ("about: x\ncall: none\nreply: {status: 200}\nrequest: {headers: {a: 1}}", "quote numbers"),
            ("about: x\ncall: {body: {parameters: 1}}\nreply: {status: 200}", "expected"),
            (
                "about: x\ncall: {body: {parameters: '[]'}}\nanswer: {status: 200}\nreply: {status: 200}",
                "no JSON object",
            ),
            (
                "about: x\ncall: {body: {parameters: {__ow_headers: x}}}\nanswer: {status: 200}\nreply: {status: 200}",
                "an object",
            ),
            (
                "about: x\ncall: {body: {parameters: {a: {json: 1}}}}\nanswer: {status: 200}\nreply: {status: 200}",
                "expected a string",
            ),
            (
                "about: x\nconfig: {parameters: http}\nrequest: {body: raw}\ncall: {}\nanswer: {status: 200}\nreply: {status: 200}",
                "what becomes of the body",
            ),
            ("about: x\ncall: none\nanswer: {status: 200}\nreply: {status: 200}", "`call` is none"),
            ("about: x\ncall: {}\nreply: {status: 200}", "`answer` is missing"),
            ("about: x\ncall: {}\nanswer: {fault: tired}\nreply: {status: 200}", "expected {status"),
            ("about: x\ncall: none\nreply: {status: 200}\nexcept: {native: ''}", "no reason"),
            ("about: x\ncall: none\nreply: {status: 200}\nexcept: {nginx: y}", "nginx"),
            ("about: x\nabout: y\ncall: none\nreply: {status: 200}", "about"),
        ];
        for (text, expected) in cases {
            let error = parsed(text).expect_err(text);
            assert!(error.contains(expected), "{text:?} should name {expected:?}: {error}");
        }
    }

    #[test]
    fn bodies_are_bytes() {
        let cases = [
            ("x", &b"x"[..]),
            ("{base64: '/w=='}", b"\xff"),
            ("{repeat: ab, times: 2, before: '<', after: '>'}", b"<abab>"),
            ("{repeat: 'a#=#&', times: 3, number: '#'}", b"a0=0&a1=1&a2=2&"),
            ("[{repeat: '[', times: 2}, x, {base64: '/w=='}]", b"[[x\xff"),
        ];
        for (body, expected) in cases {
            let case = parsed(&format!("about: x\ncall: none\nreply: {{status: 200, body: {body}}}")).expect(body);
            assert_eq!(case.reply.body, Text::Bytes(expected.to_vec()), "{body}");
        }
    }

    #[test]
    fn a_request_may_be_long_and_need_not_be_text() {
        let text = "about: x\ncall: none\nreply: {status: 200}\nrequest: {path: {repeat: a, times: 3, before: /}, headers: {B: [{base64: '/w=='}, c]}}";
        let request = parsed(text).expect("a case").request;
        assert_eq!(request.path, "/aaa");
        let expected = [("b", &b"\xff"[..]), ("b", b"c"), ("x-request-id", b"golden-the-name")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_vec()));
        assert_eq!(request.headers, expected);
    }
}
