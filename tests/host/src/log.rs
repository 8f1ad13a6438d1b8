//! What the filter writes to the log of the host.

use std::fmt;

use crate::crash::{Crash, Rule};
use crate::memory::Guest;
use crate::status::Status;

/// A level, as the ABI numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// 0
    Trace,
    /// 1
    Debug,
    /// 2: invisible at APISIX's default level.
    Info,
    /// 3
    Warn,
    /// 4
    Error,
    /// 5
    Critical,
}

impl Level {
    const ALL: [Self; 6] = [Self::Trace, Self::Debug, Self::Info, Self::Warn, Self::Error, Self::Critical];
}

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its level.
    pub level: Level,
    /// Its text.
    pub text: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.level, self.text)
    }
}

/// `proxy_log`
pub(crate) fn write(guest: &mut Guest<'_>, level: u32, text: u32, size: u32) -> Result<Status, Crash> {
    let text = guest.bytes(text, size)?;
    let known = usize::try_from(level).ok().and_then(|level| Level::ALL.get(level));
    let level = *known.ok_or_else(|| guest.crash(Rule::OwnMemory, format!("logged with the level {level}")))?;
    let text = text.get(..guest.personality().most_logged()).unwrap_or(&text);
    let text = String::from_utf8_lossy(text).into_owned();
    guest.worker_mut().log.push(Line { level, text });
    Ok(Status::Ok)
}

/// `proxy_get_log_level`: Envoy only, and everything is let through.
pub(crate) fn level(guest: &mut Guest<'_>, level_at: u32) -> Result<Status, Crash> {
    guest.write_u32(level_at, 0)?;
    Ok(Status::Ok)
}
