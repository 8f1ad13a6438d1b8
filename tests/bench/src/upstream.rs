//! The `OpenWhisk` of the bench: a thread that gives each action's result at once, with the headers of a real one. It is
//! not that of the test bench, whose threads and records would take more time than the Envoy that is measured.

use std::collections::HashMap;
use std::io;
use std::mem;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use crate::message::{Head, Inbox, Reader};
use crate::wire::{Buffer, Poll, Wire};
use crate::workload::Workload;

/// What stands before the name of an action.
pub const ACTIONS: &str = "/api/v1/namespaces/guest/actions/";

/// What stands behind it.
pub const QUERY: &str = "?blocking=true&result=true&timeout=60000";

/// The key `bench:key`.
pub const AUTHORIZATION: &str = "Basic YmVuY2g6a2V5";

/// The id of every activation.
const ACTIVATION: &str = "5f2d2b0f4b9748a5ad2b0f4b97f8a5e4";

/// The name of the listener among the connections.
const LISTENER: usize = usize::MAX;

/// A running upstream. It ends with the process.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// Where it listens.
    pub port: u16,
    connections: Arc<AtomicU64>,
}

impl Upstream {
    /// Starts one that knows these actions.
    pub fn start(workloads: &[Workload]) -> Result<Self, String> {
        let answers = workloads.iter().map(|workload| (path(workload), answer("200 OK", &workload.result))).collect();
        let failed = |error: io::Error| format!("upstream: {error}");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        let connections = Arc::new(AtomicU64::new(0));
        let upstream = Self { port, connections: Arc::clone(&connections) };
        let mut desk = Desk { answers: Arc::new(answers), listener, callers: HashMap::new(), connections, next: 0 };
        thread::Builder::new().name("upstream".to_owned()).spawn(move || desk.serve()).map_err(failed)?;
        Ok(upstream)
    }

    /// How many connections it has taken.
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }
}

/// The path of the calls for a workload, without the query.
pub fn path(workload: &Workload) -> String {
    format!("{ACTIONS}{}", workload.action())
}

/// Source: apache/openwhisk `common/scala/http/CorsSettings.scala`, `core/controller/Entities.scala`.
fn answer(status: &str, body: &str) -> Arc<[u8]> {
    let head = format!(
        "HTTP/1.1 {status}\r\n\
         X-Request-ID: 0123456789abcdef0123456789abcdef\r\n\
         Access-Control-Allow-Origin: *\r\n\
         Access-Control-Allow-Headers: Authorization, Origin, X-Requested-With, Content-Type, Accept, User-Agent\r\n\
         Access-Control-Allow-Methods: GET, DELETE, POST, PUT, HEAD\r\n\
         x-openwhisk-activation-id: {ACTIVATION}\r\n\
         Server: pekko-http/1.1.0\r\n\
         Date: Mon, 23 Nov 2026 10:30:00 GMT\r\n\
         Content-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body.as_bytes()].concat().into()
}

type Answers = HashMap<String, Arc<[u8]>>;

struct Desk {
    answers: Arc<Answers>,
    listener: TcpListener,
    callers: HashMap<usize, Caller>,
    connections: Arc<AtomicU64>,
    next: usize,
}

/// A connection of Envoy.
struct Caller {
    wire: Wire,
    inbox: Inbox,
    call: Call,
}

/// A call, while it comes.
struct Call {
    answers: Arc<Answers>,
    /// What will be answered.
    chosen: Arc<[u8]>,
    /// Whether it is complete.
    is_complete: bool,
}

impl Desk {
    fn serve(&mut self) -> io::Result<()> {
        let mut poll = Poll::new()?;
        let mut buffer = Buffer::default();
        poll.add(&self.listener, LISTENER)?;
        loop {
            let names: Vec<usize> = poll.wait(Duration::from_secs(3600))?.collect();
            for name in names {
                if name == LISTENER {
                    self.accept(&poll)?;
                } else if let Some(caller) = self.callers.get_mut(&name)
                    && !caller.answer(&mut buffer).unwrap_or(false)
                {
                    // Envoy closed it, or sees that it is closed and answers with an error.
                    self.callers.remove(&name);
                }
            }
        }
    }

    fn accept(&mut self, poll: &Poll) -> io::Result<()> {
        loop {
            match self.listener.accept() {
                Ok((stream, _)) => {
                    let wire = Wire::new(stream)?;
                    poll.add(&wire, self.next)?;
                    let call = Call { answers: Arc::clone(&self.answers), chosen: Arc::from([]), is_complete: false };
                    self.callers.insert(self.next, Caller { wire, inbox: Inbox::of_requests(), call });
                    self.next += 1;
                    self.connections.fetch_add(1, Ordering::Relaxed);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }
}

impl Caller {
    /// Goes on: whether the connection lives on.
    fn answer(&mut self, buffer: &mut Buffer) -> Result<bool, String> {
        let Self { wire, inbox, call } = self;
        wire.flush().map_err(|error| error.to_string())?;
        wire.read(buffer, |wire, bytes| {
            inbox.take(bytes, call)?;
            if mem::take(&mut call.is_complete) {
                wire.write(&call.chosen).map_err(|error| error.to_string())?;
            }
            Ok(())
        })
    }
}

impl Reader for Call {
    fn head(&mut self, head: &Head<'_>) -> Result<(), String> {
        // The native route leaves the client's query behind the one it adds.
        let known = head.path.split_once(QUERY).and_then(|(path, _)| self.answers.get(path));
        let is_authorized = head.values("authorization").eq([AUTHORIZATION.as_bytes()]);
        self.chosen = match known {
            Some(answer) if head.method == "POST" && is_authorized => Arc::clone(answer),
            _ => answer("400 Bad Request", &format!("{} {} is no call of the bench", head.method, head.path)),
        };
        Ok(())
    }

    fn body(&mut self, _: &[u8]) -> Result<(), String> {
        Ok(())
    }

    fn end(&mut self) -> Result<(), String> {
        self.is_complete = true;
        Ok(())
    }
}
