//! What tells a request from all others. It travels as the request id, which the filter hands on: so the upstream
//! knows what to do with the call, and the client what has to come back.

use std::fmt;

use fastrand::Rng;

use crate::script::Script;

/// A request of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// What the upstream does with it.
    pub script: Script,
    /// Which client.
    pub client: usize,
    /// Which of its requests.
    pub number: usize,
}

impl Ticket {
    /// Reads one from a request id.
    pub fn read(id: &str) -> Option<Self> {
        let mut parts = id.split('.');
        let ticket = Self {
            script: Script::named(parts.next()?)?,
            client: parts.next()?.parse().ok()?,
            number: parts.next()?.parse().ok()?,
        };
        parts.next().is_none().then_some(ticket)
    }

    /// Numbers of its own.
    pub fn random(&self) -> Rng {
        Rng::with_seed((self.client as u64) << 40 ^ self.number as u64)
    }

    /// The id of its activation.
    pub fn activation_id(&self) -> String {
        let mut random = self.random();
        format!("{:016x}{:016x}", random.u64(..), random.u64(..))
    }
}

impl fmt::Display for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.script.name(), self.client, self.number)
    }
}
