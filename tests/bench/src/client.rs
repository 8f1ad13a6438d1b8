//! The load: requests on connections that stay open, each reply verified. It is not the client of the test bench, because
//! one thread has to keep a whole Envoy busy and know to the microsecond when a reply came.

use std::io;
use std::net::{Ipv4Addr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use testbed::PATIENCE;

use crate::contestant::Entry;
use crate::message::{Head, Inbox, Reader};
use crate::wire::{Buffer, Poll, Wire};

/// When requests are sent.
#[derive(Clone, Copy, Debug)]
pub enum Pace {
    /// On each connection the next as soon as the reply has come.
    Closed,
    /// This many a second, whether or not replies come.
    Open {
        /// Requests per second.
        rate: u32,
    },
}

/// What came of a load.
#[derive(Clone, Debug)]
pub struct Load {
    /// How many replies came.
    pub replies: u64,
    /// From the first request to the last reply.
    pub elapsed: Duration,
    /// For each reply how long it took from when its request was due, sorted; of an open pace only.
    pub latencies: Vec<Duration>,
}

/// A client with many connections to one listener of Envoy.
pub struct Client {
    poll: Poll,
    buffer: Buffer,
    request: Arc<[u8]>,
    lines: Vec<Line>,
    idle: Vec<usize>,
}

/// A connection.
#[derive(Debug)]
struct Line {
    wire: Wire,
    inbox: Inbox,
    check: Check,
    due: Instant,
}

/// What the replies must be, and how far the reply is.
#[derive(Clone, Debug)]
struct Check {
    status: u16,
    headers: Arc<[(&'static str, &'static str)]>,
    body: Arc<[u8]>,
    position: usize,
    is_complete: bool,
}

impl Client {
    /// Connects, and waits for one reply on each connection.
    pub fn connect(entry: &Entry, port: u16, connections: usize) -> Result<Self, String> {
        let workload = &entry.workload;
        let request = format!(
            "POST {} HTTP/1.1\r\nhost: bench.example\r\nuser-agent: bench/1\r\naccept: */*\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{}",
            workload.path,
            workload.sent.len(),
            workload.sent
        );
        let failed = |error: io::Error| format!("{}: {error}", entry.name());
        let mut client = Self {
            poll: Poll::new().map_err(failed)?,
            buffer: Buffer::default(),
            request: request.into_bytes().into(),
            lines: Vec::new(),
            idle: (0..connections).collect(),
        };
        let check = Check::of(entry);
        for name in 0..connections {
            let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).map_err(failed)?;
            let wire = Wire::new(stream).map_err(failed)?;
            client.poll.add(&wire, name).map_err(failed)?;
            let inbox = Inbox::of_replies();
            client.lines.push(Line { wire, inbox, check: check.clone(), due: Instant::now() });
        }
        client.run(Pace::Closed, Duration::ZERO).map_err(|error| format!("{}: {error}", entry.name()))?;
        Ok(client)
    }

    /// Sends requests for that long, at least one on each connection of a closed pace, and waits for all replies.
    pub fn run(&mut self, pace: Pace, duration: Duration) -> Result<Load, String> {
        let start = Instant::now();
        let until = start + duration;
        let mut schedule = Schedule::new(pace, start, until, self.lines.len());
        let mut load = Load { replies: 0, elapsed: Duration::ZERO, latencies: Vec::new() };
        let mut last = start;
        loop {
            let now = Instant::now();
            while let Some(name) = self.idle.pop() {
                let Some(due) = schedule.next(now) else {
                    self.idle.push(name);
                    break;
                };
                self.send(name, due)?;
            }
            let is_idle = self.idle.len() == self.lines.len();
            if is_idle && schedule.is_over() {
                break;
            }
            let timeout = schedule.due().map_or(PATIENCE, |due| due.saturating_duration_since(now));
            let names: Vec<usize> = self.poll.wait(timeout).map_err(|error| error.to_string())?.collect();
            if !names.is_empty() {
                last = Instant::now();
            } else if !is_idle && last.elapsed() > PATIENCE {
                return Err(format!("no reply within {PATIENCE:?}"));
            }
            for name in names {
                let Some(line) = self.lines.get_mut(name) else { continue };
                if line.go_on(&mut self.buffer)? {
                    load.replies += 1;
                    if matches!(pace, Pace::Open { .. }) {
                        load.latencies.push(line.due.elapsed());
                    }
                    self.idle.push(name);
                }
            }
        }
        load.elapsed = start.elapsed();
        load.latencies.sort_unstable();
        Ok(load)
    }

    fn send(&mut self, name: usize, due: Instant) -> Result<(), String> {
        let Some(line) = self.lines.get_mut(name) else { return Ok(()) };
        line.due = due;
        line.wire.write(&self.request).map_err(|error| error.to_string())
    }
}

/// Which requests are to be sent when.
struct Schedule {
    pace: Pace,
    until: Instant,
    next: Instant,
    /// How many of the first requests of a closed pace are still to be sent.
    first: usize,
    is_over: bool,
}

impl Schedule {
    const fn new(pace: Pace, start: Instant, until: Instant, connections: usize) -> Self {
        Self { pace, until, next: start, first: connections, is_over: false }
    }

    /// When the request that is sent now was due; nothing if none is.
    fn next(&mut self, now: Instant) -> Option<Instant> {
        match self.pace {
            Pace::Closed => {
                self.is_over = self.first == 0 && now >= self.until;
                self.first = self.first.saturating_sub(1);
                (!self.is_over).then_some(now)
            }
            Pace::Open { rate } => {
                self.is_over = self.next >= self.until;
                let due = self.next;
                if self.is_over || due > now {
                    return None;
                }
                self.next += Duration::from_secs(1) / rate;
                Some(due)
            }
        }
    }

    /// When the next one is due, of an open pace.
    fn due(&self) -> Option<Instant> {
        (matches!(self.pace, Pace::Open { .. }) && !self.is_over).then_some(self.next)
    }

    const fn is_over(&self) -> bool {
        self.is_over
    }
}

impl Line {
    /// Goes on with the exchange: whether it is complete.
    fn go_on(&mut self, buffer: &mut Buffer) -> Result<bool, String> {
        let Self { wire, inbox, check, .. } = self;
        wire.flush().map_err(|error| error.to_string())?;
        let is_open = wire.read(buffer, |_, bytes| inbox.take(bytes, check))?;
        if is_open { Ok(std::mem::take(&mut check.is_complete)) } else { Err("Envoy closed a connection".to_owned()) }
    }
}

impl Check {
    fn of(entry: &Entry) -> Self {
        let (status, headers, body) = match &entry.workload.shaped {
            Some(shaped) if entry.contestant.shapes() => (shaped.status, shaped.headers, shaped.body.clone()),
            _ => (200, [("content-type", "application/json")].as_slice(), entry.workload.result.clone().into_bytes()),
        };
        Self { status, headers: headers.into(), body: body.into(), position: 0, is_complete: false }
    }
}

impl Reader for Check {
    fn head(&mut self, head: &Head<'_>) -> Result<(), String> {
        self.position = 0;
        if head.status != self.status {
            return Err(format!("the reply has the status {}, expected {}", head.status, self.status));
        }
        if head.size != self.body.len() {
            return Err(format!("the reply has {} bytes, expected {}", head.size, self.body.len()));
        }
        for (name, value) in &*self.headers {
            if !head.values(name).any(|found| found == value.as_bytes()) {
                return Err(format!("the reply lacks the header {name}: {value}"));
            }
        }
        Ok(())
    }

    fn body(&mut self, bytes: &[u8]) -> Result<(), String> {
        if self.body.get(self.position..self.position + bytes.len()) != Some(bytes) {
            return Err(format!("the body of the reply is another from byte {} on", self.position));
        }
        self.position += bytes.len();
        Ok(())
    }

    fn end(&mut self) -> Result<(), String> {
        self.is_complete = true;
        Ok(())
    }
}

/// The queue of requests that are due is the schedule itself: a request that finds no idle connection waits, and
/// its latency counts from when it was due.
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_pace_asks_for_what_was_missed() {
        let start = Instant::now();
        let mut schedule = Schedule::new(Pace::Open { rate: 10 }, start, start + Duration::from_secs(1), 1);
        assert_eq!(schedule.next(start), Some(start));
        assert_eq!(schedule.next(start), None);
        assert_eq!(schedule.due(), Some(start + Duration::from_millis(100)));
        let late = start + Duration::from_secs(2);
        let missed = std::iter::from_fn(|| schedule.next(late)).count();
        assert_eq!(missed, 9);
        assert!(schedule.is_over());
    }

    #[test]
    fn a_closed_pace_sends_at_least_once_on_each_connection() {
        let start = Instant::now();
        let mut schedule = Schedule::new(Pace::Closed, start, start, 3);
        assert_eq!(std::iter::from_fn(|| schedule.next(start)).count(), 3);
        assert!(schedule.is_over());
    }
}
