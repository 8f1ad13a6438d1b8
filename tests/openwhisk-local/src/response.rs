//! What an activation comes to: success or one of three kinds of failure, and the result.
//!
//! Source: openwhisk common/scala core/entity/ActivationResult.scala

use axum::http::StatusCode;
use serde::Serialize;
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};

use crate::javascript::{Outcome, Phase};
use crate::json::{self, Object};
use crate::limits::Limits;

/// Largest answer of an action, in bytes.
///
/// Source: openwhisk application.conf `whisk.activation.payload.max` and `.truncation`
const LARGEST_ANSWER: usize = 1_048_576;

/// The message about a result has three levels around it.
const DEEPEST_RESULT: usize = json::DEEPEST - 3;

/// Whose fault it was, if anybody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Nobody's.
    Success,
    /// The action says so itself.
    ApplicationError,
    /// The action broke the contract.
    DeveloperError,
    /// The platform's.
    InternalError,
}

impl Status {
    /// The text in a record.
    pub fn text(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::ApplicationError => "application error",
            Self::DeveloperError => "action developer error",
            Self::InternalError => "whisk internal error",
        }
    }

    /// The number in a summary.
    pub fn number(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::ApplicationError => 1,
            Self::DeveloperError => 2,
            Self::InternalError => 3,
        }
    }

    /// The status of a blocking reply.
    pub fn http(self) -> StatusCode {
        match self {
            Self::Success => StatusCode::OK,
            Self::ApplicationError | Self::DeveloperError => StatusCode::BAD_GATEWAY,
            Self::InternalError => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// Status and result.
#[derive(Debug, Clone)]
pub struct Response {
    /// Whose fault.
    pub status: Status,
    /// Any JSON, as the controller prints it.
    pub result: Box<RawValue>,
    /// Characters of the runtime's answer, if it gave one.
    pub size: Option<usize>,
}

#[derive(Serialize)]
struct Shown<'a> {
    result: &'a RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<usize>,
    status: &'static str,
    success: bool,
}

impl Serialize for Response {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let success = self.status == Status::Success;
        Shown { result: &self.result, size: self.size, status: self.status.text(), success }.serialize(serializer)
    }
}

impl Response {
    /// A failure that the platform words itself.
    pub fn failure(status: Status, text: &str) -> Self {
        let result = to_raw_value(&json!({"error": text})).unwrap_or_default();
        Self { status, result, size: None }
    }

    /// What the outcome of a container comes to.
    pub fn of(outcome: Outcome, limits: Limits) -> Self {
        let failed = |text: &str| Self::failure(Status::DeveloperError, text);
        let limit = limits.time().as_millis();
        match outcome {
            Outcome::Returned(text) => Self::of_answer(&text),
            Outcome::Failed(text) => {
                let response = failed(&text);
                Self { size: Some(characters(response.result.get())), ..response }
            }
            Outcome::Exited(Phase::Initialization) => failed("The action did not initialize and exited unexpectedly."),
            Outcome::Exited(Phase::Run) => {
                failed("The action did not produce a valid response and exited unexpectedly.")
            }
            Outcome::TimedOut(Phase::Initialization) => {
                failed(&format!("The action exceeded its time limits of {limit} milliseconds during initialization."))
            }
            Outcome::TimedOut(Phase::Run) => {
                failed(&format!("The action exceeded its time limits of {limit} milliseconds."))
            }
            Outcome::NotProvisioned => {
                Self::failure(Status::InternalError, "Failed to provision resources to run the action.")
            }
        }
    }

    fn of_answer(text: &str) -> Self {
        let length = text.len();
        if length > LARGEST_ANSWER {
            let end = (0..=LARGEST_ANSWER).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            let prefix = text.get(..end).unwrap_or_default();
            return Self::failure(
                Status::ApplicationError,
                &format!(
                    "The action produced a response that exceeded the allowed length: {length} > {LARGEST_ANSWER} bytes. The truncated response was: {prefix}"
                ),
            );
        }
        let size = Some(characters(text));
        if json::depth(text).is_ok_and(|depth| depth < json::DEEPEST) {
            let printed = json::printed(text);
            let error = serde_json::from_str::<Object>(&printed).ok().and_then(|mut fields| fields.remove("error"));
            let (status, result) = match error {
                Some(error) => {
                    (Status::ApplicationError, to_raw_value(&Object::from([(String::from("error"), error)])))
                }
                None => (Status::Success, RawValue::from_string(printed)),
            };
            match result {
                Ok(result) if result.get().starts_with(['{', '[']) => return Self { status, result, size },
                _ => {}
            }
        }
        let why = "The action did not produce a valid JSON or JSON Array response";
        let why = if text.is_empty() { format!("{why}.") } else { format!("{why}: {text}") };
        Self { size, ..Self::failure(Status::DeveloperError, &why) }
    }

    /// Whether the message to who waits for it can be read there; if not, they wait in vain.
    pub fn arrives(&self) -> bool {
        json::depth(self.result.get()).is_ok_and(|depth| depth <= DEEPEST_RESULT)
    }
}

fn characters(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_classified() {
        let returned = |text: &str| Outcome::Returned(text.to_owned());
        let cases = [
            (returned("{}"), "success", "{}"),
            (returned("{\"b\":1,\"a\":2}"), "success", "{\"a\":2,\"b\":1}"),
            (returned("[{\"error\":1}]"), "success", "[{\"error\":1}]"),
            (returned("{\"a\":1,\"error\":null}"), "application error", "{\"error\":null}"),
            (returned("{\"error\":\"boom\",\"x\":1}"), "application error", "{\"error\":\"boom\"}"),
            (
                returned("null"),
                "action developer error",
                "{\"error\":\"The action did not produce a valid JSON or JSON Array response: null\"}",
            ),
            (
                returned(""),
                "action developer error",
                "{\"error\":\"The action did not produce a valid JSON or JSON Array response.\"}",
            ),
            (Outcome::Failed(String::from("x")), "action developer error", "{\"error\":\"x\"}"),
            (
                Outcome::Exited(Phase::Initialization),
                "action developer error",
                "{\"error\":\"The action did not initialize and exited unexpectedly.\"}",
            ),
            (
                Outcome::Exited(Phase::Run),
                "action developer error",
                "{\"error\":\"The action did not produce a valid response and exited unexpectedly.\"}",
            ),
            (
                Outcome::TimedOut(Phase::Initialization),
                "action developer error",
                "{\"error\":\"The action exceeded its time limits of 60000 milliseconds during initialization.\"}",
            ),
            (
                Outcome::TimedOut(Phase::Run),
                "action developer error",
                "{\"error\":\"The action exceeded its time limits of 60000 milliseconds.\"}",
            ),
            (
                Outcome::NotProvisioned,
                "whisk internal error",
                "{\"error\":\"Failed to provision resources to run the action.\"}",
            ),
        ];
        for (outcome, status, result) in cases {
            let shown = format!("{outcome:?}");
            let response = Response::of(outcome, Limits::default());
            assert_eq!((response.status.text(), response.result.get()), (status, result), "{shown}");
        }
    }

    #[test]
    fn an_answer_over_the_limit_is_an_application_error() {
        let fits = format!("[\"{}\"]", "x".repeat(LARGEST_ANSWER - 4));
        assert_eq!(Response::of_answer(&fits).status, Status::Success);
        let long = format!("[\"{}\"]", "x".repeat(LARGEST_ANSWER - 3));
        let response = Response::of_answer(&long);
        assert_eq!(response.status, Status::ApplicationError);
        assert!(response.result.get().starts_with(
            "{\"error\":\"The action produced a response that exceeded the allowed length: 1048577 > 1048576 bytes. The truncated response was: [\\\"xx"
        ));
    }
}
