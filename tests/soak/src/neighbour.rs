//! Somebody who opens slow calls and leaves, and a neighbour on the same cluster, whose every reply must come in time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::case::{Case, Kind, Leave, Then};
use crate::client::exchange;
use crate::expected::Expected;
use crate::good::{object, post};
use crate::script::Script;
use crate::tally::Tally;
use crate::ticket::Ticket;

/// How long the neighbour may wait for a reply: a busy machine takes long, but the calls of those who left would take the
/// places of the cluster for ever.
pub const MOST: Duration = Duration::from_secs(10);

/// How many slow calls are opened at a time, and how long until the next: far more than may be open.
const AT_ONCE: usize = 10;
const PAUSE: Duration = Duration::from_millis(50);

/// What became of both.
#[derive(Clone, Copy, Debug, Default)]
pub struct Felt {
    /// Slow calls that were opened, or would have been.
    pub left: usize,
    /// Replies to the neighbour.
    pub replies: usize,
    /// The longest that it waited for one.
    pub longest: Duration,
}

/// Somebody who opens slow calls and leaves, by this name among the clients: how many.
pub fn leave(name: usize, port: u16, stop: &AtomicBool) -> usize {
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        for _ in 0..AT_ONCE {
            let ticket = Ticket { script: Script::Silent, client: name, number };
            let leave = Leave { pause: Duration::from_millis(1), read: 0, reset: true };
            // What comes of it does not matter to one who goes away.
            let _ = exchange(&mut None, port, &case("/held", &ticket, Then::Leave(leave)), Instant::now());
            number += 1;
        }
        thread::sleep(PAUSE);
    }
    number
}

/// The neighbour, by this name among the clients.
pub fn stay(name: usize, port: u16, stop: &AtomicBool, tally: &Arc<Tally>) -> Felt {
    let (mut felt, mut line) = (Felt::default(), None);
    while !stop.load(Ordering::Relaxed) {
        let ticket = Ticket { script: Script::Echo, client: name, number: felt.replies };
        let body = object(&mut ticket.random(), &ticket);
        let expected = Expected::json(200, format!("{{\"echo\":{body}}}")).about(&ticket);
        let started = Instant::now();
        let replied = exchange(&mut line, port, &case("/neighbour", &ticket, Then::Read(expected)), started);
        let took = started.elapsed();
        if let Err(complaint) = replied {
            tally.wrong(&format!("the neighbour after {took:?}: {complaint}"));
            line = None;
        }
        felt.replies += 1;
        felt.longest = felt.longest.max(took);
        thread::sleep(Duration::from_millis(5));
    }
    felt
}

fn case(path: &'static str, ticket: &Ticket, then: Then) -> Case {
    let (bytes, _) = post(path, ticket).body(object(&mut ticket.random(), ticket)).bytes();
    Case { kind: Kind::Good, method: "POST", bytes, close: false, then }
}
