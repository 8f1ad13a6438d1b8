//! Where `OpenWhisk`'s REST API lives: scheme, host, port and path prefix.

use std::fmt;
use std::net::Ipv6Addr;
use std::rc::Rc;

use http::Uri;

/// Scheme of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Plain text.
    Http,
    /// TLS.
    Https,
}

impl Scheme {
    /// `http` or `https`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// The address of an `OpenWhisk`: `http://` or `https://`, a host, perhaps a port and a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiHost {
    scheme: Scheme,
    authority: String,
    host_and_port: Rc<str>,
    path_prefix: String,
}

/// Why a text is not the address of an API. `Display` says what was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidApiHost {
    /// It is no address.
    NoAddress,
    /// It has the path of the API, which the filter adds.
    WithApiPath,
}

/// The path of the API.
///
/// Source: apache/openwhisk@1fae641 `docs/rest_api.md`.
const API_PATH: &str = "/api/v1";

impl ApiHost {
    /// Reads an address such as `https://openwhisk.example:8443/prefix`.
    ///
    /// ```
    /// use openwhisk_filter::config::api_host::{ApiHost, InvalidApiHost, Scheme};
    ///
    /// let host = ApiHost::parse("https://openwhisk.example/prefix/")?;
    /// assert_eq!((host.scheme(), host.path_prefix()), (Scheme::Https, "/prefix"));
    /// assert_eq!((host.authority(), &*host.host_and_port()), ("openwhisk.example", "openwhisk.example:443"));
    /// assert_eq!(ApiHost::parse("http://ow/api/v1"), Err(InvalidApiHost::WithApiPath));
    /// # Ok::<(), InvalidApiHost>(())
    /// ```
    ///
    /// # Errors
    /// [`InvalidApiHost`] if the scheme is another one or missing, the host is not a DNS name or
    /// an IP address, the port is not 1 to 65535, or there is user info, a query, a fragment or the path of the API.
    pub fn parse(text: &str) -> Result<Self, InvalidApiHost> {
        let host = Self::read(text).ok_or(InvalidApiHost::NoAddress)?;
        let path = &host.path_prefix;
        if path.ends_with(API_PATH) || path.contains(&format!("{API_PATH}/namespaces")) {
            return Err(InvalidApiHost::WithApiPath);
        }
        Ok(host)
    }

    fn read(text: &str) -> Option<Self> {
        // http::Uri drops a fragment without a word.
        let uri: Uri = text.parse().ok().filter(|_| !text.contains('#'))?;
        let scheme = match uri.scheme_str()? {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return None,
        };
        let authority = uri.authority()?;
        let host = authority.host();
        // Whatever else the authority holds (user info, a port that is none) shows in the rest.
        let port = match authority.as_str().strip_prefix(host)? {
            "" => None,
            _ => Some(authority.port_u16().filter(|port| *port > 0)?),
        };
        if !is_host(host) || uri.query().is_some() || !is_path(uri.path()) {
            return None;
        }
        Some(Self {
            scheme,
            authority: port.map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")),
            host_and_port: format!("{host}:{}", port.unwrap_or(scheme.default_port())).into(),
            path_prefix: uri.path().trim_end_matches('/').to_owned(),
        })
    }

    /// The scheme.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// What stands before `/api/v1`: empty, or a path that starts with a slash and does not end with one.
    #[must_use]
    pub fn path_prefix(&self) -> &str {
        &self.path_prefix
    }

    /// `host` or `host:port`, as in the `host` header: the port only if one was given.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// `host:port`, always with the port.
    #[must_use]
    pub fn host_and_port(&self) -> Rc<str> {
        Rc::clone(&self.host_and_port)
    }
}

/// A DNS name (labels of letters, digits, `-` and `_`), an IPv4 address or an IPv6 address in brackets.
fn is_host(text: &str) -> bool {
    if let Some(address) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return address.parse::<Ipv6Addr>().is_ok();
    }
    let is_label = |label: &str| {
        (1..=63).contains(&label.len()) && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    text.len() <= 253 && text.strip_suffix('.').unwrap_or(text).split('.').all(is_label)
}

/// A path of RFC 3986 section 3.3: `http::Uri` takes more.
fn is_path(text: &str) -> bool {
    let mut escapes = text.split('%');
    let is_plain = |part: &str| part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/".contains(&b));
    let is_escape = |part: &str| {
        part.split_at_checked(2)
            .is_some_and(|(digits, rest)| digits.bytes().all(|b| b.is_ascii_hexdigit()) && is_plain(rest))
    };
    escapes.next().is_some_and(is_plain) && escapes.all(is_escape)
}

impl fmt::Display for InvalidApiHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAddress => f.write_str(
                "`http://` or `https://`, a host, and perhaps a port and a path, without user info, query or fragment",
            ),
            Self::WithApiPath => write!(f, "an address without `{API_PATH}` and what follows, which the filter adds"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        let cases = [
            ("http://127.0.0.1:3233", Scheme::Http, "127.0.0.1:3233", "127.0.0.1:3233", ""),
            ("https://openwhisk.example", Scheme::Https, "openwhisk.example", "openwhisk.example:443", ""),
            ("http://openwhisk/", Scheme::Http, "openwhisk", "openwhisk:80", ""),
            ("HTTP://openwhisk/", Scheme::Http, "openwhisk", "openwhisk:80", ""),
            ("http://ow/a%20b;c=@:/~", Scheme::Http, "ow", "ow:80", "/a%20b;c=@:/~"),
            ("http://ow.example./a/b/", Scheme::Http, "ow.example.", "ow.example.:80", "/a/b"),
            ("https://[::1]:8443/x", Scheme::Https, "[::1]:8443", "[::1]:8443", "/x"),
            ("http://a_b-c.d:65535", Scheme::Http, "a_b-c.d:65535", "a_b-c.d:65535", ""),
        ];
        for (text, scheme, authority, host_and_port, path_prefix) in cases {
            let host = ApiHost::parse(text).unwrap_or_else(|_| panic!("{text:?} was refused"));
            assert_eq!(host.scheme(), scheme, "{text:?}");
            assert_eq!(host.authority(), authority, "{text:?}");
            assert_eq!(host.host_and_port().as_ref(), host_and_port, "{text:?}");
            assert_eq!(host.path_prefix(), path_prefix, "{text:?}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long_host = format!("http://{}", "a.".repeat(200));
        let cases = [
            "",
            "openwhisk.example",
            "127.0.0.1:3233",
            "//openwhisk",
            "ftp://openwhisk",
            "http://",
            "http:///api",
            "http://:80",
            "http://host:",
            "http://host:0",
            "http://host:65536",
            "http://host:abc",
            "http://host:80:80",
            "http://user@host",
            "http://user:key@host",
            "http://user:key@host:80",
            "http://@host",
            "http://host?x=1",
            "http://host/#top",
            "http://host#top",
            "http://ho st",
            "http://host/a b",
            "http://host/\r\nx: y",
            "http://h%2fost",
            "http://a..b",
            "http://[::1",
            "http://[fe80::1%25eth0]",
            "http://[zz]",
            "http://höst",
            "http://host/é",
            "http://host/\"",
            "http://host/{}",
            "http://host/%",
            "http://host/%2",
            "http://host/%zz",
            "http://host/%2%66",
            &long_host,
        ];
        for text in cases {
            assert_eq!(ApiHost::parse(text), Err(InvalidApiHost::NoAddress), "{text:?}");
        }
    }

    #[test]
    fn the_path_of_the_api_is_added_and_not_given() {
        let cases = [
            ("http://ow/api/v1", false),
            ("http://ow/api/v1/", false),
            ("http://ow/x/api/v1//", false),
            ("http://ow/api/v1/namespaces/_/actions/hello", false),
            ("http://ow/api", true),
            ("http://ow/api/v1/openwhisk", true),
            ("http://ow/api/v10", true),
        ];
        for (text, expected) in cases {
            let result = ApiHost::parse(text).map(|_| ());
            assert_eq!(result, if expected { Ok(()) } else { Err(InvalidApiHost::WithApiPath) }, "{text:?}");
        }
    }
}
