//! Which proxy runs the filter, where the core has to know.

/// A proxy with a runtime for wasm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proxy {
    /// Envoy, and everything built on it.
    Envoy,
    /// Apache APISIX, with the runtime `wasm-nginx-module`.
    Apisix,
}
