//! How the levels of a configuration inherit from one another, and become settings. What a [`Level`] holds comes from the
//! table of attributes.

use std::rc::Rc;
use std::time::Duration;

use crate::config::action::{Action, Kind};
use crate::config::attribute::{ATTRIBUTES, DefaultValue, Level};
use crate::config::entry::Entry;
use crate::config::object::{Object, Reading, Wrong};
use crate::config::settings::{Mode, Parameters, ParametersFrom, Repeated, Settings, Whole, WholeBody, Word};

impl Level {
    /// The defaults, on which the top level stands.
    #[must_use]
    pub fn defaults() -> Self {
        let fields = ATTRIBUTES.iter().filter_map(|attribute| match attribute.default {
            DefaultValue::Json(json) => Some(format!("\"{}\":{json}", attribute.name)),
            DefaultValue::Required | DefaultValue::Absent | DefaultValue::Derived => None,
        });
        let json = format!("{{{}}}", fields.collect::<Vec<_>>().join(","));
        Reading::new(&|_| None).top(json.as_bytes()).map(|mut object| Self::of(&mut object)).unwrap_or_default()
    }

    /// Reads the attributes that may stand in an object, of the top level or of a route.
    #[must_use]
    pub fn of(object: &mut Object<'_, '_>) -> Self {
        let mut level = Self::take_from(object);
        let service_token = std::mem::take(&mut level.service_token);
        level.authorization = level.authorization.and(service_token, |_, _| {
            object.wrong("authorization", Wrong::new("given beside `service_token`", &"one of them"));
            Entry::Wrong
        });
        let result = std::mem::take(&mut level.result);
        level.mode = level.mode.and(result.map(mode_of), |mode, of_result| {
            if mode == of_result {
                return Entry::Value(mode);
            }
            let expected =
                format_args!("{:?} or none where `result` is {}", word(of_result), of_result == Mode::Result);
            object.wrong("mode", Wrong::new(&format!("{:?}", word(mode)), &expected));
            Entry::Wrong
        });
        if matches!(level.trigger, Entry::Value(_)) {
            let beside = |attribute: &'static str, is_given: bool| is_given.then_some(attribute);
            let others = [
                beside("action", matches!(level.action, Entry::Value(_))),
                beside("package", matches!(level.package, Entry::Value(_))),
                beside("location", matches!(level.location, Entry::Value(_))),
                beside("mode", matches!(level.mode, Entry::Value(mode) if mode != Mode::Async)),
            ];
            for attribute in others.into_iter().flatten() {
                object.wrong(attribute, Wrong::new("given beside `trigger`", &"it without"));
            }
        }
        level
    }

    /// This level on top of another one, whose attributes hold where this one gives none.
    ///
    /// The upstream goes with the address, and what shows who calls with both: what was meant for another does not hold.
    #[must_use]
    pub fn over(self, base: &Self) -> Self {
        let own = self.clone();
        let has_address = self.api_host != Entry::Absent;
        let mut level = self.or(base);
        if has_address {
            level.upstream = own.upstream;
        }
        if has_address || level.effective_upstream() != base.effective_upstream() {
            level.authorization = own.authorization;
            level.call_headers = own.call_headers;
        }
        // One goes without what belongs to the other.
        if matches!(own.trigger, Entry::Value(_)) {
            (level.action, level.package) = (own.action, own.package);
            (level.mode, level.location) = (own.mode, own.location);
        } else if matches!(own.action, Entry::Value(_)) {
            level.trigger = own.trigger;
        }
        level
    }

    /// The settings of this level and the defaults. `None` if something in it is missing, which is noted, or wrong.
    #[must_use]
    pub fn complete(mut self, defaults: &Self, object: &mut Object<'_, '_>) -> Option<Settings> {
        let ignored_on_apisix = self.ignored_on_apisix();
        let upstream = self.effective_upstream();
        let kind = if matches!(self.trigger, Entry::Value(_)) { Kind::Trigger } else { Kind::Action };
        if kind == Kind::Trigger {
            self.action = self.trigger.clone();
            self.mode = Entry::Value(Mode::Async);
        }
        self.note_missing(object);
        self.note_ineffective(object);
        let level = self.or(defaults);
        let whole = |body| {
            Parameters::Whole(Whole {
                body,
                path_prefix: level.path_prefix.value().unwrap_or_default().trim_end_matches('/').to_owned(),
                path_template: level.path_template.value(),
                forward_headers: level.forward_headers.value().unwrap_or_default(),
                repeated: level.repeated.value().unwrap_or(Repeated::Last),
                bind: level.bind.value().unwrap_or_default(),
            })
        };
        let parameters = match level.parameters.value()? {
            ParametersFrom::Body => Parameters::Body,
            ParametersFrom::Http => whole(WholeBody::Fields),
            ParametersFrom::Raw => whole(WholeBody::Raw),
        };
        Some(Settings {
            api_host: level.api_host.value()?,
            ssl_verify: level.ssl_verify.value()?,
            authorization: level.authorization.value(),
            call_headers: level.call_headers.value().unwrap_or_default(),
            action: Action::new(kind, level.namespace.value()?, level.package.value(), level.action.value()?),
            mode: level.mode.value()?,
            response: level.response.value()?,
            parameters,
            timeout: Duration::from_millis(level.timeout.value()?),
            on_timeout: level.on_timeout.value()?,
            location: level.location.value().map(|path| path.trim_end_matches('/').to_owned()),
            server_timing: level.server_timing.value()?,
            action_errors: level.action_errors.value()?,
            retries: level.retries.value()?,
            max_concurrency: level.max_concurrency.value(),
            keepalive: level.keepalive.value()?,
            keepalive_timeout: Duration::from_millis(level.keepalive_timeout.value()?),
            max_req_body_size: level.max_req_body_size.value()?,
            upstream: upstream?,
            request_body: level.request_body.value()?,
            ignored_on_apisix,
        })
    }

    /// Notes what would have no effect although the action, or whoever calls it, relies on it.
    fn note_ineffective(&self, object: &mut Object<'_, '_>) {
        let from_body = matches!(self.parameters, Entry::Value(ParametersFrom::Body) | Entry::Absent | Entry::Null);
        let given = [
            ("path_template", matches!(self.path_template, Entry::Value(_))),
            ("bind", matches!(self.bind, Entry::Value(_))),
            // Without `__ow_headers` in the payload OpenWhisk adds those of the call to it, with the key.
            ("trigger", matches!(self.trigger, Entry::Value(_))),
        ];
        for (attribute, _) in given.iter().filter(|(_, is_given)| *is_given && from_body) {
            object.wrong(attribute, Wrong::new("given", &"`parameters` to be \"http\" or \"raw\" then"));
        }
    }

    /// The upstream to which calls of this level go, and with them who calls. `None` if that is not known.
    fn effective_upstream(&self) -> Option<Rc<str>> {
        let by_default = || self.api_host.clone().value().map(|api_host| api_host.host_and_port());
        self.upstream.clone().value().or_else(by_default)
    }
}

const fn mode_of(result: bool) -> Mode {
    if result { Mode::Result } else { Mode::Metadata }
}

fn word(wanted: Mode) -> &'static str {
    Mode::WORDS.iter().find(|(_, mode)| *mode == wanted).map_or("", |(word, _)| word)
}
