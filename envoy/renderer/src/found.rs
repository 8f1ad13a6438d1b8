//! Why a text of `APISIX` gives nothing to render.

use std::fmt;

/// A text of `APISIX` does not hold a configuration of the filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotFound {
    /// None of the plugins is `openwhisk`.
    NoPlugin,
    /// None of the routes has such a plugin.
    NoRoute,
}

impl fmt::Display for NotFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPlugin => f.write_str(
                "`plugins` holds neither `openwhisk` nor `openwhisk-wasm` that is switched on, expected one of them",
            ),
            Self::NoRoute => f.write_str(
                "no route that is switched on has `openwhisk` or `openwhisk-wasm`, expected one of them in `plugins`",
            ),
        }
    }
}
