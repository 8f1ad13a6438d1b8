//! The record of an activation, of which the client gets the result.

use std::borrow::Cow;

use http::StatusCode;
use serde_json::value::RawValue;

use crate::answer::activation::{Activation, Content, LARGEST_ANSWER};
use crate::config::action::Action;
use crate::error::Error;
use crate::header::is_activation_id;
use crate::json::text::text_of;
use crate::json::walk::{elements, entries};

/// The answer is not the record of an activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRecord;

/// What a record tells, each as it stands in it.
#[derive(Default)]
struct Record<'a> {
    activation_id: Option<&'a RawValue>,
    namespace: Option<&'a RawValue>,
    annotations: Option<&'a RawValue>,
    response: Option<&'a RawValue>,
}

/// What a record tells of an activation of an action, as if it had been waited for: `success` is what its result is, `failure`
/// what its error is.
///
/// Source: observed on a real `OpenWhisk`: `status` is one of four words. Of an error within `OpenWhisk` itself a caller that
/// waits gets 500.
///
/// # Errors
/// An [`Error`] if the activation is of anything else, or failed within `OpenWhisk`.
pub fn activation(
    json: &str,
    action: &Action,
    success: Content,
    failure: Content,
) -> Result<Result<Activation, Error>, NoRecord> {
    let mut record = Record::default();
    entries(json, |name, value| match name {
        b"activationId" => record.activation_id = Some(value),
        b"namespace" => record.namespace = Some(value),
        b"annotations" => record.annotations = Some(value),
        b"response" => record.response = Some(value),
        _ => {}
    })
    .map_err(|_| NoRecord)?;
    let namespace = text(record.namespace).ok_or(NoRecord)?;
    let [path, binding] = annotations(record.annotations, ["path", "binding"]).map(text);
    if !path.is_some_and(|path| action.is_of(&namespace, &path, binding.as_deref())) {
        return Ok(Err(Error::ActivationOfAnother));
    }
    let (mut status, mut result) = (None, None);
    entries(record.response.ok_or(NoRecord)?.get(), |name, value| match name {
        b"status" => status = Some(value),
        b"result" => result = Some(value),
        _ => {}
    })
    .map_err(|_| NoRecord)?;
    let id = text(record.activation_id).filter(|id| is_activation_id(id)).map(Cow::into_owned);
    let mut text_of_result = String::new();
    let result = result.ok_or(NoRecord)?.get();
    if text_of_result.try_reserve_exact(result.len()).is_err() {
        return Ok(Err(Error::AnswerTooLarge { limit: LARGEST_ANSWER, activation_id: id }));
    }
    text_of_result.push_str(result);
    let content = match text(status).as_deref() {
        Some("success") => success,
        Some("application error" | "action developer error") => failure,
        Some("whisk internal error") => {
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            let body = text_of_result;
            return Ok(Err(Error::Refused { status, activation_id: id, retry_after: None, body }));
        }
        _ => return Err(NoRecord),
    };
    Ok(Ok(Activation { id, content, text: text_of_result }))
}

/// The text of a JSON string, if it is one.
fn text(json: Option<&RawValue>) -> Option<Cow<'_, str>> {
    text_of(json?.get()).ok()
}

/// The values of some annotations, of those with the same name the last.
pub fn annotations<'a, const N: usize>(all: Option<&'a RawValue>, wanted: [&str; N]) -> [Option<&'a RawValue>; N] {
    let mut found = [None; N];
    let _: Result<(), Option<()>> = elements(all.map_or("[]", RawValue::get), |annotation| {
        // The error about anything else costs more than all the rest.
        if !annotation.get().starts_with('{') {
            return Ok(());
        }
        let (mut key, mut value) = (None, None);
        let read = entries(annotation.get(), |name, json| match name {
            b"key" => key = Some(json),
            b"value" => value = Some(json),
            _ => {}
        });
        let key = text(key).filter(|_| read.is_ok());
        let known = wanted.iter().zip(&mut found).find(|(name, _)| key.as_deref() == Some(**name));
        if let Some((_, found)) = known {
            *found = value;
        }
        Ok(())
    });
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::settings::tests::settings;

    const ID: &str = "44794bd6aab74415b4e42a308d880e5b";

    /// A record as `OpenWhisk` gives it, with this in it.
    fn record(path: &str, response: &str) -> String {
        format!(
            r#"{{"activationId":"{ID}","annotations":[{{"key":"path","value":"{path}"}},{{"key":"waitTime","value":7}},
                {{"key":"limits","value":{{"key":"path","value":"other"}}}}],"duration":5,"name":"a","namespace":"n",
                "response":{response},"subject":"n"}}"#
        )
    }

    fn told(json: &str) -> String {
        let settings = settings("");
        match activation(json, settings.action(), Content::Result, Content::Failure) {
            Ok(Ok(Activation { id, content, text })) => format!("{} {content:?} {text}", id.as_deref().unwrap_or("-")),
            Ok(Err(error)) => format!("{} {error}", error.status().as_u16()),
            Err(NoRecord) => "no record".to_owned(),
        }
    }

    #[test]
    fn a_record_tells_what_a_caller_that_waits_is_told() {
        let response = |status: &str, result: &str| {
            format!(r#"{{"result":{result},"size":2,"status":"{status}","success":true}}"#)
        };
        let other = "404 the activation that was asked for is not one of the action";
        let cases = [
            (record("n/a", &response("success", r#"{"b" : 1.0}"#)), format!(r#"{ID} Result {{"b" : 1.0}}"#)),
            (record("n/a", &response("success", "[1]")), format!("{ID} Result [1]")),
            (
                record("n/a", &response("application error", r#"{"error":"x"}"#)),
                format!(r#"{ID} Failure {{"error":"x"}}"#),
            ),
            (
                record("n/a", &response("action developer error", r#"{"error":"x"}"#)),
                format!(r#"{ID} Failure {{"error":"x"}}"#),
            ),
            (
                record("n/a", &response("whisk internal error", r#"{"error":"x"}"#)),
                r#"500 openwhisk refused the call with 500: "{\"error\":\"x\"}""#.to_owned(),
            ),
            (record("n/a", &response("new", "{}")), "no record".to_owned()),
            (record("n/a", r#"{"status":"success"}"#), "no record".to_owned()),
            (record("n/a", "7"), "no record".to_owned()),
            (record("n/b", &response("success", "{}")), other.to_owned()),
            (record("n/p/a", &response("success", "{}")), other.to_owned()),
            (record("m/a", &response("success", "{}")), other.to_owned()),
            // A trigger's.
            (
                format!(r#"{{"activationId":"{ID}","annotations":[],"namespace":"n","response":{{"result":{{}}}}}}"#),
                other.to_owned(),
            ),
            (format!(r#"{{"activationId":"{ID}","namespace":"n","response":{{"result":{{}}}}}}"#), other.to_owned()),
            (r#"{"namespace":"n","annotations":[7,{"key":7},{"key":"path"}]}"#.to_owned(), other.to_owned()),
            (record("n/a", &response("success", "{}")).replace(ID, "x"), "- Result {}".to_owned()),
            ("[]".to_owned(), "no record".to_owned()),
            ("{}".to_owned(), "no record".to_owned()),
            ("{".to_owned(), "no record".to_owned()),
        ];
        for (json, expected) in cases {
            assert_eq!(told(&json), expected, "{json}");
        }
    }
}
