//! `questions.yaml`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::openwhisk::OpenWhisk;
use crate::question::Question;
use crate::report::Outcome;

/// The questions, and what they need.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// Questions to which the local `OpenWhisk` is known to answer otherwise, and why.
    #[serde(default)]
    pub not_yet: BTreeMap<String, String>,
    /// The code of actions.
    actions: BTreeMap<String, String>,
    /// Other entities, in the order of their creation.
    entities: Vec<Entity>,
    /// The questions of each section.
    pub questions: BTreeMap<String, Vec<Question>>,
}

/// An entity.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entity {
    put: String,
    body: Value,
}

impl Table {
    /// Reads it for a prefix of all names, and a namespace.
    pub fn read(prefix: &str, namespace: &str) -> Result<Self, String> {
        let text = include_str!("../questions.yaml").replace("$prefix-", prefix).replace("$namespace", namespace);
        serde_saphyr::from_str(&text).map_err(|error| format!("questions.yaml: {error}"))
    }

    /// Creates what the questions need. Of other entities than actions it is a question whether that is possible.
    pub fn create(&self, openwhisk: &OpenWhisk) -> Result<Vec<Outcome>, String> {
        for (name, code) in &self.actions {
            openwhisk.create_action(name, code)?;
        }
        let create = |Entity { put, body }: &Entity| Outcome {
            question: format!("put {put}"),
            lines: openwhisk.create(put, body).err().into_iter().collect(),
        };
        Ok(self.entities.iter().map(create).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_question_has_a_name_of_its_own() {
        let table = Table::read("a-", "guest").expect("a table");
        let mut names = BTreeSet::new();
        for question in table.questions.values().flatten() {
            assert!(names.insert(&question.ask), "{:?} comes twice", question.ask);
        }
        let entities: BTreeSet<_> = table.entities.iter().map(|entity| format!("put {}", entity.put)).collect();
        for (name, reason) in &table.not_yet {
            assert!(
                (names.contains(name) || entities.contains(name)) && !reason.is_empty(),
                "{name:?} is no question, or has no reason"
            );
        }
    }
}
