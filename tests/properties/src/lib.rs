//! What must hold whatever the operator, the client, the action and the network send.
//!
//! One function for each part of the core: [`configuration()`], [`reply()`], [`payload()`] and [`exchange()`]. They
//! panic with what is wrong and the input. The properties in `tests/` call them with inputs that are nearly right, the
//! fuzz targets in `tests/fuzz` with whatever leads somewhere new.
//!
//! What answers, shaped results and the parameters of a request become is written down a second time in [`naive`], from
//! docs/functions.md and in the simplest way, and compared.
#![allow(clippy::panic, reason = "a broken invariant stops the test")]

/// Ends a check with a sentence where a condition does not hold.
macro_rules! ensure {
    ($condition:expr, $($sentence:tt)+) => {
        if !$condition {
            return Err(format!($($sentence)+));
        }
    };
}

pub mod call;
pub mod configuration;
pub mod encode;
pub mod exchange;
pub mod input;
pub mod json;
pub mod memory;
pub mod naive;
pub mod payload;
pub mod render;
pub mod reply;
pub mod seeds;
pub mod traffic;

pub use configuration::configuration;
pub use exchange::exchange;
pub use payload::{Asked, payload};
pub use reply::{Answered, reply};
pub use traffic::Traffic;

/// Nothing, or the sentence that tells what is wrong.
pub type Held = Result<(), String>;

/// Stops where something is wrong.
fn require(held: Held, input: &dyn std::fmt::Debug) {
    /// How many characters of an input are shown.
    const SHOWN: usize = 10_000;
    if let Err(wrong) = held {
        panic!("{wrong:.SHOWN$}\nthe input: {:.SHOWN$}", format!("{input:#?}"));
    }
}
