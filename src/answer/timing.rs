//! How long things took, for the header `server-timing`.

use std::fmt::Write as _;
use std::time::Duration;

use http::header::HeaderValue;
use serde_json::value::RawValue;

use crate::answer::record::annotations;
use crate::json::walk::entries;

/// How long the call took, and what the record of the activation says, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timing {
    /// From the dispatch of the call to its answer.
    pub call: Duration,
    /// How long the action ran.
    action: Option<u64>,
    /// How long the activation waited before that.
    wait: Option<u64>,
    /// How long the action took to be initialized.
    init: Option<u64>,
}

impl Timing {
    /// Of a call, and of the record that it gave.
    ///
    /// Source: observed on a real `OpenWhisk`: `duration`, and the annotations `waitTime` and `initTime`, the latter of cold
    /// starts only.
    #[must_use]
    pub fn of(call: Duration, record: Option<&str>) -> Self {
        let mut timing = Self { call, ..Self::default() };
        let Some(record) = record else { return timing };
        let mut all = None;
        let walked = entries(record, |name, value| match name {
            b"duration" => timing.action = milliseconds(value),
            b"annotations" => all = Some(value),
            _ => {}
        });
        let times = annotations(all.filter(|_| walked.is_ok()), ["waitTime", "initTime"]);
        [timing.wait, timing.init] = times.map(|time| milliseconds(time?));
        timing
    }

    /// The value of the header.
    ///
    /// Source: W3C Server Timing.
    #[must_use]
    pub fn header(&self) -> Option<HeaderValue> {
        let mut value = format!("openwhisk;dur={}", self.call.as_millis());
        for (name, time) in [("action", self.action), ("wait", self.wait), ("init", self.init)] {
            if let Some(time) = time {
                let _ = write!(value, ", {name};dur={time}");
            }
        }
        HeaderValue::from_str(&value).ok()
    }
}

/// A whole number, as `OpenWhisk` writes times.
fn milliseconds(json: &RawValue) -> Option<u64> {
    json.get().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_tells_what_is_known() {
        let record = r#"{"duration":5,"annotations":[{"key":"waitTime","value":7},{"key":"initTime","value":30}]}"#;
        let cases = [
            (None, "openwhisk;dur=12"),
            (Some(record), "openwhisk;dur=12, action;dur=5, wait;dur=7, init;dur=30"),
            (Some(r#"{"duration":5}"#), "openwhisk;dur=12, action;dur=5"),
            (
                Some(r#"{"annotations":[{"key":"waitTime","value":0},{"key":"x","value":1}]}"#),
                "openwhisk;dur=12, wait;dur=0",
            ),
            (Some(r#"{"duration":-5,"annotations":[{"key":"waitTime","value":"7"}]}"#), "openwhisk;dur=12"),
            (Some(r#"{"activationId":"x"}"#), "openwhisk;dur=12"),
            (Some("[]"), "openwhisk;dur=12"),
        ];
        for (record, expected) in cases {
            let header = Timing::of(Duration::from_millis(12), record).header();
            assert_eq!(header.as_ref().map(HeaderValue::as_bytes), Some(expected.as_bytes()), "{record:?}");
        }
    }
}
