//! Everything that can keep a client from getting a result, by who is at fault.

use std::fmt;

use http::StatusCode;
use http::header::HeaderValue;

use crate::object_writer::OutOfMemory;
use crate::outcome::{LARGEST_ANSWER, beginning};
use crate::proxy::Proxy;
use crate::rule::BrokenRule;

/// When to try again where calls end all the time: after a second.
const SOON: HeaderValue = HeaderValue::from_static("1");

/// Why a request gets no result. `Display` is the sentence for the operator's log, without secrets;
/// [`Error::for_client`] the one for the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// Client: the body is larger than `max_req_body_size`.
    RequestTooLarge {
        /// The largest body taken, in bytes.
        limit: u64,
    },
    /// Client: the body should be JSON and is not.
    MalformedBody {
        /// Why, in the words of the parser.
        reason: String,
    },
    /// Client: the method invokes no action.
    MethodNotAllowed {
        /// The method.
        method: &'static str,
    },
    /// Client: a request with `upgrade` may have a body, and does not tell its length.
    LengthRequired,
    /// Client: the body of a request with `upgrade` is shorter than announced.
    IncompleteBody,
    /// Client: what the action would receive is larger than the filter has memory for.
    OutOfMemory,
    /// Client: what the body becomes as parameters is larger than it may be.
    ParametersTooLarge {
        /// The most that a body may become, in bytes.
        limit: u64,
    },
    /// Client: it speaks gRPC.
    Grpc,
    /// Client: it sent a parameter of a name that the filter uses itself.
    ReservedParameter,
    /// Platform: the host knows no upstream of that name.
    UnknownUpstream {
        /// The upstream's name.
        upstream: String,
    },
    /// Platform: the host cannot call the upstream now.
    UnavailableUpstream {
        /// The upstream's name.
        upstream: String,
    },
    /// Platform: no connection came about, or it broke before an answer.
    Unreachable {
        /// The upstream's name.
        upstream: String,
        /// What the host says about it, if it says anything.
        reason: String,
    },
    /// Platform: as many calls of the action are open on this worker as may be (`max_concurrency`).
    TooManyCalls {
        /// How many may be open.
        most: u64,
    },
    /// Platform: no answer before the deadline.
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
    /// Platform: the answer began and did not end, or is larger than the host takes.
    BrokenOff {
        /// The upstream's name.
        upstream: String,
    },
    /// Platform: the answer is larger than is read.
    AnswerTooLarge {
        /// The id of the activation, if it tells one.
        activation_id: Option<String>,
    },
    /// Platform: the answer is not what `OpenWhisk`'s API answers.
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
    /// Action: it failed, in its own words.
    ActionFailed {
        /// The id of the activation, if `OpenWhisk` told it.
        activation_id: Option<String>,
        /// `OpenWhisk`'s answer: JSON.
        body: String,
    },
    /// Action: the result breaks a rule of shaped results.
    BrokenRule {
        /// The rule.
        rule: BrokenRule,
        /// The id of the activation, if `OpenWhisk` told it.
        activation_id: Option<String>,
    },
    /// Action: it, or the platform, answers with a status that the proxy cannot send.
    UnsendableStatus {
        /// The status.
        status: StatusCode,
        /// The id of the activation, if `OpenWhisk` told it.
        activation_id: Option<String>,
    },
    /// Host: it does not give the body of the request.
    UnreadableBody,
    /// Configuration: it has `routes` on a proxy that does not tell the filter the route of a request.
    RoutesUnsupported,
    /// Configuration: there is none. Cannot happen where the host honours `on_configure`.
    NotConfigured,
}

/// What a client is told of an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Words<'a> {
    /// A sentence of ours.
    Gateway(String),
    /// The answer of `OpenWhisk` itself: JSON.
    OpenWhisk(&'a str),
}

impl Error {
    /// The status the client gets. The one place where errors become statuses.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::RequestTooLarge { .. } | Self::ParametersTooLarge { .. } | Self::OutOfMemory => {
                StatusCode::PAYLOAD_TOO_LARGE
            }
            // Envoy makes `grpc-status` 12 (unimplemented) of it.
            Self::Grpc => StatusCode::NOT_FOUND,
            Self::MalformedBody { .. } | Self::ReservedParameter | Self::IncompleteBody => StatusCode::BAD_REQUEST,
            Self::LengthRequired => StatusCode::LENGTH_REQUIRED,
            Self::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::UnknownUpstream { .. }
            | Self::UnavailableUpstream { .. }
            | Self::Unreachable { .. }
            | Self::TooManyCalls { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::DeadlinePassed { .. } | Self::NotAwaited { .. } => StatusCode::GATEWAY_TIMEOUT,
            Self::NotOpenWhisk { status, .. } if status.is_client_error() || status.is_server_error() => *status,
            Self::BrokenOff { .. }
            | Self::AnswerTooLarge { .. }
            | Self::NotOpenWhisk { .. }
            | Self::ActionFailed { .. }
            | Self::BrokenRule { .. }
            | Self::UnsendableStatus { .. } => StatusCode::BAD_GATEWAY,
            Self::Refused { status, .. } => *status,
            Self::UnreadableBody | Self::RoutesUnsupported | Self::NotConfigured => StatusCode::INTERNAL_SERVER_ERROR,
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

    /// What the client is told: never a secret, never the inside of the gateway.
    #[must_use]
    pub fn for_client(&self) -> Words<'_> {
        match self {
            Self::RequestTooLarge { limit } => {
                Words::Gateway(format!("the body of the request is larger than {limit} bytes"))
            }
            Self::MalformedBody { .. }
            | Self::ParametersTooLarge { .. }
            | Self::Grpc
            | Self::MethodNotAllowed { .. }
            | Self::LengthRequired
            | Self::IncompleteBody
            | Self::OutOfMemory
            | Self::AnswerTooLarge { .. }
            | Self::UnsendableStatus { .. }
            | Self::UnreadableBody
            | Self::NotConfigured => Words::Gateway(self.to_string()),
            // Source: apache/openwhisk `core/controller/Messages.scala`, `parametersNotAllowed`.
            Self::ReservedParameter => Words::Gateway(
                "Request defines parameters that are not allowed (e.g., reserved properties).".to_owned(),
            ),
            Self::RoutesUnsupported => Words::Gateway("the filter is not configured for this proxy".to_owned()),
            Self::UnknownUpstream { .. } | Self::UnavailableUpstream { .. } | Self::Unreachable { .. } => {
                Words::Gateway("openwhisk cannot be reached".to_owned())
            }
            Self::TooManyCalls { .. } => Words::Gateway("too many calls of the action are open".to_owned()),
            Self::DeadlinePassed { timeout, .. } => {
                Words::Gateway(format!("the action did not answer within {timeout} ms"))
            }
            Self::NotAwaited { .. } => {
                Words::Gateway("openwhisk did not wait for the action, which goes on".to_owned())
            }
            Self::BrokenOff { .. } => Words::Gateway("the answer of openwhisk broke off".to_owned()),
            Self::NotOpenWhisk { status, .. } => {
                Words::Gateway(format!("the answer with status {} is not one of openwhisk's API", status.as_str()))
            }
            Self::BrokenRule { rule, .. } => {
                Words::Gateway(format!("the result of the action breaks a rule: {}", rule.rule()))
            }
            Self::Refused { body, .. } | Self::ActionFailed { body, .. } => Words::OpenWhisk(body),
        }
    }

    /// The id of the activation the error is about, if `OpenWhisk` told it.
    #[must_use]
    pub fn activation_id(&self) -> Option<&str> {
        match self {
            Self::DeadlinePassed { activation_id, .. }
            | Self::NotAwaited { activation_id, .. }
            | Self::AnswerTooLarge { activation_id }
            | Self::NotOpenWhisk { activation_id, .. }
            | Self::Refused { activation_id, .. }
            | Self::ActionFailed { activation_id, .. }
            | Self::BrokenRule { activation_id, .. }
            | Self::UnsendableStatus { activation_id, .. } => activation_id.as_deref(),
            Self::RequestTooLarge { .. }
            | Self::ParametersTooLarge { .. }
            | Self::Grpc
            | Self::TooManyCalls { .. }
            | Self::MalformedBody { .. }
            | Self::MethodNotAllowed { .. }
            | Self::LengthRequired
            | Self::IncompleteBody
            | Self::OutOfMemory
            | Self::ReservedParameter
            | Self::UnknownUpstream { .. }
            | Self::UnavailableUpstream { .. }
            | Self::Unreachable { .. }
            | Self::BrokenOff { .. }
            | Self::UnreadableBody
            | Self::RoutesUnsupported
            | Self::NotConfigured => None,
        }
    }

    /// When the client may try again, if somebody says so: the value of a header `retry-after`.
    #[must_use]
    pub fn retry_after(&self) -> Option<HeaderValue> {
        match self {
            Self::NotOpenWhisk { retry_after, .. } | Self::Refused { retry_after, .. } => retry_after.clone(),
            Self::TooManyCalls { .. } => Some(SOON),
            _ => None,
        }
    }

    /// Whether the operator of the gateway may have to do something, and not the author of the action or the
    /// client: what a client can provoke at will must not fill the operator's log.
    #[must_use]
    pub fn concerns_operator(&self) -> bool {
        match self {
            Self::RequestTooLarge { .. }
            | Self::ParametersTooLarge { .. }
            | Self::Grpc
            | Self::MalformedBody { .. }
            | Self::MethodNotAllowed { .. }
            | Self::LengthRequired
            | Self::IncompleteBody
            | Self::OutOfMemory
            | Self::ReservedParameter
            | Self::ActionFailed { .. }
            | Self::BrokenRule { .. }
            | Self::UnsendableStatus { .. } => false,
            Self::Refused { status, .. } => !matches!(*status, StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE),
            Self::UnknownUpstream { .. }
            | Self::UnavailableUpstream { .. }
            | Self::Unreachable { .. }
            | Self::DeadlinePassed { .. }
            | Self::NotAwaited { .. }
            | Self::TooManyCalls { .. }
            | Self::BrokenOff { .. }
            | Self::AnswerTooLarge { .. }
            | Self::NotOpenWhisk { .. }
            | Self::UnreadableBody
            | Self::RoutesUnsupported
            | Self::NotConfigured => true,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RequestTooLarge { limit } => {
                write!(f, "the body of the request is larger than {limit} bytes (`max_req_body_size`)")
            }
            Self::MalformedBody { reason } => write!(f, "the body of the request is not JSON: {reason}"),
            Self::ParametersTooLarge { limit } => {
                write!(f, "the parameters made of the body of the request are larger than {limit} bytes")
            }
            Self::Grpc => f.write_str("an action does not speak gRPC"),
            Self::TooManyCalls { most } => {
                write!(f, "{most} calls of the action are open on this worker (`max_concurrency`)")
            }
            Self::AnswerTooLarge { .. } => {
                write!(f, "the answer of openwhisk is larger than {LARGEST_ANSWER} bytes")
            }
            Self::MethodNotAllowed { method } => write!(f, "the method {method} invokes no action"),
            Self::LengthRequired => f.write_str("the body of a request with upgrade needs a content-length"),
            Self::IncompleteBody => f.write_str("the body of the request ended before its content-length"),
            Self::OutOfMemory => f.write_str("the body of the request is larger than there is memory for"),
            Self::ReservedParameter => {
                f.write_str("the request has a parameter whose name begins with `__ow_`, which is reserved")
            }
            Self::UnknownUpstream { upstream } => write!(
                f,
                "the host knows no upstream {upstream:?}: on Envoy `upstream` must name a cluster, on APISIX be \
                 host:port; by default it is the host:port of `api_host`"
            ),
            Self::UnavailableUpstream { upstream } => write!(
                f,
                "the host refuses calls to the upstream {upstream:?}: no healthy host, a name that does not resolve, \
                 or a circuit breaker that is open"
            ),
            Self::Unreachable { upstream, reason } => {
                write!(
                    f,
                    "no answer from the upstream {upstream:?}, check that openwhisk runs there and, with https, that its \
                     certificate is trusted: {reason:?}"
                )
            }
            Self::DeadlinePassed { timeout, .. } => {
                write!(f, "the action did not answer within {timeout} ms (`timeout`)")
            }
            Self::NotAwaited { timeout, after, .. } => write!(
                f,
                "openwhisk told only the id of the activation, after {after} ms, and was asked to wait {timeout} ms for the \
                 action (`timeout`), which goes on"
            ),
            Self::BrokenOff { upstream } => {
                write!(f, "the answer of the upstream {upstream:?} broke off, or is larger than the host takes")
            }
            Self::NotOpenWhisk { status, body, .. } => write!(
                f,
                "the answer with status {} is not one of openwhisk's API, check that `api_host` is its address: \
                 {body:?}",
                status.as_str()
            ),
            Self::Refused { status, body, .. } => {
                write!(f, "openwhisk refused the call with {}: {:?}", status.as_str(), beginning(body))
            }
            Self::ActionFailed { body, .. } => write!(f, "the action failed: {:?}", beginning(body)),
            Self::BrokenRule { rule, .. } => write!(f, "the result of the action breaks a rule: {rule}"),
            Self::UnsendableStatus { status, .. } => {
                write!(f, "the answer has the status {}, which cannot be sent", status.as_str())
            }
            Self::UnreadableBody => f.write_str("the body of the request cannot be read"),
            Self::RoutesUnsupported => f.write_str(
                "`routes` works on envoy only, which tells the route of a request: on apisix give each route a `conf` \
                 of its own",
            ),
            Self::NotConfigured => f.write_str("the filter is not configured"),
        }
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

    #[test]
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
            (Error::Grpc, 404, "an action does not speak gRPC"),
            (Error::TooManyCalls { most: 7 }, 503, "too many calls of the action are open"),
            (
                Error::AnswerTooLarge { activation_id: None },
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
            (Error::UnavailableUpstream { upstream: upstream() }, 503, "openwhisk cannot be reached"),
            (Error::Unreachable { upstream: upstream(), reason: body() }, 503, "openwhisk cannot be reached"),
            (
                Error::DeadlinePassed { timeout: 1000, activation_id: None },
                504,
                "the action did not answer within 1000 ms",
            ),
            (Error::BrokenOff { upstream: upstream() }, 502, "the answer of openwhisk broke off"),
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
            assert_eq!(error.for_client(), Words::Gateway(sentence.to_owned()), "{error:?}");
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
            assert_eq!(error.concerns_operator(), expected, "{error:?}");
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
            (Error::UnavailableUpstream { upstream: upstream() }, "no healthy host"),
            (
                Error::Unreachable { upstream: upstream(), reason: "refused\n".to_owned() },
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
