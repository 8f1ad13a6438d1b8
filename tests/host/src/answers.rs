//! What comes back from a call.

use std::time::Duration;

use crate::headers::{Headers, is_token};
use crate::personality::Personality;

/// An answer of the upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    status: u16,
    headers: Headers,
    body: Vec<u8>,
}

impl Answer {
    /// An answer without headers and body.
    #[must_use]
    pub const fn new(status: u16) -> Self {
        Self { status, headers: Headers::new(), body: Vec::new() }
    }

    /// One more header.
    #[must_use]
    pub fn header(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.headers.push(name.as_ref().to_ascii_lowercase(), value);
        self
    }

    /// The body.
    #[must_use]
    pub fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        body.as_ref().clone_into(&mut self.body);
        self
    }
}

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No connection came about.
    Unreachable,
    /// The connection broke before the headers of an answer.
    Closed,
    /// The deadline passed before the headers of an answer. The clock is advanced to it.
    DeadlinePassed,
    /// The connection broke, or the answer grew too large, behind the headers of an answer.
    BrokenOff,
    /// The deadline passed behind the headers of an answer. The clock is advanced to it.
    DeadlinePassedInBody,
}

impl Failure {
    /// Whether it takes until the deadline to fail so.
    pub(crate) const fn takes_until_deadline(self) -> bool {
        matches!(self, Self::DeadlinePassed | Self::DeadlinePassedInBody)
    }
}

/// What the filter gets to see of the end of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) headers: Headers,
    pub(crate) body: Vec<u8>,
    /// No host tells of any.
    pub(crate) trailers: Headers,
}

impl End {
    /// Source: observed on wasm-nginx-module 0.7.0: `:status` comes last. Observed on Envoy 1.40.0: only real
    /// answers carry `x-envoy-upstream-service-time`, and one with a name that is no token is refused.
    pub(crate) fn answered(answer: Answer, personality: Personality) -> Self {
        let Answer { status, headers, body } = answer;
        if personality == Personality::Envoy && !headers.iter().all(|(name, _)| is_token(name)) {
            return Self::local(
                "502",
                "upstream connect error or disconnect/reset before headers. reset reason: protocol error",
            );
        }
        let status = (b":status".to_vec(), status.to_string().into_bytes());
        let own = headers.iter().map(|(name, value)| (name.to_vec(), value.to_vec()));
        let headers = match personality {
            Personality::Apisix => own.chain([status]).collect(),
            Personality::Envoy => {
                let time = (b"x-envoy-upstream-service-time".to_vec(), b"1".to_vec());
                [status].into_iter().chain(own).chain([time]).collect()
            }
        };
        Self { headers, body, trailers: Headers::new() }
    }

    /// Source: observed on wasm-nginx-module 0.7.0: all failures look the same. Observed on Envoy 1.40.0: local
    /// replies before the headers of an answer; read in Envoy: nothing after them.
    pub(crate) fn failed(failure: Failure, personality: Personality) -> Self {
        match (personality, failure) {
            (Personality::Envoy, Failure::Unreachable) => Self::local(
                "503",
                "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure",
            ),
            (Personality::Envoy, Failure::Closed) => Self::local(
                "503",
                "upstream connect error or disconnect/reset before headers. reset reason: connection termination",
            ),
            (Personality::Envoy, Failure::DeadlinePassed) => Self::local("504", "upstream request timeout"),
            (Personality::Apisix, _) | (_, Failure::BrokenOff | Failure::DeadlinePassedInBody) => Self::default(),
        }
    }

    /// An answer that Envoy makes itself.
    fn local(status: &str, body: &str) -> Self {
        Self {
            headers: [(":status", status), ("content-length", &body.len().to_string()), ("content-type", "text/plain")]
                .into_iter()
                .collect(),
            body: body.as_bytes().to_vec(),
            trailers: Headers::new(),
        }
    }
}

/// When a call fails: at its deadline, or at once.
pub(crate) fn due(failure: Failure, called: Duration, deadline: Duration) -> Duration {
    if failure.takes_until_deadline() { called.saturating_add(deadline) } else { called }
}
