//! The memory of a process, as Linux tells it.

use std::fs;

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
        Self { process, idle: field(process, "VmRSS:") }
    }

    /// Forgets how much there was at a time until now.
    ///
    /// Source: `proc_pid_clear_refs(5)`.
    pub fn forget_peak(&self) {
        fs::write(format!("/proc/{}/clear_refs", self.process), "5").expect("a process of this test");
    }

    /// The most there was at a time, in bytes above that of the idle process.
    pub fn peak(&self) -> u64 {
        field(self.process, "VmHWM:").saturating_sub(self.idle)
    }
}

/// A field of the status of a process, in bytes.
fn field(process: u32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("a process of this test, on Linux");
    let value =
        status.lines().find_map(|line| line.strip_prefix(name)?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    value.unwrap_or_else(|| panic!("no {name} in {status}")) * 1024
}
