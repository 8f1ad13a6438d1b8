//! The routes: which requests the filter takes over.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use openwhisk_filter::settings::Parameters;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::configuration::{Configuration, Site};

/// What a name of a route may not have in a path: all but `pchar` of RFC 3986 and the slash.
const NOT_IN_A_PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@');

/// A beginning of paths that ends with a segment. The empty one is that of all paths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prefix(String);

/// The text is no prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidPrefix;

impl Prefix {
    /// The prefix without a slash at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Prefix {
    type Err = InvalidPrefix;

    fn from_str(text: &str) -> Result<Self, InvalidPrefix> {
        let is_path = text.starts_with('/') && text.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '?' | '#'));
        if is_path { Ok(Self(text.trim_end_matches('/').to_owned())) } else { Err(InvalidPrefix) }
    }
}

impl fmt::Display for InvalidPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected a path that begins with `/`, without a query, in visible ASCII")
    }
}

impl std::error::Error for InvalidPrefix {}

/// The paths on a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Paths {
    /// All below a prefix, and the prefix itself.
    Below(Prefix),
    /// One.
    Only(String),
}

impl Paths {
    /// The paths of an `uri` of `APISIX`, unless Envoy has no match of that kind.
    ///
    /// Source: APISIX's documentation, Router: an `uri` is one path, or ends with `*`; a `:name` stands for a segment.
    pub fn of_uri(uri: &str) -> Option<Self> {
        match uri.strip_suffix("/*") {
            Some("") => Some(Self::Below(Prefix::default())),
            prefix => Some(prefix.unwrap_or(uri)).filter(|path| !path.contains(['*', ':'])).and_then(|path| {
                let below = path.parse().ok()?;
                Some(if prefix.is_some() { Self::Below(below) } else { Self::Only(path.to_owned()) })
            }),
        }
    }

    /// Their common beginning.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Below(prefix) => prefix.as_str(),
            Self::Only(path) => path,
        }
    }

    /// Whether these are all paths.
    pub fn is_all(&self) -> bool {
        matches!(self, Self::Below(prefix) if prefix.as_str().is_empty())
    }
}

/// A route that the filter serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Its name.
    pub name: String,
    /// The paths on it.
    pub paths: Paths,
}

/// The routes, those with longer prefixes first: Envoy takes the first that matches.
///
/// What the configuration says about paths is taken from it: a `path_prefix` of a route's own. Else the paths are those
/// which were given, or below the name of the route.
pub fn routes(configuration: &Configuration, given: Option<&Paths>) -> Vec<Route> {
    let mut routes: Vec<_> = configuration
        .sites()
        .into_iter()
        .map(|site| {
            let own = || path_prefix(configuration, site);
            match site.route {
                Some(name) => {
                    Route { name: name.to_owned(), paths: Paths::Below(own().unwrap_or_else(|| named(name))) }
                }
                None => Route {
                    name: site.settings.action().name.to_string(),
                    paths: given.cloned().unwrap_or_else(|| Paths::Below(own().unwrap_or_default())),
                },
            }
        })
        .collect();
    routes.sort_by_key(|route| std::cmp::Reverse(route.paths.as_str().len()));
    routes
}

/// The names of two routes with the same prefix, of which the second gets no request.
pub fn hidden(routes: &[Route]) -> Option<(&str, &str)> {
    let mut seen = BTreeMap::new();
    routes.iter().find_map(|Route { name, paths }| Some((seen.insert(paths.as_str(), name.as_str())?, name.as_str())))
}

fn path_prefix(configuration: &Configuration, site: Site<'_>) -> Option<Prefix> {
    matches!(site.settings.parameters(), Parameters::Http(_)).then_some(())?;
    configuration.own(site, "path_prefix")?.as_str()?.parse().ok()
}

/// A path for a name.
fn named(name: &str) -> Prefix {
    let name = name.trim_matches('/');
    let name = if name.is_empty() { "route" } else { name };
    Prefix(format!("/{}", utf8_percent_encode(name, NOT_IN_A_PATH)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(attributes: &str) -> Vec<Route> {
        shown(attributes, None)
    }

    fn shown(attributes: &str, given: Option<&str>) -> Vec<Route> {
        let json = format!(
            r#"{{"api_host": "http://ow", "service_token": "a:b", "namespace": "n", "action": "a b"{attributes}}}"#
        );
        let configuration = Configuration::read(json.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
        let given = given.map(|prefix| Paths::Below(prefix.parse().expect("a prefix")));
        routes(&configuration, given.as_ref())
    }

    #[test]
    fn one_action_answers_all_paths_or_those_below_a_prefix() {
        let prefix = |attributes: &str, given| {
            let routes = shown(attributes, given);
            assert_eq!((routes.len(), routes[0].name.as_str()), (1, "a b"));
            routes[0].paths.as_str().to_owned()
        };
        assert_eq!(prefix("", None), "");
        assert_eq!(prefix("", Some("/")), "");
        assert_eq!(prefix("", Some("/x/y//")), "/x/y");
        let http = r#", "parameters": "http", "path_prefix": "/orders/""#;
        assert_eq!(prefix(http, None), "/orders");
        assert_eq!(prefix(http, Some("/x")), "/x");
        assert_eq!(prefix(r#", "path_prefix": "/orders""#, None), "");
    }

    #[test]
    fn routes_are_named_and_longer_ones_come_first() {
        let routes = read(
            r#", "parameters": "http", "path_prefix": "/", "routes": {"a": {}, "a/b": {}, "ü %": {}, "/": {},
               "c": {"path_prefix": "/orders"}, "d": {"path_prefix": "/orders", "parameters": "body"}}"#,
        );
        let shown: Vec<_> = routes.iter().map(|route| format!("{} {}", route.name, route.paths.as_str())).collect();
        assert_eq!(shown, ["ü % /%C3%BC%20%25", "c /orders", "/ /route", "a/b /a/b", "a /a", "d /d"]);
        assert_eq!(hidden(&routes), None);
    }

    #[test]
    fn a_route_that_gets_no_request_is_seen() {
        let routes = read(
            r#", "parameters": "http", "routes": {"a": {"path_prefix": "/x"}, "b": {"path_prefix": "/y"},
               "c": {"path_prefix": "/x"}}"#,
        );
        assert_eq!(hidden(&routes), Some(("a", "c")));
    }

    #[test]
    fn an_uri_of_apisix_is_a_path_or_all_below_one() {
        let below = |prefix: &str| Some(Paths::Below(Prefix(prefix.to_owned())));
        let only = |path: &str| Some(Paths::Only(path.to_owned()));
        let cases = [
            ("/", only("/")),
            ("/hello", only("/hello")),
            ("/hello/", only("/hello/")),
            ("/*", below("")),
            ("/hello/*", below("/hello")),
            ("/a/b/*", below("/a/b")),
            ("/hello*", None),
            ("/a/*/b", None),
            ("/a/:id", None),
            ("/a b", None),
            ("hello", None),
            ("*", None),
            ("", None),
        ];
        for (uri, expected) in cases {
            assert_eq!(Paths::of_uri(uri), expected, "{uri}");
        }
    }

    #[test]
    fn what_is_no_prefix_is_refused() {
        for text in ["", "x", "/x?y", "/x#y", "/x y", "/ü"] {
            assert_eq!(text.parse::<Prefix>(), Err(InvalidPrefix), "{text:?}");
        }
    }
}
