//! Paths, as the routers of `APISIX` match them.
//!
//! Source: api7/lua-resty-radixtree `lib/resty/radixtree.lua`, `common_route_data`, `fetch_pat`, `compare_param` and
//! `sort_route`; apache/apisix `apisix/utils/router.lua`, where all routers but one take a `:` as it is.

use std::cmp::Reverse;

use super::quote::{found, quoted};
use crate::route::Paths;

/// A router of `APISIX`, as `apisix.router.http` names it.
///
/// Source: apache/apisix `apisix/http/router/`, and `apisix/cli/config.lua` for the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Router {
    /// The host first, then the path.
    #[default]
    HostUri,
    /// The path first.
    Uri,
    /// The path first, in which `:name` stands for a segment.
    UriWithParameter,
}

/// Paths that a route matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uri {
    /// The paths.
    pub paths: Paths,
    /// The text before the first wildcard.
    prefix: String,
    /// Whether that is all.
    is_exact: bool,
    /// The length of all of the text.
    length: usize,
}

/// The order in which a router tries paths: smallest first. Those of one place in its tree are next to each other, and
/// sorted by `priority` and their length.
pub type Rank = (Option<Reverse<usize>>, Reverse<i64>, Reverse<usize>);

impl Uri {
    /// Reads an entry of `uris`.
    ///
    /// # Errors
    /// A sentence about what no route of Envoy can say.
    pub fn parse(text: &str, router: Router) -> Result<Self, String> {
        if !text.starts_with(['/', '*']) {
            return Err(format!("{}, expected a path that begins with `/`", found(text)));
        }
        let wildcard = match (router, text.find(':')) {
            (Router::UriWithParameter, Some(colon)) => Some(colon),
            _ => text.find('*'),
        };
        let (prefix, rest) = text.split_at(wildcard.unwrap_or(text.len()));
        let is_pattern = text.split('/').any(|segment| segment.starts_with([':', '*']));
        let paths = match wildcard {
            None if is_plain(text) => Paths::Only(text.to_owned()),
            None => Paths::Pattern(literal(text)),
            Some(_) if !is_pattern => prefixed(prefix),
            Some(_) => pattern(text, prefix, rest)?,
        };
        Ok(Self { paths, prefix: prefix.to_owned(), is_exact: wildcard.is_none(), length: text.len() })
    }

    /// Paths that no text of `APISIX` gives.
    pub fn of(paths: Paths) -> Self {
        Self { prefix: paths.as_str().to_owned(), is_exact: false, length: paths.as_str().len(), paths }
    }

    /// Whether a path may match both.
    pub fn meets(&self, other: &Self) -> bool {
        let (one, two) = (&self.prefix, &other.prefix);
        match (self.is_exact, other.is_exact) {
            (true, true) => one == two,
            (true, false) => one.starts_with(two.as_str()),
            (false, true) => two.starts_with(one.as_str()),
            (false, false) => one.starts_with(two.as_str()) || two.starts_with(one.as_str()),
        }
    }

    /// When a router tries these paths, for a route of this priority. What has no wildcard is tried first, then what has
    /// the longest prefix.
    pub fn rank(&self, priority: i64) -> Rank {
        // An exact path has one place for each text, so the lengths say nothing there.
        let (prefix, length) = if self.is_exact { (None, 0) } else { (Some(Reverse(self.prefix.len())), self.length) };
        (prefix, Reverse(priority), Reverse(length))
    }
}

/// Whether an entry of `uris` has a segment that is a parameter for one router, and a text for all others.
pub fn has_parameter(text: &str) -> bool {
    text.split('/').any(|segment| segment.starts_with(':'))
}

/// All paths that begin so.
fn prefixed(prefix: &str) -> Paths {
    match prefix {
        "" | "/" => Paths::Below(crate::route::Prefix::default()),
        _ if is_plain(prefix) => Paths::Prefix(prefix.to_owned()),
        _ => Paths::Pattern(format!("{}.*", literal(prefix))),
    }
}

/// The paths of a text with parameters. `APISIX` makes a regular expression of it, and escapes nothing.
fn pattern(text: &str, prefix: &str, rest: &str) -> Result<Paths, String> {
    const SPECIAL: &[char] = &['+', '?', '(', ')', '[', ']', '{', '}', '^', '$', '|', '\\', '*'];
    let is_wildcard = |segment: &str| segment.starts_with([':', '*']);
    let segments = || text.split('/').filter(|segment| !is_wildcard(segment));
    if let Some(segment) = segments().find(|segment| segment.contains(SPECIAL)) {
        let (text, segment) = (quoted(text), quoted(segment));
        return Err(format!("is {text}: apisix takes {segment} as a regular expression, expected letters"));
    }
    if rest == "*" && (prefix.is_empty() || prefix.ends_with('/')) {
        return Ok(prefixed(prefix));
    }
    // The prefix ends with a slash, unless the wildcard stands within a segment, which has been refused or is a colon.
    let segments = rest.split('/').enumerate().map(|(index, segment)| match segment.chars().next() {
        Some(':') if index == 0 && !prefix.ends_with('/') => {
            Err(format!("is {}: a `:` within a segment is no parameter, expected `/:name`", quoted(text)))
        }
        Some(':') => Ok("[^/]+".to_owned()),
        Some('*') => Ok(".*".to_owned()),
        // Before the first wildcard a dot is a dot. Behind it, it is what it is in a regular expression.
        _ => Ok(segment.split('.').map(literal).collect::<Vec<_>>().join(".")),
    });
    Ok(Paths::Pattern(format!("{}{}", literal(prefix), segments.collect::<Result<Vec<_>, _>>()?.join("/"))))
}

/// Whether requests say this text in one way only, once their paths are normalised.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| is_unreserved(byte) || byte == b'/')
}

/// Characters whose escapes Envoy takes back where it normalises.
///
/// Source: RFC 3986, section 2.3 and 6.2.2.2.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// A regular expression for a text, each byte of which may come escaped: `APISIX` looks at decoded paths.
fn literal(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'.' => "\\.".to_owned(),
        _ if is_unreserved(byte) || byte == b'/' => char::from(byte).to_string(),
        // Source: RFC 3986, section 3.3, `pchar`.
        b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=' | b':' | b'@' => {
            format!("(?:[{}]|%(?i:{byte:02x}))", char::from(byte))
        }
        _ => format!("%(?i:{byte:02x})"),
    };
    text.bytes().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, router: Router) -> Result<Paths, String> {
        Uri::parse(text, router).map(|uri| uri.paths)
    }

    #[test]
    fn a_path_is_matched_as_the_router_does() {
        let only = |path: &str| Ok(Paths::Only(path.to_owned()));
        let prefix = |path: &str| Ok(Paths::Prefix(path.to_owned()));
        let regex = |pattern: &str| Ok(Paths::Pattern(pattern.to_owned()));
        let all = || Ok(Paths::Below(crate::route::Prefix::default()));
        let with = Router::UriWithParameter;
        let cases = [
            ("/", Router::HostUri, only("/")),
            ("/hello", Router::HostUri, only("/hello")),
            ("/hello/", Router::HostUri, only("/hello/")),
            ("/v1.0", Router::HostUri, only("/v1.0")),
            ("/*", Router::HostUri, all()),
            ("*", Router::HostUri, all()),
            ("/hello/*", Router::HostUri, prefix("/hello/")),
            ("/hello*", Router::HostUri, prefix("/hello")),
            // Nothing but a prefix, as no segment begins with the wildcard.
            ("/a/b*c", Router::HostUri, prefix("/a/b")),
            ("/a/*/b", Router::HostUri, regex("/a/.*/b")),
            ("/a/*rest", Router::HostUri, regex("/a/.*")),
            ("/a.b/*/c.d", Router::HostUri, regex("/a\\.b/.*/c.d")),
            ("/user/:id", Router::HostUri, regex("/user/(?:[:]|%(?i:3a))id")),
            ("/user/:id", with, regex("/user/[^/]+")),
            ("/user/:id/orders", with, regex("/user/[^/]+/orders")),
            ("/user/:id/", with, regex("/user/[^/]+/")),
            ("/user/:id/*", with, regex("/user/[^/]+/.*")),
            ("/:a/:b", with, regex("/[^/]+/[^/]+")),
            ("/a+b", Router::HostUri, regex("/a(?:[+]|%(?i:2b))b")),
            ("/a b*", Router::HostUri, regex("/a%(?i:20)b.*")),
            ("/ü", Router::HostUri, regex("/%(?i:c3)%(?i:bc)")),
            ("/x?y", Router::HostUri, regex("/x%(?i:3f)y")),
        ];
        for (text, router, expected) in cases {
            assert_eq!(parse(text, router), expected, "{text} {router:?}");
        }
    }

    #[test]
    fn what_no_route_can_say_is_refused() {
        let cases = [
            ("", "is \"\", expected a path that begins with `/`"),
            ("user:key", "holds a colon, expected a path that begins with `/`"),
            ("hello", "is \"hello\", expected a path that begins with `/`"),
            ("/a+/*/b", "is \"/a+/*/b\": apisix takes \"a+\" as a regular expression, expected letters"),
            ("/:a/b(c", "is \"/:a/b(c\": apisix takes \"b(c\" as a regular expression, expected letters"),
            ("/a/*/b*", "is \"/a/*/b*\": apisix takes \"b*\" as a regular expression, expected letters"),
            ("/:a/b*", "is \"/:a/b*\": apisix takes \"b*\" as a regular expression, expected letters"),
            ("/a+/*", "is \"/a+/*\": apisix takes \"a+\" as a regular expression, expected letters"),
            ("/$x/*", "is \"/$x/*\": apisix takes \"$x\" as a regular expression, expected letters"),
            ("/a(b/*", "is \"/a(b/*\": apisix takes \"a(b\" as a regular expression, expected letters"),
            ("/x:y/:z", "is \"/x:y/:z\": a `:` within a segment is no parameter, expected `/:name`"),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text, Router::UriWithParameter), Err(expected.to_owned()), "{text}");
        }
        for text in ["/a+/*", "/$x/*", "/a(b/*", "/a+/*/b"] {
            assert!(parse(text, Router::HostUri).is_err_and(|error| error.contains("a regular expression")), "{text}");
        }
    }

    #[test]
    fn a_router_tries_exact_paths_first_and_long_prefixes_before_short_ones() {
        let rank = |text: &str, priority| Uri::parse(text, Router::UriWithParameter).expect(text).rank(priority);
        let ordered = [
            ("/a", 9),
            ("/abc", 0),
            ("/a/b/*", 0),
            ("/a/:long", 1),
            ("/a/:id", 0),
            ("/a/*", 0),
            ("/a*", 5),
            ("/*", 100),
        ];
        for pair in ordered.windows(2) {
            let [(first, one), (second, other)] = pair else { panic!("two") };
            assert!(rank(first, *one) < rank(second, *other), "{first} before {second}");
        }
    }
}
