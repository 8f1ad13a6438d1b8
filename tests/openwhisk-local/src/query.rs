//! Query parameters and their rules.
//!
//! Source: openwhisk core/controller Actions.scala, Activations.scala, `ListOrSkip` in RestAPIs.scala

use std::str::FromStr;
use std::time::Duration;

use percent_encoding::percent_decode_str;

use crate::error::ApiError;

/// Longest wait of a blocking invocation, in milliseconds, and the default.
const LONGEST_WAIT: u64 = 60_000;
/// Most items of one list.
const LONGEST_LIST: i64 = 200;
/// Items of one list if nothing is asked for.
const DEFAULT_LIST: i64 = 30;

/// The decoded pairs, in their order.
#[derive(Debug, Default)]
pub struct Query(Vec<(String, String)>);

/// Which part of a list is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// Items to leave out at the start.
    pub skip: usize,
    /// Items to give.
    pub limit: usize,
    /// Only their number is asked for.
    pub count: bool,
}

impl Query {
    /// Splits and decodes; never fails, as in the original.
    pub fn parse(text: &str) -> Self {
        let decode = |part: &str| percent_decode_str(&part.replace('+', " ")).decode_utf8_lossy().into_owned();
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(key), decode(value))
        });
        Self(pairs.collect())
    }

    /// The first value of this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A Boolean in any of the router's spellings.
    ///
    /// # Errors
    /// None of them.
    pub fn boolean(&self, name: &'static str, default: bool) -> Result<bool, ApiError> {
        let value = self.get(name).unwrap_or_default();
        match value.to_ascii_lowercase().as_str() {
            "" => Ok(default),
            "true" | "yes" | "on" | "1" => Ok(true),
            "false" | "no" | "off" | "0" => Ok(false),
            _ => Err(malformed(name, format!("'{value}' is not a valid Boolean value"))),
        }
    }

    /// How long a blocking invocation may wait.
    ///
    /// # Errors
    /// Out of range: it is not clamped.
    pub fn wait(&self) -> Result<Duration, ApiError> {
        let milliseconds = match self.get("timeout") {
            None => LONGEST_WAIT,
            Some(value) => {
                let digits = Some(value).filter(|value| value.chars().all(|c| c.is_ascii_digit()));
                let wait = digits.and_then(|value| value.parse().ok()).filter(|wait| (1..=LONGEST_WAIT).contains(wait));
                let reason = || format!("Timeout must be number of milliseconds up to {LONGEST_WAIT}.");
                wait.ok_or_else(|| malformed("timeout", reason()))?
            }
        };
        Ok(Duration::from_millis(milliseconds))
    }

    /// Which part of the list of this collection is asked for.
    ///
    /// # Errors
    /// Out of range or no integer.
    pub fn page(&self, collection: &str) -> Result<Page, ApiError> {
        let skip = self.integer("skip", collection)?.unwrap_or(0);
        if skip < 0 {
            let reason = format!("The value '{skip}' is not greater than or equal to 0 for {collection}.");
            return Err(malformed("skip", reason));
        }
        let limit = match self.integer("limit", collection)?.unwrap_or(DEFAULT_LIST) {
            0 => LONGEST_LIST,
            limit if (1..=LONGEST_LIST).contains(&limit) => limit,
            limit => {
                let reason =
                    format!("The value '{limit}' is not in the range of 0 to {LONGEST_LIST} for {collection}.");
                return Err(malformed("limit", reason));
            }
        };
        let size = |value| usize::try_from(value).unwrap_or(usize::MAX);
        Ok(Page { skip: size(skip), limit: size(limit), count: self.boolean("count", false)? })
    }

    fn integer(&self, name: &'static str, collection: &str) -> Result<Option<i64>, ApiError> {
        self.number(name, |value| format!("The value '{value}' is not an integer for {collection}."))
    }

    /// A moment in milliseconds since 1970.
    ///
    /// # Errors
    /// No such number; the text says seconds, as the original does.
    pub fn moment(&self, name: &'static str) -> Result<Option<i64>, ApiError> {
        self.number(name, |value| format!("Parameter is not a valid value for epoch seconds: {value}"))
    }

    fn number<T: FromStr>(&self, name: &'static str, reason: impl Fn(&str) -> String) -> Result<Option<T>, ApiError> {
        let parse = |value: &str| value.parse().map_err(|_| malformed(name, reason(value)));
        self.get(name).map(parse).transpose()
    }
}

fn malformed(name: &'static str, reason: String) -> ApiError {
    ApiError::MalformedQuery { name, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn booleans_have_many_spellings() {
        let cases = [
            ("", Some(false)),
            ("blocking", Some(false)),
            ("blocking=", Some(false)),
            ("blocking=TRUE", Some(true)),
            ("blocking=yes", Some(true)),
            ("blocking=On", Some(true)),
            ("blocking=1", Some(true)),
            ("blocking=no", Some(false)),
            ("blocking=0", Some(false)),
            ("blocking=2", None),
            ("blocking=t", None),
            ("blocking=true&blocking=x", Some(true)),
            ("blocking=%74rue", Some(true)),
            ("block%69ng=true", Some(true)),
        ];
        for (text, expected) in cases {
            assert_eq!(Query::parse(text).boolean("blocking", false).ok(), expected, "{text:?}");
        }
        assert_eq!(
            Query::parse("blocking=maybe").boolean("blocking", false).unwrap_err().to_string(),
            "The query parameter 'blocking' was malformed:\n'maybe' is not a valid Boolean value"
        );
    }

    #[test]
    fn a_wait_is_refused_not_clamped() {
        for (text, expected) in
            [("", 60_000), ("timeout=1", 1), ("timeout=60000", 60_000), ("timeout=007", 7), ("timeout=1&timeout=x", 1)]
        {
            assert_eq!(Query::parse(text).wait().ok(), Some(Duration::from_millis(expected)), "{text:?}");
        }
        for value in ["0", "-1", "%2B100", "60001", "65000", "abc", "1.5", ""] {
            assert_eq!(
                Query::parse(&format!("timeout={value}")).wait().unwrap_err().to_string(),
                "The query parameter 'timeout' was malformed:\nTimeout must be number of milliseconds up to 60000.",
                "{value:?}"
            );
        }
    }

    #[test]
    fn pages_have_a_range() {
        let page = |skip, limit, count| Ok(Page { skip, limit, count });
        let wrong = |name, reason: &str| Err(ApiError::MalformedQuery { name, reason: reason.to_owned() });
        let cases = [
            ("", page(0, 30, false)),
            ("limit=0&count=true", page(0, 200, true)),
            ("limit=200&skip=5", page(5, 200, false)),
            ("limit=201", wrong("limit", "The value '201' is not in the range of 0 to 200 for actions.")),
            ("limit=-1", wrong("limit", "The value '-1' is not in the range of 0 to 200 for actions.")),
            ("limit=", wrong("limit", "The value '' is not an integer for actions.")),
            ("limit=a", wrong("limit", "The value 'a' is not an integer for actions.")),
            ("skip=-1", wrong("skip", "The value '-1' is not greater than or equal to 0 for actions.")),
        ];
        for (text, expected) in cases {
            assert_eq!(Query::parse(text).page("actions"), expected, "{text:?}");
        }
    }
}
