//! Reads the golden cases of `tests/golden` and compares what a driver saw with what they say.
//!
//! A case is one exchange: the client's request, the call to `OpenWhisk`, its answer, the reply to the
//! client. `tests/golden/README.md` describes the file; [`Case`] is what a driver gets. The same crate
//! reads `tests/configurations.yaml` ([`Configuration`]), JSON as it stands ([`Entries`]), and keeps what drivers saw for
//! the search for secrets ([`Produced`], [`forms`]).

mod body;
mod case;
mod comparison;
mod configuration;
mod entries;
mod error;
mod file;
mod parameters;
mod produced;
mod tally;
mod usual;

pub use body::{Body, Text};
pub use case::{Answer, Case, Driver, ExpectedBody, ExpectedCall, ExpectedReply, Fault, GUEST, Request, cases};
pub use comparison::{Call, Difference, Headers, Reply};
pub use configuration::{Configuration, configurations};
pub use entries::Entries;
pub use error::Wrong;
pub use parameters::Parameters;
pub use produced::{API_KEY, BEARER, Produced, forms};
pub use tally::Tally;
