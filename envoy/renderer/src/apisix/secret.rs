//! Keys that stand in a text of `APISIX`: each gets the name of an environment variable.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;

use super::document::Fields;
use crate::configuration::{KEYS, secrets, variable};

/// The variable of a key that no other one shares a file with.
const VARIABLE: &str = "OPENWHISK_TOKEN";

/// How many routes of a key are listed.
const SHOWN: usize = 10;

/// A key, and the environment variable from which the filter reads it. Debug hides the key.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    /// The variable.
    pub variable: String,
    /// What belongs into it.
    pub value: String,
    /// The routes that are called with it.
    pub routes: Vec<String>,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("variable", &self.variable).field("routes", &self.routes).finish_non_exhaustive()
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let routes: Vec<_> = self.routes.iter().take(SHOWN).map(|route| format!("{route:?}")).collect();
        write!(f, "{}: the key of {}", self.variable, routes.join(", "))?;
        match self.routes.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

/// What an attribute refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reference {
    /// `$ENV://…`, an environment variable.
    Environment,
    /// `$secret://…`, a place that only `APISIX` knows.
    Secret,
}

impl Reference {
    /// What a value refers to, in any case of its letters.
    ///
    /// Source: apache/apisix `apisix/core/env.lua` and `apisix/secret.lua`.
    pub fn of(value: &Value) -> Option<Self> {
        let text = value.as_str()?.to_ascii_lowercase();
        match () {
            () if text.starts_with("$env://") => Some(Self::Environment),
            () if text.starts_with("$secret://") => Some(Self::Secret),
            () => None,
        }
    }
}

/// Puts the name of a variable in the place of each key. The configurations are those of routes, by their names.
pub fn replace(configurations: &mut [(String, Fields)]) -> Vec<Key> {
    let mut taken = BTreeSet::new();
    let mut keys: Vec<(String, Vec<String>)> = Vec::new();
    for (route, fields) in configurations.iter() {
        taken.extend(secrets(fields).filter_map(|secret| Some(variable(secret.text)?.to_owned())));
        let literals =
            secrets(fields).filter(|secret| KEYS.contains(&secret.attribute) && variable(secret.text).is_none());
        for key in literals.map(|secret| trimmed(secret.text)) {
            match keys.iter_mut().find(|(known, _)| known == key) {
                Some((_, routes)) => routes.push(route.clone()),
                None => keys.push((key.to_owned(), vec![route.clone()])),
            }
        }
    }
    let is_only = keys.len() == 1;
    let name = |(value, routes): (String, Vec<String>)| {
        let first = routes.first().map_or("", String::as_str);
        let base = if is_only { VARIABLE.to_owned() } else { format!("{VARIABLE}_{}", in_capitals(first)) };
        let more = (2_u32..).map(|number| format!("{base}_{number}"));
        let variable = [base.clone()].into_iter().chain(more).find(|name| taken.insert(name.clone()));
        Key { variable: variable.unwrap_or(base), value, routes }
    };
    let keys: Vec<_> = keys.into_iter().map(name).collect();
    let variables: BTreeMap<_, _> = keys.iter().map(|key| (key.value.as_str(), key.variable.as_str())).collect();
    for (_, fields) in configurations {
        for attribute in KEYS {
            let key = fields.get(*attribute).and_then(Value::as_str);
            if let Some(variable) = key.and_then(|key| variables.get(trimmed(key))) {
                fields.insert((*attribute).to_owned(), format!("$ENV://{variable}").into());
            }
        }
    }
    keys
}

/// A key without the line break at its end, which the filter does not look at, either.
fn trimmed(key: &str) -> &str {
    key.trim_end_matches(['\r', '\n'])
}

/// The name of a route as the end of that of a variable.
fn in_capitals(route: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    route.chars().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TOKEN: &str = "service_token";

    fn replaced(tokens: &[(&str, &str)]) -> (Vec<String>, Vec<String>) {
        let fields = |token: &str| [(TOKEN.to_owned(), json!(token))].into_iter().collect();
        let mut configurations: Vec<_> =
            tokens.iter().map(|(route, token)| ((*route).to_owned(), fields(token))).collect();
        let keys = replace(&mut configurations);
        let shown = keys.iter().map(|key| format!("{}={} {}", key.variable, key.value, key.routes.join(","))).collect();
        let token = |fields: &Fields| fields[TOKEN].as_str().expect("a text").to_owned();
        (configurations.iter().map(|(_, fields)| token(fields)).collect(), shown)
    }

    #[test]
    fn each_key_has_a_variable() {
        type Case = (&'static [(&'static str, &'static str)], &'static [&'static str], &'static [&'static str]);
        let cases: &[Case] = &[
            (&[("a", "u:k")], &["$ENV://OPENWHISK_TOKEN"], &["OPENWHISK_TOKEN=u:k a"]),
            (
                &[("a", "u:k"), ("b", "u:k\n")],
                &["$ENV://OPENWHISK_TOKEN", "$ENV://OPENWHISK_TOKEN"],
                &["OPENWHISK_TOKEN=u:k a,b"],
            ),
            (&[("a", "$env://X")], &["$env://X"], &[]),
            (
                &[("pay me", "u:k"), ("pay-me", "v:k"), ("ü", "w:k")],
                &["$ENV://OPENWHISK_TOKEN_PAY_ME", "$ENV://OPENWHISK_TOKEN_PAY_ME_2", "$ENV://OPENWHISK_TOKEN__"],
                &[
                    "OPENWHISK_TOKEN_PAY_ME=u:k pay me",
                    "OPENWHISK_TOKEN_PAY_ME_2=v:k pay-me",
                    "OPENWHISK_TOKEN__=w:k ü",
                ],
            ),
            // A name that is in use holds another key.
            (
                &[("a", "$ENV://OPENWHISK_TOKEN"), ("b", "u:k")],
                &["$ENV://OPENWHISK_TOKEN", "$ENV://OPENWHISK_TOKEN_2"],
                &["OPENWHISK_TOKEN_2=u:k b"],
            ),
        ];
        for (tokens, texts, keys) in cases {
            let (found, shown) = replaced(tokens);
            assert_eq!((found, shown), (owned(texts), owned(keys)), "{tokens:?}");
        }
    }

    #[test]
    fn a_whole_header_is_a_key_and_other_secrets_stay() {
        let plugin =
            json!({ "authorization": "Bearer s3cret", "call_headers": { "a": "$env://OPENWHISK_TOKEN", "b": "c" } });
        let mut configurations = [("x".to_owned(), plugin.as_object().expect("an object").clone())];
        let keys = replace(&mut configurations);
        let keys: Vec<_> = keys.iter().map(|key| (key.variable.as_str(), key.value.as_str())).collect();
        assert_eq!(keys, [("OPENWHISK_TOKEN_2", "Bearer s3cret")]);
        let expected = json!({ "authorization": "$ENV://OPENWHISK_TOKEN_2", "call_headers": plugin["call_headers"] });
        assert_eq!(Value::Object(configurations[0].1.clone()), expected);
    }

    fn owned(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn debug_shows_no_key() {
        let key = Key { variable: "A".to_owned(), value: "u:s3cret".to_owned(), routes: vec!["a".to_owned()] };
        assert_eq!(format!("{key:?}"), "Key { variable: \"A\", routes: [\"a\"], .. }");
    }
}
