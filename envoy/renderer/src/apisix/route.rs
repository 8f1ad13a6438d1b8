//! One route of `APISIX` with all that it refers to: what requests match, and what its plugins do.

use std::collections::BTreeMap;

use serde_json::Value;

use super::document::{Fields, Object, text_or_number};
use super::host::Host;
use super::kind::Kind;
use super::plugin::{LUA, Loss, WASM};
use super::quote::could_be_key;
use super::report::{Report, below};
use super::uri::{Router, Uri};
use super::usage::{Use, act, attributes, is_off, plugins_of};
use super::vars;
use crate::route::{Field, Matched};

/// Fields that say nothing about requests.
///
/// Source: apache/apisix `apisix/schema_def.lua`; `key` and the indexes are of etcd.
const SILENT: &[&str] = &[
    "id",
    "name",
    "desc",
    "labels",
    "create_time",
    "update_time",
    "key",
    "modifiedIndex",
    "createdIndex",
    "validity_start",
    "validity_end",
];

/// Fields about what stands behind the plugins, which answer before it.
const NEVER_REACHED: &[&str] = &["upstream", "upstream_id", "timeout", "enable_websocket", "service_protocol"];

/// Fields that are read.
const READ: &[(Kind, &[&str])] = &[
    (
        Kind::Routes,
        &[
            "uri",
            "uris",
            "host",
            "hosts",
            "methods",
            "priority",
            "status",
            "vars",
            "plugins",
            "service_id",
            "plugin_config_id",
        ],
    ),
    (Kind::Services, &["hosts", "plugins"]),
    (Kind::PluginConfigs, &["plugins"]),
    (Kind::GlobalRules, &["plugins"]),
];

/// Fields that hold back requests, with what does so in Envoy.
const HOLD_BACK: &[(&str, &str)] = &[
    ("remote_addr", "a route of envoy does not look at the address: envoy.filters.http.rbac does, and answers 403"),
    ("remote_addrs", "a route of envoy does not look at the address: envoy.filters.http.rbac does, and answers 403"),
    ("filter_func", "it is a program in lua: envoy.filters.http.lua runs one, and routes may match what it sets"),
    ("script", "it is a program in lua: envoy.filters.http.lua runs one"),
    ("script_id", "it is a program in lua: envoy.filters.http.lua runs one"),
];

/// All objects that routes refer to.
#[derive(Default)]
pub struct Shared<'a> {
    services: BTreeMap<&'a str, &'a Object>,
    plugin_configs: BTreeMap<&'a str, &'a Object>,
}

impl<'a> Shared<'a> {
    /// Those among these. Of two with one id the later one holds.
    pub fn of(objects: &'a [Object]) -> Self {
        let of = |kind: Kind| {
            let objects = objects.iter().filter(move |object| object.kind == kind);
            objects.filter_map(|object| Some((object.id.as_deref()?, object))).collect()
        };
        Self { services: of(Kind::Services), plugin_configs: of(Kind::PluginConfigs) }
    }
}

/// What a route is made of.
pub struct Parts<'a> {
    route: &'a Object,
    /// The route and what it refers to.
    objects: Vec<&'a Object>,
    plugins: BTreeMap<&'a str, Use<'a>>,
}

/// What the filter does on a route.
pub struct Served {
    /// The name of the plugin that does it.
    pub plugin: &'static str,
    /// Where its configuration stands.
    pub place: String,
    /// Its attributes.
    pub configuration: Fields,
}

impl<'a> Parts<'a> {
    /// Puts a route together. What it has itself holds, then what its `plugin_config_id` has, then its `service_id`.
    ///
    /// Source: apache/apisix `apisix/plugin_config.lua`, `merge`; `apisix/plugin.lua`, `merge_service_route`.
    pub fn of(route: &'a Object, shared: &Shared<'a>, report: &mut Report<'_>) -> Self {
        let mut objects = vec![route];
        for (field, known) in [("plugin_config_id", &shared.plugin_configs), ("service_id", &shared.services)] {
            let Some(id) = route.fields.get(field) else { continue };
            if let Some(object) = text_or_number(id).and_then(|id| known.get(id.as_str())) {
                objects.push(object);
            } else {
                let list = if field == "service_id" { Kind::Services.list() } else { Kind::PluginConfigs.list() };
                let id = text_or_number(id).map_or_else(|| "no id".to_owned(), |id| format!("{id:?}"));
                let reason = format!("is {id}, which is not among `{list}`: give the file or the list with it, too");
                report.untranslated(&below(&route.place, field), field, &reason);
            }
        }
        let mut plugins = BTreeMap::new();
        for object in objects.iter().rev() {
            plugins.extend(plugins_of(object, report).into_iter().map(|plugin| (plugin.name, plugin)));
        }
        Self { route, objects, plugins }
    }

    /// Whether the route is switched off.
    pub fn is_disabled(route: &Object, report: &mut Report<'_>) -> bool {
        match route.fields.get("status") {
            None => false,
            Some(status) if status.as_u64() == Some(1) => false,
            Some(status) if status.as_u64() == Some(0) => true,
            Some(_) => {
                report.wrong(&below(&route.place, "status"), "expected 0 or 1");
                false
            }
        }
    }

    /// What the filter does on it, if it does something. All that is not the filter's, and matters, is told.
    pub fn served(&self, report: &mut Report<'_>) -> Option<Served> {
        let on = |name: &str| self.plugins.get(name).filter(|plugin| !is_off(plugin.configuration));
        let (plugin, is_wasm) = match (on(LUA), on(WASM)) {
            (None, None) => return None,
            (Some(lua), None) => (lua, false),
            (None, Some(wasm)) => (wasm, true),
            (Some(_), Some(_)) => {
                report.wrong(
                    &below(&self.route.place, "plugins"),
                    &format!("holds `{LUA}` and `{WASM}`, expected one of them"),
                );
                return None;
            }
        };
        for object in &self.objects {
            fields(object, report);
        }
        for plugin in self.plugins.values() {
            act("", plugin, report);
        }
        let name = if is_wasm { WASM } else { LUA };
        let mut configuration = attributes(plugin, is_wasm, report)?;
        if !is_wasm && configuration.get("result") == Some(&Value::Bool(false)) {
            // Source: apache/apisix `apisix/plugins/openwhisk.lua`: it is the `result` of the call, which is blocking.
            configuration.remove("result");
            configuration.insert("mode".to_owned(), "activation".into());
            report.note(format!(
                "{}: with `{LUA}` the action runs and the client gets its record, which is `mode`: \"activation\" here",
                below(&plugin.place, "result")
            ));
        }
        Some(Served { plugin: name, place: plugin.place.clone(), configuration })
    }

    /// Tells which fields, of it or of what it refers to, may say anything: also which requests match, and which route
    /// comes first.
    pub fn unknown(&self, report: &mut Report<'_>) {
        for object in &self.objects {
            unknown(object, report);
        }
    }

    /// Its name, as long as no other route has it: its own, or that of its action, unless it could be a key in the
    /// wrong place.
    pub fn name(&self, index: usize) -> String {
        let field = |name: &str| self.route.fields.get(name)?.as_str();
        let action = |plugin: &str, place: &str| self.plugins.get(plugin)?.configuration.pointer(place)?.as_str();
        let names = [self.route.id.as_deref(), field("name"), action(LUA, "/action"), action(WASM, "/conf/action")];
        let name = names.into_iter().flatten().find(|name| !name.is_empty() && !could_be_key(name));
        name.map_or_else(|| format!("route-{index}"), str::to_owned)
    }

    /// Its paths. None if it says nothing about them.
    pub fn uris(&self, router: Router, report: &mut Report<'_>) -> Option<Vec<Uri>> {
        let texts = texts(self.route, "uri", "uris", report)?;
        let read = |(place, text): (String, &str)| {
            Uri::parse(text, router).map_err(|reason| report.untranslated(&place, "uris", &reason)).ok()
        };
        Some(texts.into_iter().filter_map(read).collect())
    }

    /// All entries of `uris` as they stand.
    pub fn uri_texts(&self) -> Vec<&'a str> {
        let fields = &self.route.fields;
        let all = fields.get("uris").and_then(Value::as_array).into_iter().flatten().chain(fields.get("uri"));
        all.filter_map(Value::as_str).collect()
    }

    /// Its hosts. None if it says nothing about them: all.
    pub fn hosts(&self, report: &mut Report<'_>) -> Option<Vec<Host>> {
        let mut all = self.objects.iter().filter(|object| object.kind != Kind::PluginConfigs);
        let texts = all.find_map(|object| texts(object, "host", "hosts", report))?;
        let read = |(place, text): (String, &str)| {
            Host::parse(text).map_err(|reason| report.untranslated(&place, "hosts", &reason)).ok()
        };
        Some(texts.into_iter().filter_map(read).collect())
    }

    /// What else a request has on it.
    pub fn matched(&self, report: &mut Report<'_>) -> Vec<Matched> {
        let mut matched = Vec::new();
        let mut tell = |field: &str, reason: &str| report.untranslated(&below(&self.route.place, field), field, reason);
        if let Some(value) = self.route.fields.get("methods") {
            match vars::methods(value) {
                Ok(methods) => matched.extend(methods),
                Err(reason) => tell("methods", &reason),
            }
        }
        if let Some(value) = self.route.fields.get("vars") {
            match vars::conditions(value) {
                Ok(conditions) => {
                    if conditions.iter().any(|condition| matches!(condition.field, Field::Header(_))) {
                        tell("vars", vars::NEARLY);
                    }
                    matched.extend(conditions);
                }
                Err(reason) => tell("vars", &reason),
            }
        }
        for (field, reason) in HOLD_BACK.iter().filter(|(field, _)| self.route.fields.contains_key(*field)) {
            tell(field, &format!("{}; {reason}", Loss::Protection.sentence()));
        }
        matched
    }

    /// Its priority.
    pub fn priority(&self, report: &mut Report<'_>) -> i64 {
        let Some(value) = self.route.fields.get("priority") else { return 0 };
        value.as_i64().unwrap_or_else(|| {
            report.wrong(&below(&self.route.place, "priority"), "expected a whole number");
            0
        })
    }
}

/// What a global rule does is told: it does so for every request.
pub fn global(rule: &Object, report: &mut Report<'_>) {
    fields(rule, report);
    for plugin in plugins_of(rule, report) {
        act("global_rules.", &plugin, report);
    }
}

/// Tells which fields of an object are not translated.
fn fields(object: &Object, report: &mut Report<'_>) {
    unknown(object, report);
    for name in object.fields.keys().map(String::as_str) {
        let place = below(&object.place, name);
        if NEVER_REACHED.contains(&name) {
            report.note(format!("left out: {place} is never reached: the filter answers"));
        }
        // What a route itself has is told with what requests match.
        let mut hold_back = HOLD_BACK.iter().filter(|_| object.kind != Kind::Routes);
        if let Some((_, reason)) = hold_back.find(|(field, _)| *field == name) {
            report.untranslated(&place, name, &format!("{}; {reason}", Loss::Protection.sentence()));
        }
    }
}

/// Tells which fields of an object may do anything.
fn unknown(object: &Object, report: &mut Report<'_>) {
    let read = READ.iter().find(|(kind, _)| *kind == object.kind).map_or(&[][..], |(_, read)| read);
    for name in object.fields.keys().map(String::as_str) {
        let known = [SILENT, NEVER_REACHED, read].into_iter().any(|known| known.contains(&name));
        if !known && !HOLD_BACK.iter().any(|(field, _)| *field == name) {
            let reason = format!("it is not known here what it does, and {}", Loss::Protection.sentence());
            report.untranslated(&below(&object.place, name), name, &reason);
        }
    }
}

/// A field that holds a text, or its other form that holds several.
fn texts<'a>(object: &'a Object, one: &str, many: &str, report: &mut Report<'_>) -> Option<Vec<(String, &'a str)>> {
    let (place_of_one, place) = (below(&object.place, one), below(&object.place, many));
    match (object.fields.get(one), object.fields.get(many)) {
        (None, None) => None,
        (Some(Value::String(text)), None) => Some(vec![(place_of_one, text)]),
        (None, Some(Value::Array(texts))) if !texts.is_empty() && texts.iter().all(Value::is_string) => {
            let texts = texts.iter().filter_map(Value::as_str).enumerate();
            Some(texts.map(|(index, text)| (format!("{place}[{index}]"), text)).collect())
        }
        (Some(_), None) => {
            report.wrong(&place_of_one, "expected a text");
            Some(Vec::new())
        }
        (None, Some(_)) => {
            report.wrong(&place, "expected a list of texts that is not empty");
            Some(Vec::new())
        }
        (Some(_), Some(_)) => {
            report.wrong(&place, &format!("stands beside `{one}`, expected one of them"));
            Some(Vec::new())
        }
    }
}
