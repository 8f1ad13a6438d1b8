//! One question to the API, and what a real `OpenWhisk` was recorded to answer.

use std::collections::BTreeMap;

use corpus::{Body, Reply};
use serde::Deserialize;
use testbed::client;

use crate::openwhisk::{Answer, OpenWhisk, Request, path, told};
use crate::pattern::{Pattern, fits};
use crate::report::Outcome;

/// Stands for the id of the activation that came first.
const ACTIVATION: &str = "$activation";

/// Stands for the key in base64.
const KEY: &str = "$key";

/// What is asked, as the table has it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// Its name.
    pub ask: String,
    /// What is invoked or fired first.
    first: Option<String>,
    /// Method and path.
    request: Body,
    /// Headers on top of the usual ones; null removes one.
    #[serde(default)]
    headers: BTreeMap<String, Option<Lines>>,
    /// The body.
    #[serde(default)]
    body: Body,
    answer: Recorded,
}

/// What was recorded.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Recorded {
    status: u16,
    /// Some of the headers; null is one that is not there.
    #[serde(default)]
    headers: BTreeMap<String, Option<String>>,
    body: Option<Pattern>,
}

/// The lines of a header.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "expected a value, or a list of values for several lines")]
enum Lines {
    Several(Vec<Body>),
    One(Body),
}

impl Question {
    /// Asks it. An error is that nobody is there to ask.
    pub fn ask(&self, openwhisk: &OpenWhisk) -> Result<Outcome, String> {
        let mut question = self.clone();
        if let Some(first) = &self.first {
            let (method, entity) = first.split_once(' ').ok_or_else(|| self.wrong("`first` is no request"))?;
            let answer = self.patiently(openwhisk, || openwhisk.usual(method, &path(entity), "{}"))?;
            let Some(id) = activation(&answer) else {
                let lines = vec![format!("first: {first}"), format!("no activation: {}", told(&answer))];
                return Ok(Outcome { question: self.ask.clone(), lines });
            };
            openwhisk.wait_for_record(&id)?;
            question.answer.body = question.answer.body.map(|body| body.with(ACTIVATION, &id));
            question.request = Body::Text(self.line()?.replace(ACTIVATION, &id));
        }
        let request = question.request(openwhisk)?;
        let answer = self.patiently(openwhisk, || openwhisk.ask(&request))?;
        let mut lines = question.answer.differences(&answer);
        if !lines.is_empty() {
            let shown: String = format!("{} {}", request.method, request.path).chars().take(200).collect();
            lines.insert(0, format!("asked: {shown}"));
        }
        Ok(Outcome { question: self.ask.clone(), lines })
    }

    fn patiently(&self, openwhisk: &OpenWhisk, ask: impl Fn() -> Result<Answer, String>) -> Result<Answer, String> {
        // An answer that is none is one of the server all the same.
        let mut no_answer = None;
        let reply = openwhisk.patience.ask(self.answer.status, || match ask()? {
            Ok(reply) => Ok(reply),
            Err(error) => {
                no_answer = Some(error);
                Ok(Reply::default())
            }
        });
        reply.map(|reply| no_answer.map_or(Ok(reply), Err))
    }

    /// Its whole request.
    pub fn request(&self, openwhisk: &OpenWhisk) -> Result<Request, String> {
        let line = self.line()?;
        let (method, line_path) = line.split_once(' ').ok_or_else(|| self.wrong("`request` has no method"))?;
        let path = if line_path.starts_with('/') { line_path.to_owned() } else { path(line_path) };
        let body = self.body.clone().into_bytes().map_err(|error| self.wrong(&error))?;
        let mut usual = BTreeMap::from([
            ("host".to_owned(), vec![openwhisk.server.authority.clone()]),
            ("authorization".to_owned(), vec![format!("Basic {}", openwhisk.key())]),
        ]);
        if !body.is_empty() {
            usual.insert("content-type".to_owned(), vec!["application/json".to_owned()]);
        }
        for (name, lines) in &self.headers {
            let values = match lines.clone() {
                None => Vec::new(),
                Some(Lines::One(value)) => vec![value],
                Some(Lines::Several(values)) => values,
            };
            let text = |value: Body| {
                let text = String::from_utf8(value.into_bytes()?).map_err(|error| error.to_string())?;
                Ok::<_, String>(text.replace(KEY, &openwhisk.key()))
            };
            let values = values.into_iter().map(text).collect::<Result<_, _>>().map_err(|error| self.wrong(&error))?;
            usual.insert(name.clone(), values);
        }
        let lines = |(name, values): (String, Vec<String>)| values.into_iter().map(move |value| (name.clone(), value));
        let headers = usual.into_iter().flat_map(lines).collect();
        Ok(Request { method: method.to_owned(), path, headers, body })
    }

    fn line(&self) -> Result<String, String> {
        let bytes = self.request.clone().into_bytes().map_err(|error| self.wrong(&error))?;
        String::from_utf8(bytes).map_err(|_| self.wrong("`request` is no text"))
    }

    fn wrong(&self, reason: &str) -> String {
        format!("the question {:?}: {reason}", self.ask)
    }
}

impl Recorded {
    fn differences(&self, answer: &Answer) -> Vec<String> {
        let reply = match answer {
            Ok(reply) => reply,
            Err(error) => {
                return vec![format!("recorded status: {}", self.status), format!("no valid answer: {error}")];
            }
        };
        let mut lines = Vec::new();
        if reply.status != self.status {
            lines.push(format!("recorded status: {}", self.status));
            lines.push(format!("what came:       {}", told(answer)));
            return lines;
        }
        for (name, expected) in &self.headers {
            let got = client::header(reply, name).first().map(|value| String::from_utf8_lossy(value).into_owned());
            let same = match (expected, &got) {
                (Some(expected), Some(got)) => fits(expected, got),
                (expected, got) => expected.is_none() && got.is_none(),
            };
            if !same {
                lines.push(format!("recorded header {name}: {}", expected.as_deref().unwrap_or("none")));
                lines.push(format!("what came:       {}", got.as_deref().unwrap_or("none")));
            }
        }
        lines.extend(self.body.iter().filter_map(|body| body.difference(reply)).flatten());
        lines
    }
}

/// The id of the activation that an answer tells.
fn activation(answer: &Answer) -> Option<String> {
    let reply = answer.as_ref().ok()?;
    let id = client::header(reply, "x-openwhisk-activation-id").first().copied()?;
    String::from_utf8(id.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_is_compared_in_what_was_recorded_of_it() {
        let recorded =
            json!({"status": 404, "headers": {"x-a": "1…", "x-b": null}, "body": {"has": {"error": "gone"}}});
        let recorded: Recorded = serde_json::from_value(recorded).expect("an answer");
        let body = r#"{"error":"gone","code":"7"}"#;
        for (status, headers, body, part) in [
            (404, &[("X-A", "12"), ("x-c", "")][..], body, ""),
            (200, &[("x-a", "12")], body, "recorded status: 404"),
            (404, &[], body, "recorded header x-a: 1…"),
            (404, &[("x-a", "2")], body, "what came:       2"),
            (404, &[("x-a", "1"), ("x-b", "")], body, "recorded header x-b: none"),
            (404, &[("x-a", "1")], "{}", "recorded body: in it {\"error\":\"gone\"}"),
        ] {
            let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect();
            let text = recorded.differences(&Ok(Reply { status, headers, body: body.into() })).join("\n");
            assert_eq!(text.is_empty(), part.is_empty(), "{text}");
            assert!(text.contains(part), "{part:?} is missing: {text}");
        }
        assert!(recorded.differences(&Err("reset".to_owned())).concat().contains("no valid answer: reset"));
    }
}
