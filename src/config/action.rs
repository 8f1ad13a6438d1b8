//! The names of an action, and its address in `OpenWhisk`'s REST API.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// The longest name `OpenWhisk` takes, in characters.
///
/// Source: apache/openwhisk@1fae641 `core/entity/EntityPath.scala`, `EntityName.ENTITY_NAME_MAX_LENGTH`.
pub const LONGEST_NAME: usize = 256;

/// Everything but the unreserved characters of a URI path segment.
///
/// Source: RFC 3986 section 2.3.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The name of a namespace, package or action.
///
/// Guaranteed to match `[\w]|[\w][\w@ .&-]{0,254}[\w@.&-]`, so it is ASCII, not empty, holds no
/// slash, and is neither `.` nor `..`.
///
/// Source: apache/openwhisk@1fae641 `core/entity/EntityPath.scala`, `EntityName.REGEX`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(String);

/// The text is not an `OpenWhisk` name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidName;

impl Name {
    /// Checks a name.
    ///
    /// # Errors
    /// [`InvalidName`] if the text breaks the rule above.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let starts_well = text.starts_with(is_word);
        let is_clean = text.chars().all(|c| is_word(c) || matches!(c, '@' | ' ' | '.' | '&' | '-'));
        if starts_well && is_clean && !text.ends_with(' ') && text.len() <= LONGEST_NAME {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidName)
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for InvalidName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a name of 1 to {LONGEST_NAME} characters: letters, digits, `_`, `@`, `.`, `&`, `-` and spaces, \
             starting with a letter, a digit or `_`, not ending with a space"
        )
    }
}

/// What a configuration invokes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An action.
    Action,
    /// A trigger, which invokes the actions of its rules.
    Trigger,
}

/// Which action a configuration invokes, or which trigger it fires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// Which of both.
    pub kind: Kind,
    /// The namespace; `_` is the namespace of the key.
    pub namespace: Name,
    /// The package, if the action is in one.
    pub package: Option<Name>,
    /// The action's own name.
    pub name: Name,
}

/// The name that stands for no package where an address must have one.
///
/// Source: apache/openwhisk@1fae641 `docs/webactions.md`.
const NO_PACKAGE: &str = "default";

impl Action {
    /// The action with these names. The package `default` is none.
    #[must_use]
    pub fn new(kind: Kind, namespace: Name, package: Option<Name>, name: Name) -> Self {
        Self { kind, namespace, package: package.filter(|package| package.0 != NO_PACKAGE), name }
    }

    /// Whether it is the one of an activation, whose record has this namespace, and the annotations `path` and perhaps
    /// `binding`.
    ///
    /// Source: observed on a real `OpenWhisk`: the namespace is that of the caller. Through the binding of a package the path
    /// is that of its provider, and the binding is told beside it: it may have had other parameters than the provider's.
    #[must_use]
    pub fn is_of(&self, namespace: &str, path: &str, binding: Option<&str>) -> bool {
        let own = if self.namespace.0 == "_" { namespace } else { self.namespace.0.as_str() };
        let package = self.package.as_ref().map(|package| package.0.as_str());
        let mut names = path.split('/');
        let (first, name) = (names.next(), names.next_back());
        if name != Some(self.name.0.as_str()) {
            return false;
        }
        let is_direct = binding.is_none() && first == Some(own) && names.next() == package && names.next().is_none();
        let is_bound = || binding?.split_once('/').zip(package).map(|(bound, package)| bound == (own, package));
        is_direct || is_bound() == Some(true)
    }

    /// The action's path in the REST API, percent-encoded, starting with `/api/v1`.
    ///
    /// Source: apache/openwhisk@1fae641 `docs/rest_api.md`.
    #[must_use]
    pub fn api_path(&self) -> String {
        let encode = |name: &Name| utf8_percent_encode(&name.0, ESCAPED).to_string();
        let package = self.package.as_ref().map_or_else(String::new, |package| format!("{}/", encode(package)));
        let kind = match self.kind {
            Kind::Action => "actions",
            Kind::Trigger => "triggers",
        };
        format!("/api/v1/namespaces/{}/{kind}/{package}{}", encode(&self.namespace), encode(&self.name))
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/", self.namespace)?;
        if let Some(package) = &self.package {
            write!(f, "{package}/")?;
        }
        write!(f, "{}", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rule_of_openwhisk() {
        let longest = "a".repeat(256);
        let too_long = "a".repeat(257);
        let cases: &[(&str, bool)] = &[
            ("hello", true),
            ("_", true),
            ("0.0", true),
            ("a b", true),
            ("a@b.c&d", true),
            ("a-", true),
            ("_ _", true),
            (&longest, true),
            (&too_long, false),
            ("", false),
            (" a", false),
            ("a ", false),
            ("-abc", false),
            ("&abc", false),
            (".", false),
            ("..", false),
            ("a/b", false),
            ("a%2fb", false),
            ("a?b", false),
            ("a\nb", false),
            ("a\0", false),
            ("é", false),
        ];
        for (text, accepted) in cases {
            assert_eq!(Name::parse(text).is_ok(), *accepted, "name {text:?}");
        }
    }

    #[test]
    fn the_api_path_is_percent_encoded() {
        let cases = [
            ("_", None, "hello", "/api/v1/namespaces/_/actions/hello", "_/hello"),
            ("guest", Some("default"), "default", "/api/v1/namespaces/guest/actions/default", "guest/default"),
            ("guest", Some("Default"), "a", "/api/v1/namespaces/guest/actions/Default/a", "guest/Default/a"),
            ("guest", Some("pkg"), "a b", "/api/v1/namespaces/guest/actions/pkg/a%20b", "guest/pkg/a b"),
            ("a@b.c", Some("x&y"), "z-1", "/api/v1/namespaces/a%40b.c/actions/x%26y/z-1", "a@b.c/x&y/z-1"),
        ];
        for (namespace, package, name, path, shown) in cases {
            let parse = |text| Name::parse(text).expect(text);
            let action = Action::new(Kind::Action, parse(namespace), package.map(parse), parse(name));
            assert_eq!(action.api_path(), path, "{shown}");
            assert_eq!(action.to_string(), shown);
        }
        let parse = |text| Name::parse(text).expect(text);
        let trigger = Action::new(Kind::Trigger, parse("_"), None, parse("a b"));
        assert_eq!(trigger.api_path(), "/api/v1/namespaces/_/triggers/a%20b");
    }

    #[test]
    fn an_activation_is_of_one_action() {
        let cases = [
            ("guest", None, "guest", "guest/hello", None, true),
            ("_", None, "guest", "guest/hello", None, true),
            ("_", None, "other", "guest/hello", None, false),
            ("guest", None, "guest", "guest/other", None, false),
            ("guest", None, "guest", "guest/pkg/hello", None, false),
            ("guest", None, "guest", "hello", None, false),
            ("guest", None, "guest", "", None, false),
            ("guest", Some("pkg"), "guest", "guest/pkg/hello", None, true),
            ("_", Some("pkg"), "guest", "guest/pkg/hello", None, true),
            ("guest", Some("pkg"), "guest", "guest/hello", None, false),
            ("guest", Some("pkg"), "guest", "guest/pkg/x/hello", None, false),
            ("whisk.system", Some("utils"), "guest", "whisk.system/utils/hello", None, true),
            ("_", Some("utils"), "guest", "whisk.system/utils/hello", None, false),
            ("guest", Some("bound"), "guest", "guest/provider/hello", Some("guest/bound"), true),
            ("_", Some("bound"), "guest", "other/provider/hello", Some("guest/bound"), true),
            ("guest", Some("bound"), "guest", "guest/provider/other", Some("guest/bound"), false),
            ("guest", Some("bound"), "guest", "guest/provider/hello", Some("guest/other"), false),
            ("guest", Some("bound"), "guest", "guest/provider/hello", Some("other/bound"), false),
            ("guest", Some("bound"), "guest", "guest/provider/hello", None, false),
            ("guest", Some("provider"), "guest", "guest/provider/hello", None, true),
            ("guest", Some("provider"), "guest", "guest/provider/hello", Some("guest/bound"), false),
            ("guest", None, "guest", "guest/provider/hello", Some("guest/bound"), false),
        ];
        for (namespace, package, recorded, path, binding, expected) in cases {
            let parse = |text| Name::parse(text).expect(text);
            let action = Action::new(Kind::Action, parse(namespace), package.map(parse), parse("hello"));
            assert_eq!(action.is_of(recorded, path, binding), expected, "{action}: {recorded} {path} {binding:?}");
        }
    }
}
