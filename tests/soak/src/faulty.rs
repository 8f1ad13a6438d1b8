//! Requests whose action or upstream does what it should not.

use fastrand::Rng;
use serde_json::json;

use crate::case::{Case, Kind, Tickets};
use crate::expected::Expected;
use crate::good::{object, post};
use crate::script::{Script, refusal};
use crate::ticket::Ticket;

const SCRIPTS: [Script; 19] = [
    Script::SplitValue,
    Script::SplitName,
    Script::BadStatus,
    Script::BadBytes,
    Script::Failed,
    Script::FailedShaped,
    Script::Refused,
    Script::Refused,
    Script::Page,
    Script::Busy,
    Script::Garbage,
    Script::ManyHeaders,
    Script::Resets,
    Script::Closes,
    Script::CutHead,
    Script::CutBody,
    Script::BrokenChunk,
    Script::Accepted,
    Script::Echo,
];

/// One of them.
pub fn case(random: &mut Rng, tickets: impl Tickets) -> Case {
    let ticket = tickets(*random.choice(&SCRIPTS).expect("not empty"));
    // An upstream at which nobody listens, in the place of one that echoes.
    let path = if ticket.script == Script::Echo { "/retry" } else { "/echo" };
    let request = post(path, &ticket).body(object(random, &ticket));
    Case::answered(Kind::Faulty, request, expected(&ticket), random)
}

fn expected(ticket: &Ticket) -> Expected {
    let breaks = |rule: &str| {
        Expected::says(502, &format!("the result of the action breaks a rule: {rule}"), ticket).about(ticket)
    };
    let text = ticket.to_string();
    match ticket.script {
        Script::SplitValue => breaks("a value in `headers` must not hold control characters"),
        Script::SplitName => breaks("a name in `headers` must be a token of HTTP"),
        Script::BadStatus => breaks("`statusCode` must be a whole number from 200 to 599"),
        Script::BadBytes => breaks("`body` must be a string of base64 where the content type is binary"),
        Script::Failed => Expected::json(502, json!({ "error": text }).to_string()).about(ticket),
        Script::FailedShaped => Expected::json(418, json!({ "ticket": text }).to_string()).about(ticket),
        Script::Refused => Expected::json(refusal(ticket), json!({ "error": "refused", "code": text }).to_string()),
        Script::Page => Expected::says(502, "the answer with status 200 is not one of openwhisk's API", ticket),
        Script::Busy => Expected::says(503, "the answer with status 503 is not one of openwhisk's API", ticket),
        Script::Echo => Expected::says(503, "openwhisk cannot be reached", ticket),
        Script::Resets | Script::Closes => {
            Expected::says(502, "the connection to openwhisk broke, the action may have run", ticket)
        }
        Script::Accepted => {
            Expected::says(504, "openwhisk did not wait for the action, which goes on", ticket).about(ticket)
        }
        _ => Expected::says(502, "the answer of openwhisk broke off, the action may have run", ticket),
    }
}
