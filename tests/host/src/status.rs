//! What a host call answers.

/// The status of a host call.
///
/// Source: proxy-wasm/spec `abi-versions/v0.2.1`, `proxy_status_t`. Any other status makes the SDK panic, so
/// where a real host answers one, this one stops the test instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Ok = 0,
    NotFound = 1,
    BadArgument = 2,
    InternalFailure = 10,
}

impl Status {
    pub(crate) const fn code(self) -> u32 {
        self as u32
    }
}
