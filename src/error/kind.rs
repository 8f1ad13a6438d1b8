//! The kinds of errors, for the metrics, the log and the runbook.

/// What kind of error kept a client from a result, for the metrics and the runbook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ErrorKind {
    /// There is no way to `OpenWhisk`.
    Connect,
    /// As many calls are open as may be.
    Busy,
    /// The action took too long.
    Timeout,
    /// The answer broke off.
    BrokenOff,
    /// Somebody else answered.
    NotOpenWhisk,
    /// `OpenWhisk` refused the call.
    Refused,
    /// The action failed.
    ActionFailed,
    /// The action gave a result of which no reply can be made.
    InvalidResult,
    /// The request is too large.
    TooLarge,
    /// The request is not what it says it is.
    Malformed,
    /// Something else is wrong with the gateway.
    Internal,
}

impl ErrorKind {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Connect,
        Self::Busy,
        Self::Timeout,
        Self::BrokenOff,
        Self::NotOpenWhisk,
        Self::Refused,
        Self::ActionFailed,
        Self::InvalidResult,
        Self::TooLarge,
        Self::Malformed,
        Self::Internal,
    ];

    /// The label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Busy => "busy",
            Self::Timeout => "timeout",
            Self::BrokenOff => "broken_off",
            Self::NotOpenWhisk => "not_openwhisk",
            Self::Refused => "refused",
            Self::ActionFailed => "action_failed",
            Self::InvalidResult => "invalid_result",
            Self::TooLarge => "too_large",
            Self::Malformed => "malformed",
            Self::Internal => "internal",
        }
    }
}
