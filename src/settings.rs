//! How the requests of one route are served: complete, with only valid values.

use std::net::Ipv4Addr;
use std::rc::Rc;
use std::time::Duration;

use crate::action::Action;
use crate::api_host::{ApiHost, Scheme};
use crate::attributes::Attributes;
use crate::http_context::HttpContext;
use crate::layer::{Layer, Source};
use crate::proxy::Proxy;
use crate::secret::ServiceToken;

/// How much longer than `OpenWhisk` waits the call does where its 202 is wanted.
const GRACE: Duration = Duration::from_secs(1);

/// The default of `timeout`, in milliseconds: what `OpenWhisk` waits itself.
const TIMEOUT: u64 = 60_000;

/// The default of `keepalive_timeout`, in milliseconds.
const KEEPALIVE_TIMEOUT: u64 = 60_000;

/// The default of `max_req_body_size`, in bytes.
const MAX_REQ_BODY_SIZE: u64 = 67_108_864;

/// The largest body of a call, in bytes, whatever is configured: of a larger one `OpenWhisk` closes the connection.
///
/// Source: observed on a real `OpenWhisk`, whose server takes 50 MiB (`pekko.http.server.parsing.max-content-length`).
const LARGEST_BODY: u64 = 50 << 20;

/// What is done with the action, and what is answered (`mode`, `result`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It is invoked, and its result is the answer.
    Result,
    /// It is invoked, and the record of the activation is the answer.
    Activation,
    /// Its metadata is the answer; nothing is executed.
    Metadata,
    /// It is invoked, and the id of the activation is the answer, at once.
    Async,
}

/// What the client gets when `OpenWhisk` waited for the action in vain (`on_timeout`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnTimeout {
    /// An error.
    Error,
    /// The id of the activation, which goes on.
    Accept,
}

/// How a request is held until its body is complete (`request_body`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestBody {
    /// By this filter. On Envoy that needs `allow_on_headers_stop_iteration`.
    Pause,
    /// By the filter `envoy.filters.http.buffer` behind this one, which gets the headers.
    BufferFilter,
}

/// What the action receives (`parameters`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parameters {
    /// The body of the request, as it is.
    Body,
    /// The whole request.
    Http(HttpContext),
}

/// The values of all attributes for a request. Many routes share what they have from the top level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    api_host: Rc<ApiHost>,
    ssl_verify: bool,
    service_token: Rc<ServiceToken>,
    action: Action,
    mode: Mode,
    parameters: Parameters,
    timeout: Duration,
    on_timeout: OnTimeout,
    retries: u64,
    max_concurrency: Option<u64>,
    keepalive: bool,
    keepalive_timeout: Option<Duration>,
    has_keepalive_pool: bool,
    max_req_body_size: u64,
    upstream: Rc<str>,
    request_body: RequestBody,
}

impl Settings {
    /// Completes a level with the defaults. Nothing if something in it is missing or wrong; what is missing becomes
    /// a mistake of these attributes.
    #[must_use]
    pub fn complete(layer: Layer, attributes: &mut Attributes<'_>) -> Option<Self> {
        let (api_host, service_token, namespace, name) = layer.required(attributes)?;
        let parameters = match layer.parameters.given().unwrap_or(Source::Body) {
            Source::Body => Parameters::Body,
            Source::Http => Parameters::Http(HttpContext::new(
                &layer.path_prefix.given().unwrap_or_default(),
                layer.forward_headers.given().unwrap_or_default(),
            )),
        };
        Some(Self {
            upstream: layer.upstream.given().unwrap_or_else(|| api_host.host_and_port()),
            api_host,
            ssl_verify: layer.ssl_verify.given().unwrap_or(true),
            service_token,
            action: Action::new(namespace, layer.package.given(), name),
            mode: layer.mode.given().unwrap_or(Mode::Result),
            parameters,
            timeout: Duration::from_millis(layer.timeout.given().unwrap_or(TIMEOUT)),
            on_timeout: layer.on_timeout.given().unwrap_or(OnTimeout::Error),
            retries: layer.retries.given().unwrap_or_default(),
            max_concurrency: layer.max_concurrency.given(),
            keepalive: layer.keepalive.given().unwrap_or(true),
            keepalive_timeout: layer.keepalive_timeout.given().map(Duration::from_millis),
            has_keepalive_pool: layer.keepalive_pool.given().is_some(),
            max_req_body_size: layer.max_req_body_size.given().unwrap_or(MAX_REQ_BODY_SIZE),
            request_body: layer.request_body.given().unwrap_or(RequestBody::Pause),
        })
    }

    /// Where `OpenWhisk` is (`api_host`).
    #[must_use]
    pub const fn api_host(&self) -> &Rc<ApiHost> {
        &self.api_host
    }

    /// Whether the certificate of an `https` host is verified (`ssl_verify`). On Envoy the cluster does that.
    #[must_use]
    pub const fn ssl_verify(&self) -> bool {
        self.ssl_verify
    }

    /// The credentials (`service_token`).
    #[must_use]
    pub const fn service_token(&self) -> &Rc<ServiceToken> {
        &self.service_token
    }

    /// Which action (`namespace`, `package`, `action`).
    #[must_use]
    pub const fn action(&self) -> &Action {
        &self.action
    }

    /// What is done with it (`mode`, `result`).
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// What it receives (`parameters`, `path_prefix`, `forward_headers`).
    #[must_use]
    pub const fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// `OpenWhisk`'s wait (`timeout`), 1 ms to 60 s.
    #[must_use]
    pub const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// What the client gets after that (`on_timeout`).
    #[must_use]
    pub const fn on_timeout(&self) -> OnTimeout {
        self.on_timeout
    }

    /// The deadline of the call: the timeout, and time for an answer that says it passed if that is wanted.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        match (self.mode, self.on_timeout) {
            (Mode::Result | Mode::Activation, OnTimeout::Accept) => self.timeout.saturating_add(GRACE),
            _ => self.timeout,
        }
    }

    /// How often a call that did not reach `OpenWhisk` is tried again (`retries`), 0 to 5.
    #[must_use]
    pub const fn retries(&self) -> u64 {
        self.retries
    }

    /// How many calls of the action may be open at once on a worker (`max_concurrency`), if there is a limit.
    #[must_use]
    pub const fn max_concurrency(&self) -> Option<u64> {
        self.max_concurrency
    }

    /// Whether connections are kept for later calls (`keepalive`). On Envoy the cluster does that.
    #[must_use]
    pub const fn keepalive(&self) -> bool {
        self.keepalive
    }

    /// How long an idle connection is kept (`keepalive_timeout`). On Envoy the cluster does that.
    #[must_use]
    pub fn keepalive_timeout(&self) -> Duration {
        self.keepalive_timeout.unwrap_or(Duration::from_millis(KEEPALIVE_TIMEOUT))
    }

    /// The largest body of a request, in bytes (`max_req_body_size`).
    #[must_use]
    pub const fn max_req_body_size(&self) -> u64 {
        self.max_req_body_size
    }

    /// The largest body that is taken, and that it may become as parameters, in bytes.
    #[must_use]
    pub fn body_limit(&self) -> u64 {
        self.max_req_body_size.min(LARGEST_BODY)
    }

    /// The host's name for `OpenWhisk` (`upstream`): the cluster on Envoy, `host:port` on `APISIX`.
    #[must_use]
    pub const fn upstream(&self) -> &Rc<str> {
        &self.upstream
    }

    /// How a request is held until its body is complete (`request_body`).
    #[must_use]
    pub const fn request_body(&self) -> RequestBody {
        self.request_body
    }

    /// What is configured and has no effect on a proxy, or cannot work there: a sentence for each attribute.
    #[must_use]
    pub fn without_effect_on(&self, proxy: Proxy) -> Vec<&'static str> {
        let attributes = match proxy {
            // Those of connections are settings of the cluster there, which the documentation says where it matters.
            Proxy::Envoy => [None; 6],
            Proxy::Apisix => [
                (!self.ssl_verify).then_some(
                    "`ssl_verify` is false, which has no effect on apisix: its wasm runtime always verifies certificates",
                ),
                (self.retries > 0)
                    .then_some("`retries` has no effect on apisix: its wasm runtime makes each call once"),
                self.keepalive_timeout.map(|_| {
                    "`keepalive_timeout` has no effect on apisix: its wasm runtime keeps idle connections as long as it sees fit"
                }),
                self.has_keepalive_pool
                    .then_some("`keepalive_pool` has no effect on apisix: its wasm runtime keeps up to 30 idle connections"),
                (self.request_body != RequestBody::Pause)
                    .then_some("`request_body` has no effect on apisix: its wasm runtime holds every request"),
                (self.api_host.scheme() == Scheme::Https && is_ip_address(&self.upstream)).then_some(
                    "`upstream`, by default the host of `api_host`, is an IP address: every call over https fails on apisix, whose wasm runtime verifies certificates of names only"
                ),
            ],
        };
        attributes.into_iter().flatten().collect()
    }
}

/// Whether the name of an upstream is an IP address, perhaps with a port.
fn is_ip_address(upstream: &str) -> bool {
    let host = upstream.split_once(':').map_or(upstream, |(host, _)| host);
    host.starts_with('[') || host.parse::<Ipv4Addr>().is_ok()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::config::Config;

    /// The settings of a small configuration with attributes on top, each as `, "name": value`. They may repeat those
    /// of the small one.
    pub fn settings(attributes: &str) -> Settings {
        let usual = [("api_host", "http://ow"), ("service_token", "a:b"), ("namespace", "n"), ("action", "a")];
        let usual: Vec<_> = usual
            .iter()
            .filter(|(name, _)| !attributes.contains(&format!("\"{name}\":")))
            .map(|(name, value)| format!("\"{name}\": \"{value}\""))
            .collect();
        let json = format!("{{{}{attributes}}}", usual.join(", "));
        let json = json.replacen("{, ", "{", 1);
        match Config::from_json(json.as_bytes(), &|_| None).expect(&json) {
            Config::Every(settings) => *settings,
            Config::Routes(routes) => panic!("{routes:?}"),
        }
    }

    #[test]
    fn defaults_are_those_of_the_apisix_plugin() {
        let settings = settings(r#", "api_host": "http://openwhisk.example""#);
        assert!(settings.ssl_verify());
        assert_eq!(settings.mode(), Mode::Result);
        assert_eq!(settings.parameters(), &Parameters::Body);
        assert_eq!(settings.timeout(), Duration::from_secs(60));
        assert_eq!((settings.on_timeout(), settings.retries()), (OnTimeout::Error, 0));
        assert_eq!(settings.max_concurrency(), None);
        assert!(settings.keepalive());
        assert_eq!(settings.keepalive_timeout(), Duration::from_secs(60));
        assert_eq!((settings.max_req_body_size(), settings.body_limit()), (67_108_864, 52_428_800));
        assert_eq!(settings.upstream().as_ref(), "openwhisk.example:80");
        assert_eq!(settings.request_body(), RequestBody::Pause);
        assert_eq!(settings.action().to_string(), "n/a");
    }

    #[test]
    fn every_attribute_takes_effect() {
        let all = settings(
            r#", "api_host": "https://ow:8443/x", "ssl_verify": false, "service_token": "alice:wonderland",
                "namespace": "_", "package": "p", "action": "a b", "result": false, "parameters": "http",
                "path_prefix": "/a/b//", "forward_headers": ["Cookie"], "timeout": 1000.0, "on_timeout": "accept",
                "retries": 5, "max_concurrency": 7, "keepalive_timeout": 1000, "keepalive_pool": 2, "max_req_body_size": 1,
                "upstream": "cluster", "request_body": "buffer_filter""#,
        );
        assert_eq!(all.api_host().authority(), "ow:8443");
        assert!(!all.ssl_verify());
        assert_eq!(**all.service_token(), ServiceToken::parse("alice:wonderland").expect("valid"));
        assert_eq!(all.action().to_string(), "_/p/a b");
        assert_eq!(all.mode(), Mode::Metadata);
        let context = HttpContext::new("/a/b", vec!["cookie"]);
        assert_eq!(all.parameters(), &Parameters::Http(context));
        assert_eq!(all.timeout(), Duration::from_secs(1));
        assert_eq!(all.on_timeout(), OnTimeout::Accept);
        assert_eq!((all.retries(), all.max_concurrency()), (5, Some(7)));
        assert_eq!(all.keepalive_timeout(), Duration::from_secs(1));
        assert_eq!(all.max_req_body_size(), 1);
        assert_eq!(all.upstream().as_ref(), "cluster");
        assert_eq!(all.request_body(), RequestBody::BufferFilter);
        assert!(!settings(r#", "keepalive": false"#).keepalive());
    }

    #[test]
    fn result_and_mode_say_the_same() {
        for (attributes, expected) in [
            ("", Mode::Result),
            (r#", "result": true"#, Mode::Result),
            (r#", "result": true, "mode": "result""#, Mode::Result),
            (r#", "result": false"#, Mode::Metadata),
            (r#", "result": false, "mode": "metadata""#, Mode::Metadata),
            (r#", "mode": "activation""#, Mode::Activation),
            (r#", "mode": "async""#, Mode::Async),
        ] {
            assert_eq!(settings(attributes).mode(), expected, "{attributes}");
        }
    }

    #[test]
    fn an_upstream_may_be_an_ip_address() {
        let cases = [
            ("127.0.0.1:3233", true),
            ("127.0.0.1", true),
            ("[::1]:3233", true),
            ("[::1]", true),
            ("openwhisk.example:443", false),
            ("openwhisk", false),
            ("10.0.0.7.example:443", false),
            ("outbound|443||openwhisk.example", false),
        ];
        for (upstream, expected) in cases {
            assert_eq!(is_ip_address(upstream), expected, "{upstream}");
        }
    }
}
