//! Lists of keys and values: parameters and annotations.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::ApiError;

/// Largest list, in bytes.
///
/// Source: openwhisk application.conf `whisk.parameter-size-limit`
const LARGEST: usize = 1_048_576;

/// One item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeyValue {
    /// Unique in its list.
    pub key: String,
    /// Any JSON.
    pub value: Value,
    /// Goes to the environment instead of the arguments.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub init: bool,
}

/// A list with each key once.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Vec<KeyValue>")]
pub struct KeyValues(Vec<KeyValue>);

/// Source: openwhisk common/scala core/entity/Parameter.scala (`Parameters.serdes`)
impl TryFrom<Value> for KeyValues {
    type Error = &'static str;

    fn try_from(items: Value) -> Result<Self, Self::Error> {
        let items: Vec<KeyValue> = serde_json::from_value(items).map_err(|_| "parameters malformed!")?;
        let mut list = Self::default();
        for item in items {
            list.put(item);
        }
        Ok(list)
    }
}

impl From<KeyValues> for Vec<KeyValue> {
    fn from(list: KeyValues) -> Self {
        list.0
    }
}

impl KeyValues {
    /// Adds an item, or replaces that of the same key.
    pub fn put(&mut self, item: KeyValue) {
        match self.0.iter_mut().find(|old| old.key == item.key) {
            Some(old) => *old = item,
            None => self.0.push(item),
        }
    }

    /// Adds a value.
    pub fn set(&mut self, key: &str, value: Value) {
        self.put(KeyValue { key: key.to_owned(), value, init: false });
    }

    /// Removes an item.
    pub fn remove(&mut self, key: &str) {
        self.0.retain(|item| item.key != key);
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.iter().find(|item| item.key == key).map(|item| &item.value)
    }

    /// All items.
    pub fn iter(&self) -> impl Iterator<Item = &KeyValue> {
        self.0.iter()
    }

    /// Itself with `others` on top.
    pub fn overlaid(&self, others: &Self) -> Self {
        let mut merged = self.clone();
        for item in others.iter() {
            merged.put(item.clone());
        }
        merged
    }

    /// Whether a value is there that the scripts of the original count as true.
    ///
    /// Source: openwhisk common/scala core/entity/Parameter.scala (`isTruthy`)
    pub fn is_truthy(&self, key: &str, default: bool) -> bool {
        match self.get(key) {
            None => default,
            Some(Value::Null) => false,
            Some(Value::Bool(value)) => *value,
            Some(Value::Number(value)) => value.as_f64() != Some(0.0),
            Some(Value::String(value)) => !value.is_empty(),
            Some(_) => true,
        }
    }

    /// Refuses a list that is too large.
    ///
    /// # Errors
    /// It is.
    pub fn check_size(&self, part: &'static str) -> Result<(), ApiError> {
        let sizes = self.iter().map(|item| item.key.len().saturating_add(item.value.to_string().len()));
        let size = sizes.fold(0_usize, usize::saturating_add);
        if size > LARGEST { Err(ApiError::PartTooLarge { part, size, allowed: LARGEST }) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_last_of_a_key_wins() {
        let list: KeyValues = serde_json::from_value(
            json!([{"key": "a", "value": 1}, {"key": "b", "value": null}, {"key": "a", "value": 2}]),
        )
        .unwrap();
        assert_eq!(
            serde_json::to_value(&list).unwrap(),
            json!([{"key": "a", "value": 2}, {"key": "b", "value": null}])
        );
        assert_eq!(list.overlaid(&KeyValues::default()), list);
    }

    #[test]
    fn anything_but_a_list_of_keys_and_values_is_malformed() {
        for list in [json!({}), json!("x"), json!([1]), json!([{"key": "a"}]), json!([{"value": 1}])] {
            let found = serde_json::from_value::<KeyValues>(list.clone()).unwrap_err();
            assert_eq!(found.to_string(), "parameters malformed!", "{list}");
        }
    }
}
