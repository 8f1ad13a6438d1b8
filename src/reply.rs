//! The reply to the client.

use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};

use crate::error::{Error, Words};
use crate::outcome::{ACTIVATION_ID, Activation, End, not_openwhisk};
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
            Words::Gateway(sentence) => serde_json::json!({ "error": sentence, "code": request_id }).to_string(),
            Words::OpenWhisk(body) => body.to_owned(),
        };
        Self::json(error.status(), body).about(error.activation_id())
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
