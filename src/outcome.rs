//! What came back from a call, and what it means.

use std::time::Duration;

use http::StatusCode;
use serde::de::IgnoredAny;

use crate::config::{Config, Operation};
use crate::error::Error;
use crate::proxy::Proxy;

/// The header with the id of the activation, present if and only if an answer is about one.
///
/// Source: apache/openwhisk `core/controller/Entities.scala`, `CustomHeaders.ActivationIdHeader`.
pub const ACTIVATION_ID: &str = "x-openwhisk-activation-id";

/// A call without an answer this close to its deadline passed it: the host's clock of a call starts at the
/// beginning of its event loop's turn, so its deadline comes a little early by ours.
///
/// Source: libevent's cached time; observed on Envoy 1.40 with an upstream that stalls in its body.
const SLACK: Duration = Duration::from_millis(50);

/// What is known of a failed call where the proxy tells nothing.
const NO_REASON: &str = "the proxy tells no reason";

/// How many characters of an answer an error keeps for the log.
const QUOTED: usize = 200;

/// What came back from a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// An answer, from `OpenWhisk` or from the host itself.
    Answered(Answer),
    /// The call ended without an answer.
    Silent {
        /// How long after its dispatch.
        elapsed: Duration,
    },
    /// The host did not make the call.
    Refused(Refusal),
}

/// Why the host did not make a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It knows no such upstream.
    UnknownUpstream,
    /// It cannot call the upstream now.
    UnavailableUpstream,
}

/// An answer to a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    status: StatusCode,
    activation_id: Option<String>,
    is_envoys: bool,
    body: Vec<u8>,
}

/// An activation that ended, or the metadata that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activation {
    /// Its id, if `OpenWhisk` told it.
    pub id: Option<String>,
    /// How it ended.
    pub end: End,
    /// Its result, which should be JSON.
    pub result: String,
}

/// How an activation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With a result.
    Success,
    /// With an error of the action, as `{"error": …}`.
    Failure,
    /// It never began: this is the action's metadata.
    Metadata,
}

impl Answer {
    /// Reads an answer from its headers (lower-case names, values as bytes) and its body.
    /// Nothing if there is no valid status among the headers.
    #[must_use]
    pub fn read(headers: &[(String, Vec<u8>)], body: Vec<u8>) -> Option<Self> {
        let value = |wanted: &str| headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_slice());
        let status = StatusCode::from_bytes(value(":status")?).ok()?;
        let activation_id = value(ACTIVATION_ID)
            .and_then(|value| std::str::from_utf8(value).ok())
            .filter(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_graphic()))
            .map(str::to_owned);
        // Source: Envoy's AsyncClient: its own answers are text/plain and lack the header which the
        // router adds to every answer of an upstream.
        let is_envoys = matches!(status.as_u16(), 502..=504)
            && value("x-envoy-upstream-service-time").is_none()
            && value("content-type") == Some(b"text/plain");
        Some(Self { status, activation_id, is_envoys, body })
    }

    fn is_of_upstream(&self, proxy: Proxy) -> bool {
        proxy != Proxy::Envoy || !self.is_envoys
    }
}

impl Outcome {
    /// Whether an answer of the upstream came, after which its connection can serve another call.
    #[must_use]
    pub fn is_of_upstream(&self, proxy: Proxy) -> bool {
        matches!(self, Self::Answered(answer) if answer.is_of_upstream(proxy))
    }

    /// Tells a result from everything else.
    ///
    /// Source: apache/openwhisk `core/controller/Actions.scala`, `doInvoke`: 200 is a result, 502 with an
    /// activation id a failed action, 202 an activation that goes on, all else a refusal.
    ///
    /// # Errors
    /// An [`Error`] of the platform.
    pub fn into_activation(self, config: &Config, proxy: Proxy) -> Result<Activation, Error> {
        let upstream = || config.upstream().to_owned();
        match self {
            Self::Refused(Refusal::UnknownUpstream) => Err(Error::UnknownUpstream { upstream: upstream() }),
            Self::Refused(Refusal::UnavailableUpstream) => Err(Error::UnavailableUpstream { upstream: upstream() }),
            Self::Silent { elapsed } if elapsed.saturating_add(SLACK) >= config.timeout() => {
                Err(deadline_passed(config, None))
            }
            Self::Silent { .. } => Err(match proxy {
                // Only after the headers of an answer: before them Envoy makes an answer of its own.
                Proxy::Envoy => Error::BrokenOff { upstream: upstream() },
                // APISIX: refused, reset, TLS and garbage look all the same.
                Proxy::Apisix => Error::Unreachable { upstream: upstream(), reason: NO_REASON.to_owned() },
            }),
            Self::Answered(answer) if answer.is_of_upstream(proxy) => of_upstream(answer, config),
            Self::Answered(answer) => Err(of_proxy(&answer, config)),
        }
    }
}

/// What an answer made by the host itself means.
///
/// Source: Envoy's router: 504 at the deadline, 502 for an answer that is not HTTP, else 503.
fn of_proxy(answer: &Answer, config: &Config) -> Error {
    let upstream = config.upstream().to_owned();
    match answer.status {
        StatusCode::GATEWAY_TIMEOUT => deadline_passed(config, None),
        StatusCode::BAD_GATEWAY => Error::BrokenOff { upstream },
        _ => Error::Unreachable { upstream, reason: beginning(&String::from_utf8_lossy(&answer.body)) },
    }
}

/// What an answer of the upstream means. The result of an activation is not yet proven to be JSON.
fn of_upstream(answer: Answer, config: &Config) -> Result<Activation, Error> {
    let Answer { status, activation_id, body, .. } = answer;
    let body = match String::from_utf8(body) {
        Ok(body) => body,
        Err(error) => {
            return Err(not_openwhisk(status, activation_id, &String::from_utf8_lossy(error.as_bytes())));
        }
    };
    match (status, config.operation()) {
        (StatusCode::ACCEPTED, Operation::Invoke) => Err(deadline_passed(config, activation_id)),
        (StatusCode::OK, Operation::Invoke) => Ok(Activation { id: activation_id, end: End::Success, result: body }),
        (StatusCode::BAD_GATEWAY, Operation::Invoke) if activation_id.is_some() => {
            Ok(Activation { id: activation_id, end: End::Failure, result: body })
        }
        (status, _) if !is_json(&body) => Err(not_openwhisk(status, activation_id, &body)),
        (StatusCode::OK, Operation::Describe) => Ok(Activation { id: activation_id, end: End::Metadata, result: body }),
        (status, _) if status.is_client_error() || status.is_server_error() => {
            Err(Error::Refused { status, activation_id, body })
        }
        (status, _) => Err(not_openwhisk(status, activation_id, &body)),
    }
}

/// The error for an answer that `OpenWhisk`'s API does not give.
#[must_use]
pub fn not_openwhisk(status: StatusCode, activation_id: Option<String>, body: &str) -> Error {
    Error::NotOpenWhisk { status, activation_id, body: beginning(body) }
}

/// The beginning of a body, for a log. To be escaped.
#[must_use]
pub fn beginning(body: &str) -> String {
    body.chars().take(QUOTED).collect()
}

fn deadline_passed(config: &Config, activation_id: Option<String>) -> Error {
    Error::DeadlinePassed { timeout: config.timeout().as_millis(), activation_id }
}

/// Whether a text is one JSON value, of any depth.
#[must_use]
pub fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(extra: &str) -> Config {
        let json = format!(
            r#"{{"api_host": "http://ow", "service_token": "a:b", "namespace": "n", "action": "a", "upstream": "ow",
                 "timeout": 1000{extra}}}"#
        );
        Config::from_json(json.as_bytes(), |_| None).expect(&json)
    }

    fn answered(status: &str, headers: &[(&str, &str)], body: &[u8]) -> Outcome {
        let headers: Vec<_> = [(":status", status)]
            .iter()
            .chain(headers)
            .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()))
            .collect();
        Outcome::Answered(Answer::read(&headers, body.to_vec()).expect(status))
    }

    const ID: (&str, &str) = (ACTIVATION_ID, "id");
    const UPSTREAM_TIME: (&str, &str) = ("x-envoy-upstream-service-time", "1");
    const TEXT: (&str, &str) = ("content-type", "text/plain");

    #[test]
    fn answers_of_openwhisk_are_told_apart() {
        let id = || Some("id".to_owned());
        let refused =
            |status, activation_id, body: &str| Err(Error::Refused { status, activation_id, body: body.to_owned() });
        let ended = |id, end, result: &str| Ok(Activation { id, end, result: result.to_owned() });
        let cases = [
            (answered("200", &[ID], b"{}"), ended(id(), End::Success, "{}")),
            (answered("200", &[], b"[]"), ended(None, End::Success, "[]")),
            (answered("502", &[ID], b"{}"), ended(id(), End::Failure, "{}")),
            (answered("502", &[], b"{}"), refused(StatusCode::BAD_GATEWAY, None, "{}")),
            (answered("500", &[ID], b"{}"), refused(StatusCode::INTERNAL_SERVER_ERROR, id(), "{}")),
            (answered("404", &[], b"{}"), refused(StatusCode::NOT_FOUND, None, "{}")),
            (answered("202", &[ID], b"{}"), Err(Error::DeadlinePassed { timeout: 1000, activation_id: id() })),
            (
                answered("503", &[TEXT, UPSTREAM_TIME], b"busy"),
                Err(not_openwhisk(StatusCode::SERVICE_UNAVAILABLE, None, "busy")),
            ),
            (answered("404", &[], b"<html>"), Err(not_openwhisk(StatusCode::NOT_FOUND, None, "<html>"))),
            (answered("301", &[], b"{}"), Err(not_openwhisk(StatusCode::MOVED_PERMANENTLY, None, "{}"))),
            (answered("204", &[], b""), Err(not_openwhisk(StatusCode::NO_CONTENT, None, ""))),
            (answered("200", &[ID], b"\"\xff\""), Err(not_openwhisk(StatusCode::OK, id(), "\"\u{fffd}\""))),
        ];
        for (outcome, expected) in cases {
            assert_eq!(outcome.clone().into_activation(&config(""), Proxy::Envoy), expected, "{outcome:?}");
        }
    }

    #[test]
    fn answers_of_envoy_itself_are_told_apart() {
        let upstream = || "ow".to_owned();
        let cases = [
            ("503", Error::Unreachable { upstream: upstream(), reason: "upstream x".to_owned() }),
            ("504", Error::DeadlinePassed { timeout: 1000, activation_id: None }),
            ("502", Error::BrokenOff { upstream: upstream() }),
        ];
        for (status, expected) in cases {
            let outcome = answered(status, &[TEXT], b"upstream x");
            assert_eq!(outcome.into_activation(&config(""), Proxy::Envoy), Err(expected), "{status}");
        }
    }

    #[test]
    fn a_call_without_an_answer_passed_the_deadline_or_broke_off() {
        let cases = [
            (0, Error::BrokenOff { upstream: "ow".to_owned() }),
            (949, Error::BrokenOff { upstream: "ow".to_owned() }),
            (950, Error::DeadlinePassed { timeout: 1000, activation_id: None }),
            (1000, Error::DeadlinePassed { timeout: 1000, activation_id: None }),
        ];
        for (elapsed, expected) in cases {
            let outcome = Outcome::Silent { elapsed: Duration::from_millis(elapsed) };
            assert_eq!(outcome.into_activation(&config(""), Proxy::Envoy), Err(expected), "after {elapsed} ms");
        }
    }

    #[test]
    fn metadata_is_no_result() {
        let describe = config(r#", "result": false"#);
        let metadata = Activation { id: None, end: End::Metadata, result: "{}".to_owned() };
        assert_eq!(answered("200", &[], b"{}").into_activation(&describe, Proxy::Envoy), Ok(metadata));
        assert_eq!(
            answered("200", &[], b"<html>").into_activation(&describe, Proxy::Envoy),
            Err(not_openwhisk(StatusCode::OK, None, "<html>"))
        );
        assert_eq!(
            answered("202", &[], b"{}").into_activation(&describe, Proxy::Envoy),
            Err(not_openwhisk(StatusCode::ACCEPTED, None, "{}"))
        );
    }

    #[test]
    fn an_answer_needs_a_status_and_keeps_only_a_clean_activation_id() {
        for status in ["", "abc", "99", "1000", "20"] {
            assert_eq!(Answer::read(&[(":status".to_owned(), status.into())], Vec::new()), None, "{status:?}");
        }
        assert_eq!(Answer::read(&[], Vec::new()), None);
        for id in [&b""[..], b"\xff", b"a b", b"a\r\nx: y"] {
            let headers = [(":status".to_owned(), b"200".to_vec()), (ACTIVATION_ID.to_owned(), id.to_vec())];
            let answer = Answer::read(&headers, Vec::new()).expect("a status");
            assert_eq!(answer.activation_id, None, "{:?}", id.escape_ascii().to_string());
        }
    }
}
