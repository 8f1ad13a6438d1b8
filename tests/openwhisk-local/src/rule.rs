//! Rules: which trigger invokes which action.
//!
//! Source: openwhisk common/scala core/entity/WhiskRule.scala

use serde::Deserialize;
use serde_json::{Value, json};

use crate::description::{Description, DescriptionChange};
use crate::error::ApiError;
use crate::name::{ActionName, ActionPath, Name};

/// A stored rule. Whether it is active, its trigger knows.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Its name.
    pub name: Name,
    /// What sets it off.
    pub trigger: Name,
    /// What it invokes.
    pub action: ActionName,
    /// Notes, version and so on.
    pub description: Description,
}

/// A rule as sent by a client; everything may be absent.
#[derive(Debug, Deserialize)]
pub struct RuleChange {
    trigger: Option<Reference>,
    action: Option<Reference>,
    #[serde(flatten)]
    description: DescriptionChange,
}

/// The state of a rule as sent by a client.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Value")]
pub struct StateChange {
    /// Whether it is to be active.
    pub active: bool,
}

impl TryFrom<Value> for StateChange {
    type Error = String;

    fn try_from(body: Value) -> Result<Self, String> {
        match body.get("status").ok_or("key not found: status")?.as_str() {
            Some("active") => Ok(Self { active: true }),
            Some("inactive") => Ok(Self { active: false }),
            word => Err(format!("requirement failed: {} is not a recognized rule state", word.unwrap_or_default())),
        }
    }
}

/// An entity's full name: `/_/name`, or an object of path and name.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Reference {
    Text(String),
    Parts { path: String, name: String },
}

impl Reference {
    fn resolve(&self, own: &Name) -> Result<ActionName, ApiError> {
        let path = match self {
            Self::Text(text) => ActionPath::parse(text, own)?,
            Self::Parts { path, name } => ActionPath::parse(&format!("{path}/{name}"), own)?,
        };
        if path.namespace == *own {
            Ok(path.action)
        } else {
            Err(ApiError::NotAuthorized(format!("{}/{}", path.namespace, path.action)))
        }
    }
}

impl RuleChange {
    /// The rule that this change makes of `old`, or of nothing.
    ///
    /// # Errors
    /// A new rule without trigger or action, or with those of somebody else.
    pub fn apply(self, name: Name, old: Option<&Rule>, own: &Name, now: u64) -> Result<Rule, ApiError> {
        let trigger = self.trigger.map(|reference| reference.resolve(own)).transpose()?;
        let trigger = trigger.map(|trigger| trigger.name).or_else(|| old.map(|old| old.trigger.clone()));
        let action = self.action.map(|reference| reference.resolve(own)).transpose()?;
        let action = action.or_else(|| old.map(|old| old.action.clone()));
        let (Some(trigger), Some(action)) = (trigger, action) else {
            return Err(ApiError::BadRequest(String::from("rule requires a valid trigger and a valid action")));
        };
        let description = self.description.apply(old.map(|old| &old.description), now)?;
        Ok(Rule { name, trigger, action, description })
    }
}

impl Rule {
    /// The full JSON.
    pub fn json(&self, namespace: &Name, active: bool) -> Value {
        let more = self.ends(namespace).into_iter().chain([("status", json!(status(active)))]);
        self.description.json(&self.name, namespace, more)
    }

    /// The JSON of an item in a list.
    pub fn summary(&self, namespace: &Name) -> Value {
        self.description.json(&self.name, namespace, self.ends(namespace))
    }

    fn ends(&self, namespace: &Name) -> [(&'static str, Value); 2] {
        let trigger = ActionName { package: None, name: self.trigger.clone() };
        [("action", reference(&self.action, namespace)), ("trigger", reference(&trigger, namespace))]
    }
}

/// The word for a rule's state.
pub fn status(active: bool) -> &'static str {
    if active { "active" } else { "inactive" }
}

/// How rules show an entity.
pub fn reference(entity: &ActionName, namespace: &Name) -> Value {
    json!({"name": entity.name, "path": entity.home(namespace)})
}
