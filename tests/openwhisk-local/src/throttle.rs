//! The two throttles of a namespace; both are off unless asked for.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::error::ApiError;

/// How much is allowed; `None` is no limit.
#[derive(Debug, Clone, Copy, Default)]
pub struct Allowance {
    /// Invocations that may begin in one minute of the wall clock.
    pub per_minute: Option<u64>,
    /// Invocations that may be under way at once.
    pub at_once: Option<u64>,
}

/// Counts invocations.
///
/// Source: openwhisk core/controller entitlement/{RateThrottler,ActivationThrottler}.scala
#[derive(Debug, Clone, Default)]
pub struct Throttle {
    /// What is allowed.
    pub allowance: Allowance,
    counts: Arc<Mutex<Counts>>,
}

#[derive(Debug, Default)]
struct Counts {
    minute: u64,
    begun: u64,
    under_way: u64,
}

impl Throttle {
    /// A throttle with this allowance.
    pub fn new(allowance: Allowance) -> Self {
        Self { allowance, counts: Arc::default() }
    }

    /// Counts one more. It is under way until the permit is dropped.
    ///
    /// # Errors
    /// One of the allowances is used up; the attempt counts for the minute all the same.
    pub fn admit(&self, now: SystemTime) -> Result<Permit, ApiError> {
        let minute = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / 60;
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.minute != minute {
            counts.minute = minute;
            counts.begun = 0;
        }
        counts.begun = counts.begun.saturating_add(1);
        if let Some(allowed) = self.allowance.per_minute {
            let count = counts.begun;
            if count > allowed {
                return Err(ApiError::TooManyPerMinute { count, allowed });
            }
        }
        if let Some(allowed) = self.allowance.at_once {
            let count = counts.under_way;
            if count >= allowed {
                return Err(ApiError::TooManyAtOnce { count, allowed });
            }
        }
        counts.under_way = counts.under_way.saturating_add(1);
        Ok(Permit(Arc::clone(&self.counts)))
    }
}

/// One invocation that is under way.
#[derive(Debug)]
pub struct Permit(Arc<Mutex<Counts>>);

impl Drop for Permit {
    fn drop(&mut self) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.under_way = counts.under_way.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_minute_is_that_of_the_wall_clock() {
        let throttle = Throttle::new(Allowance { per_minute: Some(1), at_once: None });
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        assert!(throttle.admit(at(59)).is_ok());
        assert_eq!(throttle.admit(at(59)).unwrap_err(), ApiError::TooManyPerMinute { count: 2, allowed: 1 });
        assert!(throttle.admit(at(60)).is_ok());
    }

    #[test]
    fn a_dropped_permit_makes_room() {
        let throttle = Throttle::new(Allowance { per_minute: None, at_once: Some(1) });
        let first = throttle.admit(UNIX_EPOCH).unwrap();
        assert_eq!(throttle.admit(UNIX_EPOCH).unwrap_err(), ApiError::TooManyAtOnce { count: 1, allowed: 1 });
        drop(first);
        assert!(throttle.admit(UNIX_EPOCH).is_ok());
    }
}
