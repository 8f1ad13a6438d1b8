//! The reply to the client.

use std::fmt;

use http::StatusCode;
use http::header::{ALLOW, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, RETRY_AFTER};

use serde_json::{Value, json};

use crate::error::Error;
use crate::error::row::Words;
use crate::header::ACTIVATION_ID;
use crate::proxy::Proxy;

/// The content type of JSON, as `OpenWhisk` writes it.
pub const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The methods that invoke an action, for clients that use another one.
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");

/// The methods that read the result of an activation.
const READING_METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD");

/// A reply, complete for the host to send it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The status, 200 to 599.
    pub status: StatusCode,
    /// The headers; without any that belong to the gateway, such as `content-length`.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body, in bytes; empty for none.
    pub body: Vec<u8>,
}

impl Reply {
    /// The reply for an error: `OpenWhisk`'s own words where there are any, else a sentence in the shape
    /// of its errors, `{"error":"…","code":"<request id>"}`, with `activationId` where it is about an activation.
    #[must_use]
    pub fn for_error(error: &Error, request_id: &str) -> Self {
        if *error == Error::Grpc {
            // A client of gRPC reads the status (Envoy makes `grpc-status` of it) and no body but a short text.
            let headers = vec![(CONTENT_TYPE, HeaderValue::from_static("text/plain"))];
            return Self { status: error.status(), headers, body: error.to_string().into_bytes() };
        }
        let id = error.activation_id();
        let body = error.row(|row| match row.client {
            Words::Gateway(sentence) => error_body(sentence, request_id, id),
            Words::OpenWhisk(body) => body.to_owned(),
        });
        let mut reply = Self::json(error.status(), body).about(id);
        reply.headers.extend(error.retry_after().map(|value| (RETRY_AFTER, value)));
        match error {
            Error::MethodNotAllowed { .. } => reply.headers.push((ALLOW, METHODS)),
            Error::ReadOnly => reply.headers.push((ALLOW, READING_METHODS)),
            _ => {}
        }
        reply
    }

    /// Adds where the result of an activation can be found, behind a path, and when.
    #[must_use]
    pub fn found_at(mut self, path: &str, activation_id: &str) -> Self {
        if let Ok(location) = HeaderValue::from_str(&format!("{path}/{activation_id}")) {
            self.headers.extend([(LOCATION, location), (RETRY_AFTER, HeaderValue::from_static("1"))]);
        }
        self
    }

    /// A reply without a body.
    #[must_use]
    pub const fn empty(status: StatusCode) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    /// The reply as a proxy can send it: with a body where the proxy would make one of its own.
    ///
    /// # Errors
    /// An [`Error`] if the proxy cannot send it.
    pub fn fit_for(mut self, proxy: Proxy, request_id: &str) -> Result<Self, Error> {
        let id = self.headers.iter().find(|(name, _)| name == ACTIVATION_ID).and_then(|(_, id)| id.to_str().ok());
        if !proxy.can_send(self.status) {
            return Err(Error::UnsendableStatus { status: self.status, activation_id: id.map(str::to_owned) });
        }
        if self.body.is_empty() && !proxy.can_send_without_body(self.status) {
            let status = self.status.as_str();
            let sentence = format_args!("the action answered {status} without a body");
            self.body = error_body(sentence, request_id, id).into_bytes();
            self.headers.push((CONTENT_TYPE, JSON));
        }
        Ok(self)
    }

    /// A reply of JSON.
    #[must_use]
    pub fn json(status: StatusCode, body: String) -> Self {
        Self { status, headers: vec![(CONTENT_TYPE, JSON)], body: body.into_bytes() }
    }

    /// Adds the id of the activation the reply is about, if there is one.
    #[must_use]
    pub fn about(mut self, activation_id: Option<&str>) -> Self {
        if let Some(Ok(id)) = activation_id.map(HeaderValue::from_str) {
            self.headers.push((HeaderName::from_static(ACTIVATION_ID), id));
        }
        self
    }
}

/// A sentence in the shape of `OpenWhisk`'s errors.
///
/// Source: apache/openwhisk@1fae641 `http/ErrorResponse.scala`.
fn error_body(sentence: fmt::Arguments<'_>, request_id: &str, activation_id: Option<&str>) -> String {
    let mut body = json!({ "error": sentence, "code": request_id });
    if let (Some(id), Value::Object(body)) = (activation_id, &mut body) {
        body.insert("activationId".to_owned(), id.into());
    }
    body.to_string()
}
