//! The only clock a filter sees.

use std::time::Duration;

/// The time at which every test begins: 2026-01-01T00:00:00Z.
const BEGINNING: Duration = Duration::from_secs(1_767_225_600);

/// A clock that stands still until it is advanced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    elapsed: Duration,
}

impl Clock {
    /// How long ago the test began.
    #[must_use]
    pub const fn elapsed(self) -> Duration {
        self.elapsed
    }

    pub(crate) fn advance(&mut self, by: Duration) {
        self.elapsed = self.elapsed.saturating_add(by);
    }

    pub(crate) fn advance_to(&mut self, elapsed: Duration) {
        self.elapsed = self.elapsed.max(elapsed);
    }

    /// The time of day.
    pub(crate) fn now(self) -> Duration {
        BEGINNING.saturating_add(self.elapsed)
    }
}
