//! Clients that go away.

use std::time::Duration;

use fastrand::Rng;

use crate::case::{Case, Kind, Leave, Then, Tickets};
use crate::good::{object, post};
use crate::script::{LARGE, PAUSE, Script};

/// One of them.
pub fn case(random: &mut Rng, tickets: impl Tickets) -> Case {
    let pause = Duration::from_millis(random.u64(0..=20));
    let mut leave = Leave { pause, read: 0, reset: random.bool() };
    let request = |script| {
        let ticket = tickets(script);
        post("/echo", &ticket).body(object(&mut ticket.random(), &ticket))
    };
    let bytes = match random.usize(1..=6) {
        // In the headers.
        1 => {
            let (bytes, head) = request(Script::Echo).bytes();
            bytes[..random.usize(0..head)].to_vec()
        }
        // In the body.
        2 => {
            let (bytes, head) = request(Script::Echo).bytes();
            bytes[..random.usize(head..bytes.len())].to_vec()
        }
        3 => {
            let (bytes, head) = request(Script::Echo).chunked(random.clone()).bytes();
            bytes[..random.usize(head..bytes.len())].to_vec()
        }
        // While the call is pending.
        4 => {
            leave.pause = Duration::from_millis(PAUSE / 4) + pause;
            request(Script::Pauses).bytes().0
        }
        5 => {
            leave.pause = Duration::from_millis(PAUSE / 4) + pause;
            let ticket = tickets(*random.choice(&[Script::Silent, Script::Drips]).expect("not empty"));
            post("/late", &ticket).bytes().0
        }
        // While the reply is read.
        _ => {
            leave.read = random.usize(1..=LARGE / 2);
            request(Script::Large).bytes().0
        }
    };
    Case { kind: Kind::Aborted, method: "POST", bytes, close: true, then: Then::Leave(leave) }
}
