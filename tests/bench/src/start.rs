//! How long it takes from the start of Envoy until a client has its first reply.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::os::fd::OwnedFd;
use std::thread;
use std::time::Duration;

use rustix::net::{self, AddressFamily, SocketFlags, SocketType};
use serde::Serialize;

use crate::bootstrap::bootstrap_on;
use crate::client::{Client, PATIENCE};
use crate::contestant::{Contestant, Entry};
use crate::envoy::Envoy;
use crate::sample::rotated;
use crate::statistics::Spread;
use crate::workload::Workload;

/// How long it takes.
#[derive(Clone, Debug, Serialize)]
pub struct Start {
    /// Who answers.
    pub contestant: Contestant,
    /// Milliseconds from the start of the process to the first reply.
    pub first_reply: Spread,
}

/// Starts each that many times, in turn.
pub fn measure(upstream: u16, times: usize) -> Result<Vec<Start>, String> {
    let entries = Entry::all(&[Contestant::Native, Contestant::LuaBare, Contestant::Filter], &Workload::plain());
    let mut found = vec![Vec::new(); entries.len()];
    for round in 0..times {
        for turn in rotated(entries.len(), round) {
            if let (Some(entry), Some(found)) = (entries.get(turn), found.get_mut(turn)) {
                found.push(first_reply(entry, upstream)?.as_secs_f64() * 1e3);
            }
        }
    }
    let start = |(entry, found): (&Entry, &Vec<f64>)| {
        Some(Start { contestant: entry.contestant, first_reply: Spread::of(found.iter().copied())? })
    };
    Ok(entries.iter().zip(&found).filter_map(start).collect())
}

fn first_reply(entry: &Entry, upstream: u16) -> Result<Duration, String> {
    let (port, _held) = free_port().map_err(|error| format!("a port: {error}"))?;
    let envoy = Envoy::spawn(&bootstrap_on(entry, port, upstream)?, 1)?;
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        if envoy.started.elapsed() > PATIENCE {
            return Err(format!("{}: Envoy does not start within {PATIENCE:?}", entry.name()));
        }
        thread::sleep(Duration::from_millis(1));
    }
    Client::connect(entry, port, 1)?;
    Ok(envoy.started.elapsed())
}

/// A port that nobody listens on, and that the system gives to nobody else while it is held, not even for the other end
/// of an attempt to connect to it. Who is told may listen there.
fn free_port() -> io::Result<(u16, OwnedFd)> {
    let socket = net::socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    net::bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))?;
    // Only now: where the system chooses the port it would give it to two.
    net::sockopt::set_socket_reuseaddr(&socket, true)?;
    Ok((SocketAddrV4::try_from(net::getsockname(&socket)?)?.port(), socket))
}
