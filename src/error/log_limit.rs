//! How many lines about errors a log gets: what happens at every request must not fill it.

use std::cell::RefCell;
use std::time::Duration;

use crate::error::kind::ErrorKind;

/// The most lines of one kind in one second.
const MOST: u64 = 10;

/// The lines about the errors of one action on one worker.
#[derive(Debug, Default)]
pub struct LogLimit(RefCell<Vec<Second>>);

/// What was told in one second.
#[derive(Clone, Copy, Debug)]
struct Second {
    kind: ErrorKind,
    began: Duration,
    told: u64,
    left_out: u64,
}

impl LogLimit {
    /// Whether an error may have a line `now`, by the clock of the worker: if so, how many of its kind had none since the
    /// last one.
    pub fn admit(&self, kind: ErrorKind, now: Duration) -> Option<u64> {
        let mut seconds = self.0.try_borrow_mut().ok()?;
        // There are few kinds, and most actions have few of them.
        if !seconds.iter().any(|second| second.kind == kind) {
            seconds.push(Second { kind, began: now, told: 0, left_out: 0 });
        }
        let second = seconds.iter_mut().find(|second| second.kind == kind)?;
        if now.saturating_sub(second.began) >= Duration::from_secs(1) {
            *second = Second { began: now, told: 0, ..*second };
        }
        if second.told >= MOST {
            second.left_out = second.left_out.saturating_add(1);
            return None;
        }
        second.told = second.told.saturating_add(1);
        Some(std::mem::take(&mut second.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_lines_of_a_kind_a_second_are_enough() {
        let limit = LogLimit::default();
        let admitted = |kind, millis| limit.admit(kind, Duration::from_millis(millis));
        for line in 0..10 {
            assert_eq!(admitted(ErrorKind::Connect, 5000 + line), Some(0), "{line}");
        }
        for line in 0..7 {
            assert_eq!(admitted(ErrorKind::Connect, 5900 + line), None, "{line}");
        }
        assert_eq!(admitted(ErrorKind::Timeout, 5999), Some(0), "another kind");
        assert_eq!(admitted(ErrorKind::Connect, 6000), Some(7), "the next second");
        assert_eq!(admitted(ErrorKind::Connect, 6001), Some(0));
    }
}
