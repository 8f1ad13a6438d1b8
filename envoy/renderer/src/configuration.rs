//! A configuration of the filter, checked by the filter's own rules, and what only its text says.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use openwhisk_filter::config::Config;
use openwhisk_filter::config::mistake::ConfigError;
use openwhisk_filter::config::settings::{RequestBody, Settings};
use serde_json::{Map, Value};

use crate::environment::Reference;

/// The attribute that holds `user:key`.
const TOKEN: &str = "service_token";

/// The attributes that hold a key, one of which a route has at most.
pub const KEYS: &[&str] = &[TOKEN, "authorization"];

/// The attribute that holds parameters of the route itself, which are secrets only where they name a variable.
pub const BIND: &str = "bind";

/// The attributes that hold secrets: one, or an object of them.
pub const SECRETS: &[&str] = &[TOKEN, "authorization", "call_headers", BIND];

/// A secret in a configuration, or the environment variable that has it.
#[derive(Clone, Debug)]
pub struct Secret<'a> {
    /// The attribute.
    pub attribute: &'static str,
    /// Where it stands in its level: the attribute, or a part of it.
    place: String,
    /// What stands there.
    pub text: &'a str,
}

/// A configuration that the filter accepts.
#[derive(Debug)]
pub struct Configuration {
    config: Config,
    text: Value,
    /// The environment variables it names, and of each what could be in it. What really is does not matter here.
    pub environment: BTreeMap<String, &'static str>,
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
        let text = serde_json::from_slice(json).unwrap_or_default();
        let tokens = levels(&text).flat_map(|(_, level)| secrets(level)).filter(|secret| secret.attribute == TOKEN);
        let tokens: BTreeSet<_> = tokens.filter_map(|secret| variable(secret.text)).collect();
        let environment = RefCell::default();
        let read_environment = |name: &str| {
            let could_be = if tokens.contains(name) { "user:key" } else { "secret" };
            BTreeMap::insert(&mut environment.borrow_mut(), name.to_owned(), could_be);
            Some(could_be.to_owned())
        };
        let config = Config::from_json(json, &read_environment)?;
        let environment = environment.into_inner();
        Ok(Self { config, text, environment })
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

    /// The key with which a site calls, unless its cluster adds one.
    pub fn key(&self, site: Site<'_>) -> Option<Secret<'_>> {
        site.settings.authorization()?;
        let own = site.route.and_then(|route| self.text.get("routes")?.get(route));
        let levels = [own, Some(&self.text)].into_iter().flatten().filter_map(Value::as_object);
        levels.flat_map(secrets).find(|secret| KEYS.contains(&secret.attribute))
    }

    /// Where a secret stands in the text itself.
    pub fn literal_secrets(&self) -> Vec<String> {
        let literals = self.secrets().filter(|(_, secret)| secret.attribute != BIND && variable(secret.text).is_none());
        literals.map(|(place, _)| place).collect()
    }

    /// Where the text names environment variables.
    pub fn references(&self) -> Vec<Reference> {
        let reference =
            |(place, secret): (_, Secret<'_>)| Some(Reference { place, name: variable(secret.text)?.to_owned() });
        self.secrets().filter_map(reference).collect()
    }

    /// What the text gives for secrets, with its places.
    pub fn secrets(&self) -> impl Iterator<Item = (String, Secret<'_>)> {
        levels(&self.text)
            .flat_map(|(level, fields)| secrets(fields).map(move |secret| (format!("{level}{}", secret.place), secret)))
    }

    /// The text.
    pub fn text(&self) -> Option<&Map<String, Value>> {
        self.text.as_object()
    }
}

/// The objects of a configuration that hold attributes, and how their places begin.
fn levels(text: &Value) -> impl Iterator<Item = (String, &Map<String, Value>)> {
    let routes = text.get("routes").and_then(Value::as_object).into_iter().flatten();
    let routes = routes.map(|(name, route)| (format!("routes[{name:?}]."), route));
    let levels = [(String::new(), text)].into_iter().chain(routes);
    levels.filter_map(|(place, level)| Some((place, level.as_object()?)))
}

/// What one level gives for secrets.
pub fn secrets(level: &Map<String, Value>) -> impl Iterator<Item = Secret<'_>> {
    SECRETS.iter().flat_map(|attribute| {
        let value = level.get(*attribute);
        let parts = value.and_then(Value::as_object).into_iter().flatten();
        let parts = parts.map(move |(name, value)| (format!("{attribute}[{name:?}]"), value));
        let whole = value.map(|value| ((*attribute).to_owned(), value));
        whole
            .into_iter()
            .chain(parts)
            .filter_map(|(place, value)| Some(Secret { attribute, place, text: value.as_str()? }))
    })
}

/// The environment variable that an accepted secret names.
pub fn variable(secret: &str) -> Option<&str> {
    const ENVIRONMENT: &str = "$ENV://";
    let (start, name) = secret.split_at_checked(ENVIRONMENT.len())?;
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
        assert_eq!(configuration.environment.keys().collect::<Vec<_>>(), ["A", "B"]);
        assert_eq!(configuration.literal_secrets(), ["routes[\"x\"].service_token"]);
        let references = configuration.references();
        let references: Vec<_> = references.iter().map(|found| (found.place.as_str(), found.name.as_str())).collect();
        assert_eq!(references, [("service_token", "A"), ("routes[\"y\"].service_token", "B")]);
        assert_eq!(read(r#""service_token": "$:key""#).literal_secrets(), ["service_token"]);
    }

    #[test]
    fn secrets_may_stand_in_four_attributes() {
        let configuration = read(
            r#""authorization": "$ENV://A", "call_headers": {"X-Org": "org", "x-key": "$env://B"},
               "parameters": "http", "bind": {"stage": "prod", "k": "$ENV://D", "n": 1}, "routes": {
               "x": {"service_token": "$ENV://C", "call_headers": null}, "y": {"call_headers": {"z": "$ENV://A"}}}"#,
        );
        assert_eq!(configuration.literal_secrets(), ["call_headers[\"X-Org\"]"]);
        let references = configuration.references();
        let references: Vec<_> = references.iter().map(|found| (found.place.as_str(), found.name.as_str())).collect();
        let expected = [
            ("authorization", "A"),
            ("call_headers[\"x-key\"]", "B"),
            ("bind[\"k\"]", "D"),
            ("routes[\"x\"].service_token", "C"),
            ("routes[\"y\"].call_headers[\"z\"]", "A"),
        ];
        assert_eq!(references, expected);
        let environment: Vec<_> = configuration.environment.iter().map(|(name, held)| (name.as_str(), *held)).collect();
        assert_eq!(environment, [("A", "secret"), ("B", "secret"), ("C", "user:key"), ("D", "secret")]);
    }

    #[test]
    fn a_site_has_the_key_of_its_level_or_of_the_top_level() {
        let configuration = read(
            r#""service_token": "top:key", "routes": {"a": {}, "b": {"authorization": "Bearer b"}, "c": {"service_token": "c:c"},
               "d": {"service_token": null}, "e": {"upstream": "e"}, "f": {"call_headers": {"x-key": "f"}}}"#,
        );
        let key = |site: &Site<'_>| configuration.key(*site).map(|secret| (secret.attribute, secret.text));
        let top = Some(("service_token", "top:key"));
        let expected = [top, Some(("authorization", "Bearer b")), Some(("service_token", "c:c")), None, None, top];
        assert_eq!(configuration.sites().iter().map(key).collect::<Vec<_>>(), expected);
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
