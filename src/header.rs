//! Names of headers that more than one side of a call has to know, in the spelling of HTTP/2.

/// The header with the id of the activation, present if and only if an answer is about one.
///
/// Source: apache/openwhisk@1fae641 `core/controller/Entities.scala`, `CustomHeaders.ActivationIdHeader`.
pub const ACTIVATION_ID: &str = "x-openwhisk-activation-id";

/// The header with the request id.
///
/// Source: apache/openwhisk@1fae641 `whisk.transactions.header`; Envoy makes one where the client sent none.
pub const REQUEST_ID: &str = "x-request-id";

/// Headers with the client's credentials, which an action sees only if it is configured.
pub const CREDENTIALS: &[&str] = &["authorization", "proxy-authorization", "cookie"];

/// Headers that are handed on as they are: the request id, and those that join the action's work to the
/// client's trace.
///
/// Source: W3C Trace Context; openzipkin/b3-propagation. A call the filter makes carries none of them
/// by itself.
pub const FORWARDED: &[&str] = &[
    REQUEST_ID,
    "traceparent",
    "tracestate",
    "b3",
    "x-b3-traceid",
    "x-b3-spanid",
    "x-b3-parentspanid",
    "x-b3-sampled",
    "x-b3-flags",
];

/// Headers that belong to a connection or to how a body is sent over it.
///
/// Source: RFC 9110 sections 7.6.1 and 8.6.
pub const OF_A_CONNECTION: &[&str] = &[
    "connection",
    "proxy-connection",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "content-length",
];

/// Whether a text is the id of an activation, as `OpenWhisk` writes it.
#[must_use]
pub fn is_activation_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
