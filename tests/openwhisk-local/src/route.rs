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
    /// `activations/{id}` or `activations/{id}/{part}`
    Activation {
        /// As written.
        id: String,
        /// What of it, as written.
        part: Option<String>,
    },
    /// `triggers`
    Triggers,
    /// `triggers/{trigger}`
    Trigger(String),
    /// `rules`
    Rules,
    /// `rules/{rule}`
    Rule(String),
}

impl Route {
    /// Reads the path of a request, which is still encoded.
    pub fn of(path: &str) -> Self {
        let segments = resolved(path.strip_prefix('/').unwrap_or(path));
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

/// The segments, decoded, without `.` and `..`: where such a one is the last, an empty one stands for it.
fn resolved(path: &str) -> Vec<String> {
    let mut segments = Vec::new();
    let mut ends_in_dots = false;
    for segment in path.split('/') {
        let segment = percent_decode_str(segment).decode_utf8_lossy().into_owned();
        ends_in_dots = matches!(segment.as_str(), "." | "..");
        if segment == ".." {
            segments.pop();
        } else if !ends_in_dots {
            segments.push(segment);
        }
    }
    if ends_in_dots {
        segments.push(String::new());
    }
    segments
}

impl Resource {
    fn of(segments: &[&str]) -> Option<Self> {
        let owned = |text: &str| text.to_owned();
        Some(match segments {
            ["limits"] | ["limits", ""] => Self::Limits,
            ["actions"] | ["actions", ""] => Self::Actions,
            ["actions", package, ""] => Self::ActionsOfPackage(owned(package)),
            ["actions", name] => Self::Action { package: None, name: owned(name) },
            ["actions", package, name] => Self::Action { package: Some(owned(package)), name: owned(name) },
            ["packages"] | ["packages", ""] => Self::Packages,
            ["packages", package] => Self::Package(owned(package)),
            ["activations"] | ["activations", ""] => Self::Activations,
            ["activations", id] | ["activations", id, ""] => Self::Activation { id: owned(id), part: None },
            ["activations", id, part] => Self::Activation { id: owned(id), part: Some(owned(part)) },
            ["triggers"] | ["triggers", ""] => Self::Triggers,
            ["triggers", name] => Self::Trigger(owned(name)),
            ["rules"] | ["rules", ""] => Self::Rules,
            ["rules", name] => Self::Rule(owned(name)),
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
        let activation = |id: &str, part: Option<&str>| {
            inside(Resource::Activation { id: id.to_owned(), part: part.map(str::to_owned) })
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
            ("/api/v1/namespaces/_/activations/1/result", activation("1", Some("result"))),
            ("/api/v1/namespaces/_/activations/1/", activation("1", None)),
            ("/api/v1/namespaces/_/activations/.", inside(Resource::Activations)),
            ("/api/v1/namespaces/_/activations/1/..", inside(Resource::Activations)),
            ("/api/v1/namespaces/x/%2e%2e/_/./actions", inside(Resource::Actions)),
            ("/api/v1/namespaces/_/limits/", inside(Resource::Limits)),
            ("/api/v1/namespaces/_/triggers/t", inside(Resource::Trigger(String::from("t")))),
            ("/api/v1/namespaces/_/triggers/p/t", Route::UnknownInApi),
            ("/../..", Route::Root),
            ("/api/v2", Route::Unknown),
            ("//", Route::Unknown),
            ("/ping/", Route::Unknown),
            ("/api", Route::Unknown),
        ];
        for (path, expected) in cases {
            assert_eq!(Route::of(path), expected, "{path:?}");
        }
    }
}
