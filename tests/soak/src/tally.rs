//! Counts of what was sent and what came back, and the first wrong answers.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::case::Kind;
use crate::client::Outcome;

/// How many wrong answers are kept to be shown.
const KEPT: usize = 10;

/// What all clients and the upstream count.
#[derive(Debug, Default)]
pub struct Tally {
    counts: Mutex<[Count; Kind::ALL.len()]>,
    deadlines: Mutex<BTreeMap<u16, Deadlines>>,
    calls: AtomicU64,
    wrong: AtomicU64,
    complaints: Mutex<Vec<String>>,
}

/// What was counted of one kind.
#[derive(Clone, Copy, Debug, Default)]
pub struct Count {
    pub requests: u64,
    /// Replies with 2xx, 3xx, 4xx, 5xx, and requests without any.
    pub by_class: [u64; 5],
}

/// Requests that have two replies: what a machine that is too busy may make of them is second best.
#[derive(Clone, Copy, Debug, Default)]
pub struct Deadlines {
    pub in_time: u64,
    pub late: u64,
}

impl Tally {
    /// A request is over.
    pub fn count(&self, kind: Kind, outcome: Outcome) {
        let class = match outcome {
            Outcome::NoReply => 4,
            Outcome::Replied(status) | Outcome::InTime(status) | Outcome::Late(status, _) => {
                usize::from(status / 100).saturating_sub(2).min(3)
            }
        };
        let place = Kind::ALL.iter().position(|other| *other == kind).expect("one of all");
        let count = &mut self.counts.lock().expect("not poisoned")[place];
        count.requests += 1;
        count.by_class[class] += 1;
        let mut deadlines = self.deadlines.lock().expect("not poisoned");
        match outcome {
            Outcome::NoReply | Outcome::Replied(_) => {}
            Outcome::InTime(status) => deadlines.entry(status).or_default().in_time += 1,
            Outcome::Late(_, better) => deadlines.entry(better).or_default().late += 1,
        }
    }

    /// The upstream got a call.
    pub fn called(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }

    /// Something was wrong.
    pub fn wrong(&self, complaint: &str) {
        self.wrong.fetch_add(1, Ordering::Relaxed);
        let mut complaints = self.complaints.lock().expect("not poisoned");
        if complaints.len() < KEPT {
            complaints.push(complaint.to_owned());
        }
    }

    /// The counts of each kind.
    pub fn counts(&self) -> [Count; Kind::ALL.len()] {
        *self.counts.lock().expect("not poisoned")
    }

    /// The count of all kinds.
    pub fn total(&self) -> Count {
        self.counts().into_iter().fold(Count::default(), |total, count| Count {
            requests: total.requests + count.requests,
            by_class: std::array::from_fn(|class| total.by_class[class] + count.by_class[class]),
        })
    }

    /// Of the requests that have two replies, by the status of the better one.
    pub fn deadlines(&self) -> BTreeMap<u16, Deadlines> {
        self.deadlines.lock().expect("not poisoned").clone()
    }

    /// How many calls the upstream got.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// How many answers were wrong, of Envoy to the clients or of the filter to the upstream.
    pub fn wrongs(&self) -> u64 {
        self.wrong.load(Ordering::Relaxed)
    }

    /// The first of them.
    pub fn complaints(&self) -> Vec<String> {
        self.complaints.lock().expect("not poisoned").clone()
    }
}
