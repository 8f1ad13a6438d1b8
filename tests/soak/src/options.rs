//! What is asked of a run.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How to call it.
pub const USAGE: &str = "usage: soak [SECONDS [SEED]]";

/// The shortest run of which the memory tells something.
const SHORTEST: u64 = 30;

/// What is asked of a run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    pub duration: Duration,
    pub seed: u64,
    /// How many clients send requests at a time.
    pub connections: usize,
}

impl Options {
    /// Reads the arguments of the program.
    pub fn read(arguments: &[String]) -> Result<Self, String> {
        let number = |text: &String| text.parse::<u64>().map_err(|_| format!("{text:?} is no number\n{USAGE}"));
        let (seconds, seed) = match arguments {
            [] => (600, None),
            [seconds] => (number(seconds)?, None),
            [seconds, seed] => (number(seconds)?, Some(number(seed)?)),
            _ => return Err(USAGE.to_owned()),
        };
        if seconds < SHORTEST {
            return Err(format!("{seconds} seconds are too few, expected {SHORTEST} or more"));
        }
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
        let duration = Duration::from_secs(seconds);
        Ok(Self { duration, seed: seed.unwrap_or_else(now), connections: 64 })
    }
}
