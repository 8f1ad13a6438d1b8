//! A client: one connection at a time, one request after the other.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use corpus::Reply;
use fastrand::Rng;
use testbed::client::try_connect;
use testbed::http1;
use tokio::net::TcpSocket;

use crate::case::{Case, Leave, Then};
use crate::expected::{Expected, shown};
use crate::tally::Tally;

/// A connection.
pub type Line = BufReader<TcpStream>;

/// A client of Envoy.
#[derive(Debug)]
pub struct Client {
    pub name: usize,
    pub seed: u64,
    pub port: u16,
    pub tally: Arc<Tally>,
}

impl Client {
    /// Sends requests until it is told to stop.
    pub fn run(&self, stop: &AtomicBool) {
        let mut random = Rng::with_seed(self.seed.wrapping_add(u64::try_from(self.name).expect("64 bits") << 32));
        let mut line = None;
        for number in 0.. {
            let started = Instant::now();
            if stop.load(Ordering::Relaxed) {
                return;
            }
            let case = Case::next(&mut random, self.name, number);
            match exchange(&mut line, self.port, &case, started) {
                Ok(outcome) => self.tally.count(case.kind, outcome),
                Err(complaint) => {
                    line = None;
                    self.tally.count(case.kind, Outcome::NoReply);
                    let (took, bytes) = (started.elapsed(), shown(&case.bytes));
                    self.tally.wrong(&format!("client {} after {took:?}: {complaint}\n  to {bytes}", self.name));
                }
            }
        }
    }
}

/// What came of a case that went well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// No reply was read, nor had to be.
    NoReply,
    /// The reply had this status.
    Replied(u16),
    /// Likewise, and it was the better one of two.
    InTime(u16),
    /// It was the second best one, of a machine that is too busy; the better one would have had the other status.
    Late(u16, u16),
}

/// Does what a case says.
pub fn exchange(kept: &mut Option<Line>, port: u16, case: &Case, started: Instant) -> Result<Outcome, String> {
    let mut line = match kept.take() {
        Some(line) => line,
        None => BufReader::new(try_connect(port).map_err(|error| format!("no connection: {error}"))?),
    };
    let sent = line.get_mut().write_all(&case.bytes);
    let (expected, late) = match &case.then {
        Then::Leave(leave) => {
            // Whether it was all sent and what came back does not matter to one who goes away.
            let _ = go_away(line, leave);
            return Ok(Outcome::NoReply);
        }
        Then::Peek(expected) => return peek(&mut line, case, expected),
        Then::Read(expected) => (expected, None),
        Then::ReadLate(expected, from, late) => (expected, Some((*from, late))),
    };
    sent.map_err(|error| format!("not sent: {error}"))?;
    let reply = http1::read_next_reply(&mut line, case.method).map_err(|error| format!("no valid reply: {error}"))?;
    let outcome = match late {
        Some((from, late)) if reply.status == late.status && started.elapsed() >= from => {
            check(late, &reply)?;
            Outcome::Late(reply.status, expected.status)
        }
        Some(_) => {
            check(expected, &reply)?;
            Outcome::InTime(reply.status)
        }
        None => {
            check(expected, &reply)?;
            Outcome::Replied(reply.status)
        }
    };
    if !line.buffer().is_empty() {
        return Err(format!("bytes after the reply: {}", shown(line.buffer())));
    }
    if case.close {
        let mut rest = Vec::new();
        match line.read_to_end(&mut rest) {
            // Envoy may have answered and closed before it has taken all of the request.
            Err(error) if error.kind() != io::ErrorKind::ConnectionReset => {
                return Err(format!("after the reply: {error}"));
            }
            _ if !rest.is_empty() => return Err(format!("bytes after the last reply: {}", shown(&rest))),
            _ => {}
        }
    } else if !http1::is_last(&reply) {
        *kept = Some(line);
    }
    Ok(outcome)
}

/// Reads the reply, if the connection does not end before it.
fn peek(line: &mut Line, case: &Case, expected: &Expected) -> Result<Outcome, String> {
    if line.fill_buf().is_ok_and(<[u8]>::is_empty) {
        return Ok(Outcome::NoReply);
    }
    match http1::read_next_reply(line, case.method) {
        Ok(reply) => check(expected, &reply).map(|()| Outcome::Replied(reply.status)),
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) => {
            Err(error.to_string())
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err("no reply in time".to_owned()),
        Err(_) => Ok(Outcome::NoReply),
    }
}

fn check(expected: &Expected, reply: &Reply) -> Result<(), String> {
    let said = |wrong| format!("{wrong}\n  got {} {}", reply.status, shown(&reply.body));
    expected.check(reply).map_err(said)
}

fn go_away(line: Line, leave: &Leave) -> io::Result<()> {
    thread::sleep(leave.pause);
    let mut stream = line.into_inner();
    if leave.read > 0 {
        stream.read_exact(&mut vec![0; leave.read])?;
    }
    if leave.reset {
        TcpSocket::from_std_stream(stream).set_zero_linger()?;
    }
    Ok(())
}
