//! "Modes" and "Everything that goes wrong": what an answer means.

use openwhisk_filter::answer::{Activation, Content};
use openwhisk_filter::error::Error;

use crate::input::Mode;
use crate::json::is_json;

/// An answer of `OpenWhisk`, and what it was asked.
#[derive(Debug)]
pub struct Question<'a> {
    /// Its status.
    pub status: u16,
    /// Whether it tells the id of an activation.
    pub has_id: bool,
    /// Its body.
    pub body: &'a [u8],
    /// The attribute `mode`.
    pub mode: Mode,
    /// The attribute `on_timeout`.
    pub accept: bool,
}

/// What an answer means, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// The result of an action.
    Result,
    /// The error of an action, which may be shaped.
    Failure,
    /// What the client gets as it is, with this status.
    AsIs(u16),
    /// There is no such activation, or not yet.
    NotThere,
    /// The activation is not one of the action.
    OfAnother,
    /// The error of an action, as it is.
    ActionFailed,
    /// The action runs on.
    Late,
    /// No.
    Refused,
    /// Nothing that `OpenWhisk` answers.
    Nonsense,
    /// Nothing that an answer can mean.
    Other,
}

impl Meaning {
    /// What the filter took an answer for.
    #[must_use]
    pub fn of(activation: &Result<Activation, Error>) -> Self {
        match activation {
            Ok(Activation { content: Content::Result | Content::PlainResult, .. }) => Self::Result,
            Ok(Activation { content: Content::Failure | Content::PlainFailure, .. }) => Self::Failure,
            Ok(Activation { content: Content::AsIs(status), .. }) => Self::AsIs(status.as_u16()),
            Err(Error::ActionFailed { .. }) => Self::ActionFailed,
            Err(Error::DeadlinePassed { .. } | Error::NotAwaited { .. }) => Self::Late,
            Err(Error::Refused { .. }) => Self::Refused,
            Err(Error::NoActivation) => Self::NotThere,
            Err(Error::ActivationOfAnother) => Self::OfAnother,
            Err(Error::NotOpenWhisk { .. }) => Self::Nonsense,
            Ok(Activation { content: Content::Nothing, .. }) | Err(_) => Self::Other,
        }
    }
}

/// What an answer of `OpenWhisk` means that is no record of an activation.
#[must_use]
pub fn meaning(question: &Question<'_>) -> Meaning {
    let Question { status, has_id, body, mode, accept } = *question;
    let is_text = std::str::from_utf8(body).is_ok();
    let waits = matches!(mode, Mode::Result | Mode::Activation);
    if !is_text {
        return Meaning::Nonsense;
    }
    if status == 202 && waits && !accept {
        return Meaning::Late;
    }
    // Whether these are JSON shows when they are looked at.
    if status == 200 && mode == Mode::Result {
        return Meaning::Result;
    }
    if status == 502 && mode == Mode::Result && has_id {
        return Meaning::Failure;
    }
    if !is_json(body) {
        return Meaning::Nonsense;
    }
    match status {
        200 if matches!(mode, Mode::Activation | Mode::Metadata) => Meaning::AsIs(200),
        202 if (waits || mode == Mode::Async) && has_id => Meaning::AsIs(202),
        502 if mode == Mode::Activation && has_id => Meaning::ActionFailed,
        404 if mode == Mode::Poll => Meaning::NotThere,
        400..=599 => Meaning::Refused,
        _ => Meaning::Nonsense,
    }
}
