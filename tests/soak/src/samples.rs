//! The memory of Envoy over time: after the warm-up, and later.

use std::time::Duration;

use testbed::{process, wasm_memory};

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
        Some(Self { at, resident: process::resident(process).ok()?, linear: wasm_memory::sizes(process) })
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

    /// How long everything takes.
    pub const fn duration(&self) -> Duration {
        self.duration
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
        let resident = median(samples.iter().map(|sample| sample.resident))?;
        // A memory that grows while the addresses are read may not be found.
        let memories = median(samples.iter().map(|sample| sample.linear.len()))?;
        let whole = samples.iter().filter(|sample| sample.linear.len() == memories);
        let most = |memory: usize| whole.clone().filter_map(|sample| sample.linear.get(memory)).copied().max();
        Some(Self { resident, linear: (0..memories).filter_map(most).collect() })
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

    /// Whether a size grew in each third: as with a leak, and not as when the pieces of a memory come to lie so that a
    /// large one once does not fit.
    pub fn is_growing(&self, size: impl Fn(&Level) -> u64) -> bool {
        let sizes: Vec<_> = std::iter::once(&self.before).chain(&self.later).map(size).collect();
        sizes.windows(2).all(|pair| pair[1] > pair[0])
    }
}

/// The value in the middle; the greater one of two.
fn median<T: Copy + Ord>(values: impl Iterator<Item = T>) -> Option<T> {
    let mut values: Vec<_> = values.collect();
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_without_one_of_the_memories_tells_nothing_of_the_others() {
        let sample = |resident, linear: &[u64]| Sample { at: Duration::ZERO, resident, linear: linear.to_vec() };
        let cases = [
            (vec![sample(5, &[1, 9]), sample(7, &[2, 8]), sample(6, &[9])], Some((6, vec![2, 9]))),
            (vec![sample(5, &[1, 9]), sample(7, &[1, 3, 9]), sample(6, &[1, 9])], Some((6, vec![1, 9]))),
            (vec![sample(5, &[]), sample(7, &[1]), sample(6, &[])], Some((6, vec![]))),
            (vec![], None),
        ];
        for (samples, expected) in cases {
            let level = Level::of(samples.iter()).map(|level| (level.resident, level.linear));
            assert_eq!(level, expected, "{samples:?}");
        }
    }
}
