//! Clients that go away.

use std::time::Duration;

use crate::case::{Case, Kind, Leave, Then, Tickets};
use crate::good::{object, post};
use crate::random::Random;
use crate::script::{LARGE, PAUSE, Script};

/// One of them.
pub fn case(random: &mut Random, tickets: impl Tickets) -> Case {
    let pause = Duration::from_millis(u64::try_from(random.within(0..=20)).expect("small"));
    let mut leave = Leave { pause, read: 0, reset: random.once_in(2) };
    let request = |script| {
        let ticket = tickets(script);
        post("/echo", &ticket).body(object(&mut ticket.random(), &ticket))
    };
    let bytes = match random.within(1..=6) {
        // In the headers.
        1 => {
            let (bytes, head) = request(Script::Echo).bytes();
            bytes[..random.within(0..=head - 1)].to_vec()
        }
        // In the body.
        2 => {
            let (bytes, head) = request(Script::Echo).bytes();
            bytes[..random.within(head..=bytes.len() - 1)].to_vec()
        }
        3 => {
            let (bytes, head) = request(Script::Echo).chunked(random.clone()).bytes();
            bytes[..random.within(head..=bytes.len() - 1)].to_vec()
        }
        // While the call is pending.
        4 => {
            leave.pause = Duration::from_millis(PAUSE / 4) + pause;
            request(Script::Pauses).bytes().0
        }
        5 => {
            leave.pause = Duration::from_millis(PAUSE / 4) + pause;
            let ticket = tickets(*random.one_of(&[Script::Silent, Script::Drips]));
            post("/late", &ticket).bytes().0
        }
        // While the reply is read.
        _ => {
            leave.read = random.within(1..=LARGE / 2);
            request(Script::Large).bytes().0
        }
    };
    Case { kind: Kind::Aborted, method: "POST", bytes, close: true, then: Then::Leave(leave) }
}
