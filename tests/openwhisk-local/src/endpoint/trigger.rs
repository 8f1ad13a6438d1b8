//! Triggers: list, read, write, delete, fire.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use axum::http::{HeaderMap, StatusCode, header};
use serde::Serialize;
use serde_json::json;
use serde_json::value::to_raw_value;

use super::{Place, Reply, Request, invoke, listed};
use crate::activation::{Activation, ActivationId};
use crate::body::check_payload;
use crate::clock::milliseconds;
use crate::error::ApiError;
use crate::invocation::{LOG_COLLECTION, check_final_parameters};
use crate::json::Object;
use crate::name::Name;
use crate::parameter::KeyValues;
use crate::platform::Platform;
use crate::response::{Response, Status};
use crate::transaction::TransactionId;
use crate::trigger::Link;

pub(super) fn list(platform: &Platform, request: &Request, place: &Place) -> Result<Reply, ApiError> {
    place.check_own("")?;
    let page = request.query.page("triggers")?;
    listed("triggers", page, &platform.catalog().triggers(), |trigger| trigger.summary(&platform.namespace))
}

pub(super) fn get(platform: &Platform, place: &Place, name: &Name) -> Result<Reply, ApiError> {
    place.check_own(name.as_str())?;
    Reply::ok(&platform.catalog().trigger(name)?.json(&platform.namespace))
}

pub(super) fn put(platform: &Platform, request: &Request, place: &Place, name: Name) -> Result<Reply, ApiError> {
    place.check_own(name.as_str())?;
    let overwrite = request.query.boolean("overwrite", false)?;
    let change = request.body.entity()?;
    let now = milliseconds(SystemTime::now());
    let trigger = platform.catalog().put_trigger(name, change, overwrite, now)?;
    Reply::ok(&trigger.json(&platform.namespace))
}

pub(super) fn delete(platform: &Platform, place: &Place, name: &Name) -> Result<Reply, ApiError> {
    place.check_own(name.as_str())?;
    Reply::ok(&platform.catalog().delete_trigger(name)?.json(&platform.namespace))
}

/// What the record says about one rule.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Activated {
    status_code: u8,
    success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    activation_id: Option<ActivationId>,
    rule: String,
    action: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// The query is not even looked at.
///
/// Source: openwhisk core/controller Triggers.scala (`activate`)
pub(super) fn fire(platform: &Arc<Platform>, request: &Request, place: &Place, name: &Name) -> Result<Reply, ApiError> {
    let now = SystemTime::now();
    platform.fires.admit(now)?;
    place.check_own(name.as_str())?;
    request.body.check_payload()?;
    let payload = request.body.arguments()?;
    let trigger = platform.catalog().trigger(name)?.clone();
    if !trigger.rules.values().any(|link| link.active) {
        return Ok(Reply::Nothing);
    }
    let mut arguments = Object::new();
    for item in trigger.parameters.iter() {
        arguments.insert(item.key.clone(), to_raw_value(&item.value).map_err(|_| ApiError::Internal)?);
    }
    let headers = to_raw_value(&headers(&request.headers)).map_err(|_| ApiError::Internal)?;
    arguments.insert(String::from("__ow_headers"), headers);
    arguments.extend(payload.clone());
    let activated = |(rule, link): (&Name, &Link)| {
        let activated = activate(platform, rule, link, &arguments, &request.transaction);
        serde_json::to_string(&activated).unwrap_or_default()
    };
    let activation = Activation {
        id: ActivationId::random(),
        annotations: KeyValues::default(),
        cause: None,
        duration: None,
        end: None,
        logs: trigger.rules.iter().map(activated).collect(),
        name: name.clone(),
        namespace: platform.namespace.clone(),
        publish: false,
        response: Response {
            status: Status::Success,
            result: to_raw_value(&payload).map_err(|_| ApiError::Internal)?,
            size: None,
        },
        start: milliseconds(now),
        subject: platform.namespace.clone(),
        version: trigger.description.version,
    };
    let id = activation.id.clone();
    let platform = Arc::clone(platform);
    tokio::spawn(async move {
        tokio::time::sleep(LOG_COLLECTION).await;
        platform.activations.put(&Arc::new(activation));
    });
    Reply::json(StatusCode::ACCEPTED, &json!({"activationId": id}), Some(id))
}

fn activate(
    platform: &Arc<Platform>,
    rule: &Name,
    link: &Link,
    arguments: &Object,
    transaction: &TransactionId,
) -> Activated {
    let rule = format!("{}/{rule}", platform.namespace);
    let action = link.action.path(&platform.namespace);
    let invoked = || {
        let permit = platform.throttle.admit(SystemTime::now())?;
        // The original posts them to itself, and its answer is what the record tells.
        check_payload(serde_json::to_vec(arguments).map_err(|_| ApiError::Internal)?.len())?;
        let found = platform.catalog().action(&link.action)?;
        check_final_parameters(&found, arguments)?;
        Ok(invoke::launch(platform, found, arguments.clone(), transaction, permit).0)
    };
    let invoked = if link.active {
        invoked().map_err(|error: ApiError| error.to_string())
    } else {
        Err(format!("Rule '{rule}' is inactive, action '{action}' was not activated."))
    };
    let (activation_id, error) = match invoked {
        Ok(id) => (Some(id), None),
        Err(error) => (None, Some(error)),
    };
    let status = if error.is_none() { Status::Success } else { Status::ApplicationError };
    Activated { status_code: status.number(), success: error.is_none(), activation_id, rule, action, error }
}

/// The caller's headers, its key included; of several lines the last. What describes the body is no header to Pekko.
fn headers(headers: &HeaderMap) -> BTreeMap<&str, String> {
    let of_body = [header::CONTENT_TYPE, header::CONTENT_LENGTH, header::TRANSFER_ENCODING];
    let headers = headers.iter().filter(|(name, _)| !of_body.contains(name));
    headers.map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes()).into_owned())).collect()
}
