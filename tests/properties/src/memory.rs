//! What the core may need of memory: three times the bytes that it is given or gives, and a little.

use allocation_counter::measure;

use crate::Held;

/// What there may be besides, in bytes. Much less than the megabyte that the filter may need: inputs here are small, and what
/// they cost must show.
const BESIDES: u64 = 64 << 10;

/// Runs a part of the core: what it gives, and the most bytes that it had allocated at a time.
///
/// # Errors
/// Nothing was run, which cannot be.
pub fn of<T>(run: impl FnOnce() -> T) -> Result<(T, u64), String> {
    let mut given = None;
    let info = measure(|| given = Some(run()));
    Ok((given.ok_or("nothing was run")?, info.bytes_max))
}

/// Whether so much is allowed for so many bytes.
///
/// # Errors
/// What is wrong.
pub fn check(needed: u64, bytes: usize) -> Held {
    let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
    ensure!(needed <= bytes.saturating_mul(3).saturating_add(BESIDES), "{bytes} bytes cost {needed}");
    Ok(())
}
