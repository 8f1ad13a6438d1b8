//! An upstream that does what a script says, and records what it was asked.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};

use corpus::{Call, Headers};
use openwhisk_envoy::Protocol;
use tokio::net::TcpSocket;

use crate::http2::{self, Part, Stream};
use crate::script::{Greeting, Script};
use crate::{PATIENCE, http1};

/// How many connections may wait to be accepted: all that a busy machine has not accepted yet, as Envoy gives up after 5 s.
const BACKLOG: u32 = 4096;

/// A connection, and the calls on it; in HTTP/2 one of its streams.
#[derive(Debug)]
pub struct Connection {
    /// From 1.
    number: usize,
    wire: Wire,
    record: Arc<Record>,
}

/// Where an answer goes.
#[derive(Debug)]
enum Wire {
    Http1(TcpStream),
    Http2(Stream),
}

/// Where an upstream is, and what it speaks.
#[derive(Clone, Copy, Debug)]
pub struct Address {
    /// The port.
    pub port: u16,
    /// The protocol.
    pub protocol: Protocol,
}

/// An upstream at a port of its own.
pub struct Upstream {
    /// The port.
    pub port: u16,
    protocol: Protocol,
    greeting: Option<Greeting>,
    script: Script,
    record: Arc<Record>,
    /// Nothing only while it changes.
    state: Mutex<Option<State>>,
}

enum State {
    /// Nobody else gets the port, and connections are refused.
    Closed(TcpSocket),
    /// Somebody accepts connections.
    Open(JoinHandle<()>),
}

/// What an upstream saw.
#[derive(Debug, Default)]
struct Record {
    seen: Mutex<Seen>,
    changed: Condvar,
    /// The open connections.
    streams: Mutex<BTreeMap<usize, TcpStream>>,
    is_closing: AtomicBool,
    /// Whether the calls are not kept.
    forgets: bool,
}

/// Calls and connections.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// All calls, in the order of their arrival.
    pub calls: Vec<Call>,
    /// The trailers of each call.
    pub trailers: Vec<Headers>,
    /// What was wrong with calls that are no HTTP.
    pub malformed: Vec<String>,
    /// How many connections were accepted.
    pub accepted: usize,
    /// How many connections are open.
    pub open: usize,
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A script is code, of which there is nothing to show.
        f.debug_struct("Upstream").field("port", &self.port).field("protocol", &self.protocol).finish_non_exhaustive()
    }
}

impl Upstream {
    /// Starts one that speaks HTTP/1.1.
    pub fn start(script: Script) -> Self {
        Self::speaking(Protocol::Http1, script)
    }

    /// Starts one that speaks HTTP/1.1 and remembers no calls, for as many as there may be.
    pub fn forgetful(script: Script) -> Self {
        let mut upstream = Self::closed(Protocol::Http1, script);
        upstream.record = Arc::new(Record { forgets: true, ..Record::default() });
        upstream.open();
        upstream
    }

    /// Starts one.
    pub fn speaking(protocol: Protocol, script: Script) -> Self {
        let upstream = Self::closed(protocol, script);
        upstream.open();
        upstream
    }

    /// Takes a port, where connections are refused until it is opened.
    pub fn closed(protocol: Protocol, script: Script) -> Self {
        Self::with(protocol, None, script)
    }

    /// Starts one that greets its first connection.
    pub fn greeting(protocol: Protocol, greeting: Greeting, script: Script) -> Self {
        let upstream = Self::with(protocol, Some(greeting), script);
        upstream.open();
        upstream
    }

    fn with(protocol: Protocol, greeting: Option<Greeting>, script: Script) -> Self {
        let (port, socket) = bind(0).expect("a port");
        let state = Mutex::new(Some(State::Closed(socket)));
        Self { port, protocol, greeting, script, record: Arc::default(), state }
    }

    /// Where it is, and what it speaks.
    pub const fn address(&self) -> Address {
        Address { port: self.port, protocol: self.protocol }
    }

    /// Opens the port.
    pub fn open(&self) {
        let mut state = self.state.lock().expect("not poisoned");
        let Some(State::Closed(socket)) = state.take() else {
            panic!("the port {} is open already", self.port);
        };
        let listener = listen(socket).expect("the port is ours");
        let (record, script, greeting) =
            (Arc::clone(&self.record), Arc::clone(&self.script), self.greeting.as_ref().map(Arc::clone));
        record.is_closing.store(false, Ordering::SeqCst);
        let protocol = self.protocol;
        // Unless it is closed it ends with the process: nothing is left behind that could outlive it.
        *state = Some(State::Open(thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if record.is_closing.load(Ordering::SeqCst) {
                    break;
                }
                let connection = Connection::accept(stream, &record);
                let (script, greeting) = (Arc::clone(&script), greeting.as_ref().map(Arc::clone));
                thread::spawn(move || connection.serve(protocol, greeting.as_ref(), &script));
            }
        })));
    }

    /// Closes the port and all connections, wherever they are in a call; returns when that is done.
    pub fn kill(&self) {
        let mut state = self.state.lock().expect("not poisoned");
        let Some(State::Open(accepting)) = state.take() else {
            panic!("the port {} is closed already", self.port);
        };
        // Taken before it is left, so that nobody else gets it in between.
        let (_, socket) = bind(self.port).expect("the port is ours");
        self.record.is_closing.store(true, Ordering::SeqCst);
        // Wakes the one that accepts.
        drop(TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)));
        accepting.join().expect("it ends");
        *state = Some(State::Closed(socket));
        drop(state);
        self.wait("the end of all connections", |seen| {
            for stream in self.record.streams.lock().expect("not poisoned").values() {
                // Fails only if it is closed already.
                let _ = stream.shutdown(Shutdown::Both);
            }
            seen.open == 0
        });
    }

    /// What it saw so far.
    pub fn seen(&self) -> Seen {
        self.record.seen.lock().expect("not poisoned").clone()
    }

    /// Waits until what it saw is so.
    pub fn wait(&self, what: &str, is_so: impl Fn(&Seen) -> bool) -> Seen {
        self.record.wait(is_so).unwrap_or_else(|seen| panic!("the upstream never saw {what}: {seen:?}"))
    }
}

/// Takes a port, or any if it is 0.
fn bind(port: u16) -> io::Result<(u16, TcpSocket)> {
    let socket = TcpSocket::new_v4()?;
    // Not where the system chooses the port: it would give it to two.
    share(&socket, port != 0)?;
    socket.bind((Ipv4Addr::LOCALHOST, port).into())?;
    Ok((socket.local_addr()?.port(), socket))
}

/// Whether the port may be taken once more, also while its connections are open.
fn share(socket: &TcpSocket, is_shared: bool) -> io::Result<()> {
    socket.set_reuseaddr(is_shared)?;
    socket.set_reuseport(is_shared)
}

fn listen(socket: TcpSocket) -> io::Result<TcpListener> {
    // Only for as long as it takes: a listener of the runtime is made into one of the standard library.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let _inside = runtime.enter();
    share(&socket, true)?;
    let listener = socket.listen(BACKLOG)?.into_std()?;
    listener.set_nonblocking(false)?;
    Ok(listener)
}

impl Record {
    fn wait(&self, is_so: impl Fn(&Seen) -> bool) -> Result<Seen, Seen> {
        let seen = self.seen.lock().expect("not poisoned");
        let (seen, timeout) =
            self.changed.wait_timeout_while(seen, PATIENCE, |seen| !is_so(seen)).expect("not poisoned");
        if timeout.timed_out() { Err(seen.clone()) } else { Ok(seen.clone()) }
    }

    fn add(&self, call: &Call, trailers: Headers) {
        if self.forgets {
            return;
        }
        self.change(|seen| {
            seen.calls.push(call.clone());
            seen.trailers.push(trailers);
        });
    }

    fn change(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut self.seen.lock().expect("not poisoned"));
        self.changed.notify_all();
    }
}

impl Connection {
    fn accept(stream: TcpStream, record: &Arc<Record>) -> Self {
        let mut number = 0;
        record.change(|seen| {
            seen.accepted += 1;
            seen.open += 1;
            number = seen.accepted;
        });
        // Each part of an answer is a packet of its own, at once.
        stream.set_nodelay(true).expect("a socket takes it");
        let to_kill = stream.try_clone().expect("a descriptor");
        record.streams.lock().expect("not poisoned").insert(number, to_kill);
        Self { number, wire: Wire::Http1(stream), record: Arc::clone(record) }
    }

    fn serve(mut self, protocol: Protocol, greeting: Option<&Greeting>, script: &Script) {
        // An error is the end of the connection, nothing else: scripts break off on purpose.
        let _ = self.greet(greeting).and_then(|()| match protocol {
            Protocol::Http1 => self.serve_http1(script),
            Protocol::Http2 => self.serve_http2(script),
        });
        let Self { number, wire, record } = self;
        record.streams.lock().expect("not poisoned").remove(&number);
        drop(wire);
        record.change(|seen| seen.open -= 1);
    }

    fn greet(&mut self, greeting: Option<&Greeting>) -> io::Result<()> {
        greeting.filter(|_| self.number == 1).map_or(Ok(()), |greeting| greeting(self))
    }

    fn serve_http1(&mut self, script: &Script) -> io::Result<()> {
        let mut reader = BufReader::new(self.socket()?.try_clone()?);
        let record = Arc::clone(&self.record);
        let complain = |error: &io::Error| {
            if error.kind() == io::ErrorKind::InvalidData {
                record.change(|seen| seen.malformed.push(error.to_string()));
            }
        };
        while let Some((call, trailers)) = http1::read_call(&mut reader).inspect_err(complain)? {
            self.record.add(&call, trailers);
            script(&call, self)?;
        }
        Ok(())
    }

    fn serve_http2(&mut self, script: &Script) -> io::Result<()> {
        let (number, record, script) = (self.number, Arc::clone(&self.record), Arc::clone(script));
        let on_call = move |call: Call, trailers, stream| {
            record.add(&call, trailers);
            let mut connection = Self { number, wire: Wire::Http2(stream), record: Arc::clone(&record) };
            script(&call, &mut connection)
        };
        http2::serve(self.socket()?.try_clone()?, &Arc::new(on_call))
    }

    /// The socket, which is no script's in HTTP/2.
    fn socket(&mut self) -> io::Result<&mut TcpStream> {
        match &mut self.wire {
            Wire::Http1(stream) => Ok(stream),
            Wire::Http2(_) => Err(io::Error::new(io::ErrorKind::Unsupported, "a stream of HTTP/2 has no socket")),
        }
    }

    /// Does something that there is only in HTTP/2.
    pub fn part(&self, part: Part) -> io::Result<()> {
        match &self.wire {
            Wire::Http1(_) => Err(io::Error::new(io::ErrorKind::Unsupported, "HTTP/1.1 has no streams")),
            Wire::Http2(stream) => stream.part(part),
        }
    }

    /// Sends these bytes of an answer in HTTP/1.1, or in HTTP/2 what is the same there.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.wire {
            Wire::Http1(stream) => stream.write_all(bytes),
            Wire::Http2(stream) => stream.send(bytes),
        }
    }

    /// Reads up to the end of the head of a call.
    pub fn read_head(&mut self) -> io::Result<()> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.socket()?.read_exact(&mut byte)?;
            head.extend(byte);
        }
        Ok(())
    }

    /// Reads this many bytes of a body.
    pub fn read_body(&mut self, size: usize) -> io::Result<()> {
        self.socket()?.read_exact(&mut vec![0; size])
    }

    /// Reads a call in HTTP/2 frame by frame, before the connection is one of HTTP/2.
    pub fn read_frames(&mut self) -> io::Result<()> {
        http2::read_frames(self.socket()?)
    }

    /// Resets the connection, in HTTP/2 the stream: what was sent last may get lost.
    pub fn reset(&mut self) -> io::Result<()> {
        if let Wire::Http1(stream) = &self.wire {
            // Of all that refer to the connection, so it does not matter by which it is set.
            TcpSocket::from_std_stream(stream.try_clone()?).set_zero_linger()?;
        }
        Err(io::ErrorKind::ConnectionReset.into())
    }

    /// Waits until the other side closes the connection, in HTTP/2 the stream.
    pub fn wait_for_close(&mut self) -> io::Result<()> {
        match &mut self.wire {
            Wire::Http1(stream) => stream.read_to_end(&mut Vec::new()).map(drop),
            Wire::Http2(stream) => {
                stream.wait_for_close();
                Ok(())
            }
        }
    }

    /// Waits until the upstream has received this many calls.
    pub fn wait_for_calls(&self, count: usize) -> io::Result<()> {
        let timed_out = || io::Error::new(io::ErrorKind::TimedOut, "the other calls never came");
        self.record.wait(|seen| seen.calls.len() >= count).map(drop).map_err(|_| timed_out())
    }
}
