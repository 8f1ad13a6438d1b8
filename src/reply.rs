//! The reply to the client.

use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};

use crate::error::{Error, Words};
use crate::outcome::{ACTIVATION_ID, Activation, End, not_openwhisk};
use crate::proxy::Proxy;
use crate::shaping::{self, Misshapen};

/// The content type of JSON, as `OpenWhisk` writes it.
pub const JSON: HeaderValue = HeaderValue::from_static("application/json");

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
    /// The reply for an activation that ended.
    ///
    /// # Errors
    /// An [`Error`] if the action failed without saying what to reply, or its result is not usable.
    pub fn to_activation(activation: Activation) -> Result<Self, Error> {
        let Activation { id, end, result } = activation;
        let shaped = match end {
            End::Success => shaping::reply_to_result(&result),
            End::Failure => shaping::reply_to_failure(&result),
            End::Metadata => Ok(None),
        };
        match (shaped, end) {
            (Ok(Some(reply)), _) => Ok(reply.about(id.as_deref())),
            (Ok(None), End::Success | End::Metadata) => Ok(Self::json(StatusCode::OK, result).about(id.as_deref())),
            (Ok(None), End::Failure) => Err(Error::ActionFailed { activation_id: id, body: result }),
            (Err(Misshapen::BrokenRule(rule)), _) => Err(Error::BrokenRule { rule, activation_id: id }),
            (Err(Misshapen::NotJson), End::Failure) => Err(not_openwhisk(StatusCode::BAD_GATEWAY, id, &result)),
            (Err(Misshapen::NotJson), End::Success | End::Metadata) => Err(not_openwhisk(StatusCode::OK, id, &result)),
        }
    }

    /// The reply for an error: `OpenWhisk`'s own words where there are any, else a sentence in the shape
    /// of its errors, `{"error":"…","code":"<request id>"}`.
    #[must_use]
    pub fn to_error(error: &Error, request_id: &str) -> Self {
        let body = match error.for_client() {
            Words::Gateway(sentence) => error_body(&sentence, request_id),
            Words::OpenWhisk(body) => body.to_owned(),
        };
        Self::json(error.status(), body).about(error.activation_id())
    }

    /// The reply as a proxy can send it: nginx would answer an error without a body with a page of its own.
    ///
    /// Source: observed on wasm-nginx-module 0.7.0.
    ///
    /// # Errors
    /// An [`Error`] if the proxy cannot send it.
    pub fn fit_for(mut self, proxy: Proxy, request_id: &str) -> Result<Self, Error> {
        if !proxy.can_send(self.status) {
            let id = self.headers.iter().find(|(name, _)| name == ACTIVATION_ID).and_then(|(_, id)| id.to_str().ok());
            return Err(Error::UnsendableStatus { status: self.status, activation_id: id.map(str::to_owned) });
        }
        let is_error = self.status.is_client_error() || self.status.is_server_error();
        if proxy == Proxy::Apisix && is_error && self.body.is_empty() {
            let sentence = format!("the action answered {} without a body", self.status.as_str());
            self.headers.push((CONTENT_TYPE, JSON));
            self.body = error_body(&sentence, request_id).into_bytes();
        }
        Ok(self)
    }

    fn json(status: StatusCode, body: String) -> Self {
        Self { status, headers: vec![(CONTENT_TYPE, JSON)], body: body.into_bytes() }
    }

    /// Adds the id of the activation the reply is about.
    fn about(mut self, activation_id: Option<&str>) -> Self {
        if let Some(Ok(id)) = activation_id.map(HeaderValue::from_str) {
            self.headers.push((HeaderName::from_static(ACTIVATION_ID), id));
        }
        self
    }
}

/// A sentence in the shape of `OpenWhisk`'s errors.
///
/// Source: apache/openwhisk `common/scala/src/main/scala/org/apache/openwhisk/http/ErrorResponse.scala`.
fn error_body(sentence: &str, request_id: &str) -> String {
    serde_json::json!({ "error": sentence, "code": request_id }).to_string()
}
