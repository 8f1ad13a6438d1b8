//! Where the key of a call comes from, which tells what can be wrong with it.

/// Who adds the header `authorization` to the calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// The filter: its configuration has a key for it.
    Filter,
    /// The proxy, or nobody.
    Proxy,
}
