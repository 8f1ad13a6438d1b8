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

/// Redirects that nginx answers with a page of its own where they have no body, as it does all errors.
///
/// Source: observed on wasm-nginx-module 0.7.0 and nginx 1.29.2.
const NGINX_REDIRECTS: [u16; 5] = [301, 302, 303, 307, 308];

impl Proxy {
    /// Whether a client gets a reply with this status, of 200 to 599.
    #[must_use]
    pub fn can_send(self, status: StatusCode) -> bool {
        self == Self::Envoy || !NGINX_CLOSES.contains(&status.as_u16())
    }

    /// Whether a client gets a reply with this status as it is, if it has no body.
    #[must_use]
    pub fn can_send_without_body(self, status: StatusCode) -> bool {
        let has_page =
            status.is_client_error() || status.is_server_error() || NGINX_REDIRECTS.contains(&status.as_u16());
        self == Self::Envoy || !has_page
    }
}
