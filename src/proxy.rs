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

/// Statuses at which nginx closes the connection instead of sending them.
///
/// Source: observed on wasm-nginx-module 0.7.0 and nginx 1.29.2.
const NGINX_CLOSES: [u16; 3] = [408, 444, 499];

impl Proxy {
    /// Whether a client gets a reply with this status, of 200 to 599.
    #[must_use]
    pub fn can_send(self, status: StatusCode) -> bool {
        self == Self::Envoy || !NGINX_CLOSES.contains(&status.as_u16())
    }
}
