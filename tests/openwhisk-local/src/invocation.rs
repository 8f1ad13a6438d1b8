//! Running an action or a sequence to its record.
//!
//! Source: openwhisk core/controller actions/{PrimitiveActions,SequenceActions}.scala, core/invoker ContainerProxy.scala

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

use crate::action::{Exec, is_binary};
use crate::activation::{Activation, ActivationId};
use crate::catalog::Found;
use crate::clock::milliseconds;
use crate::error::{ApiError, NO_COMPONENT, PARAMETERS_NOT_ALLOWED};
use crate::javascript::{Job, Outcome, Report, Source};
use crate::json::{self, Object};
use crate::name::ActionPath;
use crate::parameter::KeyValues;
use crate::platform::Platform;
use crate::response::{Response, Status};
use crate::transaction::TransactionId;

/// Until the logs are collected there is no record, and the invocation counts as under way.
///
/// Source: seen on a standalone server, 16 to 100 ms after the reply
pub const LOG_COLLECTION: Duration = Duration::from_millis(60);

/// What an action is called with: arrays come only from the action before it in a sequence.
#[derive(Debug, Clone)]
pub enum Arguments {
    /// Merged over the bound parameters.
    Object(Object),
    /// Passed on as it is.
    Array(Box<RawValue>),
}

/// One invocation of one action.
#[derive(Debug)]
pub struct Invocation {
    /// Its id.
    pub id: ActivationId,
    /// The action.
    pub found: Found,
    /// What it is called with.
    pub arguments: Arguments,
    /// The request's.
    pub transaction: TransactionId,
    /// The sequence it is part of.
    pub cause: Option<ActivationId>,
}

/// Refuses arguments that the action's author has closed.
///
/// # Errors
/// One of them is.
pub fn check_final_parameters(found: &Found, payload: &Object) -> Result<(), ApiError> {
    let closed = found.action.annotations.get("final") == Some(&Value::Bool(true));
    let hit = || found.parameters.iter().any(|item| !item.value.is_null() && payload.contains_key(&item.key));
    if closed && hit() { Err(ApiError::BadRequest(PARAMETERS_NOT_ALLOWED.to_owned())) } else { Ok(()) }
}

impl Invocation {
    /// Runs it, keeps the record a little later, and gives it back at once; nothing if the message was lost on its way.
    pub fn run(self, platform: Arc<Platform>) -> Pin<Box<dyn Future<Output = Option<Arc<Activation>>> + Send>> {
        Box::pin(async move {
            let action = Arc::clone(&self.found.action);
            let activation = match &action.exec {
                Exec::Code { kind, code, main } => {
                    let source = Source {
                        code: code.clone(),
                        main: main.clone().unwrap_or_else(|| String::from("main")),
                        memory: action.limits.memory(),
                        logs: action.limits.logs(),
                        time: action.limits.time(),
                    };
                    self.run_code(&platform, kind, &source).await?
                }
                Exec::Sequence(components) => self.run_sequence(&platform, components).await,
            };
            let activation = Arc::new(activation);
            let stored = Arc::clone(&activation);
            tokio::spawn(async move {
                tokio::time::sleep(LOG_COLLECTION).await;
                platform.activations.put(&stored);
            });
            Some(activation)
        })
    }

    async fn run_code(self, platform: &Platform, kind: &str, source: &Source) -> Option<Activation> {
        let start = SystemTime::now();
        let job = self.job(platform, start);
        let limits = self.found.action.limits;
        // The message has one level around the arguments, and the invoker cannot read more than the controller takes.
        if json::depth(&job.arguments).is_ok_and(|depth| depth >= json::DEEPEST) {
            let completion = limits.time().saturating_mul(2).saturating_add(Duration::from_secs(60));
            tokio::time::sleep(completion).await;
            return None;
        }
        let (report, waited) = match refusal(&source.code) {
            Some(text) => (Report::lost(Outcome::Failed(text)), Duration::ZERO),
            None => platform.containers.run(self.found.action.revision, source, job).await,
        };
        let end = SystemTime::now();
        let timed_out = matches!(report.outcome, Outcome::TimedOut(_));
        let response = Response::of(report.outcome, limits);
        let mut annotations = self.annotations(platform);
        annotations.set("waitTime", json!(whole_milliseconds(waited)));
        annotations.set("kind", json!(kind));
        annotations.set("timeout", json!(timed_out));
        annotations.set("limits", json!(limits));
        if let Some(initialization) = report.initialization {
            annotations.set("initTime", json!(whole_milliseconds(initialization)));
        }
        let mut logs = report.logs;
        if response.status == Status::DeveloperError && limits.logs() > 0 {
            let text = "The action did not initialize or run as expected. Log data might be missing.";
            logs.push(crate::javascript::log_line(end, "stderr", text));
        }
        let start = start.checked_add(waited).unwrap_or(start);
        Some(self.record(platform, annotations, response, logs, (milliseconds(start), milliseconds(end)), None))
    }

    async fn run_sequence(self, platform: &Arc<Platform>, components: &[ActionPath]) -> Activation {
        let start = milliseconds(SystemTime::now());
        let mut limits = self.found.action.limits;
        let mut logs = Vec::new();
        let mut duration = 0_u64;
        let mut arguments = self.arguments.clone();
        let mut response = Response::failure(Status::ApplicationError, NO_COMPONENT);
        for component in components {
            let found = platform.catalog().action(&component.action);
            let Ok(found) = found else {
                response = Response::failure(Status::ApplicationError, NO_COMPONENT);
                break;
            };
            limits = limits.with_memory_of(found.action.limits);
            let step = Invocation {
                id: ActivationId::random(),
                found,
                arguments,
                transaction: TransactionId::random(),
                cause: Some(self.id.clone()),
            };
            let Some(activation) = step.run(Arc::clone(platform)).await else {
                response = Response::failure(Status::InternalError, "Sequence failed.");
                break;
            };
            logs.push(activation.id.to_string());
            duration = duration.saturating_add(activation.duration.unwrap_or(0));
            response = activation.response.clone();
            if response.status != Status::Success {
                break;
            }
            arguments = match serde_json::from_str(response.result.get()) {
                Ok(object) => Arguments::Object(object),
                Err(_) => Arguments::Array(response.result.clone()),
            };
        }
        let mut annotations = self.annotations(platform);
        annotations.set("waitTime", json!(0));
        annotations.set("kind", json!("sequence"));
        annotations.set("limits", json!(limits));
        let end = milliseconds(SystemTime::now());
        self.record(platform, annotations, response, logs, (start, end), Some(duration))
    }

    fn annotations(&self, platform: &Platform) -> KeyValues {
        let mut annotations = KeyValues::default();
        if self.cause.is_some() {
            annotations.set("causedBy", json!("sequence"));
        }
        if matches!(self.found.action.exec, Exec::Sequence(_)) {
            annotations.set("topmost", json!(self.cause.is_none()));
        }
        if let Some(binding) = &self.found.binding {
            annotations.set("binding", json!(format!("{}/{binding}", platform.namespace)));
        }
        annotations.set("path", json!(self.found.action.name.path(&platform.namespace)));
        annotations
    }

    fn record(
        self,
        platform: &Platform,
        annotations: KeyValues,
        response: Response,
        logs: Vec<String>,
        (start, end): (u64, u64),
        duration: Option<u64>,
    ) -> Activation {
        Activation {
            id: self.id,
            annotations,
            cause: self.cause,
            duration: duration.or_else(|| Some(end.saturating_sub(start))),
            end: Some(end),
            logs,
            name: self.found.action.name.name.clone(),
            namespace: platform.namespace.clone(),
            publish: false,
            response,
            start,
            subject: platform.namespace.clone(),
            version: self.found.action.version,
        }
    }

    /// Arguments and environment of the container.
    fn job(&self, platform: &Platform, now: SystemTime) -> Job {
        let action = &self.found.action;
        let deadline = now.checked_add(action.limits.time()).unwrap_or(now);
        let mut environment: BTreeMap<String, String> = BTreeMap::new();
        let mut merged = Object::new();
        for item in self.found.parameters.iter() {
            let given = match &self.arguments {
                Arguments::Object(payload) if item.init => payload.get(&item.key),
                _ => None,
            };
            if item.init {
                let value = given.map_or_else(|| item.value.clone(), |text| json_of(text));
                environment.insert(item.key.clone(), in_environment(&value));
            } else if let Ok(value) = to_raw_value(&item.value) {
                merged.insert(item.key.clone(), value);
            }
        }
        let standard = [
            ("__OW_API_HOST", platform.api_host.clone()),
            ("__OW_NAMESPACE", platform.namespace.to_string()),
            ("__OW_ACTION_NAME", format!("/{}", action.name.path(&platform.namespace))),
            ("__OW_ACTION_VERSION", action.version.to_string()),
            ("__OW_ACTIVATION_ID", self.id.to_string()),
            ("__OW_TRANSACTION_ID", self.transaction.to_string()),
            ("__OW_DEADLINE", milliseconds(deadline).to_string()),
        ];
        environment.extend(standard.map(|(key, value)| (key.to_owned(), value)));
        if action.annotations.is_truthy("provide-api-key", true) {
            environment.insert(String::from("__OW_API_KEY"), platform.key.as_str().to_owned());
        }
        let arguments = match &self.arguments {
            Arguments::Array(array) => array.get().to_owned(),
            Arguments::Object(payload) => {
                let is_init = |key: &str| self.found.parameters.iter().any(|item| item.init && item.key == key);
                merged.extend(
                    payload.iter().filter(|(key, _)| !is_init(key)).map(|(key, value)| (key.clone(), value.clone())),
                );
                json::printed(&json_text(&merged))
            }
        };
        Job { arguments, environment: json_text(&environment) }
    }
}

/// Programs that never reach an engine.
///
/// Source: apache/openwhisk-runtime-nodejs core/nodejsActionBase/src/service.js
fn refusal(code: &str) -> Option<String> {
    if code.is_empty() {
        Some(String::from("Missing main/no code to execute."))
    } else if is_binary(code) {
        Some(String::from(
            "Initialization has failed due to: openwhisk-local runs plain JavaScript, not zip or tar archives.",
        ))
    } else {
        None
    }
}

fn json_of(text: &RawValue) -> Value {
    json::parse(text.get()).unwrap_or_default()
}

/// Source: openwhisk ContainerProxy.scala: strings as they are, null as nothing, all else as JSON
fn in_environment(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn json_text(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| String::from("{}"))
}

fn whole_milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
