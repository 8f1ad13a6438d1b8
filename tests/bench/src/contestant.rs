//! Who answers a request.

use std::env;
use std::path::PathBuf;

use serde::Serialize;

use crate::workload::Workload;

/// A way to get an action's result to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Contestant {
    /// A route of Envoy that rewrites the path and adds the key. It passes on all headers, and shapes nothing.
    Native,
    /// Envoy's Lua filter with the same dispatch and reply, and nothing else.
    LuaBare,
    /// Envoy's Lua filter that also parses and shapes the result.
    LuaShaping,
    /// The filter, with as many idle connections as the load needs.
    Filter,
    /// Another build of the filter, with the same settings.
    FilterBefore,
    /// The filter, with the whole request as parameters.
    FilterHttp,
}

impl Contestant {
    /// Its name in tables and charts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Native => "native route",
            Self::LuaBare => "Lua, bare",
            Self::LuaShaping => "Lua, parsing and shaping",
            Self::Filter => "filter",
            Self::FilterBefore => "filter, before",
            Self::FilterHttp => "filter, parameters http",
        }
    }

    /// Whether it replies as a shaped result asks for.
    pub const fn shapes(self) -> bool {
        !matches!(self, Self::Native | Self::LuaBare)
    }
}

/// The other build of the filter, if there is one to compare with: the environment names it.
pub fn before() -> Option<PathBuf> {
    env::var_os("OPENWHISK_FILTER_WASM_BEFORE").filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// A contestant with something to do: a listener of Envoy.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Who answers.
    pub contestant: Contestant,
    /// What.
    pub workload: Workload,
}

impl Entry {
    /// All contestants, each with the same to do.
    pub fn all(contestants: &[Contestant], workload: &Workload) -> Vec<Self> {
        contestants.iter().map(|&contestant| Self { contestant, workload: workload.clone() }).collect()
    }

    /// The name of its listener.
    pub fn name(&self) -> String {
        format!("{:?}, {}", self.contestant, self.workload.name)
    }
}
