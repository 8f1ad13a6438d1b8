//! Everything that can keep a client from getting a result, by who is at fault.

use std::fmt;

use http::StatusCode;
use http::header::HeaderValue;

use crate::error::key::KeySource;
use crate::error::kind::ErrorKind;
use crate::error::quote::beginning_of_answer;
use crate::error::rule::BrokenRule;
use crate::json::OutOfMemory;
use crate::proxy::Proxy;

pub mod key;
pub mod kind;
pub mod log_limit;
pub(crate) mod quote;
pub mod row;
pub mod rule;

/// The `retry-after` of [`Error::TooManyCalls`], in seconds: calls end all the time.
const SOON: HeaderValue = HeaderValue::from_static("1");

/// Why a request gets no result. `Display` is the sentence for the operator's log; [`Error::row`] has the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The body is larger than `max_req_body_size`.
    RequestTooLarge {
        /// The largest body taken, in bytes.
        limit: u64,
    },
    /// The body should be JSON and is not.
    MalformedBody {
        /// Why, in the words of the parser.
        reason: String,
    },
    /// The JSON for the action nests more deeply than any server of `OpenWhisk` surely survives.
    NestedTooDeeply {
        /// How many levels it may have.
        limit: usize,
    },
    /// The method invokes no action.
    MethodNotAllowed {
        /// The method.
        method: &'static str,
    },
    /// A request with `upgrade` may have a body, and does not tell its length.
    LengthRequired,
    /// The body of a request with `upgrade` is shorter than announced.
    IncompleteBody,
    /// What the action would receive is larger than the filter has memory for.
    OutOfMemory,
    /// What the body becomes as parameters is larger than it may be.
    ParametersTooLarge {
        /// The most that a body may become, in bytes.
        limit: u64,
    },
    /// It has more fields than are put together (`repeated`).
    TooManyFields {
        /// How many a query or a form may have.
        most: usize,
    },
    /// Its path does not fit (`path_template`).
    NoSuchPath,
    /// It asks for the result of an activation with another method than GET and HEAD.
    ReadOnly,
    /// It names no activation where it should.
    NoActivationId,
    /// The activation that it asks for is not there, or not yet: nothing tells these apart.
    NoActivation,
    /// The activation that it asks for is of another action, or of a trigger.
    ActivationOfAnother,
    /// It speaks gRPC.
    Grpc,
    /// It sent a parameter of a name that the filter uses itself.
    ReservedParameter,
    /// The host knows no upstream of that name.
    UnknownUpstream {
        /// The upstream's name.
        upstream: String,
    },
    /// The host cannot call the upstream now.
    UnavailableUpstream {
        /// The upstream's name.
        upstream: String,
        /// Who adds the key: a proxy that should and cannot refuses, too.
        key: KeySource,
    },
    /// The call did not reach it, or the proxy does not tell.
    Unreachable {
        /// The upstream's name.
        upstream: String,
        /// Who adds the key.
        key: KeySource,
        /// What the host says about it, if it says anything.
        reason: String,
    },
    /// As many calls of the action are open on this worker as may be (`max_concurrency`).
    TooManyCalls {
        /// How many may be open.
        most: u64,
    },
    /// No answer before the deadline.
    DeadlinePassed {
        /// The timeout, in milliseconds.
        timeout: u128,
        /// The id of the activation that goes on, if `OpenWhisk` told it.
        activation_id: Option<String>,
    },
    /// Platform: `OpenWhisk` told the id of the activation, and no more, before its wait was over.
    NotAwaited {
        /// How long it was asked to wait, in milliseconds.
        timeout: u128,
        /// After how many milliseconds it answered.
        after: u128,
        /// The id of the activation that goes on, if it told it.
        activation_id: Option<String>,
    },
    /// The connection broke after the call may have been sent, and before an answer.
    ConnectionBroke {
        /// The upstream's name.
        upstream: String,
        /// What the host says about it.
        reason: String,
    },
    /// The answer began and did not end, or is larger than the host takes.
    BrokenOff {
        /// The upstream's name.
        upstream: String,
    },
    /// The answer is larger than is read, or than there is memory for.
    AnswerTooLarge {
        /// The largest answer that is read, in bytes.
        limit: usize,
        /// The id of the activation, if it tells one.
        activation_id: Option<String>,
    },
    /// The answer is not what `OpenWhisk`'s API answers.
    NotOpenWhisk {
        /// Its status.
        status: StatusCode,
        /// The id of the activation, if it tells one.
        activation_id: Option<String>,
        /// When to try again, if it says so: the value of its header `retry-after`.
        retry_after: Option<HeaderValue>,
        /// The beginning of its body.
        body: String,
    },
    /// Platform: `OpenWhisk` refused the call, in its own words.
    Refused {
        /// The status of its answer, 400 to 599.
        status: StatusCode,
        /// The id of the activation, if it came to one.
        activation_id: Option<String>,
        /// When to try again, if it says so: the value of its header `retry-after`.
        retry_after: Option<HeaderValue>,
        /// Its answer: JSON.
        body: String,
    },
    /// Platform: a call was refused for its key, and none is configured.
    NoKey {
        /// When to try again, if it says so: the value of its header `retry-after`.
        retry_after: Option<HeaderValue>,
        /// The answer, of `OpenWhisk` if it is JSON.
        body: String,
    },
    /// It failed, in its own words.
    ActionFailed {
        /// The id of the activation, if `OpenWhisk` told it.
        activation_id: Option<String>,
        /// `OpenWhisk`'s answer: JSON.
        body: String,
    },
    /// It failed, which is not for the client to see (`action_errors`).
    ActionFailureHidden {
        /// The status of `OpenWhisk`'s answer.
        status: StatusCode,
        /// The id of the activation, if `OpenWhisk` told it.
        activation_id: Option<String>,
        /// `OpenWhisk`'s answer: JSON.
        body: String,
    },
    /// The result breaks a rule of shaped results.
    BrokenRule {
        /// The rule.
        rule: BrokenRule,
        /// The id of the activation, if `OpenWhisk` told it.
        activation_id: Option<String>,
    },
    /// It, or the platform, answers with a status that the proxy cannot send.
    UnsendableStatus {
        /// The status.
        status: StatusCode,
        /// The id of the activation, if `OpenWhisk` told it.
        activation_id: Option<String>,
    },
    /// It does not give the body of the request.
    UnreadableBody,
    /// It has `routes` on a proxy that does not tell the filter the route of a request.
    RoutesUnsupported,
    /// There is none. Cannot happen where the host honours `on_configure`.
    NotConfigured,
}

impl Error {
    /// The error for an answer that `OpenWhisk`'s API does not give. Of its body the beginning is kept.
    #[must_use]
    pub fn not_openwhisk(
        status: StatusCode,
        activation_id: Option<String>,
        retry_after: Option<HeaderValue>,
        body: &[u8],
    ) -> Self {
        Self::NotOpenWhisk { status, activation_id, retry_after, body: beginning_of_answer(body) }
    }

    /// The status that the client gets.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.row(|row| row.status)
    }

    /// What it is counted as.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.row(|row| row.kind)
    }

    /// The error of an invocation without what only the author of the action should see. A 502 without an id may be that of
    /// an action, whose id somebody on the way has dropped.
    #[must_use]
    pub fn hidden(self) -> Self {
        match self {
            Self::ActionFailed { activation_id, body } => {
                Self::ActionFailureHidden { status: StatusCode::BAD_GATEWAY, activation_id, body }
            }
            Self::Refused { status, activation_id, body, .. }
                if activation_id.is_some() || status == StatusCode::BAD_GATEWAY =>
            {
                Self::ActionFailureHidden { status, activation_id, body }
            }
            other => other,
        }
    }

    /// The error as a proxy can tell it: with a status that it can send.
    #[must_use]
    pub fn fit_for(self, proxy: Proxy) -> Self {
        let status = self.status();
        if proxy.can_send(status) {
            return self;
        }
        Self::UnsendableStatus { status, activation_id: self.activation_id().map(str::to_owned) }
    }

    /// The id of the activation that the error is about, if `OpenWhisk` told it.
    #[must_use]
    pub fn activation_id(&self) -> Option<&str> {
        match self {
            Self::DeadlinePassed { activation_id, .. }
            | Self::NotAwaited { activation_id, .. }
            | Self::AnswerTooLarge { activation_id, .. }
            | Self::NotOpenWhisk { activation_id, .. }
            | Self::Refused { activation_id, .. }
            | Self::ActionFailed { activation_id, .. }
            | Self::ActionFailureHidden { activation_id, .. }
            | Self::BrokenRule { activation_id, .. }
            | Self::UnsendableStatus { activation_id, .. } => activation_id.as_deref(),
            _ => None,
        }
    }

    /// When the client may try again, if somebody says so: the value of a header `retry-after`.
    #[must_use]
    pub fn retry_after(&self) -> Option<HeaderValue> {
        match self {
            Self::NotOpenWhisk { retry_after, .. }
            | Self::Refused { retry_after, .. }
            | Self::NoKey { retry_after, .. } => retry_after.clone(),
            Self::TooManyCalls { .. } | Self::NoActivation | Self::ActivationOfAnother => Some(SOON),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.row(|row| f.write_fmt(row.log))
    }
}

impl std::error::Error for Error {}

impl From<OutOfMemory> for Error {
    fn from(_: OutOfMemory) -> Self {
        Self::OutOfMemory
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::row::{Concern, Words};

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table")]
    fn the_client_learns_nothing_of_the_inside_of_the_gateway() {
        let upstream = || "secret-cluster".to_owned();
        let body = || "internal page".to_owned();
        let cases = [
            (Error::RequestTooLarge { limit: 7 }, 413, "the body of the request is larger than 7 bytes"),
            (
                Error::MalformedBody { reason: "expected value at line 1 column 1".to_owned() },
                400,
                "the body of the request is not JSON: expected value at line 1 column 1",
            ),
            (
                Error::ReservedParameter,
                400,
                "Request defines parameters that are not allowed (e.g., reserved properties).",
            ),
            (Error::OutOfMemory, 413, "the body of the request is larger than there is memory for"),
            (
                Error::ParametersTooLarge { limit: 7 },
                413,
                "the parameters made of the body of the request are larger than 7 bytes",
            ),
            (Error::NestedTooDeeply { limit: 7 }, 400, "the JSON for the action is nested more than 7 levels"),
            (Error::Grpc, 404, "an action does not speak gRPC"),
            (Error::TooManyCalls { most: 7 }, 503, "too many calls of the action are open"),
            (
                Error::AnswerTooLarge { limit: 16_777_216, activation_id: None },
                502,
                "the answer of openwhisk is larger than 16777216 bytes",
            ),
            (Error::MethodNotAllowed { method: "CONNECT" }, 405, "the method CONNECT invokes no action"),
            (Error::LengthRequired, 411, "the body of a request with upgrade needs a content-length"),
            (Error::IncompleteBody, 400, "the body of the request ended before its content-length"),
            (
                Error::NotAwaited { timeout: 8000, after: 20, activation_id: None },
                504,
                "openwhisk did not wait for the action, which goes on",
            ),
            (Error::RoutesUnsupported, 500, "the filter is not configured for this proxy"),
            (Error::UnknownUpstream { upstream: upstream() }, 503, "openwhisk cannot be reached"),
            (
                Error::UnavailableUpstream { upstream: upstream(), key: KeySource::Proxy },
                503,
                "openwhisk cannot be reached",
            ),
            (
                Error::Unreachable { upstream: upstream(), key: KeySource::Proxy, reason: body() },
                503,
                "openwhisk cannot be reached",
            ),
            (
                Error::NoKey { retry_after: None, body: body() },
                401,
                "the answer with status 401 is not one of openwhisk's API",
            ),
            (
                Error::DeadlinePassed { timeout: 1000, activation_id: None },
                504,
                "the action did not answer within 1000 ms",
            ),
            (
                Error::ConnectionBroke { upstream: upstream(), reason: body() },
                502,
                "the connection to openwhisk broke, the action may have run",
            ),
            (
                Error::ActionFailureHidden { status: StatusCode::BAD_GATEWAY, activation_id: None, body: body() },
                502,
                "the action failed",
            ),
            (
                Error::BrokenOff { upstream: upstream() },
                502,
                "the answer of openwhisk broke off, the action may have run",
            ),
            (
                Error::NotOpenWhisk { status: StatusCode::OK, activation_id: None, retry_after: None, body: body() },
                502,
                "the answer with status 200 is not one of openwhisk's API",
            ),
            (
                Error::NotOpenWhisk {
                    status: StatusCode::NOT_FOUND,
                    activation_id: None,
                    retry_after: None,
                    body: body(),
                },
                404,
                "the answer with status 404 is not one of openwhisk's API",
            ),
            (
                Error::UnsendableStatus { status: StatusCode::IM_A_TEAPOT, activation_id: None },
                502,
                "the answer has the status 418, which cannot be sent",
            ),
            (Error::UnreadableBody, 500, "the body of the request cannot be read"),
            (Error::NotConfigured, 500, "the filter is not configured"),
        ];
        for (error, status, sentence) in cases {
            assert_eq!(error.status().as_u16(), status, "{error:?}");
            let told = error.row(|row| match row.client {
                Words::Gateway(sentence) => sentence.to_string(),
                Words::OpenWhisk(body) => panic!("{body}"),
            });
            assert_eq!(told, sentence, "{error:?}");
        }
    }

    #[test]
    fn what_a_client_can_provoke_does_not_concern_the_operator() {
        let refused = |status| Error::Refused { status, activation_id: None, retry_after: None, body: String::new() };
        let cases = [
            (Error::RequestTooLarge { limit: 1 }, false),
            (Error::MalformedBody { reason: String::new() }, false),
            (Error::ReservedParameter, false),
            (Error::OutOfMemory, false),
            (Error::RoutesUnsupported, true),
            (Error::ActionFailed { activation_id: None, body: String::new() }, false),
            (refused(StatusCode::BAD_REQUEST), false),
            (refused(StatusCode::PAYLOAD_TOO_LARGE), false),
            (refused(StatusCode::UNAUTHORIZED), true),
            (refused(StatusCode::NOT_FOUND), true),
            (refused(StatusCode::TOO_MANY_REQUESTS), true),
            (Error::DeadlinePassed { timeout: 1, activation_id: None }, true),
            (Error::NotConfigured, true),
        ];
        for (error, expected) in cases {
            assert_eq!(error.row(|row| row.concern) == Concern::Operator, expected, "{error:?}");
        }
    }

    #[test]
    fn the_log_names_what_to_look_at() {
        let upstream = || "ow".to_owned();
        let cases = [
            (Error::RequestTooLarge { limit: 7 }, "`max_req_body_size`"),
            (
                Error::UnknownUpstream { upstream: upstream() },
                "no upstream \"ow\": on Envoy `upstream` must name a cluster",
            ),
            (
                Error::UnavailableUpstream { upstream: upstream(), key: KeySource::Filter },
                "no healthy host, a name that does not resolve, or a circuit breaker that is open",
            ),
            (
                Error::UnavailableUpstream { upstream: upstream(), key: KeySource::Proxy },
                "a circuit breaker that is open, or, as the filter sends no `authorization`, one that the proxy should add",
            ),
            (
                Error::Unreachable { upstream: upstream(), key: KeySource::Proxy, reason: String::new() },
                "certificate is trusted, and, as the filter sends no `authorization`, the one that the proxy adds",
            ),
            (
                Error::NoKey { retry_after: None, body: "{}".to_owned() },
                "the filter has none (`service_token`, `authorization`), and the one that the cluster adds \
                 (`openwhisk-envoy --key-file`) or that stands in `call_headers` is missing or wrong",
            ),
            (
                Error::Unreachable { upstream: upstream(), key: KeySource::Filter, reason: "refused\n".to_owned() },
                "that its certificate is trusted: \"refused\\n\"",
            ),
            (Error::ReservedParameter, "begins with `__ow_`"),
            (Error::RoutesUnsupported, "on apisix give each route a `conf` of its own"),
            (Error::DeadlinePassed { timeout: 7, activation_id: None }, "7 ms (`timeout`)"),
            (
                Error::NotAwaited { timeout: 8000, after: 20, activation_id: None },
                "only the id of the activation, after 20 ms, and was asked to wait 8000 ms",
            ),
            (
                Error::NotOpenWhisk {
                    status: StatusCode::OK,
                    activation_id: None,
                    retry_after: None,
                    body: "<html>\n".to_owned(),
                },
                "check that `api_host` is its address: \"<html>\\n\"",
            ),
            (
                Error::Refused {
                    status: StatusCode::UNAUTHORIZED,
                    activation_id: None,
                    retry_after: None,
                    body: "{}".to_owned(),
                },
                "openwhisk refused the call with 401: \"{}\"",
            ),
        ];
        for (error, expected) in cases {
            assert!(error.to_string().contains(expected), "{error} should contain {expected}");
        }
    }
}
