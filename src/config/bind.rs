//! Parameters of a route itself (`bind`).

use std::fmt;
use std::rc::Rc;

/// Begins the names of the parameters that tell of the request itself.
///
/// Source: apache/openwhisk@1fae641 `core/controller/WebActions.scala`, `WebApiDirectives`. It refuses six names that begin so; to refuse them all keeps room for more.
pub const RESERVED: &str = "__ow_";

/// How many levels a value may nest: it stands in an object, and in all 200 are the most that no `OpenWhisk` is hurt by.
pub const DEEPEST_BIND: usize = 199;

/// The parameters as JSON, without the braces around them. They may be secrets, which `Debug` does not show.
#[derive(Clone, PartialEq, Eq)]
pub struct Bind(Rc<str>);

impl Bind {
    /// The parameters of some fields, each `"name":value`.
    #[must_use]
    pub fn of(fields: &[String]) -> Self {
        Self(fields.join(",").into())
    }

    /// What stands between the braces of an object. For the call only.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl Default for Bind {
    fn default() -> Self {
        Self("".into())
    }
}

impl fmt::Debug for Bind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bind(…)")
    }
}
