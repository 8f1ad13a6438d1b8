//! JavaScript actions: what a container answers, and how long and how much it may take.
//!
//! An action runs in `QuickJS`, on a thread and in an engine of its own: an endless loop or a memory bomb of one
//! action costs nobody else anything but the processor.

mod container;
mod engine;
mod log;
mod pool;

use container::Container;
pub use container::{Job, Report, Source};
pub use log::line as log_line;
pub use pool::ContainerPool;

/// Which of the two calls of the runtime contract was under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The code is being loaded.
    Initialization,
    /// The entry point is being called.
    Run,
}

/// What came out of one activation, as the runtime's HTTP answer would tell it.
///
/// Source: apache/openwhisk-runtime-nodejs core/nodejsActionBase/src/service.js
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Status 200 with this text, made by the engine's own `JSON.stringify`.
    Returned(String),
    /// Any other status, with `{"error": <this text>}`.
    Failed(String),
    /// The script ended its process, or had no memory left.
    Exited(Phase),
    /// The time limit passed.
    TimedOut(Phase),
    /// The machine had no thread for it.
    NotProvisioned,
}

impl Outcome {
    /// Whether the same container may run again: only after an answer that is an object or an array.
    ///
    /// Source: openwhisk core/invoker ContainerProxy.scala (a developer error destroys the container)
    fn keeps_container(&self) -> bool {
        matches!(self, Self::Returned(text) if text.starts_with(['{', '[']))
    }
}
