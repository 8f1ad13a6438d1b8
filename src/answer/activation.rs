//! What an answer tells of an activation, and the reply to it.

use http::StatusCode;

use crate::answer::shaped::{NoReply, reply_to_failure, reply_to_result};
use crate::error::Error;
use crate::header::is_activation_id;
use crate::json::is_json;
use crate::reply::Reply;

/// The largest answer that is read, in bytes: sixteen times what `OpenWhisk` gives unless it is configured otherwise.
///
/// Source: apache/openwhisk@1fae641 `common/scala/src/main/resources/application.conf`, `whisk.activation.payload.max`.
pub const LARGEST_ANSWER: usize = 16 << 20;

/// What `OpenWhisk` tells of an activation, or of the action if it was asked for that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activation {
    /// Its id, if `OpenWhisk` told it.
    pub id: Option<String>,
    /// What `text` is.
    pub content: Content,
    /// The body of the answer.
    pub text: String,
}

/// What the text of an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// The result of the action, which should be JSON.
    Result,
    /// The error of the action, `{"error": …}`, which should be JSON.
    Failure,
    /// The result of the action, which should be JSON and is the reply, whatever it holds.
    PlainResult,
    /// The error of the action, which should be JSON and says nothing about the reply.
    PlainFailure,
    /// JSON that the client gets as it is, with this status.
    AsIs(StatusCode),
    /// Nothing: a trigger was fired that has no rule, or none that is active.
    Nothing,
}

impl Activation {
    /// The reply for what is told of the activation. `location` is the path where the results of those that go on are found.
    ///
    /// # Errors
    /// An [`Error`] if the action failed without saying what to reply, or its result is not usable.
    pub fn into_reply(self, location: Option<&str>) -> Result<Reply, Error> {
        let Self { id, content, text } = self;
        let (shaped, status) = match content {
            Content::AsIs(StatusCode::ACCEPTED) => return Ok(accepted(text, id.as_deref(), location)),
            Content::AsIs(status) => return Ok(Reply::json(status, text).about(id.as_deref())),
            Content::Nothing => return Ok(Reply::empty(StatusCode::NO_CONTENT)),
            Content::Result => (reply_to_result(&text), StatusCode::OK),
            Content::Failure => (reply_to_failure(&text), StatusCode::BAD_GATEWAY),
            Content::PlainResult => (unshaped(&text), StatusCode::OK),
            Content::PlainFailure => (unshaped(&text), StatusCode::BAD_GATEWAY),
        };
        let is_failure = matches!(content, Content::Failure | Content::PlainFailure);
        match shaped {
            Ok(Some(reply)) => Ok(reply.about(id.as_deref())),
            Ok(None) if is_failure => Err(Error::ActionFailed { activation_id: id, body: text }),
            Ok(None) => Ok(Reply::json(status, text).about(id.as_deref())),
            Err(NoReply::BrokenRule(rule)) => Err(Error::BrokenRule { rule, activation_id: id }),
            Err(NoReply::NotJson) => Err(Error::not_openwhisk(status, id, None, text.as_bytes())),
            Err(NoReply::OutOfMemory) => Err(Error::AnswerTooLarge { limit: LARGEST_ANSWER, activation_id: id }),
        }
    }
}

/// The reply about an activation that goes on, with the place where its result will be if there is one.
fn accepted(text: String, id: Option<&str>, location: Option<&str>) -> Reply {
    let reply = Reply::json(StatusCode::ACCEPTED, text).about(id);
    match (location, id.filter(|id| is_activation_id(id))) {
        (Some(path), Some(id)) => reply.found_at(path, id),
        _ => reply,
    }
}

/// No reply of its own for what is JSON.
fn unshaped(text: &str) -> Result<Option<Reply>, NoReply> {
    if is_json(text) { Ok(None) } else { Err(NoReply::NotJson) }
}
