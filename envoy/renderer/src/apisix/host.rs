//! Hosts of routes.

use std::cmp::Reverse;

use super::quote::found;

/// A host of a route, in lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Host {
    /// One.
    Exact(String),
    /// All that end so.
    Suffix(String),
}

/// How well a host of a route fits: the best first. One without a host comes last.
pub type Fit = (bool, Option<Reverse<usize>>);

impl Host {
    /// Reads one.
    ///
    /// Source: apache/apisix `apisix/schema_def.lua`, `host_def_pat`. A `$host` of nginx has neither a port nor a dot at
    /// its end.
    ///
    /// # Errors
    /// A sentence about what no request can ask for.
    pub fn parse(text: &str) -> Result<Self, String> {
        let rest = text.strip_prefix('*').unwrap_or(text);
        let is_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        if rest.is_empty() || rest.ends_with('.') || !rest.chars().all(is_host) {
            let found = found(text);
            return Err(format!("{found}, expected a name such as `example.com` or `*.example.com`, without a port"));
        }
        let rest = rest.to_ascii_lowercase();
        Ok(if text.starts_with('*') { Self::Suffix(rest) } else { Self::Exact(rest) })
    }

    /// Whether this one answers all requests for another.
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Suffix(suffix), Self::Exact(text) | Self::Suffix(text)) => text.ends_with(suffix),
            (Self::Exact(one), Self::Exact(other)) => one == other,
            (Self::Exact(_), Self::Suffix(_)) => false,
        }
    }

    /// How well it fits, among those that cover the same.
    pub fn fit(host: Option<&Self>) -> Fit {
        match host {
            Some(Self::Exact(_)) => (false, None),
            Some(Self::Suffix(suffix)) => (false, Some(Reverse(suffix.len()))),
            None => (true, None),
        }
    }

    /// The host itself, and for a wildcard that stands for nothing, too, the host without it: in Envoy it stands for
    /// something.
    ///
    /// Source: Envoy `api/envoy/config/route/v3/route_components.proto`, `VirtualHost.domains`.
    pub fn apart(&self) -> impl Iterator<Item = Self> {
        let bare = match self {
            Self::Suffix(suffix) if !suffix.starts_with('.') => Some(Self::Exact(suffix.clone())),
            _ => None,
        };
        [Some(self.clone()), bare].into_iter().flatten()
    }

    /// As Envoy writes it: also with the dot at the end, which nginx takes off.
    pub fn domains(&self) -> Vec<String> {
        let domain = self.to_string();
        vec![domain.clone(), format!("{domain}.")]
    }
}

impl std::fmt::Display for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exact(text) => f.write_str(text),
            Self::Suffix(text) => write!(f, "*{text}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_ends_like_one() {
        let cases = [
            ("example.com", "example.com"),
            ("API.Example.COM", "api.example.com"),
            ("*.example.com", "*.example.com"),
            ("*example.com", "*example.com"),
            ("127.0.0.1", "127.0.0.1"),
        ];
        for (text, expected) in cases {
            assert_eq!(Host::parse(text).map(|host| host.to_string()), Ok(expected.to_owned()), "{text}");
        }
        for text in ["", "*", "example.com:80", "a.*.com", "foo*", "example.com.", "[::1]", "ü.example", "a b"] {
            let expected = "expected a name such as `example.com` or `*.example.com`, without a port";
            let found = if text.contains(':') { "holds a colon".to_owned() } else { format!("is {text:?}") };
            assert_eq!(Host::parse(text), Err(format!("{found}, {expected}")), "{text}");
        }
    }

    #[test]
    fn a_wildcard_covers_what_ends_so() {
        let cases = [
            ("a.com", "a.com", true),
            ("a.com", "b.a.com", false),
            ("*.a.com", "b.a.com", true),
            ("*.a.com", "c.b.a.com", true),
            ("*.a.com", "a.com", false),
            ("*.a.com", "*.b.a.com", true),
            ("*.b.a.com", "*.a.com", false),
            ("*a.com", "a.com", true),
            ("*a.com", "ba.com", true),
            ("a.com", "*.a.com", false),
        ];
        for (one, other, expected) in cases {
            let host = |text| Host::parse(text).expect(text);
            assert_eq!(host(one).covers(&host(other)), expected, "{one} {other}");
        }
    }
}
