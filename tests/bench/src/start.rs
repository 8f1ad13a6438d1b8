//! How long it takes from the start of Envoy until a client has its first reply.

use std::net::{Ipv4Addr, TcpStream};
use std::thread;
use std::time::Duration;

use serde::Serialize;
use testbed::envoy::Envoy;
use testbed::{PATIENCE, port};

use crate::bootstrap::{QUIET, bootstrap_on};
use crate::client::Client;
use crate::contestant::{Contestant, Entry};
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
    let (port, _held) = port::free().map_err(|error| format!("a port: {error}"))?;
    let envoy = Envoy::spawn(&bootstrap_on(entry, port, upstream)?, &QUIET)?;
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        if envoy.started.elapsed() > PATIENCE {
            return Err(format!("{}: Envoy does not start within {PATIENCE:?}", entry.name()));
        }
        thread::sleep(Duration::from_millis(1));
    }
    Client::connect(entry, port, 1)?;
    Ok(envoy.started.elapsed())
}
