//! The configuration of the filter: the attributes of the `APISIX` plugin `openwhisk`, checked once.

use std::fmt;
use std::time::Duration;

use serde_json::Value;

use crate::action::{Action, InvalidName, Name};
use crate::api_host::{ApiHost, InvalidApiHost};
use crate::attributes::{Attributes, Mistake, kind_of, quoted, whole_number};
use crate::connections::KeepAlive;
use crate::proxy::Proxy;
use crate::secret::ServiceToken;

/// The longest `OpenWhisk` waits for an action, in milliseconds, and the default of `timeout`.
///
/// Source: apache/openwhisk `common/scala/src/main/resources/application.conf`,
/// `whisk.controller.activation.max-wait-for-blocking-activation`; a larger value is a 400.
const LONGEST_WAIT: u64 = 60_000;

/// Starts the name of an environment variable in place of a secret, in any case.
///
/// Source: apache/apisix `apisix/core/env.lua`, `parse_env_uri`.
const ENVIRONMENT: &str = "$ENV://";

/// Starts the name of an entry of a secret manager, in any case, which only `APISIX` itself could resolve.
///
/// Source: apache/apisix `apisix/secret.lua`.
const SECRET_MANAGER: &str = "$SECRET://";

/// A configuration that holds only valid values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    api_host: ApiHost,
    ssl_verify: bool,
    service_token: ServiceToken,
    action: Action,
    operation: Operation,
    timeout: Duration,
    keepalive: KeepAlive,
    keepalive_timeout: Option<Duration>,
    max_req_body_size: u64,
    upstream: String,
}

/// What is done with the action (`result`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// It is invoked, and its result is the answer.
    Invoke,
    /// Its metadata is the answer; nothing is executed.
    Describe,
}

/// Everything that is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    mistakes: Vec<Mistake>,
}

impl ConfigError {
    /// The mistakes, at least one: a sentence each.
    #[must_use]
    pub fn mistakes(&self) -> &[Mistake] {
        &self.mistakes
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.mistakes.iter().enumerate() {
            write!(f, "{}{mistake}", if index == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

impl Config {
    /// The names of all attributes, in the order of the documentation.
    pub const ATTRIBUTES: &'static [&'static str] = &[
        "api_host",
        "ssl_verify",
        "service_token",
        "namespace",
        "package",
        "action",
        "result",
        "timeout",
        "keepalive",
        "keepalive_timeout",
        "keepalive_pool",
        "max_req_body_size",
        "upstream",
    ];

    /// Reads a configuration from the bytes the host hands over, a JSON object.
    ///
    /// `read_environment` gives the value of an environment variable, for `$ENV://NAME`.
    ///
    /// # Errors
    /// [`ConfigError`] with all mistakes.
    pub fn from_json(json: &[u8], read_environment: impl FnOnce(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut read = Attributes::from_json(json).map_err(|mistake| ConfigError { mistakes: vec![mistake] })?;
        let attributes = &mut read;

        let api_host = api_host(attributes);
        let ssl_verify = boolean(attributes, "ssl_verify", true);
        let service_token = service_token(attributes, read_environment);
        let expected_name = InvalidName.to_string();
        let read_name = |value: &Value| Name::parse(value.as_str()?).ok();
        let namespace = attributes.required("namespace", &expected_name, read_name);
        let package = attributes.optional("package", &expected_name, read_name);
        let name = attributes.required("action", &expected_name, read_name);
        let invoke = boolean(attributes, "result", true);
        let timeout = number(attributes, "timeout", &TIMEOUT);
        let keepalive = boolean(attributes, "keepalive", true);
        let keepalive_timeout = optional_number(attributes, "keepalive_timeout", &KEEPALIVE_TIMEOUT);
        let pool = number(attributes, "keepalive_pool", &KEEPALIVE_POOL);
        let max_req_body_size = number(attributes, "max_req_body_size", &MAX_REQ_BODY_SIZE);
        let upstream = attributes.optional("upstream", "the name of an upstream in visible ASCII", |value| {
            let text = value.as_str()?;
            let is_clean = !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic());
            is_clean.then(|| text.to_owned())
        });

        let mistakes = read.into_mistakes(Self::ATTRIBUTES);
        match (api_host, service_token, namespace, name) {
            (Some(api_host), Some(service_token), Some(namespace), Some(name)) if mistakes.is_empty() => Ok(Self {
                upstream: upstream.unwrap_or_else(|| api_host.host_and_port()),
                api_host,
                ssl_verify,
                service_token,
                action: Action { namespace, package, name },
                operation: if invoke { Operation::Invoke } else { Operation::Describe },
                timeout: Duration::from_millis(timeout),
                keepalive: if keepalive { KeepAlive::Pool { idle: pool } } else { KeepAlive::Off },
                keepalive_timeout: keepalive_timeout.map(Duration::from_millis),
                max_req_body_size,
            }),
            _ => Err(ConfigError { mistakes }),
        }
    }

    /// Where `OpenWhisk` is (`api_host`).
    #[must_use]
    pub const fn api_host(&self) -> &ApiHost {
        &self.api_host
    }

    /// Whether the certificate of an `https` host is verified (`ssl_verify`). On Envoy the cluster does that.
    #[must_use]
    pub const fn ssl_verify(&self) -> bool {
        self.ssl_verify
    }

    /// The credentials (`service_token`).
    #[must_use]
    pub const fn service_token(&self) -> &ServiceToken {
        &self.service_token
    }

    /// Which action (`namespace`, `package`, `action`).
    #[must_use]
    pub const fn action(&self) -> &Action {
        &self.action
    }

    /// What is done with it (`result`).
    #[must_use]
    pub const fn operation(&self) -> Operation {
        self.operation
    }

    /// `OpenWhisk`'s wait and the deadline of the call (`timeout`), 1 ms to 60 s.
    #[must_use]
    pub const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Whether connections are kept, and how many idle ones (`keepalive`, `keepalive_pool`).
    #[must_use]
    pub const fn keepalive(&self) -> KeepAlive {
        self.keepalive
    }

    /// How long an idle connection is kept (`keepalive_timeout`). On Envoy the cluster does that.
    #[must_use]
    pub fn keepalive_timeout(&self) -> Duration {
        self.keepalive_timeout.unwrap_or(Duration::from_millis(KEEPALIVE_TIMEOUT.default))
    }

    /// What is configured and has no effect on a proxy: a sentence for each attribute.
    #[must_use]
    pub fn without_effect_on(&self, proxy: Proxy) -> Vec<&'static str> {
        let attributes = match proxy {
            // Both are settings of the cluster there, which the documentation says where it matters.
            Proxy::Envoy => [None, None],
            Proxy::Apisix => [
                (!self.ssl_verify).then_some(
                    "`ssl_verify` is false, which has no effect on apisix: its wasm runtime always verifies certificates",
                ),
                self.keepalive_timeout.map(|_| {
                    "`keepalive_timeout` has no effect on apisix: its wasm runtime keeps idle connections as long as it sees fit"
                }),
            ],
        };
        attributes.into_iter().flatten().collect()
    }

    /// The largest body of a request, in bytes (`max_req_body_size`).
    #[must_use]
    pub const fn max_req_body_size(&self) -> u64 {
        self.max_req_body_size
    }

    /// The host's name for `OpenWhisk` (`upstream`): the cluster on Envoy, `host:port` on `APISIX`.
    #[must_use]
    pub fn upstream(&self) -> &str {
        &self.upstream
    }
}

/// Reads `api_host`. One with user info holds a secret, and is not quoted.
fn api_host(attributes: &mut Attributes) -> Option<ApiHost> {
    let expected = InvalidApiHost.to_string();
    let value = attributes.take_required("api_host", &expected)?;
    let api_host = value.as_str().and_then(|text| ApiHost::parse(text).ok());
    if api_host.is_none() {
        let is_secret = value.as_str().is_some_and(|text| text.contains('@'));
        let found = if is_secret { "a URL with user info".to_owned() } else { quoted(&value) };
        attributes.wrong("api_host", found, &expected);
    }
    api_host
}

/// Reads `service_token`, of which no error shows anything.
fn service_token(
    attributes: &mut Attributes,
    read_environment: impl FnOnce(&str) -> Option<String>,
) -> Option<ServiceToken> {
    const EXPECTED: &str = "`user:key`, or `$ENV://NAME` for an environment variable that holds it";
    let value = attributes.take_required("service_token", EXPECTED)?;
    let token = match value.as_str() {
        Some(text) if behind(SECRET_MANAGER, text).is_some() => {
            Err("a reference to a secret manager, which a wasm plugin cannot follow".to_owned())
        }
        Some(text) => match behind(ENVIRONMENT, text) {
            Some(name) if !is_environment_name(name) => {
                Err("a reference to an environment variable with a malformed name".to_owned())
            }
            Some(name) => match read_environment(name) {
                Some(text) => ServiceToken::parse(&text)
                    .map_err(|found| format!("the environment variable `{name}`, which is {found}")),
                None => Err(format!("the environment variable `{name}`, which is not set in the wasm VM")),
            },
            None => ServiceToken::parse(text).map_err(|found| found.to_string()),
        },
        None => Err(kind_of(&value).to_owned()),
    };
    token.map_err(|found| attributes.wrong("service_token", found, EXPECTED)).ok()
}

/// What stands behind a prefix in any case.
fn behind<'a>(prefix: &str, text: &'a str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// Letters, digits and underscores, not starting with a digit: anything else could be a token typed in the wrong place.
///
/// Source: POSIX.1-2024, Base Definitions 8.1 and 3.216.
fn is_environment_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn boolean(attributes: &mut Attributes, attribute: &'static str, default: bool) -> bool {
    attributes.optional(attribute, "true or false", Value::as_bool).unwrap_or(default)
}

fn number(attributes: &mut Attributes, attribute: &'static str, rule: &Rule) -> u64 {
    optional_number(attributes, attribute, rule).unwrap_or(rule.default)
}

fn optional_number(attributes: &mut Attributes, attribute: &'static str, rule: &Rule) -> Option<u64> {
    let expected = match rule.largest {
        Some(largest) => format!("a whole number{} from {} to {largest}", rule.unit, rule.smallest),
        None => format!("a whole number{}, at least {}", rule.unit, rule.smallest),
    };
    let read = |value: &Value| {
        let number = whole_number(value)?;
        (rule.smallest..=rule.largest.unwrap_or(u64::MAX)).contains(&number).then_some(number)
    };
    attributes.optional(attribute, &expected, read)
}

/// What a number may be.
struct Rule {
    unit: &'static str,
    smallest: u64,
    largest: Option<u64>,
    default: u64,
}

const TIMEOUT: Rule =
    Rule { unit: " of milliseconds", smallest: 1, largest: Some(LONGEST_WAIT), default: LONGEST_WAIT };
const KEEPALIVE_TIMEOUT: Rule = Rule { unit: " of milliseconds", smallest: 1000, largest: None, default: 60_000 };
const KEEPALIVE_POOL: Rule = Rule { unit: "", smallest: 1, largest: None, default: 5 };
const MAX_REQ_BODY_SIZE: Rule = Rule { unit: " of bytes", smallest: 1, largest: None, default: 67_108_864 };

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
        let changes: serde_json::Map<String, Value> = serde_json::from_str(changes).expect(changes);
        for (name, value) in changes {
            json[name] = value;
        }
        Config::from_json(json.to_string().as_bytes(), |name| match name {
            "TOKEN" => Some(TOKEN.to_owned()),
            "BROKEN" => Some("wonderland".to_owned()),
            _ => None,
        })
    }

    #[test]
    fn defaults_are_those_of_the_apisix_plugin() {
        let config = with("{}").expect("valid");
        assert!(config.ssl_verify());
        assert_eq!(config.operation(), Operation::Invoke);
        assert_eq!(config.timeout(), Duration::from_secs(60));
        assert_eq!(config.keepalive(), KeepAlive::Pool { idle: 5 });
        assert_eq!(config.keepalive_timeout(), Duration::from_secs(60));
        assert_eq!(config.max_req_body_size(), 67_108_864);
        assert_eq!(config.upstream(), "openwhisk.example:80");
        assert_eq!(config.action().to_string(), "guest/hello");
    }

    #[test]
    fn every_attribute_takes_effect() {
        let config = with(
            r#"{"api_host": "https://ow:8443/x", "ssl_verify": false, "service_token": "$ENV://TOKEN",
                "namespace": "_", "package": "p", "action": "a b", "result": false, "timeout": 1000.0,
                "keepalive_timeout": 1000, "keepalive_pool": 2, "max_req_body_size": 1, "upstream": "cluster"}"#,
        )
        .expect("valid");
        assert_eq!(config.api_host().authority(), "ow:8443");
        assert!(!config.ssl_verify());
        assert_eq!(config.service_token(), &ServiceToken::parse(TOKEN).expect("valid"));
        assert_eq!(config.action().to_string(), "_/p/a b");
        assert_eq!(config.operation(), Operation::Describe);
        assert_eq!(config.timeout(), Duration::from_secs(1));
        assert_eq!(config.keepalive(), KeepAlive::Pool { idle: 2 });
        assert_eq!(config.keepalive_timeout(), Duration::from_secs(1));
        assert_eq!(config.max_req_body_size(), 1);
        assert_eq!(config.upstream(), "cluster");
        assert_eq!(with(r#"{"keepalive": false}"#).expect("valid").keepalive(), KeepAlive::Off);
    }

    #[test]
    fn a_huge_configuration_gives_a_short_error() {
        let huge = "a".repeat(10 << 20);
        let cases = [
            (format!(r#"{{"action": "{huge}"}}"#), "(10485760 characters)"),
            (format!(r#"{{"{huge}": 1}}"#), "unknown attribute `aaa"),
            (format!(r#"{{"timeout": [{}0]}}"#, "0,".repeat(1 << 20)), "`timeout` is an array"),
        ];
        for (changes, expected) in cases {
            let error = with(&changes).expect_err(expected).to_string();
            assert!(error.contains(expected) && error.len() < 1000, "{} bytes: {error:.200}", error.len());
        }
        let deep = format!(r#"{{"action": {}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        let error = Config::from_json(deep.as_bytes(), |_| None).expect_err("too deep").to_string();
        assert_eq!(error, "the configuration is not JSON: recursion limit exceeded at line 1 column 138");
    }

    #[test]
    fn no_error_and_no_debug_output_shows_the_token() {
        let cases = [
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
            r#"{"api_host": "http://alice:wonderland@openwhisk.example"}"#,
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
