//! A plugin in a route, a service, a plugin config or a global rule, and what it does that the filter does not.

use serde_json::Value;

use super::document::{Fields, Object, strict};
use super::plugin::{Effect, effect};
use super::report::{Report, below};
use super::secret::Reference;
use crate::configuration::SECRETS;

/// A plugin where it is configured.
#[derive(Clone)]
pub struct Use<'a> {
    /// Its name.
    pub name: &'a str,
    /// Where it stands.
    pub place: String,
    /// What it is told.
    pub configuration: &'a Value,
}

/// The plugins of one object.
pub fn plugins_of<'a>(object: &'a Object, report: &mut Report<'_>) -> Vec<Use<'a>> {
    let place = below(&object.place, "plugins");
    let plugins = match object.fields.get("plugins") {
        None => return Vec::new(),
        Some(Value::Object(plugins)) => plugins,
        Some(_) => {
            report.wrong(&place, "expected an object");
            return Vec::new();
        }
    };
    let plugin =
        |(name, configuration): (&'a String, &'a Value)| Use { name, place: below(&place, name), configuration };
    plugins.iter().map(plugin).collect()
}

/// Whether a plugin is switched off.
///
/// Source: apache/apisix `apisix/plugin.lua`, `check_disable`.
pub fn is_off(configuration: &Value) -> bool {
    configuration.pointer("/_meta/disable") == Some(&Value::Bool(true))
}

/// Tells what a plugin does that the filter does not.
pub fn act(scope: &str, plugin: &Use<'_>, report: &mut Report<'_>) {
    let Use { name, place, configuration } = plugin;
    match effect(name) {
        _ if is_off(configuration) => report.note(format!("left out: {place} is switched off (`_meta.disable`)")),
        Effect::OpenWhisk(_) if scope.is_empty() => {}
        Effect::OpenWhisk(_) => {
            let reason = "it answers every request: give it to a route with `\"uri\": \"/*\"`";
            report.untranslated(place, &format!("{scope}{name}"), reason);
        }
        Effect::Observes if configuration.pointer("/_meta/pre_function").is_some() => {
            let reason = format!("`{name}` only observes, but this program in lua may do everything");
            report.untranslated(&below(place, "_meta.pre_function"), "_meta.pre_function", &reason);
        }
        Effect::Observes => report.note(format!("left out: {place} only observes")),
        Effect::Acts(loss, filter) => {
            let reason = format!("{}; envoy has {filter} for it", loss.sentence());
            report.untranslated(place, &format!("{scope}{name}"), &reason);
        }
    }
}

/// The attributes of the filter in the configuration of a plugin.
pub fn attributes(plugin: &Use<'_>, is_wasm: bool, report: &mut Report<'_>) -> Option<Fields> {
    let Use { name, place, configuration } = plugin;
    meta(name, place, configuration, report);
    let attributes = if is_wasm {
        let fields = configuration.as_object().into_iter().flat_map(Fields::keys);
        for field in fields.filter(|field| !matches!(field.as_str(), "conf" | "_meta")) {
            report.wrong(&below(place, field), "not known, expected `conf` alone");
        }
        match configuration.get("conf") {
            None => {
                report.wrong(&below(place, "conf"), "is missing, expected the configuration of the filter");
                return None;
            }
            // It may be a string that holds JSON, too.
            Some(Value::String(text)) => strict(text),
            Some(conf) => Some(conf.clone()),
        }
    } else {
        Some((*configuration).clone())
    };
    let Some(Value::Object(mut attributes)) = attributes else {
        report.wrong(place, "expected an object, the configuration of the filter");
        return None;
    };
    if !is_wasm {
        attributes.remove("_meta");
    }
    for (attribute, value) in attributes.iter().filter(|(attribute, _)| !SECRETS.contains(&attribute.as_str())) {
        let reason = match Reference::of(value) {
            None => continue,
            Some(Reference::Environment) => "refers to the environment, which the filter reads for secrets only",
            Some(Reference::Secret) => "refers to a secret manager, which only apisix can ask",
        };
        report.wrong(&below(place, attribute), &format!("{reason}: write the value itself"));
    }
    if attributes.contains_key("routes") {
        report.wrong(&below(place, "routes"), "has no effect on apisix, expected one configuration for the route");
        return None;
    }
    Some(attributes)
}

/// What `APISIX` itself reads in the configuration of the filter.
///
/// Source: apache/apisix `apisix/plugin.lua`, `_M.plugin_injected_schema` and its `_meta`.
fn meta(name: &str, place: &str, configuration: &Value, report: &mut Report<'_>) {
    let place = below(place, "_meta");
    let meta = match configuration.get("_meta") {
        None => return,
        Some(Value::Object(meta)) => meta,
        Some(_) => return report.wrong(&place, "expected an object"),
    };
    for (field, value) in meta {
        match field.as_str() {
            "disable" if value.is_boolean() => {}
            "disable" => report.wrong(&below(&place, field), "expected true or false"),
            // In which order plugins run is nothing where one runs.
            "priority" => {}
            _ => {
                let reason = format!("when `{name}` runs, or what it answers, would be something else");
                report.untranslated(&below(&place, field), &format!("_meta.{field}"), &reason);
            }
        }
    }
}
