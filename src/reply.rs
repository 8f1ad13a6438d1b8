//! The reply to the client.

use http::StatusCode;
use http::header::{ALLOW, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};

use serde_json::{Value, json};

use crate::error::{Error, Words};
use crate::outcome::{ACTIVATION_ID, Activation, News, not_openwhisk};
use crate::proxy::Proxy;
use crate::request::METHODS;
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
    /// The reply for what is told of an activation.
    ///
    /// # Errors
    /// An [`Error`] if the action failed without saying what to reply, or its result is not usable.
    pub fn to_activation(activation: Activation) -> Result<Self, Error> {
        let Activation { id, news, body } = activation;
        let (shaped, status) = match news {
            News::AsIs(status) => return Ok(Self::json(status, body).about(id.as_deref())),
            News::Result => (shaping::reply_to_result(&body), StatusCode::OK),
            News::Failure => (shaping::reply_to_failure(&body), StatusCode::BAD_GATEWAY),
        };
        match shaped {
            Ok(Some(reply)) => Ok(reply.about(id.as_deref())),
            Ok(None) if news == News::Failure => Err(Error::ActionFailed { activation_id: id, body }),
            Ok(None) => Ok(Self::json(status, body).about(id.as_deref())),
            Err(Misshapen::BrokenRule(rule)) => Err(Error::BrokenRule { rule, activation_id: id }),
            Err(Misshapen::NotJson) => Err(not_openwhisk(status, id, &body)),
            Err(Misshapen::OutOfMemory) => Err(Error::AnswerTooLarge { activation_id: id }),
        }
    }

    /// The reply for an error: `OpenWhisk`'s own words where there are any, else a sentence in the shape
    /// of its errors, `{"error":"…","code":"<request id>"}`, with `activationId` where it is about an activation.
    #[must_use]
    pub fn to_error(error: &Error, request_id: &str) -> Self {
        if *error == Error::Grpc {
            // A client of gRPC reads the status (Envoy makes `grpc-status` of it) and no body but a short text.
            let headers = vec![(CONTENT_TYPE, HeaderValue::from_static("text/plain"))];
            return Self { status: error.status(), headers, body: error.to_string().into_bytes() };
        }
        let body = match error.for_client() {
            Words::Gateway(sentence) => error_body(&sentence, request_id, error.activation_id()),
            Words::OpenWhisk(body) => body.to_owned(),
        };
        let mut reply = Self::json(error.status(), body).about(error.activation_id());
        reply.headers.extend(error.retry_after().map(|value| (RETRY_AFTER, value)));
        if let Error::MethodNotAllowed { .. } = error {
            reply.headers.push((ALLOW, HeaderValue::from_static(METHODS)));
        }
        reply
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
            let sentence = format!("the action answered {} without a body", self.status.as_str());
            self.body = error_body(&sentence, request_id, id).into_bytes();
            self.headers.push((CONTENT_TYPE, JSON));
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
fn error_body(sentence: &str, request_id: &str, activation_id: Option<&str>) -> String {
    let mut body = json!({ "error": sentence, "code": request_id });
    if let (Some(id), Value::Object(body)) = (activation_id, &mut body) {
        body.insert("activationId".to_owned(), id.into());
    }
    body.to_string()
}
