//! Invocation.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::http::StatusCode;
use serde_json::json;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{Place, Reply, Request};
use crate::activation::{Activation, ActivationId};
use crate::catalog::Found;
use crate::error::ApiError;
use crate::invocation::{Arguments, Invocation, LOG_COLLECTION, check_final_parameters};
use crate::json::Object;
use crate::name::ActionName;
use crate::platform::Platform;
use crate::response::Status;
use crate::throttle::Permit;
use crate::transaction::TransactionId;

/// So much later than asked for the original gives up waiting.
///
/// Source: seen on a standalone server, 13 to 58 ms after `timeout` and never before
const LATENESS: Duration = Duration::from_millis(20);

/// The checks fire in the order of the original.
///
/// Source: openwhisk core/controller Actions.scala (`activate`, `doInvoke`)
pub(super) async fn post(
    platform: &Arc<Platform>,
    request: &Request,
    place: &Place,
    name: &ActionName,
) -> Result<Reply, ApiError> {
    let permit = platform.throttle.admit(SystemTime::now())?;
    place.check_own_action(name)?;
    if let Some(package) = &name.package {
        platform.catalog().package(package)?;
    }
    request.body.check_payload()?;
    let blocking = request.query.boolean("blocking", false)?;
    let only_result = request.query.boolean("result", false)?;
    let wait = request.query.wait()?;
    let payload = request.body.arguments()?;
    let found = platform.catalog().action(name)?;
    check_final_parameters(&found, &payload)?;

    let deadline = Instant::now().checked_add(wait.saturating_add(LATENESS)).ok_or(ApiError::Internal)?;
    let (id, answered) = launch(platform, found, payload, &request.transaction, permit);
    if !blocking {
        return accepted(id);
    }
    if let Ok(Ok(activation)) = tokio::time::timeout_at(deadline, answered).await {
        return finished(&activation, only_result);
    }
    tokio::time::sleep_until(deadline).await;
    accepted(id)
}

/// Starts an invocation: its id, and where its activation arrives, if it does.
pub(super) fn launch(
    platform: &Arc<Platform>,
    found: Found,
    payload: Object,
    transaction: &TransactionId,
    permit: Permit,
) -> (ActivationId, oneshot::Receiver<Arc<Activation>>) {
    let id = ActivationId::random();
    let invocation = Invocation {
        id: id.clone(),
        found,
        arguments: Arguments::Object(payload),
        transaction: transaction.clone(),
        cause: None,
    };
    let run = invocation.run(Arc::clone(platform));
    let (answer, answered) = oneshot::channel();
    // A task of its own: it goes on when the client is gone or the wait is over.
    tokio::spawn(async move {
        if let Some(activation) = run.await
            && activation.response.arrives()
        {
            // Perhaps nobody waits any more.
            let _ = answer.send(activation);
        }
        tokio::time::sleep(LOG_COLLECTION).await;
        drop(permit);
    });
    (id, answered)
}

fn accepted(id: ActivationId) -> Result<Reply, ApiError> {
    Reply::json(StatusCode::ACCEPTED, &json!({"activationId": id}), Some(id))
}

/// An array goes out bare even if the record is asked for: a quirk of the original.
fn finished(activation: &Activation, only_result: bool) -> Result<Reply, ApiError> {
    let response = &activation.response;
    let is_array = response.status == Status::Success && response.result.get().starts_with('[');
    let body = if only_result || is_array { response.result.clone() } else { activation.record_at_once() };
    Reply::json(response.status.http(), &body, Some(activation.id.clone()))
}
