//! Which environment variables a configuration may read.

use std::fmt;

use crate::configuration::Configuration;

/// How the names of the variables begin that are for the filter. Others of the proxy's environment are not: whoever writes
/// a route could send them to an `api_host` of their own.
const OURS: &str = "OPENWHISK_";

/// A configuration reads variables that nobody allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAllowed(Vec<Reference>);

/// Where a configuration names a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The attribute.
    pub place: String,
    /// The variable.
    pub name: String,
}

/// Checks that each variable which a configuration names is for the filter, or allowed by its operator.
pub fn check(configuration: &Configuration, allowed: &[String]) -> Result<(), NotAllowed> {
    let mut references = configuration.references();
    references.retain(|Reference { name, .. }| !name.starts_with(OURS) && !allowed.contains(name));
    if references.is_empty() { Ok(()) } else { Err(NotAllowed(references)) }
}

/// The names that are allowed and not read.
pub fn unused<'a>(configuration: &Configuration, allowed: &'a [String]) -> Vec<&'a str> {
    allowed.iter().filter(|name| !configuration.environment.contains_key(*name)).map(String::as_str).collect()
}

impl fmt::Display for NotAllowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Reference { place, name }) in self.0.iter().enumerate() {
            let end = if index == 0 { "" } else { "\n" };
            write!(
                f,
                "{end}`{place}` is the environment variable `{name}`, expected one whose name begins with `{OURS}`: \
                 `--env {name}` allows it"
            )?;
        }
        Ok(())
    }
}

impl std::error::Error for NotAllowed {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::configuration::tests::read;

    #[test]
    fn only_what_is_for_the_filter_or_allowed_is_read() {
        let refused = |place: &str, name: &str| {
            format!(
                "`{place}` is the environment variable `{name}`, expected one whose name begins with `OPENWHISK_`: \
                 `--env {name}` allows it"
            )
        };
        let routes = r#""service_token": "$env://AWS_KEY", "routes": {"x": {"service_token": "$ENV://OPENWHISK_X"},
                        "y": {"service_token": "$ENV://HOME"}, "z": {}}"#;
        let cases = [
            (r#""service_token": "$ENV://OPENWHISK_TOKEN""#, &[][..], vec![]),
            (r#""service_token": "a:b""#, &[], vec![]),
            (r#""service_token": "$ENV://KEY""#, &["KEY"], vec![]),
            (r#""service_token": "$ENV://KEY""#, &["KEYS", "K"], vec![refused("service_token", "KEY")]),
            (r#""service_token": "$ENV://openwhisk_key""#, &[], vec![refused("service_token", "openwhisk_key")]),
            (r#""service_token": "$ENV://OPENWHISKY""#, &[], vec![refused("service_token", "OPENWHISKY")]),
            (routes, &[], vec![refused("service_token", "AWS_KEY"), refused("routes[\"y\"].service_token", "HOME")]),
            (routes, &["AWS_KEY"], vec![refused("routes[\"y\"].service_token", "HOME")]),
        ];
        for (attributes, allowed, expected) in cases {
            let allowed: Vec<_> = allowed.iter().map(|name| (*name).to_owned()).collect();
            let said = check(&read(attributes), &allowed).err().map(|error| error.to_string()).unwrap_or_default();
            assert_eq!(said.lines().collect::<Vec<_>>(), expected, "{attributes} {allowed:?}");
        }
    }

    #[test]
    fn a_name_that_is_allowed_and_not_read_is_seen() {
        let configuration = read(r#""service_token": "$ENV://KEY""#);
        assert_eq!(unused(&configuration, &["KEY".to_owned(), "OTHER".to_owned()]), ["OTHER"]);
    }
}
