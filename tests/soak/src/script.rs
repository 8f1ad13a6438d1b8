//! What the scripted `OpenWhisk` does with a call: everything follows from the ticket and the call.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use corpus::Call;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::random::{any_bytes, word};
use crate::ticket::Ticket;

/// The size of a large result, in bytes.
pub const LARGE: usize = 1 << 20;

/// How long an action pauses, in milliseconds: far less than any deadline it has.
pub const PAUSE: u64 = 200;

macro_rules! scripts {
    ($($(#[$doc:meta])* $script:ident $name:literal;)+) => {
        /// What the upstream does with a call.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Script { $($(#[$doc])* $script,)+ }

        impl Script {
            /// Its name in a ticket.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$script => $name,)+ }
            }

            /// The one with this name.
            pub fn named(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$script),)+ _ => None }
            }
        }
    };
}

scripts! {
    /// The result is what came, 400 where that is not JSON.
    Echo "echo";
    /// The same after a pause.
    Pauses "pauses";
    /// The same with a header that is not UTF-8.
    StrangeHeader "strange-header";
    /// A result of 1 MB.
    Large "large";
    /// 202 at once.
    Accepted "accepted";
    /// 202 when `OpenWhisk` has waited for as long as it should.
    Waits "waits";
    /// Says nothing.
    Silent "silent";
    /// Starts an answer that never ends.
    Drips "drips";
    /// A shaped result with a text, a header and two cookies.
    Text "text";
    /// A shaped result of bytes.
    Bytes "bytes";
    /// A shaped result without a body.
    Empty "empty";
    /// A shaped result with headers that belong to the gateway.
    GatewayHeaders "gateway-headers";
    /// A header whose value would split the reply.
    SplitValue "split-value";
    /// A header whose name would.
    SplitName "split-name";
    /// A status that HTTP does not have.
    BadStatus "bad-status";
    /// Bytes that are no base64.
    BadBytes "bad-bytes";
    /// The action failed.
    Failed "failed";
    /// It failed and says what to reply.
    FailedShaped "failed-shaped";
    /// `OpenWhisk` refuses the call.
    Refused "refused";
    /// A page of something else.
    Page "page";
    /// A load balancer without servers.
    Busy "busy";
    /// Not HTTP at all.
    Garbage "garbage";
    /// More headers than Envoy takes.
    ManyHeaders "many-headers";
    /// The connection is reset.
    Resets "resets";
    /// The connection is closed.
    Closes "closes";
    /// The answer ends in its headers.
    CutHead "cut-head";
    /// The answer ends in its body.
    CutBody "cut-body";
    /// A chunk has no size.
    BrokenChunk "broken-chunk";
}

/// What the upstream sends.
#[derive(Debug)]
pub struct Play {
    pub pause: Duration,
    pub bytes: Vec<u8>,
    pub then: Then,
}

/// What becomes of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    Keep,
    Close,
    Reset,
    /// Send a space now and then until the other side has enough.
    Drip,
    /// Wait until the other side has enough.
    Wait,
}

/// The statuses with which `OpenWhisk` refuses a call.
const REFUSALS: [u16; 8] = [401, 403, 404, 409, 413, 429, 500, 503];

/// The status with which it refuses this one.
pub fn refusal(ticket: &Ticket) -> u16 {
    *ticket.random().choice(&REFUSALS).expect("not empty")
}

/// The bytes of a result that is bytes.
pub fn bytes(ticket: &Ticket) -> Vec<u8> {
    let mut random = ticket.random();
    let size = random.usize(1..=20_000);
    any_bytes(&mut random, size)
}

/// A large result: a part that is unique, and a filling.
pub fn large(ticket: &Ticket) -> String {
    let word = word(&mut ticket.random(), 64);
    json!({ "ticket": ticket.to_string(), "filling": word.repeat(LARGE / 64) }).to_string()
}

/// What the upstream does with a call.
pub fn play(ticket: &Ticket, call: &Call) -> Play {
    let then = |bytes: &[u8], then| Play { pause: Duration::ZERO, bytes: bytes.to_vec(), then };
    let after = |pause, bytes| Play { pause: Duration::from_millis(pause), bytes, then: Then::Keep };
    let result = |result: Value| after(0, about(ticket, 200, result.to_string().as_bytes()));
    let shaped = |name: &str, value: Value| result(json!({ "headers": { name: value }, "body": ticket.to_string() }));
    let text = ticket.to_string();
    match ticket.script {
        Script::Echo => after(0, echo(ticket, call, &[])),
        Script::Pauses => after(PAUSE, echo(ticket, call, &[])),
        Script::StrangeHeader => after(0, echo(ticket, call, b"x-strange: \xff\x80\r\n")),
        Script::Large => after(0, about(ticket, 200, large(ticket).as_bytes())),
        Script::Accepted => after(0, accepted(ticket)),
        Script::Waits => after(wait(call), accepted(ticket)),
        Script::Silent => then(b"", Then::Wait),
        Script::Drips => then(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n", Then::Drip),
        Script::Text => {
            let headers = json!({ "content-type": "text/plain", "x-ticket": text, "set-cookie": ["a=1", "b=2"] });
            result(json!({ "statusCode": 201, "headers": headers, "body": text }))
        }
        Script::Bytes => {
            let body = STANDARD.encode(bytes(ticket));
            result(json!({ "statusCode": "206", "headers": { "content-type": "image/png" }, "body": body }))
        }
        Script::Empty => result(json!({ "statusCode": 204, "headers": { "x-ticket": text }, "body": "dropped" })),
        Script::GatewayHeaders => {
            let headers = json!({
                "Content-Length": 1, "transfer-encoding": "chunked", "connection": "close", "Date": "never",
                ":status": "500", "x-openwhisk-activation-id": "foreign", "server": "foreign", "x-ticket": text,
            });
            result(json!({ "headers": headers, "body": { "ticket": text } }))
        }
        Script::SplitValue => shaped("x-split", json!("1\r\nx-injected: 1\r\n\r\nHTTP/1.1 200 OK")),
        Script::SplitName => shaped("x-split: 1\r\nx-injected", json!("1")),
        Script::BadStatus => result(json!({ "statusCode": 99, "body": text })),
        Script::BadBytes => result(json!({ "headers": { "content-type": "image/png" }, "body": "\u{0}\r\n" })),
        Script::Failed => after(0, about(ticket, 502, json!({ "error": text }).to_string().as_bytes())),
        Script::FailedShaped => {
            let error = json!({ "error": { "statusCode": 418, "body": { "ticket": text } } });
            after(0, about(ticket, 502, error.to_string().as_bytes()))
        }
        Script::Refused => {
            let error = json!({ "error": "refused", "code": text }).to_string();
            after(0, answer(refusal(ticket), JSON, error.as_bytes()))
        }
        Script::Page => after(0, answer(200, b"content-type: text/html\r\n", b"<html>secret page</html>")),
        Script::Busy => after(0, answer(503, b"content-type: text/plain\r\n", b"no server is available")),
        Script::Garbage => then(&[b"SSH-2.0-", any_bytes(&mut ticket.random(), 500).as_slice()].concat(), Then::Close),
        Script::ManyHeaders => {
            let many = (0..200).map(|n| format!("x-{n}: {text}\r\n")).collect::<Vec<_>>().concat();
            then(&answer(200, many.as_bytes(), b"{}"), Then::Close)
        }
        Script::Resets => then(b"", Then::Reset),
        Script::Closes => then(b"", Then::Close),
        Script::CutHead => then(b"HTTP/1.1 200 OK\r\ncontent-type: appl", Then::Close),
        Script::CutBody => then(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"a\":", Then::Close),
        Script::BrokenChunk => {
            then(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\nno\r\n{}\r\n0\r\n\r\n", Then::Close)
        }
    }
}

const JSON: &[u8] = b"content-type: application/json\r\n";

/// What an action that returns its parameters makes of a call.
fn echo(ticket: &Ticket, call: &Call, more: &[u8]) -> Vec<u8> {
    if call.method == "GET" {
        let metadata = json!({ "name": "metadata", "ticket": ticket.to_string() }).to_string();
        return answer(200, JSON, metadata.as_bytes());
    }
    let parameters = if call.body.is_empty() { b"null" } else { call.body.as_slice() };
    if serde_json::from_slice::<&RawValue>(parameters).is_err() {
        let error = json!({ "error": "The request content was malformed.", "code": ticket.to_string() });
        return answer(400, JSON, error.to_string().as_bytes());
    }
    let result = [b"{\"echo\":", parameters, b"}"].concat();
    let id = ticket.activation_id();
    let body = if call.path.contains("result=false") {
        [format!("{{\"activationId\":\"{id}\",\"response\":").as_bytes(), &result, b"}"].concat()
    } else {
        result
    };
    let headers = [JSON, format!("x-openwhisk-activation-id: {id}\r\n").as_bytes(), more].concat();
    answer(200, &headers, &body)
}

/// How long `OpenWhisk` should wait for the action, in milliseconds.
fn wait(call: &Call) -> u64 {
    call.path.split("timeout=").nth(1).and_then(|wait| wait.parse().ok()).unwrap_or(0)
}

fn accepted(ticket: &Ticket) -> Vec<u8> {
    about(ticket, 202, json!({ "activationId": ticket.activation_id() }).to_string().as_bytes())
}

/// An answer about the activation.
fn about(ticket: &Ticket, status: u16, body: &[u8]) -> Vec<u8> {
    let id = format!("x-openwhisk-activation-id: {}\r\n", ticket.activation_id());
    answer(status, &[JSON, id.as_bytes()].concat(), body)
}

fn answer(status: u16, headers: &[u8], body: &[u8]) -> Vec<u8> {
    let start = format!("HTTP/1.1 {status} scripted\r\ncontent-length: {}\r\n", body.len());
    [start.as_bytes(), headers, b"\r\n", body].concat()
}
