//! Actions and sequences: what is stored, how it is changed and shown.
//!
//! Source: openwhisk common/scala core/entity/{WhiskAction,Exec}.scala, core/controller Actions.scala

use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::ApiError;
use crate::limits::{Limits, LimitsChange};
use crate::name::{ActionName, ActionPath, Name};
use crate::parameter::KeyValues;
use crate::version::Version;

/// Largest program, in bytes.
const LARGEST_CODE: usize = 48 * 1024 * 1024;
/// What `nodejs:default` means.
const DEFAULT_KIND: &str = "nodejs:20";

/// What an action does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exec {
    /// A program.
    Code {
        /// `nodejs:` and a version.
        kind: String,
        /// Its text.
        code: String,
        /// The entry point, if it is not `main`.
        main: Option<String>,
    },
    /// Other actions, one after the other.
    Sequence(Vec<ActionPath>),
}

/// A stored action.
#[derive(Debug, Clone)]
pub struct Action {
    /// Where it is.
    pub name: ActionName,
    /// What it does.
    pub exec: Exec,
    /// What it may use.
    pub limits: Limits,
    /// Bound arguments.
    pub parameters: KeyValues,
    /// Notes, some of which have a meaning.
    pub annotations: KeyValues,
    publish: bool,
    /// Counts up with each change.
    pub version: Version,
    /// When it was written, in milliseconds since 1970.
    pub updated: u64,
    /// A number no other written action has: names its warm containers.
    pub revision: u64,
}

/// An action as sent by a client; everything may be absent.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ActionChange {
    exec: Option<ExecChange>,
    parameters: Option<KeyValues>,
    annotations: Option<KeyValues>,
    del_annotations: Option<Vec<String>>,
    limits: Option<LimitsChange>,
    version: Option<Version>,
    publish: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct ExecChange {
    kind: Option<String>,
    code: Option<String>,
    main: Option<String>,
    components: Option<Vec<String>>,
}

impl ExecChange {
    fn resolve(self, own: &Name) -> Result<Exec, ApiError> {
        let malformed = |text: &str| ApiError::MalformedBody(text.to_owned());
        let kind = self.kind.ok_or_else(|| malformed("'kind' must be a string defined in 'exec'"))?;
        let kind = kind.trim().to_lowercase();
        if kind == "sequence" {
            let components =
                self.components.ok_or_else(|| malformed("'components' must be defined for sequence kind"))?;
            let paths: Result<Vec<_>, _> = components.iter().map(|path| ActionPath::parse(path, own)).collect();
            return Ok(Exec::Sequence(paths?));
        }
        let kind = match kind.strip_prefix("nodejs:") {
            Some("default") => DEFAULT_KIND.to_owned(),
            Some(version) if !version.is_empty() => kind,
            _ => {
                return Err(ApiError::MalformedBody(format!(
                    "The specified runtime '{kind}' is not supported by this platform. Valid values are: 'nodejs:14', 'nodejs:16', 'nodejs:18', 'nodejs:20', 'sequence'."
                )));
            }
        };
        let code = self
            .code
            .ok_or_else(|| malformed(&format!("'code' must be a string defined in 'exec' for '{kind}' actions")))?;
        let size = code.len();
        if size > LARGEST_CODE {
            return Err(ApiError::PartTooLarge { part: "exec", size, allowed: LARGEST_CODE });
        }
        Ok(Exec::Code { kind, code, main: self.main.filter(|main| !main.trim().is_empty()) })
    }
}

impl ActionChange {
    /// The action that this change makes of `old`, or of nothing.
    ///
    /// # Errors
    /// A value out of range, an unknown kind, no program for a new action.
    pub fn apply(self, name: ActionName, old: Option<&Action>, own: &Name, now: u64) -> Result<Action, ApiError> {
        let exec = match (self.exec, old) {
            (Some(exec), _) => exec.resolve(own)?,
            (None, Some(old)) => old.exec.clone(),
            (None, None) => return Err(ApiError::BadRequest(String::from("exec undefined"))),
        };
        let mut parameters = self.parameters.or_else(|| old.map(|old| old.parameters.clone())).unwrap_or_default();
        parameters.check_size("parameters")?;
        if let Exec::Sequence(components) = &exec {
            parameters = KeyValues::default();
            parameters.set("_actions", json!(components));
        }
        let mut annotations = old.map(|old| old.annotations.clone()).unwrap_or_default();
        for key in self.del_annotations.unwrap_or_default() {
            annotations.remove(&key);
        }
        let mut annotations = annotations.overlaid(&self.annotations.unwrap_or_default());
        if old.is_none() && annotations.get("provide-api-key").is_none() {
            annotations.set("provide-api-key", json!(false));
        }
        annotations.set("exec", json!(exec.kind()));
        annotations.check_size("annotations")?;
        let limits = old.map(|old| old.limits).unwrap_or_default();
        let version = old.map_or_else(Version::default, |old| old.version.next());
        Ok(Action {
            name,
            exec,
            limits: limits.changed(self.limits.unwrap_or_default())?,
            parameters,
            annotations,
            publish: self.publish.or(old.map(|old| old.publish)).unwrap_or(false),
            version: self.version.unwrap_or(version),
            updated: now,
            revision: next_revision(),
        })
    }
}

fn next_revision() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Ordering::Relaxed)
}

impl Exec {
    /// The name of its runtime.
    pub fn kind(&self) -> &str {
        match self {
            Self::Code { kind, .. } => kind,
            Self::Sequence(_) => "sequence",
        }
    }

    fn is_binary(&self) -> bool {
        matches!(self, Self::Code { code, .. } if is_binary(code))
    }

    fn json(&self, with_code: bool) -> Value {
        match self {
            Self::Sequence(components) => json!({"kind": "sequence", "components": components}),
            Self::Code { kind, code, main } => {
                let given = [("code", with_code.then_some(code)), ("main", main.as_ref())];
                let given = given.into_iter().filter_map(|(name, text)| Some((name.to_owned(), json!(text?))));
                let always = [("kind", json!(kind)), ("binary", json!(is_binary(code)))];
                let always = always.map(|(name, value)| (name.to_owned(), value));
                Value::Object(always.into_iter().chain(given).collect())
            }
        }
    }
}

/// Whether the original takes a program for a base64 archive.
///
/// Source: openwhisk common/scala core/entity/Exec.scala (`isBinaryCode`)
pub fn is_binary(code: &str) -> bool {
    let code = code.trim();
    !code.is_empty() && code.len().is_multiple_of(4) && STANDARD.decode(code).is_ok()
}

impl Action {
    /// The full JSON.
    pub fn json(&self, namespace: &Name, with_code: bool) -> Value {
        json!({
            "annotations": self.annotations,
            "exec": self.exec.json(with_code),
            "limits": self.limits,
            "name": self.name.name,
            "namespace": self.name.home(namespace),
            "parameters": self.parameters,
            "publish": self.publish,
            "updated": self.updated,
            "version": self.version,
        })
    }

    /// The JSON of an item in a list.
    pub fn summary(&self, namespace: &Name) -> Value {
        json!({
            "annotations": self.annotations,
            "exec": {"binary": self.exec.is_binary()},
            "limits": self.limits,
            "name": self.name.name,
            "namespace": self.name.home(namespace),
            "publish": self.publish,
            "updated": self.updated,
            "version": self.version,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(old: Option<&Action>, change: Value) -> Result<Action, String> {
        let own = Name::namespace("guest").unwrap();
        let name = ActionName { package: None, name: Name::entity("a").unwrap() };
        let change: ActionChange = serde_json::from_value(change).map_err(|error| error.to_string())?;
        change.apply(name, old, &own, 1).map_err(|error| error.to_string())
    }

    #[test]
    fn an_update_keeps_what_it_does_not_name() {
        let first = put(
            None,
            json!({"exec": {"kind": "nodejs:default", "code": "x"}, "parameters": [{"key": "p", "value": 1}],
            "annotations": [{"key": "a", "value": 1}, {"key": "b", "value": 1}], "limits": {"timeout": 1000}}),
        )
        .unwrap();
        assert_eq!(first.exec.kind(), "nodejs:20");
        assert_eq!(first.version.to_string(), "0.0.1");
        assert_eq!(first.annotations.get("provide-api-key"), Some(&json!(false)));
        let second = put(
            Some(&first),
            json!({"limits": {"memory": 128}, "delAnnotations": ["a"],
            "annotations": [{"key": "c", "value": 1}]}),
        )
        .unwrap();
        assert_eq!(second.parameters, first.parameters);
        assert_eq!(second.version.to_string(), "0.0.2");
        assert_eq!(json!(second.limits), json!({"concurrency": 1, "logs": 10, "memory": 128, "timeout": 1000}));
        let keys: Vec<&str> = second.annotations.iter().map(|item| item.key.as_str()).collect();
        assert_eq!(keys, ["b", "provide-api-key", "exec", "c"]);
    }

    #[test]
    fn wrong_programs_are_refused() {
        let cases = [
            (json!({}), "exec undefined"),
            (
                json!({"exec": {"kind": "python:3", "code": "x"}}),
                "The request content was malformed:\nThe specified runtime 'python:3' is not supported by this platform. Valid values are: 'nodejs:14', 'nodejs:16', 'nodejs:18', 'nodejs:20', 'sequence'.",
            ),
            (
                json!({"exec": {"kind": "nodejs:20"}}),
                "The request content was malformed:\n'code' must be a string defined in 'exec' for 'nodejs:20' actions",
            ),
            (
                json!({"exec": {"code": "x"}}),
                "The request content was malformed:\n'kind' must be a string defined in 'exec'",
            ),
        ];
        for (change, expected) in cases {
            assert_eq!(put(None, change.clone()).unwrap_err(), expected, "{change}");
        }
    }

    #[test]
    fn four_letters_are_binary() {
        for (code, expected) in [
            ("abcd", true),
            (" abcd\n", true),
            ("", false),
            ("abc", false),
            ("abc=", true),
            ("function main(){}", false),
        ] {
            assert_eq!(is_binary(code), expected, "{code:?}");
        }
    }
}
