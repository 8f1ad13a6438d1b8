//! Why a configuration that the filter accepts is not written as manifests.

use std::fmt;

/// A configuration that is not written as manifests: a mistake or more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotWritten(Vec<Mistake>);

/// One reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// The text is of `APISIX`.
    OfApisix,
    /// There is nothing to serve.
    NoRoute,
    /// The key itself stands in the configuration.
    Literal {
        /// Where.
        place: String,
    },
    /// A header with a secret of the environment that is not the key.
    CallHeader {
        /// Where.
        place: String,
    },
    /// A cluster would need two keys.
    TwoKeys {
        /// The `upstream`.
        upstream: String,
        /// The variables with the keys, if there are some.
        keys: [Option<String>; 2],
    },
    /// The gateway cannot reach an `OpenWhisk`, or not safely.
    Unreachable {
        /// Where it is.
        address: String,
        /// What is expected instead.
        expected: &'static str,
    },
    /// One port would speak with and without TLS.
    TwoSchemes {
        /// The addresses.
        addresses: [String; 2],
    },
    /// No name of Kubernetes can be made of a name.
    NoName {
        /// What has it.
        kind: Kind,
        /// The name.
        name: String,
    },
    /// A name is too long for Kubernetes.
    TooLong {
        /// What has it.
        kind: Kind,
        /// The name.
        name: String,
        /// What is not.
        longest: usize,
    },
    /// Two names are the same in Kubernetes.
    SameName {
        /// What has them.
        kind: Kind,
        /// The names.
        names: [String; 2],
        /// What they are there.
        name: String,
    },
    /// A name belongs to something else there.
    Reserved {
        /// What has it.
        kind: Kind,
        /// The name.
        name: String,
    },
    /// Two hosts have a name in common.
    SameHost {
        /// The hosts.
        hosts: [String; 2],
    },
    /// A path is none of the Gateway API.
    Path {
        /// The route.
        route: String,
        /// The path.
        path: String,
    },
}

/// What has a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A route.
    Route,
    /// A cluster.
    Upstream,
}

/// Gives the mistakes, if there are some.
pub fn none_of(mistakes: Vec<Mistake>) -> Result<(), NotWritten> {
    if mistakes.is_empty() { Ok(()) } else { Err(NotWritten(mistakes)) }
}

impl From<Mistake> for NotWritten {
    fn from(mistake: Mistake) -> Self {
        Self(vec![mistake])
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Route => "route",
            Self::Upstream => "upstream",
        })
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OfApisix => f.write_str("the text is of apisix, expected a configuration of the filter for `--for`"),
            Self::NoRoute => f.write_str("`routes` is empty, expected a route at least"),
            Self::Literal { place } => write!(
                f,
                "`{place}` is the key itself, expected none: no manifest holds it, the gateway adds it from a secret of kubernetes"
            ),
            Self::CallHeader { place } => write!(
                f,
                "`{place}` is an environment variable, expected a text that is no secret: the gateway adds `authorization` from a \
                 secret of kubernetes, and nothing else"
            ),
            Self::TwoKeys { upstream, keys } => {
                let [first, second] =
                    keys.each_ref().map(|key| key.as_ref().map_or("none".to_owned(), |key| format!("`{key}`")));
                write!(
                    f,
                    "`upstream` is {upstream:?} for routes whose keys are {first} and {second}, expected a name for each of them"
                )
            }
            Self::Unreachable { address, expected } => write!(f, "`api_host` is {address}, expected {expected}"),
            Self::TwoSchemes { addresses: [first, second] } => {
                write!(f, "`api_host` is {first} and {second}, expected one of them")
            }
            Self::NoName { kind, name } => {
                write!(f, "the {kind} {name:?} gives no name of kubernetes, expected letters or digits of ascii")
            }
            Self::TooLong { kind, name, longest } => {
                write!(f, "the {kind} {name:?} is {} bytes long, expected at most {longest} for kubernetes", name.len())
            }
            Self::SameName { kind, names: [first, second], name } => {
                write!(f, "the {kind}s {first:?} and {second:?} are both {name:?} in kubernetes, expected other names")
            }
            Self::Reserved { kind, name } => {
                write!(f, "the {kind} {name:?} has a name that is taken already, expected another one")
            }
            Self::SameHost { hosts: [first, second] } => {
                write!(f, "`--host` is {first:?} and {second:?}, expected only one of them: istio takes no host twice")
            }
            Self::Path { route, path } => {
                write!(f, "the route {route:?} is on {path:?}, expected a path that the gateway api takes")
            }
        }
    }
}

impl fmt::Display for NotWritten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> = self.0.iter().map(Mistake::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for NotWritten {}
