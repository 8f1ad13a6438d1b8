//! An upstream that does what a script says, and records what it was asked.

use std::io::{self, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use corpus::{Call, Headers};
use tokio::net::TcpSocket;

use crate::client::PATIENCE;
use crate::http1;

/// How many connections may wait to be accepted.
const BACKLOG: u32 = 128;

/// What an upstream does with a call; an error closes the connection.
pub type Script = Arc<dyn Fn(&Call, &mut Connection) -> io::Result<()> + Send + Sync>;

/// The connection of a call.
pub struct Connection {
    stream: TcpStream,
    record: Arc<Record>,
}

/// An upstream at a port of its own.
pub struct Upstream {
    /// The port.
    pub port: u16,
    record: Arc<Record>,
    closed: Mutex<Option<(TcpSocket, Script)>>,
}

/// What an upstream saw.
#[derive(Default)]
struct Record {
    seen: Mutex<Seen>,
    changed: Condvar,
}

/// Calls and connections.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// All calls, in the order of their arrival.
    pub calls: Vec<Call>,
    /// The trailers of each call.
    pub trailers: Vec<Headers>,
    /// How many connections were accepted.
    pub accepted: usize,
    /// How many connections are open.
    pub open: usize,
}

impl Upstream {
    /// Starts one.
    pub fn start(script: Script) -> Self {
        let upstream = Self::closed(script);
        upstream.open();
        upstream
    }

    /// Takes a port, where connections are refused until it is opened.
    pub fn closed(script: Script) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind((Ipv4Addr::LOCALHOST, 0).into()).expect("a port");
        let port = socket.local_addr().expect("an address").port();
        Self { port, record: Arc::default(), closed: Mutex::new(Some((socket, script))) }
    }

    /// Opens the port.
    pub fn open(&self) {
        let (socket, script) = self.closed.lock().expect("not poisoned").take().expect("opened once");
        let listener = listen(socket).expect("the port is ours");
        let accepting = Arc::clone(&self.record);
        // Ends with the process: nothing is left behind that could outlive it.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let connection = Connection { stream, record: Arc::clone(&accepting) };
                let script = Arc::clone(&script);
                thread::spawn(move || connection.serve(&script));
            }
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

fn listen(socket: TcpSocket) -> io::Result<TcpListener> {
    // Only for as long as it takes: a listener of the runtime is made into one of the standard library.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let _inside = runtime.enter();
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

    fn change(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut self.seen.lock().expect("not poisoned"));
        self.changed.notify_all();
    }
}

impl Connection {
    fn serve(mut self, script: &Script) {
        self.record.change(|seen| {
            seen.accepted += 1;
            seen.open += 1;
        });
        // An error is the end of the connection, nothing else: scripts break off on purpose.
        let _ = self.serve_calls(script);
        self.record.change(|seen| seen.open -= 1);
    }

    fn serve_calls(&mut self, script: &Script) -> io::Result<()> {
        let mut reader = BufReader::new(self.stream.try_clone()?);
        while let Some((call, trailers)) = http1::read_call(&mut reader)? {
            self.record.change(|seen| {
                seen.calls.push(call.clone());
                seen.trailers.push(trailers);
            });
            script(&call, self)?;
            if asks_for_close(&call) {
                break;
            }
        }
        Ok(())
    }

    /// Sends these bytes.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Waits until the other side closes the connection.
    pub fn wait_for_close(&mut self) -> io::Result<()> {
        self.stream.read_to_end(&mut Vec::new()).map(drop)
    }

    /// Waits until the upstream has received this many calls.
    pub fn wait_for_calls(&self, count: usize) -> io::Result<()> {
        let timed_out = || io::Error::new(io::ErrorKind::TimedOut, "the other calls never came");
        self.record.wait(|seen| seen.calls.len() >= count).map(drop).map_err(|_| timed_out())
    }
}

/// An answer with these headers.
pub fn answer(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut answer = Vec::new();
    let mut line = |text: String| answer.extend(text.into_bytes());
    line(format!("HTTP/1.1 {status} scripted\r\n"));
    for (name, value) in headers {
        line(format!("{name}: {value}\r\n"));
    }
    if !matches!(status, 204 | 304) {
        line(format!("content-length: {}\r\n", body.len()));
    }
    line("\r\n".to_owned());
    answer.extend(body);
    answer
}

/// Sends an answer, and keeps the connection unless the call asks for its end.
pub fn answers(bytes: Vec<u8>) -> Script {
    let status_line = bytes.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    Arc::new(move |call, connection| {
        if asks_for_close(call) {
            let (start, rest) = bytes.split_at(status_line);
            return connection.send(&[start, b"connection: close\r\n", rest].concat());
        }
        connection.send(&bytes)
    })
}

fn asks_for_close(call: &Call) -> bool {
    call.headers.iter().any(|(name, value)| name == "connection" && value == b"close")
}

/// Answers with a result of an action.
pub fn result(json: impl AsRef<[u8]>) -> Script {
    answers(answer(
        200,
        &[("content-type", "application/json"), ("x-openwhisk-activation-id", "44794bd6aab74415b4e42a308d880e5b")],
        json.as_ref(),
    ))
}

/// Sends these bytes, then closes the connection.
pub fn breaks_off_after(bytes: Vec<u8>) -> Script {
    Arc::new(move |_, connection| {
        connection.send(&bytes)?;
        Err(io::ErrorKind::ConnectionAborted.into())
    })
}

/// Takes the call, and resets the connection.
pub fn resets() -> Script {
    Arc::new(|_, connection| {
        // Of all that refer to the connection, so it does not matter by which it is set.
        TcpSocket::from_std_stream(connection.stream.try_clone()?).set_zero_linger()?;
        Err(io::ErrorKind::ConnectionReset.into())
    })
}

/// Takes the call and says nothing.
pub fn silent() -> Script {
    Arc::new(|_, connection| connection.wait_for_close())
}

/// Starts an answer and sends a byte of it now and then, as long as somebody listens.
pub fn drips() -> Script {
    Arc::new(|_, connection| {
        connection.send(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000000\r\n\r\n")?;
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            connection.send(b" ")?;
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    })
}

/// Answers when it has received this many calls.
pub fn answers_after(count: usize, json: &'static str) -> Script {
    let answer = result(json);
    Arc::new(move |call, connection| {
        connection.wait_for_calls(count)?;
        answer(call, connection)
    })
}
