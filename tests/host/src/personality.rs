//! The real hosts that are played.

use std::fmt;

/// A real host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Personality {
    /// `wasm-nginx-module` and the `wasm.lua` of Apache APISIX.
    ///
    /// Source: observed on wasm-nginx-module 0.7.0 with libwasmtime 0.38.0 and nginx 1.29.2; where nothing was
    /// observed, api7/wasm-nginx-module `src/http/ngx_http_wasm_{api,call,module}.c`, `lib/resty/proxy-wasm.lua`.
    Apisix,
    /// Envoy, with `allow_on_headers_stop_iteration: true` in the configuration of the filter.
    ///
    /// Source: observed on Envoy 1.40.0 with V8; where nothing was observed, proxy-wasm/proxy-wasm-cpp-host.
    Envoy,
}

impl Personality {
    /// Both, for tests of what holds on either.
    pub const ALL: [Self; 2] = [Self::Apisix, Self::Envoy];

    /// How many bytes of a log line are written.
    ///
    /// Source: observed on wasm-nginx-module 0.7.0.
    pub(crate) const fn most_logged(self) -> usize {
        match self {
            Self::Apisix => 4096,
            Self::Envoy => usize::MAX,
        }
    }
}

impl fmt::Display for Personality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Apisix => "APISIX",
            Self::Envoy => "Envoy",
        })
    }
}
