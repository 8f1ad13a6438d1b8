//! The log of Envoy, read as it grows: of a long run nothing is kept but what matters.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader};

use testbed::envoy::{Envoy, is_crash};

use crate::bootstrap::TOKEN;

/// How many complaints are kept, and how many of the last lines.
const KEPT: usize = 40;

/// The log of an Envoy, as far as it was read.
#[derive(Debug)]
pub struct Log {
    reader: BufReader<File>,
    /// The beginning of a line that has not come to its end.
    line: Vec<u8>,
    /// The first lines that should not be.
    pub complaints: Vec<String>,
    /// How many lines tell of a trap or a crash.
    pub traps: u64,
    last: VecDeque<String>,
}

impl Log {
    /// That of this one.
    pub fn of(envoy: &Envoy) -> Result<Self, String> {
        let reader = BufReader::new(envoy.open_log()?);
        Ok(Self { reader, line: Vec::new(), complaints: Vec::new(), traps: 0, last: VecDeque::new() })
    }

    /// Reads what has come since.
    pub fn read_on(&mut self) -> Result<(), String> {
        let failed = |error| format!("the log of Envoy: {error}");
        while self.reader.read_until(b'\n', &mut self.line).map_err(failed)? > 0 && self.line.ends_with(b"\n") {
            let line = String::from_utf8_lossy(&self.line).trim_end().to_owned();
            self.line.clear();
            self.add(line);
        }
        Ok(())
    }

    fn add(&mut self, line: String) {
        let is_crash = is_crash(&line) || line.contains("[critical]");
        let is_leak = TOKEN.split(':').any(|part| line.contains(part));
        self.traps += u64::from(is_crash);
        if (is_crash || is_leak) && self.complaints.len() < KEPT {
            self.complaints.push(format!("{}: {line}", if is_leak { "the key is in the log" } else { "in the log" }));
        }
        if self.last.len() == KEPT {
            self.last.pop_front();
        }
        self.last.push_back(line);
    }

    /// The last lines.
    pub fn last(&self) -> String {
        self.last.iter().fold(String::new(), |shown, line| shown + "  " + line + "\n")
    }
}
