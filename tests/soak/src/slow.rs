//! Requests whose action does not answer within the timeout.

use std::time::Duration;

use fastrand::Rng;
use serde_json::json;

use crate::bootstrap::{ACCEPT, GRACE, LATE};
use crate::case::{Case, Kind, Then, Tickets};
use crate::expected::Expected;
use crate::good::{object, post};
use crate::script::Script;

/// Envoy's deadline may come so many milliseconds earlier than ours, as its clock starts when its loop wakes up.
const SLACK: u64 = 100;

/// One of them.
pub fn case(random: &mut Rng, tickets: impl Tickets) -> Case {
    let given_up =
        |millis, ticket| Expected::says(504, &format!("the action did not answer within {millis} ms"), ticket);
    let from = |deadline| Duration::from_millis(deadline - SLACK);
    let (path, ticket, then) = match random.usize(1..=4) {
        1 => {
            let ticket = tickets(Script::Silent);
            ("/late", ticket, Then::Read(given_up(LATE, &ticket)))
        }
        2 => {
            // Where headers came before the deadline, the filter can tell it from an answer that broke off only by its
            // own clock, and the one of a busy Envoy is behind that by as long as its loop has been running.
            let ticket = tickets(Script::Drips);
            let broken_off = Expected::says(502, "the answer of openwhisk broke off, the action may have run", &ticket);
            ("/late", ticket, Then::ReadLate(given_up(LATE, &ticket), from(LATE), broken_off))
        }
        3 => {
            let ticket = tickets(Script::Waits);
            let body = json!({ "activationId": ticket.activation_id() }).to_string();
            let expected = Expected::json(202, body).about(&ticket);
            ("/accept", ticket, Then::ReadLate(expected, from(ACCEPT + GRACE), given_up(ACCEPT, &ticket)))
        }
        _ => {
            let ticket = tickets(Script::Silent);
            ("/accept", ticket, Then::Read(given_up(ACCEPT, &ticket)))
        }
    };
    let (bytes, _) = post(path, &ticket).body(object(random, &ticket)).bytes();
    Case { kind: Kind::Slow, method: "POST", bytes, close: false, then }
}
