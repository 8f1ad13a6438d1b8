//! What must hold for the reply to an answer of `OpenWhisk`, of whatever status and bytes.

use std::time::Duration;

use arbitrary::Arbitrary;
use http::StatusCode;
use http::header::{self, HeaderValue};
use openwhisk_filter::answer::{Answer, Content, Outcome};
use openwhisk_filter::call::request::Request;
use openwhisk_filter::error::Error;
use openwhisk_filter::error::row::Words;
use openwhisk_filter::proxy::Proxy;
use openwhisk_filter::reply::Reply;
use serde_json::{Value, json};

use crate::Held;
use crate::encode::encode_fields;
use crate::input::{Line, Mode, Rest, SECRET, UPSTREAM, proxy, settings};
use crate::json::{Entries, is_json};
use crate::memory;
use crate::naive::{self, ID, Shape, WITHOUT_BODY};

/// The most lines: those of the action, its content type and the id of the activation.
const MOST_LINES: usize = 96;

/// The most bytes that an Envoy in front of the gateway takes, with four for each line.
const MOST_BYTES: usize = 60 << 10;

/// The longest line of the log about an error, in bytes.
const LONGEST: usize = 4000;

/// The longest id of an activation that is handed on, in bytes.
const LONGEST_ID: usize = 256;

/// The statuses at which nginx closes the connection.
const CLOSING: &[u16] = &[408, 444, 499];

/// The redirects that nginx answers with a page of its own where they have no body.
const REDIRECTS: &[u16] = &[301, 302, 303, 307, 308];

/// Where results are asked for.
const LOCATION: &str = "/jobs";

/// The head of an answer to a call.
#[derive(Arbitrary, Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// Its status; of larger numbers the last three digits.
    pub status: u16,
    /// The id of the activation.
    pub id: Option<Line>,
    /// The type of its body.
    pub content_type: Option<Line>,
    /// Whether it has the header that Envoy adds to what an upstream answers.
    pub is_upstreams: bool,
}

/// An answer to a call, and the call as far as it matters.
#[derive(Arbitrary, Clone, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is an attribute")]
pub struct Answered {
    /// Where the filter runs.
    pub is_apisix: bool,
    /// The attribute `mode`.
    pub mode: Mode,
    /// The attribute `on_timeout`.
    pub accept: bool,
    /// Whether the attribute `response` is `"plain"`.
    pub plain: bool,
    /// Whether there is an attribute `location`.
    pub location: bool,
    /// Whether the action is in a package.
    pub package: bool,
    /// The header of the request with its id.
    pub request_id: Line,
    /// The head of the answer.
    pub head: Head,
    /// Its body.
    pub body: Rest,
}

encode_fields!(Head { status, id, content_type, is_upstreams });
encode_fields!(Answered { is_apisix, mode, accept, plain, location, package, request_id, head, body });

impl Answered {
    /// Whether there may be a 202, without which no configuration has a `location`.
    fn may_go_on(&self) -> bool {
        self.mode == Mode::Async || self.accept && matches!(self.mode, Mode::Result | Mode::Activation)
    }

    /// How many bytes come in.
    const fn size(&self) -> usize {
        self.body.0.len().saturating_add(self.request_id.0.len()).saturating_add(self.head.size())
    }
}

impl Head {
    const fn size(&self) -> usize {
        match &self.id {
            Some(id) => id.0.len(),
            None => 0,
        }
    }

    fn status(&self) -> u16 {
        self.status.checked_rem(1000).unwrap_or_default()
    }

    /// Whether Envoy made it itself.
    fn is_envoys(&self) -> bool {
        let is_text = self.content_type.as_ref().is_some_and(|value| value.0 == b"text/plain");
        matches!(self.status(), 502..=504) && is_text && !self.is_upstreams
    }

    /// The answer with a body, as a host tells it. Nothing if there is no status.
    #[must_use]
    pub fn answer(&self, proxy: Proxy, body: &[u8]) -> Option<Answer> {
        let status = self.status();
        let of = |name: &str, value: &Option<Line>| value.as_ref().map(|value| (name.to_owned(), value.0.clone()));
        let headers = [
            Some((":status".to_owned(), status.to_string().into_bytes())),
            of(ID, &self.id),
            of("content-type", &self.content_type),
            self.is_upstreams.then(|| ("x-envoy-upstream-service-time".to_owned(), b"1".to_vec())),
        ];
        let headers: Vec<_> = headers.into_iter().flatten().collect();
        Answer::read(proxy, &headers, body.to_vec(), Duration::ZERO)
    }
}

/// Checks the reply to an answer.
///
/// # Panics
/// Where something does not hold.
pub fn reply(input: &Answered) {
    crate::require(check_answered(input), input);
}

fn check_answered(input: &Answered) -> Held {
    let proxy = proxy(input.is_apisix);
    let mut attributes = json!({
        "mode": input.mode.word(),
        "on_timeout": if input.accept { "accept" } else { "error" },
        "response": if input.plain { "plain" } else { "shaped" },
    });
    let package = input.package.then_some("pkg");
    if let Some(attributes) = attributes.as_object_mut() {
        attributes.insert("package".to_owned(), package.unwrap_or("default").into());
        if input.location && input.may_go_on() {
            attributes.insert("location".to_owned(), LOCATION.into());
        }
    }
    let settings = settings(attributes).ok_or("the configuration is refused")?;
    let request = Request::from_headers(vec![("x-request-id".to_owned(), input.request_id.0.clone())]);

    let is_of_upstream = proxy == Proxy::Apisix || !input.head.is_envoys();
    let answer = || input.head.answer(proxy, &input.body.0);
    for has_record in [false, true] {
        let timing = answer().and_then(|answer| Outcome::Answered(answer).timing(has_record)?.header());
        let expected = naive::server_timing(0, has_record.then_some(&input.body.0));
        let is_right = timing.is_none()
            || expected.is_none()
            || timing.as_ref().map(HeaderValue::as_bytes) == expected.as_ref().map(String::as_bytes);
        ensure!(is_right, "`server-timing` is {timing:?}, expected {expected:?}");
    }
    let (activation, at_first) =
        memory::of(|| answer().map(|answer| Outcome::Answered(answer).into_activation(&settings, proxy)))?;
    let Some(activation) = activation else { return Ok(()) };
    memory::check(at_first, input.size())?;
    let mut id = input.head.id.as_ref().map(|id| id.0.as_slice());
    id = id.filter(|id| is_of_upstream && (1..=LONGEST_ID).contains(&id.len()) && id.iter().all(u8::is_ascii_graphic));
    let polled;
    if is_of_upstream {
        let status = input.head.status();
        let (mode, accept) = (input.mode, input.accept);
        let question = naive::Question { status, has_id: id.is_some(), body: &input.body.0, mode, accept };
        let (meaning, mut expected) = (naive::Meaning::of(&activation), naive::meaning(&question));
        if (status, mode) == (200, Mode::Poll) && is_json(&input.body.0) {
            let record = std::str::from_utf8(&input.body.0).unwrap_or_default();
            polled = naive::polled(record, "hello", package);
            let Some(polled) = &polled else { return Ok(()) };
            (expected, id) = (polled.meaning, polled.id.as_deref().map(str::as_bytes));
            let result = activation.as_ref().ok().map(|activation| &activation.text);
            let is_same = result.is_none() || result == polled.result.as_ref();
            ensure!(is_same, "the result is {result:?}, expected {:?}", polled.result);
        } else if expected == naive::Meaning::NotThere {
            id = None;
        }
        ensure!(meaning == expected, "the answer is taken for {meaning:?}, expected {expected:?}");
    }
    let as_it_is = activation.as_ref().ok().map(|activation| (activation.content, activation.text.clone()));
    let to_reply = || {
        let replied = activation
            .and_then(|activation| activation.into_reply(settings.location()))
            .and_then(|reply| reply.fit_for(proxy, request.id()))
            .map_err(|error| error.fit_for(proxy));
        match replied {
            Ok(reply) => (reply, None),
            Err(error) => (Reply::for_error(&error, request.id()), Some(error)),
        }
    };
    let ((reply, error), then) = memory::of(to_reply)?;
    // The body of the answer is there already.
    memory::check(then.saturating_add(u64::try_from(input.body.0.len()).unwrap_or(u64::MAX)), input.size())?;
    check(&reply, proxy)?;
    if let Some(error) = &error {
        check_error(error, &reply, request.id())?;
    }
    let told = reply.headers.iter().find(|(name, _)| name == ID).map(|(_, value)| value.as_bytes());
    ensure!(told == id, "the reply is about the activation {told:?}, expected {id:?}");
    let value = |wanted| reply.headers.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.as_bytes());
    if let Some((Content::AsIs(status), _)) = as_it_is {
        let id = id.and_then(|id| str::from_utf8(id).ok()).filter(|id| naive::is_activation_id(id));
        let location = id.filter(|_| status == StatusCode::ACCEPTED && settings.location().is_some());
        let location = location.map(|id| format!("{LOCATION}/{id}"));
        let told = (value(header::LOCATION), value(header::RETRY_AFTER));
        let expected = (location.as_ref().map(String::as_bytes), location.as_ref().map(|_| &b"1"[..]));
        ensure!(told == expected, "the result is at {told:?}, expected {expected:?}");
    }
    if matches!(error, Some(Error::NoActivation | Error::ActivationOfAnother)) {
        let is_asked_again = value(header::RETRY_AFTER) == Some(b"1") && reply.status == StatusCode::NOT_FOUND;
        ensure!(is_asked_again, "a result that is not there is {}", reply.status.as_str());
    }
    let line = error.as_ref().map(Error::to_string).unwrap_or_default();
    // Behind an escape the action itself may have written it.
    let is_actions = contains(&input.body.0, SECRET) || contains(&input.body.0, "\\");
    ensure!(!line.contains(SECRET) || is_actions, "the log learns of the secret: {line}");
    match as_it_is {
        Some((content, body)) => compare(&naive::shape(content, &body), &reply, error.as_ref(), &body, proxy),
        None => Ok(()),
    }
}

/// Compares a reply with what the naive implementation makes of the same activation.
fn compare(expected: &Shape, reply: &Reply, error: Option<&Error>, body: &str, proxy: Proxy) -> Held {
    let got = format!("{} {:?} {}", reply.status.as_str(), reply.headers, reply.body.escape_ascii());
    match expected {
        Shape::Undecided => Ok(()),
        Shape::NotJson => {
            ensure!(matches!(error, Some(Error::NotOpenWhisk { .. })), "expected no answer of openwhisk, got {got}");
            Ok(())
        }
        Shape::Broken => {
            ensure!(matches!(error, Some(Error::BrokenRule { .. })), "expected a broken rule, got {got}");
            Ok(())
        }
        Shape::Failed => {
            let is_failed = matches!(error, Some(Error::ActionFailed { .. })) && reply.body == body.as_bytes();
            ensure!(
                is_failed && reply.status == StatusCode::BAD_GATEWAY,
                "expected the words of the action, got {got}"
            );
            Ok(())
        }
        Shape::AsIs(status) => {
            let is_same = error.is_none() && reply.status == *status && reply.body == body.as_bytes();
            ensure!(is_same, "expected the answer as it is, got {got}");
            Ok(())
        }
        Shape::Shaped(shaped) if proxy == Proxy::Apisix && CLOSING.contains(&shaped.status) => {
            ensure!(matches!(error, Some(Error::UnsendableStatus { .. })), "expected an unsendable status, got {got}");
            Ok(())
        }
        Shape::Shaped(shaped) => {
            ensure!(error.is_none(), "expected {shaped:?}, got {error:?}");
            let is_filled = proxy == Proxy::Apisix && has_page(shaped.status) && shaped.body.is_none();
            let wrong = shaped.difference(reply, is_filled);
            ensure!(wrong.is_none(), "expected {shaped:?}, got another {}: {got}", wrong.unwrap_or_default());
            Ok(())
        }
    }
}

/// Whether nginx has a page of its own for a status.
fn has_page(status: u16) -> bool {
    status >= 400 || REDIRECTS.contains(&status)
}

/// A reply that a proxy sends as it stands.
///
/// # Errors
/// What is wrong.
pub fn check(reply: &Reply, proxy: Proxy) -> Held {
    let status = reply.status.as_u16();
    ensure!((200..=599).contains(&status), "the status is {status}");
    let mut bytes = 0_usize;
    for (name, value) in &reply.headers {
        let name = name.as_str();
        let is_lower = !name.bytes().any(|b| b.is_ascii_uppercase());
        ensure!(naive::is_token(name) && is_lower, "a header has the name {name:?}");
        ensure!(!naive::is_of_the_gateway(name), "the reply has the header {name}");
        let value = std::str::from_utf8(value.as_bytes()).map_err(|_| format!("the header {name} is not UTF-8"))?;
        let is_clean = value.chars().all(|c| c == '\t' || c >= ' ' && c != '\u{7f}');
        ensure!(is_clean, "the header {name} is {value:?}");
        bytes = bytes.saturating_add(name.len()).saturating_add(value.len()).saturating_add(4);
    }
    ensure!(reply.headers.len() <= MOST_LINES && bytes <= MOST_BYTES, "{} lines, {bytes} bytes", reply.headers.len());
    let count = |wanted: &str| reply.headers.iter().filter(|(name, _)| name == wanted).count();
    ensure!(count(ID) <= 1, "the id of the activation comes twice");
    let has_body = !reply.body.is_empty();
    ensure!(count("content-type") == usize::from(has_body), "{} types for the body", count("content-type"));
    ensure!(!has_body || !WITHOUT_BODY.contains(&status), "a body with the status {status}");
    if proxy == Proxy::Apisix {
        ensure!(!CLOSING.contains(&status), "nginx closes the connection at the status {status}");
        ensure!(has_body || !has_page(status), "nginx sends a page of its own with the status {status}");
    }
    Ok(())
}

/// An error as the client and the log are told of it.
///
/// # Errors
/// What is wrong.
pub fn check_error(error: &Error, reply: &Reply, request_id: &str) -> Held {
    let line = error.to_string();
    ensure!(!line.contains(char::is_control), "a line of the log with control characters: {line:?}");
    ensure!(line.len() < LONGEST, "a line of the log with {} bytes: {line:.200}…", line.len());
    ensure!(reply.status == error.status(), "the status is {}, not {}", reply.status.as_str(), error.status().as_str());
    ensure!(reply.status.as_u16() >= 400, "an error has the status {}", reply.status.as_str());
    if *error == Error::Grpc {
        ensure!(reply.body == error.to_string().as_bytes(), "gRPC gets {}", reply.body.escape_ascii());
        return Ok(());
    }
    ensure!(is_json(&reply.body), "the body of an error is no JSON: {}", reply.body.escape_ascii());
    let (sentence, of_openwhisk) = error.row(|row| match row.client {
        Words::OpenWhisk(words) => (String::new(), Some(words.to_owned())),
        Words::Gateway(sentence) => (sentence.to_string(), None),
    });
    if let Some(words) = of_openwhisk {
        ensure!(reply.body == words.as_bytes(), "other words than those of openwhisk");
        return Ok(());
    }
    let is_inside = sentence.contains(UPSTREAM) || sentence.contains(SECRET);
    ensure!(!is_inside, "the client learns of the inside of the gateway: {sentence}");
    let body = String::from_utf8_lossy(&reply.body);
    let entries = Entries::read(&body).ok_or_else(|| format!("the body of an error is no object: {body}"))?;
    let text = |name: &str| match *entries.of(name) {
        [value] => serde_json::from_str::<String>(value).ok(),
        _ => None,
    };
    let id = reply.headers.iter().find(|(name, _)| name == ID).and_then(|(_, value)| value.to_str().ok());
    let names = if id.is_some() { 3 } else { 2 };
    let is_complete = text("error").as_deref() == Some(sentence.as_str())
        && text("code").as_deref() == Some(request_id)
        && text("activationId").as_deref() == id
        && entries.0.len() == names;
    ensure!(is_complete, "the error of the gateway is {body}");
    Ok(())
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Whether two JSON texts say the same, as far as that can be told.
pub(crate) fn is_same(one: &[u8], other: &Value) -> bool {
    serde_json::from_slice::<Value>(one).is_ok_and(|one| one == *other)
}
