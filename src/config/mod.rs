//! The configuration of the filter, checked once: the attributes of the `APISIX` plugin `openwhisk`, and more.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::config::attribute::{Level, Levels, names};
use crate::config::expected::Expected;
use crate::config::mistake::{ConfigError, Mistake};
use crate::config::object::{ReadEnvironment, Reading};
use crate::config::settings::Settings;

pub mod action;
pub mod api_host;
pub mod attribute;
pub mod bind;
pub mod call_headers;
pub(crate) mod entry;
pub mod expected;
pub(crate) mod level;
pub mod mistake;
pub(crate) mod object;
pub mod path_template;
pub(crate) mod read;
pub mod secret;
pub mod settings;
pub mod token;

/// Which requests the filter takes over, and how it serves them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Config {
    /// All of them.
    Every(Box<Settings>),
    /// Those on the routes with these names (`routes`).
    Routes(BTreeMap<String, Settings>),
}

impl Config {
    /// Reads a configuration from the bytes the host hands over, a JSON object.
    ///
    /// `read_environment` gives the value of an environment variable, for `$ENV://NAME`.
    ///
    /// ```
    /// use openwhisk_filter::config::Config;
    ///
    /// let json = br#"{"api_host": "http://openwhisk.example", "service_token": "$ENV://KEY", "namespace": "guest",
    ///     "action": "hello"}"#;
    /// let config = Config::from_json(json, &|name| (name == "KEY").then(|| "user:key".to_owned()));
    /// let Ok(Config::Every(settings)) = config else { panic!("{config:?}") };
    /// assert_eq!(settings.upstream().as_ref(), "openwhisk.example:80");
    ///
    /// let error = Config::from_json(b"{\"timeout\": 0}", &|_| None).unwrap_err();
    /// assert_eq!(
    ///     error.mistakes()[0].to_string(),
    ///     "`timeout` is 0, expected a whole number of milliseconds from 1 to 60000"
    /// );
    /// assert_eq!(error.mistakes()[1].to_string().split(',').next(), Some("`api_host` is missing"));
    /// ```
    ///
    /// # Errors
    /// [`ConfigError`] with all mistakes.
    pub fn from_json(json: &[u8], read_environment: ReadEnvironment<'_>) -> Result<Self, ConfigError> {
        let mut reading = Reading::new(read_environment);
        let config = Self::read(json, &mut reading);
        let mistakes = reading.into_mistakes();
        config.filter(|_| mistakes.is_empty()).ok_or_else(|| ConfigError::new(mistakes))
    }

    fn read<'a>(json: &'a [u8], reading: &mut Reading<'a>) -> Option<Self> {
        let defaults = Level::defaults();
        let mut top = reading.top(json)?;
        let routes = top.take("routes");
        let base = Level::of(&mut top);
        let settings = match routes {
            Some(_) => None,
            None => base.clone().complete(&defaults, &mut top),
        };
        top.finish(&names(&[Levels::Top, Levels::Both]), &[]);
        match routes {
            Some(json) => read_routes(json, &base, &defaults, reading).map(Self::Routes),
            None => settings.map(|settings| Self::Every(Box::new(settings))),
        }
    }
}

/// Reads `routes`, each on top of the base. `None` if they are no object.
fn read_routes<'a>(
    json: &'a RawValue,
    base: &Level,
    defaults: &Level,
    reading: &mut Reading<'a>,
) -> Option<BTreeMap<String, Settings>> {
    let expected = Expected::Routes.to_string();
    let mut routes = reading.within(json, "routes".to_owned(), &expected)?;
    let (repeated, routes) = (routes.take_repeated(), routes.take_all());
    for name in &repeated {
        reading.note(Mistake::Repeated { attribute: route_place(name) });
    }
    let (known, of_the_top_level) = (names(&[Levels::Both]), names(&[Levels::Top]));
    let mut all = BTreeMap::new();
    for (name, json) in routes {
        let place = route_place(&name);
        if name.is_empty() {
            reading.note(Mistake::Wrong {
                attribute: place.clone(),
                found: "a route without a name".to_owned(),
                expected: "the name of a route of the proxy".to_owned(),
            });
        }
        let Some(mut route) = reading.within(json, place, "an object of attributes") else {
            continue;
        };
        let settings = Level::of(&mut route).over(base).complete(defaults, &mut route);
        route.finish(&known, &of_the_top_level);
        all.extend(settings.map(|settings| (name, settings)));
    }
    Some(all)
}

/// Where a route stands in the configuration: `routes.hello`, or `routes["a.b"]` where the name needs quotes. Of a very
/// long name the beginning and the end are shown.
fn route_place(name: &str) -> String {
    const SHOWN: usize = 100;
    let is_plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '/'));
    let count = name.chars().count();
    let name = if count > SHOWN.saturating_mul(2) {
        let beginning = name.chars().take(SHOWN);
        let end = name.chars().skip(count.saturating_sub(SHOWN));
        beginning.chain(['…']).chain(end).collect()
    } else {
        name.to_owned()
    };
    if is_plain { format!("routes.{name}") } else { format!("routes[{:?}]", name.replace('`', "'")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "alice:wonderland";

    /// A complete configuration with some attributes set (or, with null, removed).
    fn with(changes: &str) -> Result<Config, ConfigError> {
        let mut json = serde_json::json!({
            "api_host": "http://openwhisk.example",
            "service_token": TOKEN,
            "namespace": "guest",
            "action": "hello",
        });
        let changes: serde_json::Map<String, serde_json::Value> = serde_json::from_str(changes).expect(changes);
        for (name, value) in changes {
            json[name] = value;
        }
        Config::from_json(json.to_string().as_bytes(), &|name| match name {
            "TOKEN" => Some(TOKEN.to_owned()),
            "BROKEN" => Some("wonderland".to_owned()),
            _ => None,
        })
    }

    #[test]
    fn the_settings_of_a_route_are_its_own_on_top_of_the_others() {
        let config = with(
            r#"{"timeout": 1000, "package": "p", "upstream": "here", "result": false, "keepalive": false,
                "routes": {
                    "plain": {},
                    "other": {"action": "b", "package": "q", "timeout": 2000, "mode": "async", "retries": 1},
                    "result": {"result": true},
                    "far": {"api_host": "https://far:1", "service_token": "$ENV://TOKEN"},
                    "bare": {"package": null, "upstream": null, "service_token": "c:d", "timeout": null, "result": null}
                }}"#,
        );
        let Ok(Config::Routes(routes)) = config else { panic!("{config:?}") };
        let shown = |name: &str| {
            let settings = &routes[name];
            let (action, mode, wait) = (settings.action(), settings.mode(), settings.timeout().as_millis());
            format!("{action} {mode:?} {wait} {} {} {}", settings.upstream(), settings.retries(), settings.keepalive())
        };
        assert_eq!(shown("plain"), "guest/p/hello Metadata 1000 here 0 false");
        assert_eq!(shown("other"), "guest/q/b Async 2000 here 1 false");
        assert_eq!(shown("result"), "guest/p/hello Result 1000 here 0 false");
        assert_eq!(shown("far"), "guest/p/hello Metadata 1000 far:1 0 false");
        assert_eq!(shown("bare"), "guest/hello Result 60000 openwhisk.example:80 0 false");
        assert_eq!(routes.len(), 5);
    }

    #[test]
    fn every_default_is_a_value_that_may_be_given() {
        let given = attribute::ATTRIBUTES.iter().filter_map(|row| match row.default {
            attribute::DefaultValue::Json(json) => Some(format!("\"{}\": {json}", row.name)),
            _ => None,
        });
        let changes = format!("{{{}}}", given.collect::<Vec<_>>().join(", "));
        let (Ok(Config::Every(given)), Ok(Config::Every(plain))) = (with(&changes), with("{}")) else {
            panic!("{changes}");
        };
        // Those of connections are told of on APISIX.
        let told = |settings: &Settings| Settings { ignored_on_apisix: Vec::new(), ..settings.clone() };
        assert_eq!(told(&given), told(&plain), "{changes}");
    }

    #[test]
    fn the_top_level_may_leave_out_what_every_route_sets() {
        let routes = |extra: &str| {
            let json = format!(
                r#"{{"api_host": "http://ow", "routes": {{"a": {{"service_token": "a:b", "namespace": "n", "action": "x"}},
                     "b": {{"service_token": "a:b", "namespace": "n"{extra}}}}}}}"#
            );
            Config::from_json(json.as_bytes(), &|_| None)
        };
        assert!(routes(r#", "action": "y""#).is_ok());
        let error = routes("").expect_err("an action is missing").to_string();
        assert!(error.starts_with("`routes.b.action` is missing, expected a name"), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }

    #[test]
    fn a_key_goes_to_no_other_address_than_its_own() {
        const TOKEN: &str = r#""service_token": "alice:wonderland""#;
        const BEARER: &str = r#""authorization": "Bearer x""#;
        let (of_the_top, own) = (Some("Basic YWxpY2U6d29uZGVybGFuZA=="), Some("Basic Yzpk"));
        let cases = [
            (TOKEN, r#""api_host": "https://far""#, None),
            (TOKEN, r#""upstream": "elsewhere""#, None),
            (TOKEN, r#""upstream": null"#, None),
            (TOKEN, r#""upstream": "here""#, of_the_top),
            (TOKEN, "", of_the_top),
            (TOKEN, r#""upstream": "elsewhere", "service_token": "c:d""#, own),
            (TOKEN, r#""upstream": "elsewhere", "authorization": "Bearer x""#, Some("Bearer x")),
            (TOKEN, r#""authorization": "Bearer x""#, Some("Bearer x")),
            (TOKEN, r#""service_token": null"#, None),
            (TOKEN, r#""authorization": null"#, None),
            (TOKEN, r#""service_token": null, "authorization": "Bearer x""#, Some("Bearer x")),
            (BEARER, r#""service_token": "c:d", "authorization": null"#, own),
            (BEARER, "", Some("Bearer x")),
            (BEARER, r#""service_token": "c:d""#, own),
            (BEARER, r#""upstream": "elsewhere""#, None),
        ];
        for (top, route, expected) in cases {
            let json = format!(
                r#"{{"api_host": "http://openwhisk.example", "upstream": "here", "namespace": "n", "action": "a", {top},
                     "call_headers": {{"x-key": "wonderland"}}, "routes": {{"near": {{}}, "far": {{{route}}}}}}}"#
            );
            let config = Config::from_json(json.as_bytes(), &|_| None).expect(&json);
            let Config::Routes(routes) = config else { panic!("{json}") };
            let (near, far) = (&routes["near"], &routes["far"]);
            assert_eq!(far.authorization().map(secret::Secret::reveal), expected, "{top}, {route}");
            assert_eq!(far.call_headers().is_empty(), far.upstream() != near.upstream(), "{top}, {route}");
        }
    }

    #[test]
    fn the_place_of_a_mistake_is_plain() {
        let long = format!("{}{}", "a".repeat(150), "b".repeat(150));
        for (name, place) in [
            ("hello", "`routes.hello.timeout`".to_owned()),
            ("httproute/ns/name_1", "`routes.httproute/ns/name_1.timeout`".to_owned()),
            ("a.b", "`routes[\"a.b\"].timeout`".to_owned()),
            ("a`\n", "`routes[\"a'\\n\"].timeout`".to_owned()),
            (&long, format!("`routes.{}…{}.timeout`", "a".repeat(100), "b".repeat(100))),
        ] {
            let changes = serde_json::json!({"routes": {name: {"timeout": 0}}}).to_string();
            let error = with(&changes).expect_err("0 is too short").to_string();
            assert!(error.starts_with(&place), "{name}: {error}");
        }
    }

    #[test]
    fn a_huge_configuration_gives_a_short_error() {
        let huge = "a".repeat(10 << 20);
        let headers: Vec<_> = (0..100_000).map(|number| format!("\"h{number}\":\"x\"")).collect();
        let cases = [
            (format!(r#"{{"action": "{huge}"}}"#), "(10485760 characters)"),
            (format!(r#"{{"{huge}": 1}}"#), "unknown attribute `(10485760 characters)`"),
            (format!(r#"{{"timeout": [{}0]}}"#, "0,".repeat(1 << 20)), "`timeout` is an array"),
            (format!(r#"{{"call_headers": {{{}}}}}"#, headers.join(",")), "an object of 100000 headers"),
        ];
        for (changes, expected) in cases {
            let error = with(&changes).expect_err(expected).to_string();
            assert!(error.contains(expected) && error.len() < 1000, "{} bytes: {error:.200}", error.len());
        }
        let deep = format!(r#"{{"action": {}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        let error = Config::from_json(deep.as_bytes(), &|_| None).expect_err("too deep").to_string();
        assert!(error.contains("`action` is an array, expected a name"), "{error}");
    }

    #[test]
    fn no_error_and_no_debug_output_shows_the_token() {
        let cases = [
            r#"{"authorization": "Bearer wonderland"}"#,
            r#"{"service_token": null, "authorization": "alice:wonderland"}"#,
            r#"{"authorization": ["wonderland"]}"#,
            r#"{"authorization": "$ENV://wonder land"}"#,
            r#"{"call_headers": "wonderland"}"#,
            r#"{"call_headers": {"x": " wonderland"}}"#,
            r#"{"call_headers": {"x": ["wonderland"]}}"#,
            r#"{"call_headers": {"alice:wonderland": "x"}}"#,
            r#"{"call_headers": {"alice wonderland, which is a long key and stands in the place of the name": "x"}}"#,
            r#"{"call_headers": {"authorization": "alice:wonderland"}}"#,
            r#"{"call_headers": {"Bearer wonderland": "x-api-key"}}"#,
            r#"{"basic wonderland": "authorization"}"#,
            r#"{"api_host": "Bearer wonderland"}"#,
            r#"{"namespace": "Bearer wonderland="}"#,
            r#"{"upstream": "bearer wonderland"}"#,
            r#"{"path_prefix": "Bearer wonderland"}"#,
            r#"{"mode": "Bearer wonderland"}"#,
            r#"{"timeout": "Bearer wonderland"}"#,
            r#"{"service_token": "Bearer wonderland"}"#,
            r#"{"service_token": "Bearer $ENV://wonderland"}"#,
            r#"{"authorization": "Bearer $ENV://wonderland", "service_token": null}"#,
            r#"{"service_token": "wonderland"}"#,
            r#"{"service_token": ":wonderland"}"#,
            r#"{"service_token": "alice:wonder land"}"#,
            r#"{"service_token": "$ENV://alice:wonderland"}"#,
            r#"{"service_token": "$secret://wonderland"}"#,
            r#"{"service_token": "$Secret://wonderland"}"#,
            r#"{"service_token": "$env://alice:wonderland"}"#,
            r#"{"service_token": "$ENV://BROKEN"}"#,
            r#"{"service_token": ["wonderland"]}"#,
            r#"{"servce_token": "alice:wonderland"}"#,
            r#"{"api_host": "alice:wonderland"}"#,
            r#"{"api_host": "wonderland@openwhisk.example"}"#,
            r#"{"api_host": "alice:wonderland@openwhisk.example"}"#,
            r#"{"path_prefix": "alice:wonderland"}"#,
            r#"{"mode": "alice:wonderland"}"#,
            r#"{"timeout": "alice:wonderland"}"#,
            r#"{"result": "alice:wonderland"}"#,
            r#"{"request_body": "alice:wonderland"}"#,
            r#"{"alice:wonderland": 1}"#,
            r#"{"routes": {"a": {"alice:wonderland": 1}}}"#,
            r#"{"routes": {"a": {"alice:wonderland": 1, "alice:wonderland": 2}}}"#,
            r#"{"api_host": "http://alice:wonderland@openwhisk.example"}"#,
            r#"{"namespace": "alice:wonderland"}"#,
            r#"{"upstream": "http://alice:wonder land@ow"}"#,
            r#"{"upstream": "http://alice:wonderland@ow"}"#,
            r#"{"routes": {"a": {"action": "alice:wonderland"}}}"#,
            r#"{"routes": {"a": {"service_token": "wonderland"}}}"#,
            r#"{"routes": {"a": {"api_host": "http://alice:wonderland@openwhisk.example"}}}"#,
            r#"{"routes": {"a": "alice:wonderland"}}"#,
            r#"{"routes": "alice:wonderland"}"#,
        ];
        for changes in cases {
            let error = with(changes).expect_err(changes);
            assert!(!error.to_string().contains("wonder"), "{changes}: {error}");
            assert!(!format!("{error:?}").contains("wonder"), "{changes}: {error:?}");
        }
        let shown = format!("{:?}", with("{}").expect("valid"));
        assert!(!shown.contains("wonder") && !shown.contains("Basic"), "{shown}");
    }
}
