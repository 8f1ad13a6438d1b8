//! How the requests of one route are served: complete, with only valid values.

use std::net::Ipv4Addr;
use std::rc::Rc;
use std::time::Duration;

use crate::config::action::Action;
use crate::config::api_host::{ApiHost, Scheme};
use crate::config::bind::Bind;
use crate::config::call_headers::CallHeaders;
use crate::config::path_template::PathTemplate;
use crate::config::secret::Secret;
use crate::error::key::KeySource;
use crate::proxy::Proxy;

/// Where the 202 of `OpenWhisk` is wanted (`on_timeout`), the call waits this much longer than `OpenWhisk`.
const GRACE: Duration = Duration::from_secs(1);

/// How much later than the wait of `OpenWhisk` the deadline of a call is, so that the id of the activation arrives.
///
/// Source: observed on a real `OpenWhisk`, whose 202 comes 13 to 58 ms after its wait, and never before.
const LATE: Duration = Duration::from_millis(100);

/// The largest body of a call, in bytes, whatever is configured: of a larger one `OpenWhisk` closes the connection.
///
/// Source: observed on a real `OpenWhisk`, whose server takes 50 MiB (`pekko.http.server.parsing.max-content-length`).
pub const LARGEST_BODY: u64 = 50 << 20;

/// A value that is one of some words.
pub trait Word: Copy + 'static {
    /// The words, each with what it stands for.
    const WORDS: &'static [(&'static str, Self)];
}

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
    /// Nothing is executed: the answer is the result of an activation that the client names.
    Poll,
}

/// What the result of the action becomes (`response`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Response {
    /// What its keys `statusCode`, `headers` and `body` say, if it has any.
    Shaped,
    /// The body of the reply, whatever it is.
    Plain,
}

/// What the client gets when `OpenWhisk` waited for the action in vain (`on_timeout`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnTimeout {
    /// An error.
    Error,
    /// The id of the activation, which goes on.
    Accept,
}

/// What the client gets of an error that the action did not shape (`action_errors`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActionErrors {
    /// The answer of `OpenWhisk`, with messages and stacks of the action.
    Pass,
    /// That the action failed. The rest goes into the log.
    Hide,
}

/// How a request is held until its body is complete (`request_body`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestBody {
    /// By this filter. On Envoy that needs `allow_on_headers_stop_iteration`.
    Pause,
    /// By the filter `envoy.filters.http.buffer` behind this one, which gets the headers.
    BufferFilter,
}

/// What the action's parameters are made of (`parameters`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParametersFrom {
    /// The body of the request.
    Body,
    /// All of the request, with its query and body taken apart.
    Http,
    /// All of the request, with its body as it is.
    Raw,
}

/// What the action receives of a field or header that comes several times (`repeated`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeated {
    /// The last one.
    Last,
    /// All of them.
    List,
}

/// What the action receives (`parameters`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parameters {
    /// The body of the request, as it is.
    Body,
    /// The whole request.
    Whole(Whole),
}

/// How the whole request becomes parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whole {
    /// What the body becomes.
    pub body: WholeBody,
    /// A beginning of the path that the action does not see, without a slash at its end.
    pub path_prefix: String,
    /// Which parameters the path has.
    pub path_template: Option<PathTemplate>,
    /// Those of the credentials of the client that the action does see.
    pub forward_headers: Vec<&'static str>,
    /// What becomes of fields and headers that come several times.
    pub repeated: Repeated,
    /// Parameters of the route itself.
    pub bind: Bind,
}

/// What the body of a whole request becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WholeBody {
    /// Parameters, as far as it has any.
    Fields,
    /// One parameter, with all its bytes.
    Raw,
}

impl Word for Mode {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("result", Self::Result),
        ("activation", Self::Activation),
        ("metadata", Self::Metadata),
        ("async", Self::Async),
        ("poll", Self::Poll),
    ];
}

impl Word for OnTimeout {
    const WORDS: &'static [(&'static str, Self)] = &[("error", Self::Error), ("accept", Self::Accept)];
}

impl Word for ActionErrors {
    const WORDS: &'static [(&'static str, Self)] = &[("pass", Self::Pass), ("hide", Self::Hide)];
}

impl Word for RequestBody {
    const WORDS: &'static [(&'static str, Self)] = &[("pause", Self::Pause), ("buffer_filter", Self::BufferFilter)];
}

impl Word for ParametersFrom {
    const WORDS: &'static [(&'static str, Self)] = &[("body", Self::Body), ("http", Self::Http), ("raw", Self::Raw)];
}

impl Word for Response {
    const WORDS: &'static [(&'static str, Self)] = &[("shaped", Self::Shaped), ("plain", Self::Plain)];
}

impl Word for Repeated {
    const WORDS: &'static [(&'static str, Self)] = &[("last", Self::Last), ("list", Self::List)];
}

/// The values of all attributes for a request. Many routes share what they have from the top level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub(super) api_host: Rc<ApiHost>,
    pub(super) ssl_verify: bool,
    pub(super) authorization: Option<Secret>,
    pub(super) call_headers: CallHeaders,
    pub(super) action: Action,
    pub(super) mode: Mode,
    pub(super) response: Response,
    pub(super) parameters: Parameters,
    pub(super) timeout: Duration,
    pub(super) on_timeout: OnTimeout,
    pub(super) location: Option<String>,
    pub(super) action_errors: ActionErrors,
    pub(super) server_timing: bool,
    pub(super) retries: u64,
    pub(super) max_concurrency: Option<u64>,
    pub(super) keepalive: bool,
    pub(super) keepalive_timeout: Duration,
    pub(super) max_req_body_size: u64,
    pub(super) upstream: Rc<str>,
    pub(super) request_body: RequestBody,
    /// A sentence for each attribute that was given and has no effect on `APISIX`.
    pub(super) ignored_on_apisix: Vec<&'static str>,
}

impl Settings {
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

    /// The header `authorization` of the calls (`service_token`, `authorization`). Without one the proxy has to add it.
    #[must_use]
    pub const fn authorization(&self) -> Option<&Secret> {
        self.authorization.as_ref()
    }

    /// Who adds the header `authorization` to the calls.
    #[must_use]
    pub const fn key_source(&self) -> KeySource {
        if self.authorization.is_none() { KeySource::Proxy } else { KeySource::Filter }
    }

    /// Whether there may be a key: a further header could be one.
    #[must_use]
    pub fn may_have_key(&self) -> bool {
        self.authorization.is_some() || !self.call_headers.is_empty()
    }

    /// Further headers of the calls (`call_headers`).
    #[must_use]
    pub const fn call_headers(&self) -> &CallHeaders {
        &self.call_headers
    }

    /// Which action, or which trigger (`namespace`, `package`, `action`, `trigger`).
    #[must_use]
    pub const fn action(&self) -> &Action {
        &self.action
    }

    /// What is done with it (`mode`, `result`).
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// What its result becomes (`response`).
    #[must_use]
    pub const fn response(&self) -> Response {
        self.response
    }

    /// What it receives (`parameters`).
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

    /// Where the client finds the result of an activation whose id it got (`location`): a path without a slash at its end.
    #[must_use]
    pub fn location(&self) -> Option<&str> {
        self.location.as_deref()
    }

    /// Whether the reply tells how long things took (`server_timing`).
    #[must_use]
    pub const fn server_timing(&self) -> bool {
        self.server_timing
    }

    /// What the client gets of an error that the action did not shape (`action_errors`).
    #[must_use]
    pub const fn action_errors(&self) -> ActionErrors {
        self.action_errors
    }

    /// The deadline of the call: the timeout, and where `OpenWhisk` waits time for its answer that says it passed.
    #[must_use]
    pub const fn deadline(&self) -> Duration {
        match (self.mode, self.on_timeout) {
            (Mode::Result | Mode::Activation, OnTimeout::Accept) => self.timeout.saturating_add(GRACE),
            (Mode::Result | Mode::Activation, OnTimeout::Error) => self.timeout.saturating_add(LATE),
            (Mode::Metadata | Mode::Async | Mode::Poll, _) => self.timeout,
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
    pub const fn keepalive_timeout(&self) -> Duration {
        self.keepalive_timeout
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

    /// What is configured and has no effect on a proxy, or cannot work there: a sentence for each attribute. Those of
    /// connections are settings of the cluster on Envoy, which the documentation says where it matters.
    #[must_use]
    pub fn without_effect_on(&self, proxy: Proxy) -> Vec<&'static str> {
        const NO_KEY: &str = "no key is configured, expected `service_token` or `authorization`: openwhisk will refuse every \
                              call, as apisix adds no key";
        const IP_ADDRESS: &str = "`upstream`, by default the host of `api_host`, is an IP address: every call over https \
                                  fails on apisix, whose wasm runtime verifies certificates of names only";
        if proxy == Proxy::Envoy {
            return Vec::new();
        }
        let mut sentences = self.ignored_on_apisix.clone();
        if self.api_host.scheme() == Scheme::Https && is_ip_address(&self.upstream) {
            sentences.push(IP_ADDRESS);
        }
        if !self.may_have_key() {
            sentences.push(NO_KEY);
        }
        sentences
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
            .filter(|(name, _)| *name != "action" || !attributes.contains("\"trigger\":"))
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
        assert_eq!(settings.action_errors(), ActionErrors::Pass);
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
                "path_prefix": "/a/b//", "forward_headers": ["Cookie"], "path_template": "/{a}", "repeated": "list",
                "bind": {"b": 1}, "response": "plain", "timeout": 1000.0, "on_timeout": "accept", "action_errors": "hide",
                "retries": 5, "max_concurrency": 7, "keepalive_timeout": 1000, "keepalive_pool": 2, "max_req_body_size": 1,
                "upstream": "cluster", "request_body": "buffer_filter""#,
        );
        assert_eq!(all.api_host().authority(), "ow:8443");
        assert!(!all.ssl_verify());
        assert_eq!(all.authorization().map(Secret::reveal), Some("Basic YWxpY2U6d29uZGVybGFuZA=="));
        assert_eq!(all.action().to_string(), "_/p/a b");
        assert_eq!(all.mode(), Mode::Metadata);
        let path_template = PathTemplate::parse("/{a}").ok();
        let bind = Bind::of(&["\"b\":1".to_owned()]);
        let (path_prefix, forward_headers) = ("/a/b".to_owned(), vec!["cookie"]);
        let body = WholeBody::Fields;
        let whole = Whole { body, path_prefix, path_template, forward_headers, repeated: Repeated::List, bind };
        assert_eq!(all.parameters(), &Parameters::Whole(whole));
        assert_eq!(all.response(), Response::Plain);
        assert_eq!(all.timeout(), Duration::from_secs(1));
        assert_eq!(all.on_timeout(), OnTimeout::Accept);
        assert_eq!(all.action_errors(), ActionErrors::Hide);
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
