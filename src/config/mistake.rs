//! What can be wrong with a configuration.

use std::fmt;

use crate::error::quote::{QUOTED, beginning};

/// How many mistakes of one configuration are told.
const TOLD: usize = 50;

/// One mistake in a configuration, as one sentence for the operator. Never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// There are no bytes at all.
    Empty,
    /// The bytes are a protobuf message.
    Protobuf,
    /// The text is not JSON, with the parser's reason.
    NotJson(String),
    /// The JSON is not an object, but this kind of value.
    NotAnObject(&'static str),
    /// An attribute nobody knows.
    Unknown {
        /// Its name as written, with its place.
        attribute: String,
        /// The names there are.
        known: Vec<&'static str>,
    },
    /// An attribute stands in a route that belongs to the top level.
    NotForRoutes {
        /// Its name, with its place.
        attribute: String,
    },
    /// An attribute stands in its object twice.
    Repeated {
        /// Its name as written, with its place.
        attribute: String,
    },
    /// A required attribute is not there.
    Missing {
        /// Its name, with its place.
        attribute: String,
        /// What it should hold.
        expected: String,
    },
    /// An attribute holds something else than it should.
    Wrong {
        /// Its name, with its place.
        attribute: String,
        /// What was found, fit to be shown.
        found: String,
        /// What it should hold.
        expected: String,
    },
    /// So many more than are told.
    More(usize),
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the configuration is empty, expected a JSON object"),
            Self::Protobuf => f.write_str(
                "the configuration is not text but a protobuf message, expected a JSON object: on Envoy put it into \
                 a google.protobuf.StringValue (a google.protobuf.Struct does not arrive as JSON)",
            ),
            Self::NotJson(reason) => write!(f, "the configuration is not JSON: {reason}"),
            Self::NotAnObject(kind) => write!(f, "the configuration is {kind}, expected a JSON object"),
            Self::Unknown { attribute, known } => {
                write!(f, "unknown attribute `{attribute}`, expected one of ")?;
                for (index, known) in known.iter().enumerate() {
                    write!(f, "{}`{known}`", if index == 0 { "" } else { ", " })?;
                }
                Ok(())
            }
            Self::NotForRoutes { attribute } => {
                write!(f, "`{attribute}` cannot be set for a route, expected it at the top level only")
            }
            Self::Repeated { attribute } => write!(f, "`{attribute}` is given twice, expected it once"),
            Self::Missing { attribute, expected } => write!(f, "`{attribute}` is missing, expected {expected}"),
            Self::Wrong { attribute, found, expected } => write!(f, "`{attribute}` is {found}, expected {expected}"),
            Self::More(count) => write!(f, "{count} more mistakes"),
        }
    }
}

/// Everything that is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    mistakes: Vec<Mistake>,
}

impl ConfigError {
    /// The error for some mistakes. Of very many only the first are kept.
    #[must_use]
    pub fn new(mut mistakes: Vec<Mistake>) -> Self {
        let more = mistakes.len().saturating_sub(TOLD);
        if more > 0 {
            mistakes.truncate(TOLD);
            mistakes.push(Mistake::More(more));
        }
        Self { mistakes }
    }

    /// The mistakes, at least one: a sentence each.
    #[must_use]
    pub fn mistakes(&self) -> &[Mistake] {
        &self.mistakes
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.mistakes.iter().enumerate() {
            write!(f, "{}{mistake}", if index == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// The beginning of a text of the operator, escaped and without backticks.
#[must_use]
pub fn shown(text: &str) -> String {
    beginning(text, QUOTED).chars().flat_map(char::escape_debug).map(|c| if c == '`' { '\'' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_very_many_mistakes_the_first_are_told() {
        for (count, told, last) in [
            (1, 1, "`a` is given twice, expected it once"),
            (TOLD, TOLD, "`a` is given twice, expected it once"),
            (TOLD + 1, TOLD + 1, "1 more mistakes"),
            (10_000, TOLD + 1, "9950 more mistakes"),
        ] {
            let error = ConfigError::new(vec![Mistake::Repeated { attribute: "a".to_owned() }; count]);
            let lines: Vec<_> = error.mistakes().iter().map(ToString::to_string).collect();
            assert_eq!((lines.len(), lines.last().map(String::as_str)), (told, Some(last)), "{count}");
        }
    }
}
