//! Names of namespaces, packages and actions.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::error::ApiError;

const LONGEST: usize = 256;

/// Source: openwhisk common/scala core/entity/FullyQualifiedEntityName.scala
const NOT_FULLY_QUALIFIED: &str = "requirement failed: The fully qualified name of the entity must contain at least the namespace and the name of the entity.";

/// A name that fulfils `\A([\w]|[\w][\w@ .&-]{0,254}[\w@.&-])\z`.
///
/// Source: openwhisk common/scala core/entity/EntityPath.scala (`EntityName.REGEX`)
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Name(String);

impl Name {
    /// A name of an action or a package.
    ///
    /// # Errors
    /// A character where it may not be, or too many of them.
    pub fn entity(text: &str) -> Result<Self, ApiError> {
        Self::read(text, ApiError::NameTooLong, ApiError::IllegalName)
    }

    /// A name of a namespace.
    ///
    /// # Errors
    /// As for entities, with the texts for namespaces.
    pub fn namespace(text: &str) -> Result<Self, ApiError> {
        Self::read(text, ApiError::NamespaceTooLong, ApiError::IllegalNamespace)
    }

    fn read(text: &str, too_long: fn(usize) -> ApiError, illegal: ApiError) -> Result<Self, ApiError> {
        match text.chars().count() {
            size if size > LONGEST => Err(too_long(size)),
            _ if is_name(text) => Ok(Self(text.to_owned())),
            _ => Err(illegal),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_name(text: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mark = |c: char| matches!(c, '@' | '.' | '&' | '-');
    text.starts_with(word)
        && text.ends_with(|c| word(c) || mark(c))
        && text.chars().all(|c| word(c) || mark(c) || c == ' ')
}

/// An action's place inside its namespace: in a package or in none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ActionName {
    /// The package, or none for the default one.
    pub package: Option<Name>,
    /// The name itself.
    pub name: Name,
}

impl ActionName {
    /// With its namespace: `guest/package/action`.
    pub fn path(&self, namespace: &Name) -> String {
        format!("{namespace}/{self}")
    }

    /// The namespace field of its JSON: `guest` or `guest/package`.
    pub fn home(&self, namespace: &Name) -> String {
        match &self.package {
            None => namespace.to_string(),
            Some(package) => format!("{namespace}/{package}"),
        }
    }
}

impl fmt::Display for ActionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.package {
            None => self.name.fmt(f),
            Some(package) => write!(f, "{package}/{}", self.name),
        }
    }
}

/// An action as written in a sequence: `/guest/package/action` or `/_/action`; the first slash may be missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionPath {
    /// The namespace, never `_`.
    pub namespace: Name,
    /// The place inside.
    pub action: ActionName,
}

impl ActionPath {
    /// Reads a path; `_` stands for `own`.
    ///
    /// # Errors
    /// A segment that is no name, or too few or too many of them.
    pub fn parse(text: &str, own: &Name) -> Result<Self, ApiError> {
        let segments: Vec<&str> = text.split('/').filter(|segment| !segment.is_empty()).collect();
        let (namespace, package, name) = match segments.as_slice() {
            [namespace, name] => (*namespace, None, name),
            [namespace, package, name] => (*namespace, Some(Name::entity(package)?), name),
            [] | [_] => return Err(ApiError::MalformedBody(NOT_FULLY_QUALIFIED.to_owned())),
            _ => return Err(ApiError::IllegalName),
        };
        let namespace = if namespace == "_" { own.clone() } else { Name::namespace(namespace)? };
        Ok(Self { namespace, action: ActionName { package, name: Name::entity(name)? } })
    }
}

impl Serialize for ActionPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for ActionPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}/{}", self.namespace, self.action)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_schema_tests() {
        let longest = "a".repeat(256);
        let cases: &[(&str, bool)] = &[
            ("a", true),
            ("_", true),
            ("a b", true),
            ("a@b.c&d", true),
            ("_ _", true),
            ("0.0", true),
            (&longest, true),
            ("", false),
            (" ", false),
            ("-abc", false),
            ("&abc", false),
            ("xxx ", false),
            (" xxx", false),
            ("a=2b", false),
            ("a?b", false),
            ("a()b", false),
            ("a/b", false),
            ("a\n", false),
            ("ä", false),
        ];
        for (text, good) in cases {
            assert_eq!(Name::entity(text).is_ok(), *good, "{text:?}");
        }
        assert_eq!(Name::entity(&"a".repeat(257)), Err(ApiError::NameTooLong(257)));
        assert_eq!(Name::namespace(&"a".repeat(257)), Err(ApiError::NamespaceTooLong(257)));
    }

    #[test]
    fn paths_are_resolved_to_the_own_namespace() {
        let own = Name::namespace("guest").unwrap();
        let cases = [
            ("/_/a", "/guest/a"),
            ("other/a", "/other/a"),
            ("/guest/p/a", "/guest/p/a"),
            ("_/p/a", "/guest/p/a"),
            ("/other/a", "/other/a"),
            ("//guest//a", "/guest/a"),
        ];
        for (text, expected) in cases {
            assert_eq!(ActionPath::parse(text, &own).unwrap().to_string(), expected, "{text:?}");
        }
        for text in ["", "/", "a", "/guest", "a/b/c/d", "/guest/-a"] {
            assert!(ActionPath::parse(text, &own).is_err(), "{text:?}");
        }
    }
}
