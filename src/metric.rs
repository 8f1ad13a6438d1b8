//! What is counted, under names from which Prometheus gets its labels.
//!
//! Source: Envoy's `stats_tags` cut labels out of names by regular expressions; no name of `OpenWhisk` holds a `;`.
//! What is kept as what, and the names: <https://prometheus.io/docs/practices/naming/>, with Istio's unit of time, as
//! Envoy's histograms hold whole numbers.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use http::StatusCode;

use crate::config::action::Action;
use crate::error::Error;
use crate::error::kind::ErrorKind;

/// One metric of one action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    /// Requests that were answered, by the first digit of the status.
    Requests(u16),
    /// Requests that were answered with an error, by its kind.
    Errors(ErrorKind),
    /// How long calls took, in milliseconds.
    CallDuration,
    /// Calls without an answer yet.
    CallsInFlight,
}

/// How a metric is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A sum that only grows.
    Counter,
    /// A number that comes and goes.
    Gauge,
    /// A distribution.
    Histogram,
}

impl Metric {
    /// Its name, with the action and what else tells it apart.
    #[must_use]
    pub fn name(self, action: &Action) -> String {
        match self {
            Self::Requests(class) => format!("openwhisk_requests_total;action={action};status={class}xx"),
            Self::Errors(kind) => format!("openwhisk_errors_total;action={action};kind={}", kind.as_str()),
            Self::CallDuration => format!("openwhisk_call_duration_milliseconds;action={action}"),
            Self::CallsInFlight => format!("openwhisk_calls_in_flight;action={action}"),
        }
    }

    /// How it is kept.
    #[must_use]
    pub const fn kind(self) -> Kind {
        match self {
            Self::Requests(_) | Self::Errors(_) => Kind::Counter,
            Self::CallDuration => Kind::Histogram,
            Self::CallsInFlight => Kind::Gauge,
        }
    }
}

/// The numbers that the host gave to metrics.
#[derive(Debug, Default)]
pub struct Numbers(RefCell<BTreeMap<Metric, Option<u32>>>);

impl Numbers {
    /// The number of a metric, which `define` gets from the host the first time; `None` if it gave none.
    pub fn get(&self, metric: Metric, define: impl FnOnce() -> Option<u32>) -> Option<u32> {
        let mut numbers = self.0.try_borrow_mut().ok()?;
        *numbers.entry(metric).or_insert_with(define)
    }
}

/// What to record when a request is answered: each metric, and by how much it grows.
pub fn at_reply(status: StatusCode, error: Option<&Error>) -> impl Iterator<Item = (Metric, i64)> {
    let error = error.map(|error| (Metric::Errors(error.kind()), 1));
    [(Metric::Requests(status.as_u16() / 100), 1)].into_iter().chain(error)
}

/// What the access log can tell of an error: names in Envoy's filter state, where each gets `wasm.` in front, and values.
///
/// Source: Envoy `source/extensions/common/wasm/context.cc`, `setProperty`; read as `%FILTER_STATE(wasm.NAME:PLAIN)%`.
pub fn of_access_log(error: &Error) -> impl Iterator<Item = (&'static str, &str)> {
    let id = error.activation_id().map(|id| ("openwhisk.activation_id", id));
    [Some(("openwhisk.error", error.kind().as_str())), id].into_iter().flatten()
}

/// What to record when a call begins.
#[must_use]
pub const fn at_begin_of_call() -> [(Metric, i64); 1] {
    [(Metric::CallsInFlight, 1)]
}

/// What to record when a call ends, or when nobody waits for it any more.
pub fn at_end_of_call(elapsed: Option<Duration>) -> impl Iterator<Item = (Metric, i64)> {
    let milliseconds = |elapsed: Duration| i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX);
    let duration = elapsed.map(|elapsed| (Metric::CallDuration, milliseconds(elapsed)));
    [(Metric::CallsInFlight, -1)].into_iter().chain(duration)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::settings::tests::settings;

    #[test]
    fn names_hold_their_labels() {
        let settings = settings(r#", "namespace": "_", "package": "my shop", "action": "a&b@c.d""#);
        let action = "_/my shop/a&b@c.d";
        for (metric, expected) in [
            (Metric::Requests(2), format!("openwhisk_requests_total;action={action};status=2xx")),
            (Metric::Errors(ErrorKind::Timeout), format!("openwhisk_errors_total;action={action};kind=timeout")),
            (Metric::CallDuration, format!("openwhisk_call_duration_milliseconds;action={action}")),
            (Metric::CallsInFlight, format!("openwhisk_calls_in_flight;action={action}")),
        ] {
            assert_eq!(metric.name(settings.action()), expected);
        }
    }

    #[test]
    fn each_number_is_asked_for_once() {
        let numbers = Numbers::default();
        assert_eq!(numbers.get(Metric::CallDuration, || Some(7)), Some(7));
        assert_eq!(numbers.get(Metric::CallDuration, || Some(8)), Some(7));
        assert_eq!(numbers.get(Metric::CallsInFlight, || None), None);
        assert_eq!(numbers.get(Metric::CallsInFlight, || Some(9)), None);
    }
}
