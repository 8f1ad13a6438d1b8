//! A request, what its client does, and what has to come of it.

use std::time::Duration;

use fastrand::Rng;

use crate::expected::Expected;
use crate::request::Request;
use crate::script::Script;
use crate::ticket::Ticket;
use crate::{aborted, faulty, good, hostile, slow};

/// What kind of traffic a case is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Good,
    Faulty,
    Hostile,
    Slow,
    Aborted,
}

impl Kind {
    pub const ALL: [Self; 5] = [Self::Good, Self::Faulty, Self::Hostile, Self::Slow, Self::Aborted];

    /// Its name, and what is behind it.
    pub const fn name(self) -> (&'static str, &'static str) {
        match self {
            Self::Good => ("good", "echoes, whole requests, modes, shaped results, 1 MB, base64"),
            Self::Faulty => ("faulty", "failed actions, refusals, broken rules, split headers, broken upstreams"),
            Self::Hostile => ("hostile", "malformed JSON, reserved names, too large, strange bytes, no HTTP"),
            Self::Slow => ("slow", "past the deadline, silent, dripping, accepted"),
            Self::Aborted => ("aborted", "clients that leave in the headers, the body, the call, the reply"),
        }
    }
}

/// A request and what has to come of it.
#[derive(Clone, Debug)]
pub struct Case {
    pub kind: Kind,
    pub method: &'static str,
    pub bytes: Vec<u8>,
    /// Whether the connection ends with it.
    pub close: bool,
    pub then: Then,
}

/// What the client does when the bytes are sent.
#[derive(Clone, Debug)]
pub enum Then {
    /// Reads the reply.
    Read(Expected),
    /// Reads the reply. On a machine that is too busy it may be the second one, but not before so much time has passed.
    ReadLate(Expected, Duration, Expected),
    /// Reads a reply, if there is one before the connection ends.
    Peek(Expected),
    /// Goes away.
    Leave(Leave),
}

/// How a client goes away.
#[derive(Clone, Copy, Debug)]
pub struct Leave {
    /// After this time,
    pub pause: Duration,
    /// and after so many bytes of the reply.
    pub read: usize,
    pub reset: bool,
}

impl Case {
    /// The next case of a client.
    pub fn next(random: &mut Rng, client: usize, number: usize) -> Self {
        let ticket = move |script| Ticket { script, client, number };
        match random.usize(1..=100) {
            1..=60 => good::case(random, ticket),
            61..=75 => faulty::case(random, ticket),
            76..=88 => hostile::case(random, ticket),
            89..=91 => slow::case(random, ticket),
            _ => aborted::case(random, ticket),
        }
    }

    /// A request whose reply is read.
    pub fn answered(kind: Kind, mut request: Request, expected: Expected, random: &mut Rng) -> Self {
        request.close = random.usize(..8) == 0;
        let then = Then::Read(expected);
        Self { kind, method: request.method, bytes: request.bytes().0, close: request.close, then }
    }
}

/// A ticket for a script.
pub trait Tickets: Fn(Script) -> Ticket {}

impl<T: Fn(Script) -> Ticket> Tickets for T {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_traffic_follows_from_the_seed() {
        let traffic = |seed| {
            let mut random = Rng::with_seed(seed);
            (0..200).map(|number| Case::next(&mut random, 1, number).bytes).collect::<Vec<_>>()
        };
        assert!(traffic(7) == traffic(7), "the same seed");
        assert!(traffic(7) != traffic(8), "another seed");
    }
}
