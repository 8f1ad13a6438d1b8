//! The names of Kubernetes, and what else its operator says: checked where it comes in, so that nothing can break out of its
//! place in a manifest.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// The longest name of a resource, and of a host.
pub const LONGEST: usize = 253;

/// The longest label of DNS.
const LONGEST_LABEL: usize = 63;

/// A name of a resource: labels with dots between them.
///
/// Source: RFC 1123, section 2.1; <https://kubernetes.io/docs/concepts/overview/working-with-objects/names/>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(String);

/// A name without a dot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label(String);

/// The name of a host, or all that end so: `*.example.com`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostName(String);

/// A resource, and its namespace if it is in another one: `[NAMESPACE/]NAME`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayName {
    /// The namespace.
    pub namespace: Option<Label>,
    /// The name.
    pub name: Name,
}

/// A label of a pod: `KEY=VALUE`.
///
/// Source: <https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodLabel {
    /// What it says of the pod.
    pub key: String,
    /// What that is.
    pub value: String,
}

/// Where the image of the filter is, without a scheme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image(String);

/// A text is none of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invalid {
    /// Not a [`Name`].
    Name,
    /// Not a [`Label`].
    Label,
    /// Not a [`HostName`].
    HostName,
    /// Not a [`GatewayName`].
    GatewayName,
    /// Not a [`PodLabel`].
    PodLabel,
    /// Not an [`Image`].
    Image,
}

macro_rules! text {
    ($($name:ident)*) => {$(
        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = Invalid;

            fn from_str(text: &str) -> Result<Self, Invalid> {
                Self::is(text).then(|| Self(text.to_owned())).ok_or(Invalid::$name)
            }
        }
    )*};
}

text! { Name Label HostName Image }

impl Name {
    fn is(text: &str) -> bool {
        text.len() <= LONGEST && text.split('.').all(is_label)
    }
}

impl Label {
    fn is(text: &str) -> bool {
        text.len() <= LONGEST_LABEL && is_label(text)
    }
}

impl HostName {
    fn is(text: &str) -> bool {
        let has_labels = text.strip_prefix("*.").unwrap_or(text).split('.').all(Label::is);
        has_labels && text.len() <= LONGEST && text.parse::<IpAddr>().is_err()
    }
}

impl HostName {
    /// Whether some host is both.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        let is_of = |one: &str, all: &str| one == all || all.strip_prefix('*').is_some_and(|end| one.ends_with(end));
        is_of(&self.0, &other.0) || is_of(&other.0, &self.0)
    }
}

impl Image {
    fn is(text: &str) -> bool {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | ':' | '@');
        !text.is_empty() && !text.contains("://") && text.chars().all(is_plain)
    }
}

impl FromStr for GatewayName {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let (namespace, name) = match text.split_once('/') {
            Some((namespace, name)) => (Some(namespace.parse()?), name),
            None => (None, text),
        };
        Ok(Self { namespace, name: name.parse()? })
    }
}

impl FromStr for PodLabel {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let (key, value) = text.split_once('=').ok_or(Invalid::PodLabel)?;
        let (prefix, name) = key.split_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
        let is_key = prefix.is_none_or(Name::is) && is_word(name);
        (is_key && (value.is_empty() || is_word(value)))
            .then(|| Self { key: key.to_owned(), value: value.to_owned() })
            .ok_or(Invalid::PodLabel)
    }
}

/// Whether these are up to 63 letters, digits, hyphens, underscores and dots, with a letter or digit at each end.
fn is_word(text: &str) -> bool {
    let is_inside = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let is_end = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    let ends = is_end(text.bytes().next()) && is_end(text.bytes().next_back());
    ends && text.len() <= LONGEST_LABEL && text.bytes().all(is_inside)
}

/// Whether these are small letters, digits and hyphens, with no hyphen at an end.
fn is_label(text: &str) -> bool {
    let is_inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.bytes().all(is_inside) && !text.starts_with('-') && !text.ends_with('-')
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "expected up to 253 small letters, digits, hyphens and dots, as names of kubernetes are",
            Self::Label => "expected up to 63 small letters, digits and hyphens, as names of kubernetes are",
            Self::HostName => "expected the name of a host in small letters, or `*.` and one",
            Self::GatewayName => "expected `NAME` or `NAMESPACE/NAME`",
            Self::PodLabel => "expected `KEY=VALUE`",
            Self::Image => "expected registry/name:tag, without a scheme",
        })
    }
}

impl std::error::Error for Invalid {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_that_kubernetes_takes() {
        let [longest_label, longer_label, longest, longer] = [63, 64, 253, 254].map(|length| "a".repeat(length));
        let longest_host = format!("{}.{}", [longest_label.as_str(); 3].join("."), "a".repeat(61));
        let cases = [
            ("a", true, true, true),
            ("a-1", true, true, true),
            ("1", true, true, true),
            ("a.b", true, false, true),
            ("*.a.b", false, false, true),
            ("192.0.2.1", true, false, false),
            (&longest, true, false, false),
            (&longer, false, false, false),
            (&longest_label, true, true, true),
            (&longer_label, true, false, false),
            (&longest_host, true, false, true),
            (&format!("*.{longest_host}"), false, false, false),
            ("", false, false, false),
            ("*.", false, false, false),
            ("*", false, false, false),
            ("A", false, false, false),
            ("-a", false, false, false),
            ("a-", false, false, false),
            ("a..b", false, false, false),
            ("a.-b", false, false, false),
            ("a b", false, false, false),
            ("a\n- b", false, false, false),
            ("a: b", false, false, false),
            ("ü", false, false, false),
            ("a_b", false, false, false),
        ];
        for (text, is_name, is_label, is_host) in cases {
            assert_eq!(Name::from_str(text).is_ok(), is_name, "{text:?}");
            assert_eq!(Label::from_str(text).is_ok(), is_label, "{text:?}");
            assert_eq!(HostName::from_str(text).is_ok(), is_host, "{text:?}");
        }
    }

    #[test]
    fn a_gateway_an_image_and_a_label_have_their_forms() {
        for (text, expected) in
            [("a", true), ("n/a.b", true), ("n/", false), ("/a", false), ("n/a/b", false), ("", false)]
        {
            assert_eq!(GatewayName::from_str(text).is_ok(), expected, "{text:?}");
        }
        for (text, expected) in [
            ("r.example:5000/a/b:1@sha256:0a", true),
            ("", false),
            ("oci://r/a", false),
            ("a b", false),
            ("a\"", false),
        ] {
            assert_eq!(Image::from_str(text).is_ok(), expected, "{text:?}");
        }
        for (text, expected) in [
            ("a=b", true),
            ("a.b/c=", true),
            ("A_b.c=1.2-3_X", true),
            (&format!("{}=", "a".repeat(63)), true),
            (&format!("{}=", "a".repeat(64)), false),
            (&format!("a={}", "a".repeat(64)), false),
            ("a/b/c=d", false),
            ("/a=b", false),
            ("a=-", false),
            ("a.=b", false),
            ("a", false),
            ("=b", false),
            ("a=b c", false),
            ("a=}", false),
            ("a:=b", false),
        ] {
            assert_eq!(PodLabel::from_str(text).is_ok(), expected, "{text:?}");
        }
    }
}
