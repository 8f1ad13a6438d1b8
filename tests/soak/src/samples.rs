//! The memory of Envoy over time: after the warm-up, and later.

use std::time::Duration;

use crate::memory;

/// How much of it there was at one time.
#[derive(Clone, Debug)]
pub struct Sample {
    pub at: Duration,
    /// Resident memory of the process, in bytes.
    pub resident: u64,
    /// Of each wasm memory, in bytes.
    pub linear: Vec<u64>,
}

/// When the memory is measured.
#[derive(Clone, Copy, Debug)]
pub struct Windows {
    /// How long everything takes.
    duration: Duration,
    /// Where the warm-up ends.
    warm: Duration,
    /// How long the memory is looked at each time.
    window: Duration,
}

/// The memory in a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Level {
    /// The median of the resident memory, in bytes.
    pub resident: u64,
    /// The most that each wasm memory had, in bytes.
    pub linear: Vec<u64>,
}

/// The memory in all windows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Levels {
    /// After the warm-up.
    pub before: Level,
    /// After each third of the rest.
    pub later: [Level; 3],
}

impl Sample {
    /// Measures now. Nothing if the process has ended.
    pub fn take(process: u32, at: Duration) -> Option<Self> {
        Some(Self { at, resident: memory::resident(process)?, linear: memory::linear(process) })
    }

    /// The largest wasm memory.
    pub fn largest(&self) -> u64 {
        self.linear.iter().copied().max().unwrap_or_default()
    }
}

impl Windows {
    /// Those of a run that takes so long.
    pub fn of(duration: Duration) -> Self {
        let warm = (duration / 4).max(Duration::from_secs(10));
        Self { duration, warm, window: (duration / 10).max(Duration::from_secs(5)) }
    }

    /// How much of the warm-up has more clients than the rest.
    pub fn crowd(&self) -> Duration {
        self.warm * 2 / 3
    }

    /// The memory after the warm-up and after each third of the rest. Nothing if there are no samples of it.
    pub fn levels(&self, samples: &[Sample]) -> Option<Levels> {
        let until = |end: Duration| {
            Level::of(samples.iter().filter(|sample| sample.at <= end && sample.at + self.window >= end))
        };
        let third = self.duration.saturating_sub(self.warm) / 3;
        let [first, second] = [self.warm + third, self.warm + third * 2];
        // A sample of the end may be a little late.
        let [before, last] = [until(self.warm + self.window)?, until(self.duration + self.window / 4)?];
        Some(Levels { before, later: [until(first)?, until(second)?, last] })
    }
}

impl Level {
    fn of<'a>(samples: impl Iterator<Item = &'a Sample>) -> Option<Self> {
        let samples: Vec<_> = samples.collect();
        let mut resident: Vec<_> = samples.iter().map(|sample| sample.resident).collect();
        resident.sort_unstable();
        let memories = samples.iter().map(|sample| sample.linear.len()).max()?;
        let most = |memory: usize| samples.iter().filter_map(|sample| sample.linear.get(memory)).copied().max();
        let linear = (0..memories).filter_map(most).collect();
        Some(Self { resident: *resident.get(resident.len() / 2)?, linear })
    }

    /// All wasm memories together.
    pub fn all_linear(&self) -> u64 {
        self.linear.iter().sum()
    }
}

impl Levels {
    /// The memory at the end.
    pub const fn after(&self) -> &Level {
        &self.later[2]
    }

    /// Whether the wasm memories grew in each third: as with a leak, and not as when the pieces of a memory come to
    /// lie so that a large one once does not fit.
    pub fn is_growing(&self) -> bool {
        let sizes: Vec<_> = std::iter::once(&self.before).chain(&self.later).map(Level::all_linear).collect();
        sizes.windows(2).all(|pair| pair[1] > pair[0])
    }
}
