//! The log of Envoy, read line by line as it comes: of a long run nothing is kept but what matters.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::bootstrap::TOKEN;

/// What stands in the lines that no run may leave behind.
const CRASH: &[&str] = &["panicked", "Uncaught", "Function: proxy_on", "Backtrace", "assert failure", "[critical]"];

/// How many complaints are kept, and how many of the last lines.
const KEPT: usize = 40;

/// The log of an Envoy.
#[derive(Clone, Debug, Default)]
pub struct Log(Arc<Mutex<Lines>>);

#[derive(Debug, Default)]
struct Lines {
    complaints: Vec<String>,
    traps: u64,
    last: VecDeque<String>,
    has_ended: bool,
}

impl Log {
    /// Reads it to its end.
    pub fn watch(log: impl Read + Send + 'static) -> Self {
        let watched = Self::default();
        let lines = watched.clone();
        thread::spawn(move || {
            for line in BufReader::new(log).split(b'\n').map_while(Result::ok) {
                lines.add(String::from_utf8_lossy(&line).into_owned());
            }
            lines.0.lock().expect("not poisoned").has_ended = true;
        });
        watched
    }

    fn add(&self, line: String) {
        let mut lines = self.0.lock().expect("not poisoned");
        let is_crash = CRASH.iter().any(|word| line.contains(word));
        let is_leak = TOKEN.split(':').any(|part| line.contains(part));
        lines.traps += u64::from(is_crash);
        if (is_crash || is_leak) && lines.complaints.len() < KEPT {
            lines.complaints.push(format!("{}: {line}", if is_leak { "the key is in the log" } else { "in the log" }));
        }
        if lines.last.len() == KEPT {
            lines.last.pop_front();
        }
        lines.last.push_back(line);
    }

    /// Lines that tell of a trap or a crash.
    pub fn traps(&self) -> u64 {
        self.0.lock().expect("not poisoned").traps
    }

    /// The first lines that should not be.
    pub fn complaints(&self) -> Vec<String> {
        self.0.lock().expect("not poisoned").complaints.clone()
    }

    /// The last lines.
    pub fn last(&self) -> String {
        self.0.lock().expect("not poisoned").last.iter().fold(String::new(), |shown, line| shown + "  " + line + "\n")
    }

    /// Whether nothing more can come, as Envoy has ended.
    pub fn has_ended(&self) -> bool {
        self.0.lock().expect("not poisoned").has_ended
    }
}
