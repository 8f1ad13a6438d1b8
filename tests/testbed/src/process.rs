//! What a process has used, as Linux tells it.

use std::fs;
use std::time::Duration;

/// The time that all threads of a process have run on a processor.
///
/// The scheduler counts it in nanoseconds; `utime` and `stime` would be in hundredths of a second.
/// Source: Linux `Documentation/scheduler/sched-stats.rst`, `/proc/<pid>/schedstat`.
pub fn processor_time(process: u32) -> Result<Duration, String> {
    let folder = format!("/proc/{process}/task");
    let failed = |error| format!("{folder}: {error}");
    let mut all = Duration::ZERO;
    for thread in fs::read_dir(&folder).map_err(failed)? {
        let path = thread.map_err(failed)?.path().join("schedstat");
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let time = text.split(' ').next().and_then(|number| number.parse().ok());
        all += Duration::from_nanos(time.ok_or_else(|| format!("{}: {text:?}", path.display()))?);
    }
    Ok(all)
}

/// The resident memory of a process, in bytes.
pub fn resident(process: u32) -> Result<u64, String> {
    status(process, "VmRSS:")
}

/// A field of the status of a process, in bytes.
fn status(process: u32, name: &str) -> Result<u64, String> {
    let path = format!("/proc/{process}/status");
    let status = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let size = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    size.map(|size| size << 10).ok_or_else(|| format!("{path}: no {name}"))
}

/// The memory of a process, from a time on at which it had nothing to do.
#[derive(Debug)]
pub struct Memory {
    process: u32,
    /// Its resident memory at that time, in bytes.
    idle: u64,
}

impl Memory {
    /// That of a process which has nothing to do now.
    pub fn of_idle(process: u32) -> Self {
        Self { process, idle: resident(process).unwrap_or_else(|error| panic!("{error}")) }
    }

    /// Forgets how much there was at a time until now.
    ///
    /// Source: `proc_pid_clear_refs(5)`.
    pub fn forget_peak(&self) {
        fs::write(format!("/proc/{}/clear_refs", self.process), "5").expect("a process of this test");
    }

    /// The most there was at a time, in bytes above that of the idle process.
    pub fn peak(&self) -> u64 {
        let peak = status(self.process, "VmHWM:").unwrap_or_else(|error| panic!("{error}"));
        peak.saturating_sub(self.idle)
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::thread;
    use std::time::Instant;

    use super::*;
    use crate::PATIENCE;

    #[test]
    fn a_process_uses_time_and_memory() {
        let started = Instant::now();
        // One thread that does not end: a sum over threads that come and go is none.
        let mut busy = Command::new("sh").args(["-c", "while :; do :; done"]).spawn().expect("sh runs");
        while processor_time(busy.id()).is_ok_and(|time| time < Duration::from_millis(20)) {
            assert!(started.elapsed() < PATIENCE, "it never runs");
            thread::yield_now();
        }
        let (time, memory) = (processor_time(busy.id()), resident(busy.id()));
        busy.kill().and_then(|()| busy.wait()).expect("it is killed");
        // No more than there was, however little of it a busy machine gives; the two are those of two clocks.
        assert!(time.expect("Linux") < started.elapsed() * 2);
        assert!(memory.expect("Linux") > 100_000);
    }
}
