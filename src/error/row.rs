//! What follows from each error: one row for each.

use std::fmt;

use http::StatusCode;

use crate::error::Error;
use crate::error::key::KeySource;
use crate::error::kind::ErrorKind;
use crate::error::quote::{ANSWER_QUOTED, HIDDEN_QUOTED, beginning};
use crate::json::is_json;

/// What a client is told of an error.
#[derive(Clone, Copy, Debug)]
pub enum Words<'a> {
    /// A sentence of ours.
    Gateway(fmt::Arguments<'a>),
    /// The answer of `OpenWhisk` itself: JSON.
    OpenWhisk(&'a str),
}

/// Who can do something about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concern {
    /// The client. What it can provoke at will must not fill the operator's log.
    Client,
    /// The author of the action.
    Author,
    /// The operator of the gateway.
    Operator,
}

/// What follows from an error.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// The status that the client gets.
    pub status: StatusCode,
    /// What it is counted as.
    pub kind: ErrorKind,
    /// Who can do something about it.
    pub concern: Concern,
    /// What the client is told: never a secret, never the inside of the gateway.
    pub client: Words<'a>,
    /// The sentence for the operator's log, without secrets.
    pub log: fmt::Arguments<'a>,
}

/// One row: status, kind, whom it concerns, the words for the client, and those for the log where they differ.
macro_rules! row {
    ($read:ident, $status:expr, $kind:ident, $concern:ident, $words:literal) => {
        row! { $read, $status, $kind, $concern, $words, $words }
    };
    ($read:ident, $status:expr, $kind:ident, $concern:ident, $client:literal, $log:literal) => {
        row! { @ $read, $status, $kind, $concern, Words::Gateway(format_args!($client)), $log }
    };
    ($read:ident, $status:expr, $kind:ident, $concern:ident, = $body:expr, $log:literal) => {
        row! { @ $read, $status, $kind, $concern, Words::OpenWhisk($body), $log }
    };
    (@ $read:ident, $status:expr, $kind:ident, $concern:ident, $client:expr, $log:literal) => {
        $read(Row {
            status: $status,
            kind: ErrorKind::$kind,
            concern: Concern::$concern,
            client: $client,
            log: format_args!($log),
        })
    };
}

impl Error {
    /// Hands out what follows from the error: the one place that says so.
    #[expect(clippy::too_many_lines, reason = "a table")]
    pub fn row<T>(&self, read: impl FnOnce(Row<'_>) -> T) -> T {
        match self {
            Self::RequestTooLarge { limit } => row! {
                read, StatusCode::PAYLOAD_TOO_LARGE, TooLarge, Client,
                "the body of the request is larger than {limit} bytes",
                "the body of the request is larger than {limit} bytes (`max_req_body_size`)"
            },
            Self::ParametersTooLarge { limit } => row! {
                read, StatusCode::PAYLOAD_TOO_LARGE, TooLarge, Client,
                "the parameters made of the body of the request are larger than {limit} bytes"
            },
            Self::OutOfMemory => row! {
                read, StatusCode::PAYLOAD_TOO_LARGE, TooLarge, Client,
                "the body of the request is larger than there is memory for"
            },
            Self::MalformedBody { reason } => row! {
                read, StatusCode::BAD_REQUEST, Malformed, Client,
                "the body of the request is not JSON: {reason}"
            },
            Self::NestedTooDeeply { limit } => row! {
                read, StatusCode::BAD_REQUEST, Malformed, Client,
                "the JSON for the action is nested more than {limit} levels"
            },
            Self::MethodNotAllowed { method } => row! {
                read, StatusCode::METHOD_NOT_ALLOWED, Malformed, Client,
                "the method {method} invokes no action"
            },
            Self::LengthRequired => row! {
                read, StatusCode::LENGTH_REQUIRED, Malformed, Client,
                "the body of a request with upgrade needs a content-length"
            },
            Self::IncompleteBody => row! {
                read, StatusCode::BAD_REQUEST, Malformed, Client,
                "the body of the request ended before its content-length"
            },
            Self::TooManyFields { most } => row! {
                read, StatusCode::BAD_REQUEST, Malformed, Client,
                "the query or form of the request has more than {most} fields",
                "the query or form of the request has more than {most} fields (`repeated`)"
            },
            Self::NoSuchPath => row! {
                read, StatusCode::NOT_FOUND, Malformed, Client,
                "there is nothing at this path",
                "the path of the request does not fit (`path_template`)"
            },
            Self::ReadOnly => row! {
                read, StatusCode::METHOD_NOT_ALLOWED, Malformed, Client,
                "the result of an activation is read with GET or HEAD"
            },
            Self::NoActivationId => row! {
                read, StatusCode::NOT_FOUND, Malformed, Client,
                "the path does not end with the id of an activation"
            },
            Self::NoActivation => row! {
                read, StatusCode::NOT_FOUND, Refused, Client,
                "there is no such activation, or it has not ended yet"
            },
            Self::ActivationOfAnother => row! {
                read, StatusCode::NOT_FOUND, Refused, Client,
                "there is no such activation, or it has not ended yet",
                "the activation that was asked for is not one of the action"
            },
            // Envoy makes `grpc-status` 12 (unimplemented) of it.
            Self::Grpc => row! {
                read, StatusCode::NOT_FOUND, Malformed, Client,
                "an action does not speak gRPC"
            },
            // Source: apache/openwhisk@1fae641 `http/ErrorResponse.scala`,
            // `Messages.parametersNotAllowed`.
            Self::ReservedParameter => row! {
                read, StatusCode::BAD_REQUEST, Malformed, Client,
                "Request defines parameters that are not allowed (e.g., reserved properties).",
                "the request has a parameter whose name begins with `__ow_`, which is reserved"
            },
            Self::UnknownUpstream { upstream } => row! {
                read, StatusCode::SERVICE_UNAVAILABLE, Connect, Operator,
                "openwhisk cannot be reached",
                "the host knows no upstream {upstream:?}: on Envoy `upstream` must name a cluster, on APISIX be \
                 host:port; by default it is the host:port of `api_host`"
            },
            Self::UnavailableUpstream { upstream, key } => {
                let no_key = match key {
                    KeySource::Filter => "",
                    KeySource::Proxy => {
                        ", or, as the filter sends no `authorization`, one that the proxy should add and does not have"
                    }
                };
                row! {
                    read, StatusCode::SERVICE_UNAVAILABLE, Connect, Operator,
                    "openwhisk cannot be reached",
                    "the host refuses calls to the upstream {upstream:?}: no healthy host, a name that does not \
                     resolve, or a circuit breaker that is open{no_key}"
                }
            }
            Self::Unreachable { upstream, key, reason } => {
                let no_key = match key {
                    KeySource::Filter => "",
                    KeySource::Proxy => ", and, as the filter sends no `authorization`, the one that the proxy adds",
                };
                row! {
                    read, StatusCode::SERVICE_UNAVAILABLE, Connect, Operator,
                    "openwhisk cannot be reached",
                    "no answer from the upstream {upstream:?}, check that openwhisk runs there and, with https, that \
                     its certificate is trusted{no_key}: {reason:?}"
                }
            }
            Self::TooManyCalls { most } => row! {
                read, StatusCode::SERVICE_UNAVAILABLE, Busy, Operator,
                "too many calls of the action are open",
                "{most} calls of the action are open on this worker (`max_concurrency`)"
            },
            Self::DeadlinePassed { timeout, .. } => row! {
                read, StatusCode::GATEWAY_TIMEOUT, Timeout, Operator,
                "the action did not answer within {timeout} ms",
                "the action did not answer within {timeout} ms (`timeout`)"
            },
            Self::NotAwaited { timeout, after, .. } => row! {
                read, StatusCode::GATEWAY_TIMEOUT, Timeout, Operator,
                "openwhisk did not wait for the action, which goes on",
                "openwhisk told only the id of the activation, after {after} ms, and was asked to wait {timeout} ms \
                 for the action (`timeout`), which goes on"
            },
            Self::ConnectionBroke { upstream, reason } => row! {
                read, StatusCode::BAD_GATEWAY, BrokenOff, Operator,
                "the connection to openwhisk broke, the action may have run",
                "the connection to the upstream {upstream:?} broke before an answer, the action may have run: {reason:?}"
            },
            Self::BrokenOff { upstream } => row! {
                read, StatusCode::BAD_GATEWAY, BrokenOff, Operator,
                "the answer of openwhisk broke off, the action may have run",
                "the answer of the upstream {upstream:?} broke off, or is larger than the host takes"
            },
            Self::AnswerTooLarge { limit, .. } => row! {
                read, StatusCode::BAD_GATEWAY, BrokenOff, Operator,
                "the answer of openwhisk is larger than {limit} bytes"
            },
            Self::NotOpenWhisk { status, body, .. } => {
                let is_error = status.is_client_error() || status.is_server_error();
                let answered = status.as_str();
                row! {
                    read, if is_error { *status } else { StatusCode::BAD_GATEWAY }, NotOpenWhisk, Operator,
                    "the answer with status {answered} is not one of openwhisk's API",
                    "the answer with status {answered} is not one of openwhisk's API, check that `api_host` is its \
                     address: {body:?}"
                }
            }
            Self::Refused { status, body, .. } => {
                let (answered, words) = (status.as_str(), beginning(body, ANSWER_QUOTED));
                let log = format_args!("openwhisk refused the call with {answered}: {words:?}");
                let is_of_client = matches!(*status, StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE);
                let concern = if is_of_client { Concern::Client } else { Concern::Operator };
                read(Row { status: *status, kind: ErrorKind::Refused, concern, client: Words::OpenWhisk(body), log })
            }
            Self::NoKey { body, .. } => {
                let words = beginning(body, ANSWER_QUOTED);
                let client = if is_json(body) {
                    Words::OpenWhisk(body)
                } else {
                    Words::Gateway(format_args!("the answer with status 401 is not one of openwhisk's API"))
                };
                row! {
                    @ read, StatusCode::UNAUTHORIZED, Refused, Operator, client,
                    "openwhisk asks for a key, with 401: the filter has none (`service_token`, `authorization`), and the \
                     one that the cluster adds (`openwhisk-envoy --key-file`) or that stands in `call_headers` is missing \
                     or wrong: {words:?}"
                }
            }
            Self::ActionFailed { body, .. } => {
                let words = beginning(body, ANSWER_QUOTED);
                row! { read, StatusCode::BAD_GATEWAY, ActionFailed, Author, = body, "the action failed: {words:?}" }
            }
            Self::ActionFailureHidden { status, body, .. } => {
                let words = beginning(body, HIDDEN_QUOTED);
                row! {
                    read, *status, ActionFailed, Author,
                    "the action failed",
                    "the action failed: {words:?}"
                }
            }
            Self::BrokenRule { rule, .. } => {
                let broken = rule.rule();
                row! {
                    read, StatusCode::BAD_GATEWAY, InvalidResult, Author,
                    "the result of the action breaks a rule: {broken}",
                    "the result of the action breaks a rule: {rule}"
                }
            }
            Self::UnsendableStatus { status, .. } => {
                let answered = status.as_str();
                row! {
                    read, StatusCode::BAD_GATEWAY, InvalidResult, Author,
                    "the answer has the status {answered}, which cannot be sent"
                }
            }
            Self::UnreadableBody => row! {
                read, StatusCode::INTERNAL_SERVER_ERROR, Internal, Operator,
                "the body of the request cannot be read"
            },
            Self::RoutesUnsupported => row! {
                read, StatusCode::INTERNAL_SERVER_ERROR, Internal, Operator,
                "the filter is not configured for this proxy",
                "`routes` works on envoy only, which tells the route of a request: on apisix give each route a `conf` \
                 of its own"
            },
            Self::NotConfigured => row! {
                read, StatusCode::INTERNAL_SERVER_ERROR, Internal, Operator,
                "the filter is not configured"
            },
        }
    }
}
