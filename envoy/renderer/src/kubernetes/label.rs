//! Names of a configuration as names of Kubernetes, each another one.

use std::collections::BTreeMap;

use crate::kubernetes::mistake::{Kind, Mistake};

/// The labels of things of a kind.
#[derive(Debug)]
pub struct Labels {
    kind: Kind,
    longest: usize,
    seen: BTreeMap<String, String>,
}

impl Labels {
    /// None yet.
    pub fn new(kind: Kind, longest: usize) -> Self {
        Self { kind, longest, seen: BTreeMap::new() }
    }

    /// The label for a name.
    pub fn of(&mut self, name: &str, is_reserved: impl Fn(&str) -> bool) -> Result<String, Mistake> {
        let kind = self.kind;
        let own = || name.to_owned();
        let label = label_of(name).ok_or_else(|| Mistake::NoName { kind, name: own() })?;
        if label.len() > self.longest {
            return Err(Mistake::TooLong { kind, name: own(), longest: self.longest });
        }
        if is_reserved(&label) {
            return Err(Mistake::Reserved { kind, name: own() });
        }
        match self.seen.insert(label.clone(), own()) {
            Some(other) => Err(Mistake::SameName { kind, names: [other, own()], name: label }),
            None => Ok(label),
        }
    }
}

/// A text as a name without a dot: in small letters, with hyphens for what a name may not have. None if nothing is left.
fn label_of(text: &str) -> Option<String> {
    let small = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let name: String = text.chars().map(small).collect();
    let name = name.trim_matches('-');
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_made_of_what_a_text_has_for_one() {
        let cases = [
            ("hello", Some("hello")),
            ("Orders/v1.2", Some("orders-v1-2")),
            ("ow.example:443", Some("ow-example-443")),
            ("/a b/", Some("a-b")),
            ("naïve", Some("na-ve")),
            ("ü %", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(label_of(text).as_deref(), expected, "{text:?}");
        }
    }
}
