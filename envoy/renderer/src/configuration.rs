//! A configuration of the filter, checked by the filter's own rules, and what only its text says.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;

use openwhisk_filter::config::Config;
use openwhisk_filter::config::mistake::ConfigError;
use openwhisk_filter::config::settings::{RequestBody, Settings};
use serde_json::Value;

use crate::environment::Reference;

/// Stands for every key in the environment, which does not matter here.
const STAND_IN: &str = "user:key";

/// A configuration that the filter accepts.
#[derive(Debug)]
pub struct Configuration {
    config: Config,
    text: Value,
    /// The environment variables it names.
    pub environment: BTreeSet<String>,
}

/// What serves the requests of one route, or all.
#[derive(Clone, Copy, Debug)]
pub struct Site<'a> {
    /// The name in `routes`, if it is there.
    pub route: Option<&'a str>,
    /// How requests are served.
    pub settings: &'a Settings,
}

impl Configuration {
    /// Reads one.
    pub fn read(json: &[u8]) -> Result<Self, ConfigError> {
        let environment = RefCell::default();
        let read_environment = |name: &str| {
            BTreeSet::insert(&mut environment.borrow_mut(), name.to_owned());
            Some(STAND_IN.to_owned())
        };
        let config = Config::from_json(json, &read_environment)?;
        let text = serde_json::from_slice(json).unwrap_or_default();
        Ok(Self { config, text, environment: environment.into_inner() })
    }

    /// Whether it lists routes.
    pub fn has_routes(&self) -> bool {
        matches!(self.config, Config::Routes(_))
    }

    /// Whether a buffer filter holds the requests.
    pub fn has_buffer_filter(&self) -> bool {
        self.sites().iter().any(|site| site.settings.request_body() == RequestBody::BufferFilter)
    }

    /// The longest `timeout`.
    pub fn timeout(&self) -> Duration {
        self.sites().iter().map(|site| site.settings.timeout()).max().unwrap_or_default()
    }

    /// All that it serves.
    pub fn sites(&self) -> Vec<Site<'_>> {
        match &self.config {
            Config::Every(settings) => vec![Site { route: None, settings }],
            Config::Routes(routes) => {
                routes.iter().map(|(name, settings)| Site { route: Some(name), settings }).collect()
            }
        }
    }

    /// What the text gives for an attribute of a site: its own value, else that of the top level.
    pub fn given(&self, site: Site<'_>, attribute: &str) -> Option<&Value> {
        self.own(site, attribute).or_else(|| self.text.get(attribute)).filter(|value| !value.is_null())
    }

    /// What the text gives for an attribute of a site itself.
    pub fn own(&self, site: Site<'_>, attribute: &str) -> Option<&Value> {
        match site.route {
            Some(route) => self.text.get("routes")?.get(route)?.get(attribute),
            None => self.text.get(attribute),
        }
    }

    /// Where a key stands in the text itself.
    pub fn literal_tokens(&self) -> Vec<String> {
        self.tokens().filter(|(_, token)| variable(token).is_none()).map(|(place, _)| place).collect()
    }

    /// Where the text names environment variables.
    pub fn references(&self) -> Vec<Reference> {
        let reference = |(place, token)| Some(Reference { place, name: variable(token)?.to_owned() });
        self.tokens().filter_map(reference).collect()
    }

    /// What the text gives for keys, with its places.
    fn tokens(&self) -> impl Iterator<Item = (String, &str)> {
        let routes = self.text.get("routes").and_then(Value::as_object);
        let routes = routes.into_iter().flatten().map(|(name, route)| (format!("routes[{name:?}]."), route));
        let levels = [(String::new(), &self.text)].into_iter().chain(routes);
        levels
            .filter_map(|(place, level)| Some((format!("{place}service_token"), level.get("service_token")?.as_str()?)))
    }
}

/// The environment variable that an accepted token names.
pub fn variable(token: &str) -> Option<&str> {
    const ENVIRONMENT: &str = "$ENV://";
    let (start, name) = token.split_at_checked(ENVIRONMENT.len())?;
    start.eq_ignore_ascii_case(ENVIRONMENT).then_some(name)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The configuration of one route with these attributes beside the required ones.
    pub(crate) fn read(attributes: &str) -> Configuration {
        let json = format!(r#"{{"api_host": "http://ow", "namespace": "n", "action": "a", {attributes}}}"#);
        Configuration::read(json.as_bytes()).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn keys_are_told_apart_by_where_they_are() {
        let configuration = read(
            r#""service_token": "$ENV://A", "routes": {"x": {"service_token": "alice:wonderland"},
               "y": {"service_token": "$env://B"}}"#,
        );
        assert_eq!(configuration.environment.iter().collect::<Vec<_>>(), ["A", "B"]);
        assert_eq!(configuration.literal_tokens(), ["routes[\"x\"].service_token"]);
        let references = configuration.references();
        let references: Vec<_> = references.iter().map(|found| (found.place.as_str(), found.name.as_str())).collect();
        assert_eq!(references, [("service_token", "A"), ("routes[\"y\"].service_token", "B")]);
        assert_eq!(read(r#""service_token": "$:key""#).literal_tokens(), ["service_token"]);
    }

    #[test]
    fn the_text_tells_what_was_given() {
        let configuration = read(
            r#""service_token": "a:b", "timeout": 1, "routes": {"x": {"timeout": 2}, "y": {}, "z": {"timeout": null}}"#,
        );
        let sites = configuration.sites();
        let given: Vec<_> = sites.iter().map(|site| configuration.given(*site, "timeout").cloned()).collect();
        assert_eq!(given, [Some(2.into()), Some(1.into()), None]);
        assert_eq!(configuration.own(sites[1], "timeout"), None);
        assert_eq!(configuration.given(sites[0], "retries"), None);
    }
}
