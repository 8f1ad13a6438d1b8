//! Triggers, and the rules they set off.
//!
//! Source: openwhisk common/scala core/entity/WhiskTrigger.scala

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::description::{Description, DescriptionChange};
use crate::error::ApiError;
use crate::name::{ActionName, Name};
use crate::parameter::KeyValues;
use crate::rule::{reference, status};

/// A stored trigger.
#[derive(Debug, Clone)]
pub struct Trigger {
    /// Its name.
    pub name: Name,
    /// Bound arguments of all that it sets off.
    pub parameters: KeyValues,
    /// Notes, version and so on.
    pub description: Description,
    /// Its rules: they are known here only, so a new trigger of this name has none.
    pub rules: BTreeMap<Name, Link>,
}

/// What a rule is to its trigger.
#[derive(Debug, Clone)]
pub struct Link {
    /// What it invokes.
    pub action: ActionName,
    /// Whether it does.
    pub active: bool,
}

/// A trigger as sent by a client; everything may be absent.
#[derive(Debug, Deserialize)]
pub struct TriggerChange {
    parameters: Option<KeyValues>,
    #[serde(flatten)]
    description: DescriptionChange,
}

impl TriggerChange {
    /// The trigger that this change makes of `old`, or of nothing.
    ///
    /// # Errors
    /// Something that is too large.
    pub fn apply(self, name: Name, old: Option<&Trigger>, now: u64) -> Result<Trigger, ApiError> {
        let parameters = self.parameters.or_else(|| old.map(|old| old.parameters.clone())).unwrap_or_default();
        parameters.check_size("parameters")?;
        let description = self.description.apply(old.map(|old| &old.description), now)?;
        let rules = old.map(|old| old.rules.clone()).unwrap_or_default();
        Ok(Trigger { name, parameters, description, rules })
    }
}

impl Trigger {
    /// The full JSON.
    pub fn json(&self, namespace: &Name) -> Value {
        let rule = |(name, link): (&Name, &Link)| {
            let shown = json!({"action": reference(&link.action, namespace), "status": status(link.active)});
            (format!("{namespace}/{name}"), shown)
        };
        let rules: Map<_, _> = self.rules.iter().map(rule).collect();
        let rules = (!rules.is_empty()).then_some(("rules", Value::Object(rules)));
        let more = [("limits", json!({})), ("parameters", json!(self.parameters))];
        self.description.json(&self.name, namespace, more.into_iter().chain(rules))
    }

    /// The JSON of an item in a list.
    pub fn summary(&self, namespace: &Name) -> Value {
        self.description.json(&self.name, namespace, [])
    }
}
