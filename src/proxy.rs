//! Which proxy runs the filter, where the core has to know.

use http::StatusCode;

/// A proxy with a runtime for wasm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proxy {
    /// Envoy, and everything built on it.
    Envoy,
    /// Apache APISIX, with the runtime `wasm-nginx-module`.
    Apisix,
}

/// nginx's own status for a client that went away: it closes the connection instead of sending it.
///
/// Source: observed on wasm-nginx-module 0.7.0.
const NGINX_CLOSES: u16 = 499;

impl Proxy {
    /// Whether a client gets a reply with this status, of 200 to 599.
    #[must_use]
    pub fn can_send(self, status: StatusCode) -> bool {
        self == Self::Envoy || status.as_u16() != NGINX_CLOSES
    }
}
