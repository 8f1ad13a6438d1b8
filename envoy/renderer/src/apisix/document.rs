//! A text of `APISIX`, taken apart into its objects, in each form that somebody may have in hand.

use std::fmt;

use openwhisk_filter::config::attribute::ATTRIBUTES;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use serde_saphyr::options::{DuplicateKeyPolicy, MergeKeyPolicy};

use super::kind::Kind;
use super::report::below;

/// Fields of an object.
pub type Fields = Map<String, Value>;

/// What the Admin API and etcd put around objects.
///
/// Source: apache/apisix `docs/en/latest/admin-api.md`, and version 2 of the API, which showed etcd's own answer.
const AROUND: &[&str] = &["key", "action", "count", "total", "header", "createdIndex", "modifiedIndex", "dir"];

/// The fields that tell a text of `APISIX` from a configuration of the filter, with the names of lists.
const FIELDS: &[&str] = &[
    "plugins",
    "openwhisk",
    "openwhisk-wasm",
    "value",
    "list",
    "node",
    "uri",
    "uris",
    "service_id",
    "plugin_config_id",
];

/// An object of `APISIX`. No Debug: keys stand in it.
pub struct Object {
    /// What it is.
    pub kind: Kind,
    /// Where it stands, as messages say it. Empty where it is all there is.
    pub place: String,
    /// Its name for others.
    pub id: Option<String>,
    /// What it says.
    pub fields: Fields,
}

/// The text is of `APISIX`, and cannot be read. What stands there is not shown: it may be a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable {
    line: u64,
    column: u64,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, column } = self;
        write!(
            f,
            "line {line}, column {column} cannot be read, expected JSON, or YAML without `<<`, in which no key stands twice"
        )
    }
}

/// Reads a text. Nothing if it is not of `APISIX`.
///
/// # Errors
/// [`Unreadable`], also where a key stands twice.
pub fn read(text: &str) -> Result<Option<Fields>, Unreadable> {
    let of_apisix = |value: Value| match value {
        Value::Object(fields) if is_of_apisix(&fields) => Some(fields),
        _ => None,
    };
    match (serde_json::from_str(text), serde_json::from_str(text)) {
        (Ok(Strict(value)), _) => return Ok(of_apisix(value)),
        (Err(error), Ok(loose)) => {
            let place = |number| u64::try_from(number).unwrap_or_default();
            let unreadable = Unreadable { line: place(error.line()), column: place(error.column()) };
            return if of_apisix(loose).is_some() { Err(unreadable) } else { Ok(None) };
        }
        (Err(_), Err(_)) => {}
    }
    // Whatever else could be JSON is the filter's to judge.
    if !text
        .lines()
        .any(|line| line.split_once(':').is_some_and(|(key, _)| is_marker(key.trim_end().trim_matches(['"', '\'']))))
    {
        return Ok(None);
    }
    let options = serde_saphyr::options! {
        duplicate_keys: DuplicateKeyPolicy::Error,
        merge_keys: MergeKeyPolicy::Error,
        strict_booleans: true,
        with_snippet: false,
    };
    match serde_saphyr::from_str_with_options(text, options) {
        Ok(Strict(value)) => Ok(of_apisix(value)),
        Err(error) => {
            let (line, column) = error.location().map_or((0, 0), |at| (at.line(), at.column()));
            Err(Unreadable { line, column })
        }
    }
}

/// Reads a text of JSON. Nothing if a key stands twice.
pub fn strict(json: &str) -> Option<Value> {
    serde_json::from_str(json).map(|Strict(value)| value).ok()
}

/// Whether these are fields that no configuration of the filter has.
fn is_of_apisix(fields: &Fields) -> bool {
    let is_list =
        |(name, value): (&String, &Value)| Kind::of_list(name).is_some() && (value.is_array() || value.is_null());
    // `routes` is an attribute of the filter, too.
    let is_of_filter = fields.keys().any(|name| name != "routes" && ATTRIBUTES.iter().any(|row| row.name == name));
    fields.keys().any(|name| FIELDS.contains(&name.as_str())) || (!is_of_filter && fields.iter().any(is_list))
}

/// Whether a file of `APISIX` may have this key at its top.
fn is_marker(key: &str) -> bool {
    FIELDS.contains(&key) || Kind::of_list(key).is_some()
}

/// Takes a document apart.
///
/// # Errors
/// A sentence for each part that is none of `APISIX`, with its place.
pub fn objects(document: Fields) -> Result<Vec<Object>, Vec<(String, String)>> {
    let is_list =
        |(name, value): (&String, &Value)| Kind::of_list(name).is_some() && (value.is_array() || value.is_null());
    if ["list", "node", "value"].iter().any(|name| document.contains_key(*name)) {
        of_admin_api(document)
    } else if Kind::of_fields(&document).is_none() && document.iter().any(is_list) {
        of_file(document)
    } else {
        Ok(vec![alone(document)])
    }
}

/// The file of the standalone mode: a list of each kind.
///
/// Source: apache/apisix `docs/en/latest/deployment-modes.md`, Standalone.
fn of_file(document: Fields) -> Result<Vec<Object>, Vec<(String, String)>> {
    let (mut objects, mut wrong) = (Vec::new(), Vec::new());
    for (name, value) in document {
        match (Kind::of_list(&name), value) {
            (Some(_), Value::Null) => {}
            (Some(kind @ Kind::Plugins), Value::Array(values)) => {
                let names = values.iter().filter_map(|value| value.get("name")?.as_str());
                let fields = names.map(|name| (name.to_owned(), Value::Null)).collect();
                objects.push(Object { kind, place: name, id: None, fields });
            }
            (Some(kind), Value::Array(values)) => {
                for (index, value) in values.into_iter().enumerate() {
                    let place = format!("{}[{index}]", kind.list());
                    match value {
                        Value::Object(fields) => objects.push(Object { kind, place, id: id(&fields), fields }),
                        _ => wrong.push((place, "expected an object".to_owned())),
                    }
                }
            }
            (Some(_), _) => wrong.push((name, "expected a list".to_owned())),
            (None, Value::Number(_)) if is_version(&name) => {}
            (None, _) if is_version(&name) => wrong.push((name, "expected a number".to_owned())),
            (None, _) => wrong.push((below("", &name), "not known".to_owned())),
        }
    }
    // As APISIX reads them, whatever comes first in the file.
    objects.sort_by_key(|object| object.kind);
    if wrong.is_empty() { Ok(objects) } else { Err(wrong) }
}

/// Whether this is how old a list is.
fn is_version(name: &str) -> bool {
    name.strip_suffix("_conf_version").is_some_and(|list| Kind::of_list(list).is_some())
}

/// What the Admin API answers: one object, or a list of them.
fn of_admin_api(mut document: Fields) -> Result<Vec<Object>, Vec<(String, String)>> {
    let mut wrong = Vec::new();
    let empty = |value: &Value| value.as_object().is_some_and(Map::is_empty);
    let (items, is_alone) = match (document.remove("list"), document.remove("node"), document.get("value")) {
        (Some(Value::Array(items)), None, None) => (items, false),
        // An empty table of Lua.
        (Some(value), None, None) if empty(&value) => (Vec::new(), false),
        (None, Some(Value::Object(mut node)), None) => {
            let nodes = node.remove("nodes");
            if nodes.is_none() && !node.contains_key("dir") {
                (vec![Value::Object(node)], true)
            } else {
                let unknown = node.keys().filter(|name| !AROUND.contains(&name.as_str()));
                wrong.extend(unknown.map(|name| (below("", name), "not known".to_owned())));
                match nodes {
                    Some(Value::Array(items)) => (items, false),
                    Some(value) if !empty(&value) => {
                        return Err(vec![("nodes".to_owned(), "expected a list of objects".to_owned())]);
                    }
                    _ => (Vec::new(), false),
                }
            }
        }
        (None, None, Some(_)) => (vec![Value::Object(std::mem::take(&mut document))], true),
        _ => return Err(vec![("list".to_owned(), "expected a list of objects".to_owned())]),
    };
    let unknown = document.keys().filter(|name| !AROUND.contains(&name.as_str()));
    wrong.extend(unknown.map(|name| (below("", name), "not known".to_owned())));
    if !is_alone {
        wrong.extend(["total", "count"].into_iter().filter_map(|name| page(name, document.get(name)?, items.len())));
    }
    let mut objects: Vec<Object> = Vec::new();
    for (index, item) in items.into_iter().enumerate() {
        let Value::Object(mut item) = item else {
            wrong.push((format!("list[{index}]"), "expected an object".to_owned()));
            continue;
        };
        let key = item.remove("key").and_then(|key| key.as_str().map(str::to_owned));
        let value = item.remove("value");
        // What etcd holds for an empty list.
        if value.as_ref().and_then(Value::as_str) == Some("init_dir") {
            continue;
        }
        let unknown = item.keys().filter(|name| !AROUND.contains(&name.as_str()));
        wrong.extend(unknown.map(|name| (below(&format!("list[{index}]"), name), "not known".to_owned())));
        let Some(Value::Object(fields)) = value else {
            wrong.push((format!("list[{index}].value"), "expected an object".to_owned()));
            continue;
        };
        let of_key = key.as_deref().and_then(Kind::of_key);
        if key.is_some() && of_key.is_none() {
            wrong.push((format!("list[{index}].key"), "expected one like `/apisix/routes/1`".to_owned()));
            continue;
        }
        let Some(kind) =
            of_key.map(|(kind, _)| kind).or_else(|| Kind::of_fields(&fields)).or(is_alone.then_some(Kind::Routes))
        else {
            let reason = "what it is cannot be told, expected a `key` like `/apisix/services/1`";
            wrong.push((format!("list[{index}]"), reason.to_owned()));
            continue;
        };
        let id = match of_key {
            Some((_, None)) => None,
            Some((_, Some(of_key))) => id(&fields).or_else(|| text_or_number(&Value::from(of_key))),
            None => id(&fields),
        };
        let place = if is_alone { String::new() } else { format!("{}[{index}]", kind.list()) };
        objects.push(Object { kind, place, id, fields });
    }
    if wrong.is_empty() { Ok(objects) } else { Err(wrong) }
}

/// What is wrong with the size of a list: a page of it lacks what protects the others. Of etcd, `count` may have the list
/// itself, too.
///
/// Source: apache/apisix `apisix/core/etcd.lua`, `get_format`.
fn page(name: &str, size: &Value, items: usize) -> Option<(String, String)> {
    let number = size.as_u64().or_else(|| size.as_str()?.parse().ok());
    let Some(number) = number else { return Some((name.to_owned(), "expected a number".to_owned())) };
    let more = number.checked_sub(u64::try_from(items).ok()?);
    if more == Some(0) || (name == "count" && more == Some(1)) {
        return None;
    }
    let reason = format!("is {number} where `list` has {items}, expected the whole list: pages are to be joined");
    Some((name.to_owned(), reason))
}

/// One object: a route, something else that has plugins, or plugins alone.
fn alone(fields: Fields) -> Object {
    let fields = if fields.contains_key("openwhisk") || fields.contains_key("openwhisk-wasm") {
        [("plugins".to_owned(), Value::Object(fields))].into_iter().collect()
    } else {
        fields
    };
    let kind = Kind::of_fields(&fields).unwrap_or(Kind::Routes);
    Object { kind, place: String::new(), id: id(&fields), fields }
}

/// The id of an object: a text or a number.
pub fn id(fields: &Fields) -> Option<String> {
    text_or_number(fields.get("id")?)
}

/// What another object is called by: a number, or a text that could be no key.
///
/// Source: apache/apisix `apisix/schema_def.lua`, `id_schema`.
pub fn text_or_number(value: &Value) -> Option<String> {
    let is_id = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    match value {
        Value::String(text) if text.chars().all(is_id) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A value in which no key stands twice: who reads it first and who reads it last would see two configurations.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Strict;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_bool<E>(self, value: bool) -> Result<Strict, E> {
                Ok(Strict(value.into()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Strict, E> {
                Ok(Strict(value.into()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Strict, E> {
                Ok(Strict(value.into()))
            }

            fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Strict, E> {
                Number::from_f64(value).map(|number| Strict(number.into())).ok_or_else(|| E::custom("not a number"))
            }

            fn visit_str<E>(self, value: &str) -> Result<Strict, E> {
                Ok(Strict(value.into()))
            }

            fn visit_unit<E>(self) -> Result<Strict, E> {
                Ok(Strict(Value::Null))
            }

            fn visit_none<E>(self) -> Result<Strict, E> {
                Ok(Strict(Value::Null))
            }

            fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Strict, D::Error> {
                Strict::deserialize(deserializer)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Strict, A::Error> {
                let mut values = Vec::new();
                while let Some(Strict(value)) = items.next_element()? {
                    values.push(value);
                }
                Ok(Strict(Value::Array(values)))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Strict, A::Error> {
                let mut fields = Fields::new();
                while let Some((key, Strict(value))) = entries.next_entry::<String, _>()? {
                    if fields.insert(key, value).is_some() {
                        return Err(A::Error::custom("a key stands twice"));
                    }
                }
                Ok(Strict(Value::Object(fields)))
            }
        }
        deserializer.deserialize_any(Any)
    }
}
