//! What came back from a call, and what it means.

use std::time::Duration;

use http::StatusCode;
use http::header::HeaderValue;

use crate::answer::record::NoRecord;
use crate::config::action::Kind;
use crate::config::settings::{Mode, OnTimeout, Response, Settings};
use crate::error::Error;
use crate::error::key::KeySource;
use crate::error::quote::beginning_of_answer;
use crate::header::ACTIVATION_ID;
use crate::json::is_json;
use crate::proxy::Proxy;

mod activation;
pub(crate) mod content_type;
pub(crate) mod headers;
mod record;
pub mod shaped;
mod timing;

pub use activation::{Activation, Content, LARGEST_ANSWER};
pub use timing::Timing;

const STATUS: &str = ":status";
const RETRY_AFTER: &str = "retry-after";

/// The longest id of an activation that is handed on, in bytes; `OpenWhisk`'s have 32. Clients refuse long headers.
const LONGEST_ID: usize = 256;

/// The longest value of `retry-after` that is handed on, in bytes; a date has 29.
const LONGEST_RETRY_AFTER: usize = 64;

/// A call without an answer this close to its deadline passed it: the host's clock of a call starts at the
/// beginning of its event loop's turn, so its deadline comes a little early by ours.
///
/// Source: libevent's cached time; observed on Envoy 1.40 with an upstream that stalls in its body.
const SLACK: Duration = Duration::from_millis(50);

/// What is known of a failed call where the proxy tells nothing.
const NO_REASON: &str = "the proxy tells no reason";

/// What came back from a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// An answer, from `OpenWhisk` or from the host itself.
    Answered(Answer),
    /// An answer that is larger than is read.
    TooLarge {
        /// The id of the activation, if it tells one.
        activation_id: Option<String>,
    },
    /// The call ended without an answer.
    Silent {
        /// How long after its dispatch.
        elapsed: Duration,
    },
    /// The host did not make the call: it knows no such upstream.
    UnknownUpstream,
    /// The host did not make the call: it cannot call the upstream now.
    UnavailableUpstream,
}

/// An answer to a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    status: StatusCode,
    activation_id: Option<String>,
    retry_after: Option<HeaderValue>,
    origin: Origin,
    body: Vec<u8>,
    elapsed: Duration,
}

/// Who made an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    Upstream,
    Proxy,
}

impl Answer {
    /// The names of the headers that matter, where a proxy gives no answers of its own.
    #[must_use]
    pub const fn header_names() -> [&'static str; 3] {
        [STATUS, ACTIVATION_ID, RETRY_AFTER]
    }

    /// Reads an answer from its headers (lower-case names, values as bytes) and its body, which a proxy handed out so long
    /// after the dispatch of the call. `None` if there is no valid status among the headers.
    #[must_use]
    pub fn read(proxy: Proxy, headers: &[(String, Vec<u8>)], body: Vec<u8>, elapsed: Duration) -> Option<Self> {
        let first = |wanted: &str| first(headers, wanted);
        let status = StatusCode::from_bytes(first(STATUS)?).ok()?;
        let activation_id = activation_id(headers);
        let retry_after = first(RETRY_AFTER)
            .filter(|value| (1..=LONGEST_RETRY_AFTER).contains(&value.len()))
            .and_then(|value| HeaderValue::from_bytes(value).ok())
            .filter(|value| value.to_str().is_ok());
        // Source: Envoy's AsyncClient: its own answers are text/plain and lack the header which the
        // router adds to every answer of an upstream.
        let is_of_envoy = proxy == Proxy::Envoy
            && matches!(status.as_u16(), 502..=504)
            && first("x-envoy-upstream-service-time").is_none()
            && first("content-type") == Some(b"text/plain");
        let origin = if is_of_envoy { Origin::Proxy } else { Origin::Upstream };
        Some(Self { status, activation_id, retry_after, origin, body, elapsed })
    }
}

/// The first value of a header.
fn first<'a>(headers: &'a [(String, Vec<u8>)], wanted: &str) -> Option<&'a [u8]> {
    headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_slice())
}

/// The id of the activation that an answer is about, if it is a clean one.
fn activation_id(headers: &[(String, Vec<u8>)]) -> Option<String> {
    std::str::from_utf8(first(headers, ACTIVATION_ID)?)
        .ok()
        .filter(|id| (1..=LONGEST_ID).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic()))
        .map(str::to_owned)
}

impl Outcome {
    /// How long it took, and what a record of the activation says of that, if `has_record`. `None` if there was no call.
    #[must_use]
    pub fn timing(&self, has_record: bool) -> Option<Timing> {
        match self {
            Self::Answered(answer) => {
                let record = std::str::from_utf8(&answer.body).ok().filter(|_| has_record);
                Some(Timing::of(answer.elapsed, record))
            }
            Self::Silent { elapsed } => Some(Timing::of(*elapsed, None)),
            Self::TooLarge { .. } | Self::UnknownUpstream | Self::UnavailableUpstream => None,
        }
    }

    /// Reads what a proxy handed out so long after the dispatch of a call: the headers of an answer (see [`Answer::read`])
    /// and a body of this size, which `read` gives.
    #[must_use]
    pub fn read(
        proxy: Proxy,
        headers: &[(String, Vec<u8>)],
        size: usize,
        read: impl FnOnce(usize) -> Option<Vec<u8>>,
        elapsed: Duration,
    ) -> Self {
        if size > LARGEST_ANSWER {
            return Self::TooLarge { activation_id: activation_id(headers) };
        }
        let body = if size == 0 { None } else { read(size) };
        Answer::read(proxy, headers, body.unwrap_or_default(), elapsed).map_or(Self::Silent { elapsed }, Self::Answered)
    }

    /// Tells a result from everything else.
    ///
    /// Source: apache/openwhisk@1fae641 `core/controller/Actions.scala`, `doInvoke`: 200 is a result, 502 with an
    /// activation id a failed action, 202 an activation that goes on, always with its id, all else a refusal.
    ///
    /// # Errors
    /// An [`Error`] of the platform.
    pub fn into_activation(self, settings: &Settings, proxy: Proxy) -> Result<Activation, Error> {
        let upstream = || settings.upstream().to_string();
        match self {
            Self::UnknownUpstream => Err(Error::UnknownUpstream { upstream: upstream() }),
            Self::UnavailableUpstream => {
                Err(Error::UnavailableUpstream { upstream: upstream(), key: settings.key_source() })
            }
            Self::Silent { elapsed } if elapsed.saturating_add(SLACK) >= settings.deadline() => {
                Err(deadline_passed(settings, None))
            }
            Self::Silent { .. } => Err(match proxy {
                // Only after the headers of an answer: before them Envoy makes an answer of its own.
                Proxy::Envoy => Error::BrokenOff { upstream: upstream() },
                // APISIX: refused, reset, TLS and garbage look all the same.
                Proxy::Apisix => Error::Unreachable {
                    upstream: upstream(),
                    key: settings.key_source(),
                    reason: NO_REASON.to_owned(),
                },
            }),
            Self::TooLarge { activation_id } => Err(Error::AnswerTooLarge { limit: LARGEST_ANSWER, activation_id }),
            Self::Answered(answer) => match answer.origin {
                Origin::Upstream => of_upstream(answer, settings),
                Origin::Proxy => Err(of_proxy(&answer, settings)),
            },
        }
    }
}

/// What stands before the reason where a call ended without an answer, in the words of Envoy's router.
const REASON: &str = "reset reason: ";

/// The reason where a circuit breaker is open.
const OVERFLOW: &str = "overflow";

/// How the reasons begin with which the call cannot have reached `OpenWhisk`. With any other one it may have.
///
/// Source: observed on Envoy 1.36.4 and 1.40.0, over HTTP/1.1 and HTTP/2. RFC 9113 section 8.7: a refused stream was not
/// processed.
const NOT_SENT: &[&str] = &[
    "remote connection failure",
    "local connection failure",
    "connection timeout",
    "remote refused stream reset",
    "local refused stream reset",
];

/// What Envoy says where it has no host to call.
const NO_HOST: &str = "no healthy upstream";

/// How Envoy's words begin where it cannot send a header, say a key of the cluster with a line break in it.
///
/// Source: observed on Envoy 1.40.0.
const UNSENDABLE: &str = "invalid header value for: ";

/// What an answer made by the host itself means.
///
/// Source: Envoy's router: 504 at the deadline, 502 for an answer that is not HTTP, else 503.
fn of_proxy(answer: &Answer, settings: &Settings) -> Error {
    let (upstream, key) = (settings.upstream().to_string(), settings.key_source());
    match answer.status {
        StatusCode::GATEWAY_TIMEOUT => deadline_passed(settings, None),
        StatusCode::BAD_GATEWAY => Error::BrokenOff { upstream },
        _ => {
            let text = beginning_of_answer(&answer.body);
            // Before it stands whether it was tried again, which does not matter.
            match text.split_once(REASON).map(|(_, reason)| reason) {
                Some(reason) if reason.starts_with(OVERFLOW) => Error::UnavailableUpstream { upstream, key },
                Some(reason) if NOT_SENT.iter().any(|not_sent| reason.starts_with(not_sent)) => {
                    Error::Unreachable { upstream, key, reason: text }
                }
                None if text == NO_HOST || text.starts_with(UNSENDABLE) => {
                    Error::Unreachable { upstream, key, reason: text }
                }
                _ => Error::ConnectionBroke { upstream, reason: text },
            }
        }
    }
}

/// What an answer of the upstream means. The result or error of an activation is not yet proven to be JSON.
fn of_upstream(answer: Answer, settings: &Settings) -> Result<Activation, Error> {
    let Answer { status, activation_id, retry_after, body, elapsed, .. } = answer;
    if status == StatusCode::UNAUTHORIZED && activation_id.is_none() && settings.key_source() == KeySource::Proxy {
        let body = String::from_utf8(body).unwrap_or_else(|error| beginning_of_answer(error.as_bytes()));
        return Err(Error::NoKey { retry_after, body });
    }
    let text = match String::from_utf8(body) {
        Ok(text) => text,
        Err(error) => {
            return Err(Error::not_openwhisk(status, activation_id, retry_after, error.as_bytes()));
        }
    };
    let told = |id, content, text| Ok(Activation { id, content, text });
    let strange = |activation_id, retry_after, text: &str| {
        Err(Error::not_openwhisk(status, activation_id, retry_after, text.as_bytes()))
    };
    let (result, failure) = match settings.response() {
        Response::Shaped => (Content::Result, Content::Failure),
        Response::Plain => (Content::PlainResult, Content::PlainFailure),
    };
    match (status, settings.mode(), settings.on_timeout()) {
        (StatusCode::ACCEPTED, Mode::Result | Mode::Activation, OnTimeout::Error) => {
            // As close to its end as a deadline, the wait was over.
            Err(if elapsed.saturating_add(SLACK) >= settings.timeout() {
                deadline_passed(settings, activation_id)
            } else {
                Error::NotAwaited { timeout: settings.timeout().as_millis(), after: elapsed.as_millis(), activation_id }
            })
        }
        (StatusCode::OK, Mode::Result, _) => told(activation_id, result, text),
        (StatusCode::BAD_GATEWAY, Mode::Result, _) if activation_id.is_some() => told(activation_id, failure, text),
        (StatusCode::NO_CONTENT, Mode::Async, _) if settings.action().kind == Kind::Trigger && text.is_empty() => {
            told(None, Content::Nothing, text)
        }
        _ if !is_json(&text) => strange(activation_id, retry_after, &text),
        (StatusCode::OK, Mode::Activation | Mode::Metadata, _) => told(activation_id, Content::AsIs(status), text),
        (StatusCode::ACCEPTED, Mode::Result | Mode::Activation | Mode::Async, _) if activation_id.is_some() => {
            told(activation_id, Content::AsIs(status), text)
        }
        (StatusCode::OK, Mode::Poll, _) => record::activation(&text, settings.action(), result, failure)
            .unwrap_or_else(|NoRecord| strange(None, None, &text)),
        (StatusCode::NOT_FOUND, Mode::Poll, _) => Err(Error::NoActivation),
        (StatusCode::BAD_GATEWAY, Mode::Activation, _) if activation_id.is_some() => {
            Err(Error::ActionFailed { activation_id, body: text })
        }
        (status, _, _) if status.is_client_error() || status.is_server_error() => {
            Err(Error::Refused { status, activation_id, retry_after, body: text })
        }
        _ => strange(activation_id, retry_after, &text),
    }
}

const fn deadline_passed(settings: &Settings, activation_id: Option<String>) -> Error {
    Error::DeadlinePassed { timeout: settings.timeout().as_millis(), activation_id }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    /// With a timeout of 1 s.
    fn settings(attributes: &str) -> Settings {
        crate::config::settings::tests::settings(&format!(r#", "upstream": "ow", "timeout": 1000{attributes}"#))
    }

    fn answered(status: &str, headers: &[(&str, &str)], body: &[u8]) -> Outcome {
        let headers: Vec<_> = [(":status", status)]
            .iter()
            .chain(headers)
            .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()))
            .collect();
        Outcome::Answered(Answer::read(Proxy::Envoy, &headers, body.to_vec(), WAITED).expect(status))
    }

    const ID: (&str, &str) = (ACTIVATION_ID, "id");
    /// As long as `OpenWhisk` was asked to wait.
    const WAITED: Duration = Duration::from_secs(1);
    const UPSTREAM_TIME: (&str, &str) = ("x-envoy-upstream-service-time", "1");
    const TEXT: (&str, &str) = ("content-type", "text/plain");

    #[test]
    fn answers_of_openwhisk_are_told_apart() {
        let id = || Some("id".to_owned());
        let refused = |status, activation_id, body: &str| {
            Err(Error::Refused { status, activation_id, retry_after: None, body: body.to_owned() })
        };
        let told = |id, content, text: &str| Ok(Activation { id, content, text: text.to_owned() });
        let cases = [
            (answered("200", &[ID], b"{}"), told(id(), Content::Result, "{}")),
            (answered("200", &[], b"[]"), told(None, Content::Result, "[]")),
            (answered("502", &[ID], b"{}"), told(id(), Content::Failure, "{}")),
            (answered("502", &[], b"{}"), refused(StatusCode::BAD_GATEWAY, None, "{}")),
            (answered("500", &[ID], b"{}"), refused(StatusCode::INTERNAL_SERVER_ERROR, id(), "{}")),
            (answered("404", &[], b"{}"), refused(StatusCode::NOT_FOUND, None, "{}")),
            (answered("202", &[ID], b"{}"), Err(Error::DeadlinePassed { timeout: 1000, activation_id: id() })),
            (
                answered("503", &[TEXT, UPSTREAM_TIME], b"busy"),
                Err(Error::not_openwhisk(StatusCode::SERVICE_UNAVAILABLE, None, None, "busy".as_bytes())),
            ),
            (
                answered("404", &[], b"<html>"),
                Err(Error::not_openwhisk(StatusCode::NOT_FOUND, None, None, "<html>".as_bytes())),
            ),
            (
                answered("301", &[], b"{}"),
                Err(Error::not_openwhisk(StatusCode::MOVED_PERMANENTLY, None, None, "{}".as_bytes())),
            ),
            (answered("204", &[], b""), Err(Error::not_openwhisk(StatusCode::NO_CONTENT, None, None, "".as_bytes()))),
            (
                answered("200", &[ID], b"\"\xff\""),
                Err(Error::not_openwhisk(StatusCode::OK, id(), None, "\"\u{fffd}\"".as_bytes())),
            ),
        ];
        for (outcome, expected) in cases {
            assert_eq!(outcome.clone().into_activation(&settings(""), Proxy::Envoy), expected, "{outcome:?}");
        }
    }

    #[test]
    fn an_early_202_is_no_deadline() {
        for (elapsed, passed) in [(0, false), (20, false), (949, false), (950, true), (1000, true), (1020, true)] {
            let headers = [(":status", "202"), ID].map(|(name, value)| (name.to_owned(), value.into()));
            let answer =
                Answer::read(Proxy::Envoy, &headers, b"{}".to_vec(), Duration::from_millis(elapsed)).expect("a status");
            let error = Outcome::Answered(answer).into_activation(&settings(""), Proxy::Envoy).expect_err("no result");
            assert_eq!(matches!(error, Error::DeadlinePassed { .. }), passed, "after {elapsed} ms: {error}");
            assert_eq!(matches!(error, Error::NotAwaited { .. }), !passed, "after {elapsed} ms: {error}");
            assert_eq!((error.status().as_u16(), error.activation_id()), (504, Some("id")), "after {elapsed} ms");
        }
    }

    #[test]
    fn retry_after_is_kept_where_a_call_is_refused() {
        let long = "1".repeat(65);
        let cases = [
            ("429", "7", "{}", Some("7")),
            ("503", "Fri, 27 Nov 2026 10:30:00 GMT", "busy", Some("Fri, 27 Nov 2026 10:30:00 GMT")),
            ("429", "", "{}", None),
            ("429", "é", "{}", None),
            ("429", &long, "{}", None),
        ];
        for (status, value, body, expected) in cases {
            let outcome = answered(status, &[UPSTREAM_TIME, ("retry-after", value)], body.as_bytes());
            let error = outcome.into_activation(&settings(""), Proxy::Envoy).expect_err(status);
            let got = error.retry_after();
            let got = got.as_ref().map(|value| value.to_str().expect("text"));
            assert_eq!(got, expected, "{status} {value:?}");
        }
    }

    #[test]
    fn a_key_that_the_proxy_should_add_is_told_of() {
        let json = r#"{"api_host": "http://ow", "namespace": "n", "action": "a", "call_headers": {"x-org": "x"}}"#;
        let Ok(Config::Every(settings)) = Config::from_json(json.as_bytes(), &|_| None) else { panic!("{json}") };
        let (upstream, key) = (|| "ow:80".to_owned(), KeySource::Proxy);
        let (reason, body) = (|| NO_HOST.to_owned(), || "{}".to_owned());
        let (status, activation_id) = (StatusCode::UNAUTHORIZED, Some("id".to_owned()));
        let retry_after = Some(HeaderValue::from_static("7"));
        for (outcome, expected) in [
            (
                answered("401", &[UPSTREAM_TIME, ("retry-after", "7")], b"{}"),
                Error::NoKey { retry_after, body: body() },
            ),
            (
                answered("401", &[UPSTREAM_TIME, ID], b"{}"),
                Error::Refused { status, activation_id, retry_after: None, body: body() },
            ),
            (
                answered("503", &[TEXT], NO_HOST.as_bytes()),
                Error::Unreachable { upstream: upstream(), key, reason: reason() },
            ),
            (Outcome::UnavailableUpstream, Error::UnavailableUpstream { upstream: upstream(), key }),
        ] {
            assert_eq!(outcome.into_activation(&settings, Proxy::Envoy), Err(expected));
        }
    }

    #[test]
    fn answers_of_envoy_itself_are_told_apart() {
        let upstream = || "ow".to_owned();
        let reset = |reason: &str| format!("upstream connect error or disconnect/reset before headers. {reason}");
        let key = KeySource::Filter;
        let unreachable = |reason: &str| Error::Unreachable { upstream: upstream(), key, reason: reset(reason) };
        let broke = |reason: &str| Error::ConnectionBroke { upstream: upstream(), reason: reset(reason) };
        let (refused, ended) = ("reset reason: remote connection failure", "reset reason: connection termination");
        let again = "retried and the latest reset reason: ";
        let refused_again = format!("{again}remote connection failure, transport failure reason: x");
        let ended_again = format!("{again}connection termination");
        let cases = [
            ("503", reset(refused), unreachable(refused)),
            ("503", reset(&refused_again), unreachable(&refused_again)),
            ("503", reset("reset reason: connection timeout"), unreachable("reset reason: connection timeout")),
            (
                "503",
                reset("reset reason: remote refused stream reset"),
                unreachable("reset reason: remote refused stream reset"),
            ),
            (
                "503",
                "no healthy upstream".to_owned(),
                Error::Unreachable { upstream: upstream(), key, reason: "no healthy upstream".to_owned() },
            ),
            (
                "503",
                "invalid header value for: authorization".to_owned(),
                Error::Unreachable {
                    upstream: upstream(),
                    key,
                    reason: "invalid header value for: authorization".to_owned(),
                },
            ),
            ("503", reset(ended), broke(ended)),
            ("503", reset(&ended_again), broke(&ended_again)),
            ("503", reset("reset reason: remote reset"), broke("reset reason: remote reset")),
            ("503", reset("reset reason: new"), broke("reset reason: new")),
            (
                "503",
                "connection timeout".to_owned(),
                Error::ConnectionBroke { upstream: upstream(), reason: "connection timeout".to_owned() },
            ),
            ("503", "x".to_owned(), Error::ConnectionBroke { upstream: upstream(), reason: "x".to_owned() }),
            ("503", reset("reset reason: overflow"), Error::UnavailableUpstream { upstream: upstream(), key }),
            ("504", "upstream x".to_owned(), Error::DeadlinePassed { timeout: 1000, activation_id: None }),
            ("502", "upstream x".to_owned(), Error::BrokenOff { upstream: upstream() }),
        ];
        for (status, body, expected) in cases {
            let outcome = answered(status, &[TEXT], body.as_bytes());
            assert_eq!(outcome.into_activation(&settings(""), Proxy::Envoy), Err(expected), "{status} {body}");
        }
    }

    #[test]
    fn a_call_without_an_answer_passed_the_deadline_or_broke_off() {
        let cases = [
            (0, Error::BrokenOff { upstream: "ow".to_owned() }),
            (1049, Error::BrokenOff { upstream: "ow".to_owned() }),
            (1050, Error::DeadlinePassed { timeout: 1000, activation_id: None }),
            (1100, Error::DeadlinePassed { timeout: 1000, activation_id: None }),
        ];
        for (elapsed, expected) in cases {
            let outcome = Outcome::Silent { elapsed: Duration::from_millis(elapsed) };
            assert_eq!(outcome.into_activation(&settings(""), Proxy::Envoy), Err(expected), "after {elapsed} ms");
        }
    }

    #[test]
    fn what_was_asked_for_decides_what_an_answer_means() {
        let id = || Some("id".to_owned());
        let as_is = |id, status| Ok((id, Content::AsIs(status)));
        let (ok, accepted) = (StatusCode::OK, StatusCode::ACCEPTED);
        let strange = |status, id, body: &str| Err(Error::not_openwhisk(status, id, None, body.as_bytes()));
        let passed = |activation_id| Err(Error::DeadlinePassed { timeout: 1000, activation_id });
        let failed = Err(Error::ActionFailed { activation_id: id(), body: "{}".to_owned() });
        let refused =
            |status| Err(Error::Refused { status, activation_id: None, retry_after: None, body: "{}".to_owned() });
        let (metadata, record) = (r#", "result": false"#, r#", "mode": "activation""#);
        let (later, accept) = (r#", "mode": "async""#, r#", "on_timeout": "accept""#);
        let accept_record = r#", "on_timeout": "accept", "mode": "activation""#;
        let cases = [
            (metadata, answered("200", &[], b"{}"), as_is(None, ok)),
            (metadata, answered("200", &[], b"<html>"), strange(ok, None, "<html>")),
            (metadata, answered("202", &[ID], b"{}"), strange(accepted, id(), "{}")),
            (record, answered("200", &[ID], b"{}"), as_is(id(), ok)),
            (record, answered("200", &[ID], b"[]"), as_is(id(), ok)),
            (record, answered("200", &[ID], b"x"), strange(ok, id(), "x")),
            (record, answered("502", &[ID], b"{}"), failed),
            (record, answered("502", &[], b"{}"), refused(StatusCode::BAD_GATEWAY)),
            (record, answered("202", &[ID], b"{}"), passed(id())),
            (accept_record, answered("202", &[ID], b"{}"), as_is(id(), accepted)),
            (accept, answered("202", &[ID], b"{}"), as_is(id(), accepted)),
            (accept, answered("202", &[], b"{}"), strange(accepted, None, "{}")),
            (accept, answered("202", &[ID], b"x"), strange(accepted, id(), "x")),
            (accept, answered("200", &[ID], b"{}"), Ok((id(), Content::Result))),
            (later, answered("202", &[ID], b"{}"), as_is(id(), accepted)),
            (later, answered("202", &[], b"{}"), strange(accepted, None, "{}")),
            (later, answered("200", &[ID], b"{}"), strange(ok, id(), "{}")),
            (later, answered("404", &[], b"{}"), refused(StatusCode::NOT_FOUND)),
        ];
        for (attributes, outcome, expected) in cases {
            let activation = outcome.clone().into_activation(&settings(attributes), Proxy::Envoy);
            assert_eq!(activation.map(|told| (told.id, told.content)), expected, "{attributes}: {outcome:?}");
        }
    }

    #[test]
    fn the_deadline_of_a_call_is_what_counts() {
        let accept = settings(r#", "on_timeout": "accept""#);
        for (elapsed, passed) in [(1000, false), (1949, false), (1950, true), (2000, true)] {
            let outcome = Outcome::Silent { elapsed: Duration::from_millis(elapsed) };
            let is_passed = outcome.into_activation(&accept, Proxy::Envoy)
                == Err(Error::DeadlinePassed { timeout: 1000, activation_id: None });
            assert_eq!(is_passed, passed, "after {elapsed} ms");
        }
    }

    #[test]
    fn an_answer_needs_a_status_and_keeps_only_a_clean_activation_id() {
        for status in ["", "abc", "99", "1000", "20"] {
            assert_eq!(
                Answer::read(Proxy::Envoy, &[(":status".to_owned(), status.into())], Vec::new(), WAITED),
                None,
                "{status:?}"
            );
        }
        assert_eq!(Answer::read(Proxy::Envoy, &[], Vec::new(), WAITED), None);
        for id in [&b""[..], b"\xff", b"a b", b"a\r\nx: y", &[b'a'; LONGEST_ID + 1]] {
            let headers = [(":status".to_owned(), b"200".to_vec()), (ACTIVATION_ID.to_owned(), id.to_vec())];
            let answer = Answer::read(Proxy::Envoy, &headers, Vec::new(), WAITED).expect("a status");
            assert_eq!(answer.activation_id, None, "{:?}", id.escape_ascii().to_string());
        }
    }
}
