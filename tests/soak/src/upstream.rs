//! The scripted `OpenWhisk`: a thread for each connection, and a look at each call.

use std::collections::BTreeSet;
use std::io::{self, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::net::TcpSocket;
use tokio::runtime::Builder;

use crate::bootstrap::TOKEN;
use crate::client::PATIENCE;
use crate::http1::Call;
use crate::script::{Play, Script, Then, play};
use crate::tally::Tally;
use crate::ticket::Ticket;

/// How many connections may wait to be accepted.
const BACKLOG: u32 = 4096;

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

/// Starts it: its port. It ends with the process.
pub fn start(clients: usize, tally: &Arc<Tally>) -> io::Result<u16> {
    let listener = listen()?;
    let port = listener.local_addr()?.port();
    let desk = Arc::new(Desk {
        tally: Arc::clone(tally),
        authorization: format!("Basic {}", STANDARD.encode(TOKEN)).into_bytes(),
        seen: Mutex::new(vec![BTreeSet::new(); clients]),
    });
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let desk = Arc::clone(&desk);
            // An error is the end of the connection, nothing else: scripts break off on purpose.
            thread::spawn(move || desk.serve(stream));
        }
    });
    Ok(port)
}

/// Listens, with room for all that a busy machine has not accepted yet: Envoy's deadline of a connection is 5 s.
fn listen() -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
    // Only for as long as it takes: a listener of the runtime is made into one of the standard library.
    let runtime = Builder::new_current_thread().enable_io().build()?;
    let _inside = runtime.enter();
    let listener = socket.listen(BACKLOG)?.into_std()?;
    listener.set_nonblocking(false)?;
    Ok(listener)
}

impl Desk {
    fn serve(&self, stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut writer = stream;
        loop {
            let call = match Call::read_head(&mut reader) {
                Ok(Some(call)) => call,
                Ok(None) => return Ok(()),
                // Envoy closes idle connections, and this end those that are idle for too long.
                Err(error) if error.kind() != io::ErrorKind::InvalidData => return Ok(()),
                Err(error) => {
                    self.tally.wrong(&format!("a call that is no HTTP: {error}"));
                    return Ok(());
                }
            };
            let ticket = call.header("x-request-id").and_then(|id| Ticket::read(&String::from_utf8_lossy(id)));
            let ticket = ticket.unwrap_or(NOBODYS);
            let body = call.read_body(&mut reader)?;
            if let Err(complaint) = self.check(&ticket, &call) {
                self.tally.wrong(&format!("{complaint}: {call:?}"));
            }
            let play = play(&ticket, &call, &body);
            if perform(&mut writer, play)? == Then::Close {
                return Ok(());
            }
        }
    }

    /// Whether it is a call that the filter should make, and the first one with its ticket.
    fn check(&self, ticket: &Ticket, call: &Call) -> Result<(), String> {
        self.tally.called();
        let is_of_api = call.path.starts_with("/api/v1/namespaces/guest/actions/");
        let is_known = matches!(call.method.as_str(), "POST" | "GET");
        if !is_of_api || !is_known || call.header("authorization") != Some(&self.authorization) {
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

fn perform(stream: &mut TcpStream, Play { pause, bytes, then }: Play) -> io::Result<Then> {
    thread::sleep(pause);
    stream.write_all(&bytes)?;
    match then {
        Then::Keep | Then::Close => {}
        Then::Reset => {
            // Of all that refer to the connection, so it does not matter by which it is set.
            TcpSocket::from_std_stream(stream.try_clone()?).set_zero_linger()?;
            return Ok(Then::Close);
        }
        Then::Wait => drop(stream.read_to_end(&mut Vec::new())),
        Then::Drip => {
            let start = Instant::now();
            while start.elapsed() < PATIENCE {
                stream.write_all(b" ")?;
                thread::sleep(Duration::from_millis(50));
            }
        }
    }
    Ok(then)
}
