//! How many calls of an action are open on a worker, so that slow ones cannot take all that the upstream may be sent.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

/// The open calls of one action on one worker.
///
/// A call whose client went away goes on, and nobody tells its end: it counts until its deadline.
///
/// Source: observed on Envoy 1.40: a call belongs to the plugin and is not cancelled with its request.
#[derive(Debug, Default)]
pub struct OpenCalls {
    count: Cell<u64>,
    /// The deadlines of those that nobody waits for, by the clock of the worker.
    abandoned: RefCell<Vec<Duration>>,
}

/// A call that is open until this is dropped. Without its end it counts as abandoned.
#[derive(Debug)]
pub struct OpenCall {
    calls: Rc<OpenCalls>,
    deadline: Duration,
    has_ended: bool,
}

impl OpenCalls {
    /// Opens a call that ends at a deadline of the worker's clock at the latest, unless `most` are open `now`.
    #[must_use]
    pub fn open(self: &Rc<Self>, most: u64, now: Duration, deadline: Duration) -> Option<OpenCall> {
        if self.count.get() >= most {
            self.forget(now);
        }
        if self.count.get() >= most {
            return None;
        }
        self.count.set(self.count.get().saturating_add(1));
        Some(OpenCall { calls: Rc::clone(self), deadline, has_ended: false })
    }

    /// Forgets the abandoned calls whose deadline has passed.
    fn forget(&self, now: Duration) {
        let Ok(mut abandoned) = self.abandoned.try_borrow_mut() else { return };
        let before = abandoned.len();
        abandoned.retain(|deadline| *deadline > now);
        let ended = u64::try_from(before.saturating_sub(abandoned.len())).unwrap_or(u64::MAX);
        self.count.set(self.count.get().saturating_sub(ended));
    }
}

impl OpenCall {
    /// The call has ended.
    pub fn end(mut self) {
        self.has_ended = true;
    }
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        let OpenCalls { count, abandoned } = &*self.calls;
        match abandoned.try_borrow_mut() {
            // Never more than may be open at a time.
            Ok(mut abandoned) if !self.has_ended => abandoned.push(self.deadline),
            _ => count.set(count.get().saturating_sub(1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn no_more_are_open_than_may_be() {
        let calls = Rc::new(OpenCalls::default());
        let first = calls.open(2, at(0), at(60)).expect("the first");
        let _second = calls.open(2, at(0), at(60)).expect("the second");
        assert!(calls.open(2, at(59), at(119)).is_none());
        first.end();
        assert!(calls.open(2, at(59), at(119)).is_some_and(|call| call.calls.count.get() == 2));
    }

    #[test]
    fn an_abandoned_call_counts_until_its_deadline() {
        let calls = Rc::new(OpenCalls::default());
        drop(calls.open(1, at(0), at(60)));
        assert!(calls.open(1, at(59), at(119)).is_none());
        calls.open(1, at(60), at(120)).expect("the deadline has passed").end();
        assert_eq!(calls.count.get(), 0);
        for second in 0..10 {
            drop(calls.open(5, at(second), at(100)));
        }
        assert_eq!(
            (calls.count.get(), calls.abandoned.borrow().len()),
            (5, 5),
            "no memory for those that were refused"
        );
    }
}
