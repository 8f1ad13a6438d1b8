//! Clients that ask all the time, each for something that only it can get.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use corpus::Reply;
use serde_json::Value;
use testbed::PATIENCE;
use testbed::client::Session;
use testbed::http1;
use testbed::script::{Script, answer};

/// How many clients ask at a time.
pub const CLIENTS: usize = 8;

/// How many bytes the largest request has, about. Every client asks for many sizes below.
const LARGEST: usize = 20_000;

/// How often the requests are looked at.
const POLL: Duration = Duration::from_millis(5);

/// A load on one port. Dropping it ends it.
pub struct Load {
    clients: Vec<JoinHandle<()>>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    is_over: AtomicBool,
    requests: Mutex<Vec<Request>>,
}

/// A request, and what became of it.
#[derive(Clone, Debug)]
pub struct Request {
    /// Whose it was.
    pub client: usize,
    /// On which of the client's connections, from 1.
    pub connection: usize,
    /// When it was begun.
    pub began: Instant,
    /// When its reply was complete, or the connection ended.
    pub ended: Instant,
    /// What the client got.
    pub got: Got,
}

/// What a client got.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Got {
    /// What it asked for, and the action that answered.
    Echo(String),
    /// An error of the gateway, with its sentence.
    Error(u16, String),
    /// The connection ended before a reply.
    Nothing(String),
    /// Something else, which nobody may ever get.
    Wrong(String),
}

/// Answers with what it was sent, and the name of the action; in two parts, so that it can break off in the middle.
pub fn echoes() -> Script {
    Arc::new(|call, connection| {
        let action = call.path.split('?').next().and_then(|path| path.rsplit('/').next()).unwrap_or_default();
        let body = format!("{{\"action\":\"{action}\",\"echo\":{}}}", String::from_utf8_lossy(&call.body));
        let answer = answer(200, &[("content-type", "application/json")], body.as_bytes());
        let (first, second) = answer.split_at(answer.len() - call.body.len() / 2);
        connection.send(first)?;
        thread::sleep(Duration::from_millis(1));
        connection.send(second)
    })
}

impl Load {
    /// Starts one. Half of the clients keep their connections as long as they may, the others take a new one
    /// for each request.
    pub fn start(port: u16) -> Self {
        let shared = Arc::new(Shared::default());
        let client = |client| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || run(client, port, &shared))
        };
        Self { clients: (0..CLIENTS).map(client).collect(), shared }
    }

    /// Waits until the requests that were begun since then are so.
    pub fn wait(&self, since: Instant, what: &str, is_so: impl Fn(&[&Request]) -> bool) {
        let start = Instant::now();
        loop {
            let requests = self.shared.requests.lock().expect("not poisoned").clone();
            if is_so(&requests.iter().filter(|request| request.began >= since).collect::<Vec<_>>()) {
                return;
            }
            assert!(start.elapsed() < PATIENCE, "the load never saw {what}: {:?}", count(&requests));
            thread::sleep(POLL);
        }
    }

    /// Waits until each client got what it asked for, this many times since then.
    pub fn wait_for_echoes(&self, since: Instant, times: usize) {
        self.wait(since, "enough echoes", |requests| {
            let mut counts = [0; CLIENTS];
            for request in requests {
                counts[request.client] += usize::from(matches!(request.got, Got::Echo(_)));
            }
            counts.iter().all(|count| *count >= times)
        });
    }

    /// Ends it: all its requests.
    pub fn stop(mut self) -> Vec<Request> {
        self.shared.is_over.store(true, Ordering::SeqCst);
        for client in self.clients.drain(..) {
            client.join().expect("a client ends");
        }
        std::mem::take(&mut *self.shared.requests.lock().expect("not poisoned"))
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
    }
}

/// How often what was got.
pub fn count(requests: &[Request]) -> BTreeMap<&Got, usize> {
    let mut counts = BTreeMap::new();
    for request in requests {
        *counts.entry(&request.got).or_default() += 1;
    }
    counts
}

fn run(client: usize, port: u16, shared: &Shared) {
    let keeps = client.is_multiple_of(2);
    let (mut session, mut connection, mut number) = (None, 0, 0);
    while !shared.is_over.load(Ordering::SeqCst) {
        number += 1;
        connection += usize::from(session.is_none());
        // A client of its own, a number of its own, and a size that comes again only after many others.
        let padding = "x".repeat(number * 7919 % LARGEST);
        let asked = format!("{{\"client\":{client},\"number\":{number},\"padding\":\"{padding}\"}}");
        let began = Instant::now();
        let reply = ask(&mut session, port, asked.as_bytes());
        session = session.filter(|_| keeps);
        let request = Request { client, connection, began, ended: Instant::now(), got: got(reply, &asked) };
        shared.requests.lock().expect("not poisoned").push(request);
    }
}

/// Asks in a session, or in a new one, and leaves it if it goes on.
fn ask(session: &mut Option<Session>, port: u16, body: &[u8]) -> io::Result<Reply> {
    let mut current = session.take().map_or_else(|| Session::connect(port), Ok)?;
    let reply = current.post("/hello", body)?;
    if !current.is_idle() {
        return Err(io::Error::other("bytes after the reply"));
    }
    *session = Some(current).filter(|_| !http1::is_last(&reply));
    Ok(reply)
}

fn got(reply: io::Result<Reply>, asked: &str) -> Got {
    let reply = match reply {
        Ok(reply) => reply,
        Err(error) => return Got::Nothing(error.to_string()),
    };
    let body = String::from_utf8_lossy(&reply.body);
    let echo = body.strip_prefix("{\"action\":\"").and_then(|rest| rest.split_once('"'));
    if let Some((action, rest)) = echo
        && (reply.status, rest.strip_prefix(",\"echo\":").and_then(|rest| rest.strip_suffix('}'))) == (200, Some(asked))
    {
        return Got::Echo(action.to_owned());
    }
    let error =
        serde_json::from_slice(&reply.body).ok().and_then(|error: Value| Some(error["error"].as_str()?.to_owned()));
    match error {
        Some(error) if reply.status >= 400 => Got::Error(reply.status, error),
        _ => Got::Wrong(format!("{} {body:.200} for {asked:.100}", reply.status)),
    }
}
