//! What a request is sent to, prepared once for each route.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::call::CallTemplate;
use crate::call::open_calls::OpenCalls;
use crate::config::Config;
use crate::config::settings::Settings;
use crate::error::Error;
use crate::error::log_limit::LogLimit;
use crate::metric::Numbers;
use crate::proxy::Proxy;

/// What all requests with the same settings share on one worker.
#[derive(Debug)]
pub struct Target {
    settings: Settings,
    template: Rc<CallTemplate>,
    metrics: Numbers,
    open_calls: Rc<OpenCalls>,
    log_limit: LogLimit,
}

impl Target {
    fn new(settings: Settings, open_calls: Rc<OpenCalls>) -> Self {
        let template = Rc::new(CallTemplate::new(&settings));
        Self { settings, template, metrics: Numbers::default(), open_calls, log_limit: LogLimit::default() }
    }

    /// How a request is served.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What all calls share.
    #[must_use]
    pub const fn template(&self) -> &Rc<CallTemplate> {
        &self.template
    }

    /// The open calls of the action.
    #[must_use]
    pub const fn open_calls(&self) -> &Rc<OpenCalls> {
        &self.open_calls
    }

    /// Which errors get a line in the log.
    #[must_use]
    pub const fn log_limit(&self) -> &LogLimit {
        &self.log_limit
    }

    /// The host's numbers of the metrics.
    #[must_use]
    pub const fn metrics(&self) -> &Numbers {
        &self.metrics
    }
}

/// Targets by a text that need not be UTF-8.
pub type ByText = BTreeMap<Vec<u8>, Rc<Target>>;

/// The targets of a configuration on one worker.
#[derive(Debug)]
pub enum Targets {
    /// One for every request.
    Every(Rc<Target>),
    /// One for each route, by its name.
    Routes(ByText),
}

impl Targets {
    /// Prepares the calls of a configuration. Routes to the same action share the count of its open calls.
    #[must_use]
    pub fn new(config: Config) -> Self {
        match config {
            Config::Every(settings) => Self::Every(Rc::new(Target::new(*settings, Rc::default()))),
            Config::Routes(routes) => {
                let (mut targets, mut actions) = (ByText::new(), ByText::new());
                // `collect` would bring a sort into the filter.
                for (name, settings) in routes {
                    let address = address(&settings);
                    let known = actions.get(&address).map(|target| Rc::clone(&target.open_calls));
                    let target = Rc::new(Target::new(settings, known.unwrap_or_default()));
                    actions.insert(address, Rc::clone(&target));
                    targets.insert(name.into_bytes(), target);
                }
                Self::Routes(targets)
            }
        }
    }

    /// Finds the target of a request; `None` if it is not for the filter. `read_route` gives the name of its route, if it
    /// has one.
    ///
    /// # Errors
    /// [`Error::RoutesUnsupported`] if there are routes, and the proxy does not tell the route of a request.
    ///
    /// Source: Envoy's attribute `xds.route_name`, which APISIX has not: there a plugin belongs to a route anyway.
    pub fn choose(
        &self,
        proxy: Proxy,
        read_route: impl FnOnce() -> Option<Vec<u8>>,
    ) -> Result<Option<&Rc<Target>>, Error> {
        match (self, proxy) {
            (Self::Every(target), _) => Ok(Some(target)),
            (Self::Routes(_), Proxy::Apisix) => Err(Error::RoutesUnsupported),
            (Self::Routes(routes), Proxy::Envoy) => Ok(read_route().and_then(|name| routes.get(&name))),
        }
    }

    /// What there is, in words: so many routes (none if every request is served) and actions, and those without a key.
    #[must_use]
    pub fn summary(&self) -> String {
        let is_without_key = |target: &Target| !target.settings.may_have_key();
        let (routes, actions, without_key) = match self {
            Self::Every(target) => (0, 1, usize::from(is_without_key(target))),
            Self::Routes(routes) => {
                let mut actions = ByText::new();
                for target in routes.values() {
                    actions.insert(address(&target.settings), Rc::clone(target));
                }
                (routes.len(), actions.len(), routes.values().filter(|target| is_without_key(target)).count())
            }
        };
        let without_key = match without_key {
            0 => String::new(),
            count => format!(", {count} without a key, which the proxy has to add"),
        };
        format!("{routes} routes, {actions} actions{without_key}")
    }

    /// What is configured and has no effect on a proxy, or cannot work there: a sentence for each attribute.
    #[must_use]
    pub fn without_effect_on(&self, proxy: Proxy) -> Vec<&'static str> {
        match self {
            Self::Every(target) => target.settings.without_effect_on(proxy),
            Self::Routes(_) => Vec::new(),
        }
    }
}

/// What tells actions apart: the upstream, and the path there.
fn address(settings: &Settings) -> Vec<u8> {
    format!("{}{}", settings.upstream(), settings.action().api_path()).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets(json: &str) -> Targets {
        Targets::new(Config::from_json(json.as_bytes(), &|_| None).expect(json))
    }

    fn chosen(targets: &Targets, proxy: Proxy, route: Option<&str>) -> String {
        match targets.choose(proxy, || route.map(|name| name.as_bytes().to_vec())) {
            Ok(Some(target)) => target.settings().action().to_string(),
            Ok(None) => "pass".to_owned(),
            Err(_) => "unsupported".to_owned(),
        }
    }

    const BASE: &str = r#""api_host": "http://ow", "service_token": "a:b", "namespace": "n", "action": "a""#;

    #[test]
    fn the_route_decides_where_there_are_routes() {
        let routes = targets(&format!(r#"{{{BASE}, "routes": {{"x": {{"action": "b"}}, "ü.y": {{}}}}}}"#));
        let every = targets(&format!("{{{BASE}}}"));
        let none = targets(r#"{"routes": {}}"#);
        let cases = [
            (&every, Proxy::Envoy, Some("x"), "n/a"),
            (&every, Proxy::Envoy, None, "n/a"),
            (&every, Proxy::Apisix, None, "n/a"),
            (&routes, Proxy::Envoy, Some("x"), "n/b"),
            (&routes, Proxy::Envoy, Some("ü.y"), "n/a"),
            (&routes, Proxy::Envoy, Some("X"), "pass"),
            (&routes, Proxy::Envoy, Some(""), "pass"),
            (&routes, Proxy::Envoy, None, "pass"),
            (&routes, Proxy::Apisix, Some("x"), "unsupported"),
            (&none, Proxy::Envoy, Some("x"), "pass"),
        ];
        for (targets, proxy, route, expected) in cases {
            assert_eq!(chosen(targets, proxy, route), expected, "{route:?} on {proxy:?}");
        }
    }

    #[test]
    fn the_summary_tells_of_actions_without_a_key() {
        let keyless = r#"{"api_host": "http://ow", "namespace": "n", "action": "a"}"#.to_owned();
        let further = keyless.replace('}', r#", "call_headers": {"x-api-key": "x"}}"#);
        let without = ", 1 without a key, which the proxy has to add";
        for (json, expected) in [
            (format!("{{{BASE}}}"), "0 routes, 1 actions".to_owned()),
            (keyless, format!("0 routes, 1 actions{without}")),
            // It could be a key.
            (further, "0 routes, 1 actions".to_owned()),
            (r#"{"routes": {}}"#.to_owned(), "0 routes, 0 actions".to_owned()),
            (format!(r#"{{{BASE}, "routes": {{"x": {{}}, "y": {{}}}}}}"#), "2 routes, 1 actions".to_owned()),
            (
                format!(r#"{{{BASE}, "routes": {{"x": {{}}, "y": {{"upstream": "u"}}, "z": {{"upstream": "u"}}}}}}"#),
                "3 routes, 2 actions, 2 without a key, which the proxy has to add".to_owned(),
            ),
        ] {
            assert_eq!(targets(&json).summary(), expected, "{json}");
        }
    }

    #[test]
    fn routes_to_the_same_action_share_its_open_calls() {
        let routes =
            r#""x": {}, "y": {"timeout": 7}, "z": {"action": "b"}, "far": {"upstream": "u", "service_token": "c:d"}"#;
        let Targets::Routes(targets) = targets(&format!(r#"{{{BASE}, "routes": {{{routes}}}}}"#)) else {
            panic!("there are routes");
        };
        let calls = |name: &str| targets[name.as_bytes()].open_calls();
        assert!(Rc::ptr_eq(calls("x"), calls("y")));
        assert!(!Rc::ptr_eq(calls("x"), calls("z")));
        assert!(!Rc::ptr_eq(calls("x"), calls("far")));
    }
}
