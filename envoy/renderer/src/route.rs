//! The routes: which requests the filter takes over.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use openwhisk_filter::config::settings::Parameters;
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
    /// All that begin so, wherever a segment ends.
    Prefix(String),
    /// Those that a regular expression of RE2 describes.
    Pattern(String),
}

impl Paths {
    /// Their common beginning, or what describes them.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Below(prefix) => prefix.as_str(),
            Self::Only(text) | Self::Prefix(text) | Self::Pattern(text) => text,
        }
    }

    /// Whether these are all paths.
    pub fn is_all(&self) -> bool {
        matches!(self, Self::Below(prefix) if prefix.as_str().is_empty())
    }
}

/// A part of a request's head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field {
    /// The method.
    Method,
    /// A header, by its name.
    Header(String),
}

/// A part of a request's head with the values that it may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matched {
    /// The part.
    pub field: Field,
    /// One of these it is.
    pub values: Vec<String>,
}

/// A route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Its name.
    pub name: String,
    /// The paths on it.
    pub paths: Paths,
    /// What else a request has.
    pub matched: Vec<Matched>,
    /// Whether the filter serves it. No other one does.
    pub is_served: bool,
}

impl Route {
    /// Whether a regular expression is needed to describe it.
    pub fn has_pattern(&self) -> bool {
        matches!(self.paths, Paths::Pattern(_)) || self.matched.iter().any(|matched| matched.values.len() > 1)
    }

    /// Whether all requests that come to it are on it.
    pub fn takes_all(&self) -> bool {
        self.paths.is_all() && self.matched.is_empty()
    }
}

/// Routes for some hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VirtualHost {
    /// Its name.
    pub name: String,
    /// The hosts, as Envoy writes them.
    pub domains: Vec<String>,
    /// Its routes. Envoy takes the first that matches.
    pub routes: Vec<Route>,
}

impl VirtualHost {
    /// The only one.
    pub fn of_all(routes: Vec<Route>) -> Self {
        Self { name: "gateway".to_owned(), domains: vec!["*".to_owned()], routes }
    }
}

/// The routes, those with longer prefixes first: Envoy takes the first that matches.
///
/// What the configuration says about paths is taken from it: the beginning of a `path_template` of a route's own, or its
/// `path_prefix`. Else the paths are those which were given, or below the name of the route.
pub fn routes(configuration: &Configuration, given: Option<&Paths>) -> Vec<Route> {
    let mut routes: Vec<_> = configuration
        .sites()
        .into_iter()
        .map(|site| {
            let own = || template_prefix(configuration, site).or_else(|| path_prefix(configuration, site));
            let (name, paths) = if let Some(name) = site.route {
                (name.to_owned(), Paths::Below(own().unwrap_or_else(|| named(name))))
            } else {
                let paths = given.cloned().unwrap_or_else(|| Paths::Below(own().unwrap_or_default()));
                (site.settings.action().name.to_string(), paths)
            };
            Route { name, paths, matched: Vec::new(), is_served: true }
        })
        .collect();
    routes.sort_by_key(|route| std::cmp::Reverse(route.paths.as_str().len()));
    routes
}

/// The names of two routes with the same prefix, of which the second gets no request.
pub fn hidden<'a>(routes: impl IntoIterator<Item = &'a Route>) -> Option<(&'a str, &'a str)> {
    let mut seen = BTreeMap::new();
    routes
        .into_iter()
        .find_map(|route| Some((seen.insert(route.paths.as_str(), route.name.as_str())?, route.name.as_str())))
}

/// The segments of a template before its first parameter.
fn template_prefix(configuration: &Configuration, site: Site<'_>) -> Option<Prefix> {
    let Parameters::Whole(whole) = site.settings.parameters() else { return None };
    whole.path_template.as_ref()?;
    let template = configuration.own(site, "path_template")?.as_str()?;
    let start = template.split_once('{').map_or(template, |(start, _)| start);
    start.parse().ok().filter(|prefix: &Prefix| !prefix.as_str().is_empty())
}

fn path_prefix(configuration: &Configuration, site: Site<'_>) -> Option<Prefix> {
    matches!(site.settings.parameters(), Parameters::Whole(_)).then_some(())?;
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
    fn the_beginning_of_a_template_is_the_match() {
        let routes = read(
            r#", "parameters": "raw", "path_template": "/top/{x}", "path_prefix": "/top", "routes": {"inherits": {},
               "a": {"path_template": "/orders/{id}/items/{item}"}, "b": {"path_template": "/ping"},
               "all": {"path_template": "/{rest*}"}, "c": {"path_template": "/x/{y}", "path_prefix": "/x/y"},
               "d": {"path_template": "/{tenant}/z", "path_prefix": "/z"}}"#,
        );
        let shown: Vec<_> = routes.iter().map(|route| format!("{} {}", route.name, route.paths.as_str())).collect();
        assert_eq!(shown, ["inherits /inherits", "a /orders", "b /ping", "all /all", "c /x", "d /z"]);
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
    fn what_is_no_prefix_is_refused() {
        for text in ["", "x", "/x?y", "/x#y", "/x y", "/ü"] {
            assert_eq!(text.parse::<Prefix>(), Err(InvalidPrefix), "{text:?}");
        }
    }
}
