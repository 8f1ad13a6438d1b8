//! Which path is which resource. Names are checked later, after the credentials.

use percent_encoding::percent_decode_str;

/// A path of the API, with its segments decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// `/`
    Root,
    /// `/ping`
    Ping,
    /// `/api/v1`
    Version,
    /// `/api/v1/namespaces`
    Namespaces,
    /// `/api/v1/namespaces/{namespace}/...`
    Namespace {
        /// As written, perhaps `_`.
        namespace: String,
        /// What in it.
        resource: Resource,
    },
    /// Any other path below `/api/v1`.
    UnknownInApi,
    /// Any other path.
    Unknown,
}

/// A path inside a namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resource {
    /// `limits`
    Limits,
    /// `actions`
    Actions,
    /// `actions/{package}/`
    ActionsOfPackage(String),
    /// `actions/{action}` or `actions/{package}/{action}`
    Action {
        /// As written.
        package: Option<String>,
        /// As written.
        name: String,
    },
    /// `packages`
    Packages,
    /// `packages/{package}`
    Package(String),
    /// `activations`
    Activations,
    /// `activations/{id}`
    Activation(String),
    /// `activations/{id}/result`
    ActivationResult(String),
    /// `activations/{id}/logs`
    ActivationLogs(String),
    /// `triggers` or `rules`: there are none here
    Empty(&'static str),
}

impl Route {
    /// Reads the path of a request, which is still encoded.
    pub fn of(path: &str) -> Self {
        let decode = |segment| percent_decode_str(segment).decode_utf8_lossy().into_owned();
        let segments: Vec<String> = path.trim_start_matches('/').split('/').map(decode).collect();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        match segments.as_slice() {
            [""] => Self::Root,
            ["ping"] => Self::Ping,
            ["api", "v1"] | ["api", "v1", ""] => Self::Version,
            ["api", "v1", "namespaces"] | ["api", "v1", "namespaces", ""] => Self::Namespaces,
            ["api", "v1", "namespaces", namespace, rest @ ..] => match Resource::of(rest) {
                Some(resource) => Self::Namespace { namespace: (*namespace).to_owned(), resource },
                None => Self::UnknownInApi,
            },
            ["api", "v1", ..] => Self::UnknownInApi,
            _ => Self::Unknown,
        }
    }

    /// Whether it is below `/api/v1`, where `OPTIONS` is answered for every path.
    pub fn in_api(&self) -> bool {
        !matches!(self, Self::Root | Self::Ping | Self::Unknown)
    }
}

impl Resource {
    fn of(segments: &[&str]) -> Option<Self> {
        let owned = |text: &str| text.to_owned();
        Some(match segments {
            ["limits"] => Self::Limits,
            ["actions"] | ["actions", ""] => Self::Actions,
            ["actions", package, ""] => Self::ActionsOfPackage(owned(package)),
            ["actions", name] => Self::Action { package: None, name: owned(name) },
            ["actions", package, name] => Self::Action { package: Some(owned(package)), name: owned(name) },
            ["packages"] | ["packages", ""] => Self::Packages,
            ["packages", package] => Self::Package(owned(package)),
            ["activations"] | ["activations", ""] => Self::Activations,
            ["activations", id] | ["activations", id, ""] => Self::Activation(owned(id)),
            ["activations", id, "result"] => Self::ActivationResult(owned(id)),
            ["activations", id, "logs"] => Self::ActivationLogs(owned(id)),
            ["triggers"] | ["triggers", ""] => Self::Empty("triggers"),
            ["rules"] | ["rules", ""] => Self::Empty("rules"),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_resources() {
        let inside = |resource| Route::Namespace { namespace: String::from("_"), resource };
        let action = |package: Option<&str>, name: &str| {
            inside(Resource::Action { package: package.map(str::to_owned), name: name.to_owned() })
        };
        let cases = [
            ("/", Route::Root),
            ("/ping", Route::Ping),
            ("/api/v1", Route::Version),
            ("/api/v1/namespaces/", Route::Namespaces),
            ("/api/v1/namespaces/_/actions", inside(Resource::Actions)),
            ("/api/v1/namespaces/_/actions/a%20b", action(None, "a b")),
            ("/api/v1/namespaces/_/actions/a+b", action(None, "a+b")),
            ("/api/v1/namespaces/_/actions/p/a", action(Some("p"), "a")),
            ("/api/v1/namespaces/_/actions/p%2Fa", action(None, "p/a")),
            ("/api/v1/namespaces/_/actions/p/", inside(Resource::ActionsOfPackage(String::from("p")))),
            ("/api/v1/namespaces/_/actions/p/a/b", Route::UnknownInApi),
            ("/api/v1/namespaces/_", Route::UnknownInApi),
            ("/api/v1/namespaces/_/activations/1/result", inside(Resource::ActivationResult(String::from("1")))),
            ("/api/v1/namespaces/_/activations/1/other", Route::UnknownInApi),
            ("/api/v2", Route::Unknown),
        ];
        for (path, expected) in cases {
            assert_eq!(Route::of(path), expected, "{path:?}");
        }
    }
}
