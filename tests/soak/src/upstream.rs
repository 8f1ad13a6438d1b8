//! The scripted `OpenWhisk`, which has a look at each call.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use corpus::Call;
use testbed::PATIENCE;
use testbed::http1::values;
use testbed::upstream::{Connection, Upstream};

use crate::bootstrap::TOKEN;
use crate::script::{Play, Script, Then, play};
use crate::tally::Tally;
use crate::ticket::Ticket;

/// How many of the last calls of a client are remembered.
const REMEMBERED: usize = 1000;

/// The headers that a call may have.
const HEADERS: &[&str] = &[
    "host",
    "accept",
    "authorization",
    "content-length",
    "content-type",
    "user-agent",
    "transfer-encoding",
    "x-request-id",
    "x-forwarded-proto",
    "x-envoy-internal",
    "x-envoy-expected-rq-timeout-ms",
];

/// The call without a ticket that can be read, as the filter does not hand on every request id.
pub const NOBODYS: Ticket = Ticket { script: Script::Echo, client: 0, number: 0 };

/// What the connections share.
struct Desk {
    tally: Arc<Tally>,
    authorization: Vec<u8>,
    /// The last calls of each client.
    seen: Mutex<Vec<BTreeSet<usize>>>,
}

/// Starts it, for so many clients.
pub fn start(clients: usize, tally: &Arc<Tally>) -> Upstream {
    let desk = Desk {
        tally: Arc::clone(tally),
        authorization: format!("Basic {}", STANDARD.encode(TOKEN)).into_bytes(),
        seen: Mutex::new(vec![BTreeSet::new(); clients]),
    };
    Upstream::forgetful(Arc::new(move |call, connection| desk.serve(call, connection)))
}

impl Desk {
    fn serve(&self, call: &Call, connection: &mut Connection) -> io::Result<()> {
        let ticket =
            values(&call.headers, "x-request-id").first().and_then(|id| Ticket::read(&String::from_utf8_lossy(id)));
        let ticket = ticket.unwrap_or(NOBODYS);
        if let Err(complaint) = self.check(&ticket, call) {
            self.tally.wrong(&format!("{complaint}: {} {} {:?}", call.method, call.path, call.headers));
        }
        perform(connection, play(&ticket, call))
    }

    /// Whether it is a call that the filter should make, and the first one with its ticket.
    fn check(&self, ticket: &Ticket, call: &Call) -> Result<(), String> {
        self.tally.called();
        let is_of_api = call.path.starts_with("/api/v1/namespaces/guest/actions/");
        let is_known = matches!(call.method.as_str(), "POST" | "GET");
        if !is_of_api || !is_known || values(&call.headers, "authorization") != [self.authorization.as_slice()] {
            return Err("a call that is not of the API".to_owned());
        }
        if let Some((name, _)) = call.headers.iter().find(|(name, _)| !HEADERS.contains(&name.as_str())) {
            return Err(format!("a call with the header {name:?}"));
        }
        if *ticket == NOBODYS {
            return Ok(());
        }
        let mut seen = self.seen.lock().expect("not poisoned");
        let seen = seen.get_mut(ticket.client).ok_or("a call of nobody")?;
        if !seen.insert(ticket.number) {
            return Err("the same call twice".to_owned());
        }
        if seen.len() > REMEMBERED {
            seen.pop_first();
        }
        Ok(())
    }
}

fn perform(connection: &mut Connection, Play { pause, bytes, then }: Play) -> io::Result<()> {
    thread::sleep(pause);
    connection.send(&bytes)?;
    match then {
        Then::Keep => Ok(()),
        Then::Close => Err(io::ErrorKind::ConnectionAborted.into()),
        Then::Reset => connection.reset(),
        Then::Wait => connection.wait_for_close(),
        Then::Drip => {
            let start = Instant::now();
            while start.elapsed() < PATIENCE {
                connection.send(b" ")?;
                thread::sleep(Duration::from_millis(50));
            }
            Ok(())
        }
    }
}
