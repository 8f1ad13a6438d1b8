//! "Jobs" and "How long it took": what the record of an activation tells.

use serde_json::Value;
use serde_json::value::RawValue;

use super::Meaning;
use crate::json::{Entries, is_json};

/// What a client is told that asks for a result.
#[derive(Debug)]
pub struct Polled {
    /// What the answer means.
    pub meaning: Meaning,
    /// The id of the activation.
    pub id: Option<String>,
    /// The result, as it stands in the record.
    pub result: Option<String>,
}

/// What the record of an activation means for an action in this package of the namespace `guest`. Nothing where that cannot
/// be told.
#[must_use]
pub fn polled(record: &str, action: &str, package: Option<&str>) -> Option<Polled> {
    let told = |meaning, id, result| Some(Polled { meaning, id, result });
    let Some(entries) = Entries::read(record) else { return told(Meaning::Nonsense, None, None) };
    let value = unambiguous(record)?;
    if !value.get("namespace").is_some_and(Value::is_string) {
        return told(Meaning::Nonsense, None, None);
    }
    let annotation = |name| annotation(&value, name).and_then(|value| value.as_str().map(str::to_owned));
    let (path, binding) = (annotation("path").unwrap_or_default(), annotation("binding"));
    let own = match (package, binding) {
        (None, None) => path == format!("guest/{action}"),
        (None, Some(_)) => false,
        (Some(package), None) => path == format!("guest/{package}/{action}"),
        (Some(package), Some(binding)) => {
            let is_of_action = path.rsplit('/').next() == Some(action) && path.contains('/');
            binding == format!("guest/{package}") && is_of_action
        }
    };
    if !own {
        return told(Meaning::OfAnother, None, None);
    }
    let response = entries.of("response").first().and_then(|response| Entries::read(response));
    let result = response.and_then(|response| response.of("result").first().map(|result| (*result).to_owned()));
    let status = value.get("response").and_then(|response| response.get("status")).and_then(Value::as_str);
    let meaning = match (status, &result) {
        (Some("success"), Some(_)) => Meaning::Result,
        (Some("application error" | "action developer error"), Some(_)) => Meaning::Failure,
        (Some("whisk internal error"), Some(_)) => Meaning::Refused,
        _ => return told(Meaning::Nonsense, None, None),
    };
    let id = value.get("activationId").and_then(Value::as_str).filter(|id| is_activation_id(id)).map(str::to_owned);
    told(meaning, id, result)
}

/// Whether a text is the id of an activation: "32 hexadecimal digits in lower case".
#[must_use]
pub fn is_activation_id(text: &str) -> bool {
    text.len() == 32 && text.chars().all(|digit| digit.is_ascii_digit() || ('a'..='f').contains(&digit))
}

/// The header about a call of so many milliseconds, and about its record. Nothing where that cannot be told.
#[must_use]
pub fn server_timing(call: u128, record: Option<&[u8]>) -> Option<String> {
    let mut all = format!("openwhisk;dur={call}");
    let Some(text) = record.and_then(|record| std::str::from_utf8(record).ok()) else { return Some(all) };
    if !is_json(text.as_bytes()) || Entries::read(text).is_none() {
        // Of what is broken off the beginning may tell something.
        return text.is_empty().then_some(all);
    }
    let record = unambiguous(text)?;
    let times = [
        ("action", record.get("duration").and_then(Value::as_u64)),
        ("wait", annotation(&record, "waitTime").and_then(Value::as_u64)),
        ("init", annotation(&record, "initTime").and_then(Value::as_u64)),
    ];
    for (name, time) in times {
        all.extend(time.map(|time| format!(", {name};dur={time}")));
    }
    Some(all)
}

/// A record in which no name that matters comes twice.
fn unambiguous(record: &str) -> Option<Value> {
    let repeats = |text: &str| Entries::read(text).is_some_and(|entries| entries.repeats_a_name());
    let entries = Entries::read(record)?;
    let parts = entries.of("response").into_iter().map(str::to_owned);
    let annotations = entries.of("annotations").first().and_then(|text| serde_json::from_str(text).ok());
    let annotations: Vec<&RawValue> = annotations.unwrap_or_default();
    let mut parts = parts.chain(annotations.iter().map(|annotation| annotation.get().to_owned()));
    let is_clear = !repeats(record) && !parts.any(|part| repeats(&part));
    serde_json::from_str(record).ok().filter(|_| is_clear)
}

/// The value of the last annotation with this name.
fn annotation<'a>(record: &'a Value, name: &str) -> Option<&'a Value> {
    let annotations = record.get("annotations")?.as_array()?;
    let is_wanted = |each: &&Value| each.is_object() && each.get("key").and_then(Value::as_str) == Some(name);
    annotations.iter().rev().find(is_wanted)?.get("value")
}
