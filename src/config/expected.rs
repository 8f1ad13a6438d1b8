//! What attributes may be, in words for the operator.

use std::fmt;

use crate::config::action::InvalidName;
use crate::config::api_host::InvalidApiHost;
use crate::config::call_headers::MOST;
use crate::config::path_template::InvalidPathTemplate;
use crate::config::settings::Word;
use crate::header::CREDENTIALS;

/// What an attribute may be. `Display` is what a mistake says.
#[derive(Clone, Copy, Debug)]
pub enum Expected {
    /// The address of the API.
    ApiHost,
    /// A key.
    Token,
    /// The value of a header, which is a secret.
    Secret,
    /// Headers with secret values.
    CallHeaders,
    /// The name of a namespace, package or action.
    Name,
    /// `true` or `false`.
    Boolean,
    /// A whole number.
    Number(Range),
    /// One of these words.
    Word(fn() -> Vec<&'static str>),
    /// The beginning of a path.
    Path,
    /// A path with parameters in it.
    PathTemplate,
    /// Parameters, as JSON.
    Bind,
    /// Some of the headers with credentials.
    Credentials,
    /// The name of a cluster on Envoy, `host:port` on `APISIX`.
    Upstream,
    /// An object of attributes for each route.
    Routes,
}

/// What a whole number may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// What it counts, as words behind `number`; may be empty.
    pub unit: &'static str,
    /// The smallest.
    pub smallest: u64,
    /// The largest, if there is one.
    pub largest: Option<u64>,
}

/// A whole number from `smallest` to `largest`. The unit stands behind `number` in words.
#[must_use]
pub const fn between(unit: &'static str, smallest: u64, largest: u64) -> Expected {
    Expected::Number(Range { unit, smallest, largest: Some(largest) })
}

/// A whole number that is `smallest` or more. The unit stands behind `number` in words.
#[must_use]
pub const fn at_least(unit: &'static str, smallest: u64) -> Expected {
    Expected::Number(Range { unit, smallest, largest: None })
}

/// The words of a value that is one of some.
#[must_use]
pub fn words<T: Word>() -> Vec<&'static str> {
    T::WORDS.iter().map(|(word, _)| *word).collect()
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ApiHost => InvalidApiHost::NoAddress.fmt(f),
            Self::Token => f.write_str("`user:key`, or `$ENV://NAME` for an environment variable that holds it"),
            Self::Secret => f.write_str(
                "the value of a header in printable ASCII, or `$ENV://NAME` for an environment variable that holds it",
            ),
            Self::CallHeaders => write!(f, "an object of at most {MOST} headers"),
            Self::Name => InvalidName.fmt(f),
            Self::Boolean => f.write_str("true or false"),
            Self::Number(Range { unit, smallest, largest: Some(largest) }) => {
                write!(f, "a whole number{unit} from {smallest} to {largest}")
            }
            Self::Number(Range { unit, smallest, .. }) => write!(f, "a whole number{unit}, at least {smallest}"),
            Self::Word(words) => quote_all(f, "one of ", &words()),
            Self::Path => f.write_str("a path that begins with `/`, without a query, in visible ASCII"),
            Self::PathTemplate => InvalidPathTemplate.fmt(f),
            Self::Bind => f.write_str("an object of parameters whose names do not begin with `__ow_`"),
            Self::Credentials => quote_all(f, "a list of headers that are held back otherwise: ", CREDENTIALS),
            Self::Upstream => f.write_str("the name of an upstream in visible ASCII, without `@`"),
            Self::Routes => f.write_str("an object: for each route its name and attributes"),
        }
    }
}

/// Writes some words, in quotes and with commas between them, behind a text.
fn quote_all(f: &mut fmt::Formatter<'_>, before: &str, words: &[&str]) -> fmt::Result {
    f.write_str(before)?;
    for (index, word) in words.iter().enumerate() {
        write!(f, "{}{word:?}", if index == 0 { "" } else { ", " })?;
    }
    Ok(())
}
