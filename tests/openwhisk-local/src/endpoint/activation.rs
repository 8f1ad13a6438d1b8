//! Activations: list and read.

use serde_json::json;

use super::{Place, Reply, Request, listed};
use crate::activation::{Activation, ActivationFilter, ActivationId};
use crate::error::ApiError;
use crate::name::Name;
use crate::platform::Platform;

pub(super) fn list(platform: &Platform, request: &Request, place: &Place) -> Result<Reply, ApiError> {
    place.check_own("")?;
    let query = &request.query;
    let page = query.page("activations")?;
    let with_docs = query.boolean("docs", false)?;
    let filter = ActivationFilter {
        name: query.get("name").filter(|name| !name.is_empty()).map(checked_name).transpose()?,
        since: query.moment("since")?,
        upto: query.moment("upto")?,
    };
    if with_docs && page.count {
        return Err(ApiError::BadRequest(String::from("The parameter 'docs' is not permitted with 'count'.")));
    }
    let found = platform.activations.list(&filter);
    let show = if with_docs { Activation::record } else { Activation::summary };
    listed("activations", page, &found, |activation| show(activation))
}

fn checked_name(text: &str) -> Result<String, ApiError> {
    let segments: Vec<&str> = text.split('/').filter(|segment| !segment.is_empty()).collect();
    if segments.len() <= 2 && segments.iter().all(|segment| Name::entity(segment).is_ok()) {
        return Ok(text.to_owned());
    }
    Err(ApiError::MalformedQuery {
        name: "name",
        reason: format!("Parameter may be a 'simple' name or 'package-name/simple' name: {text}"),
    })
}

pub(super) fn get(platform: &Platform, place: &Place, id: &str, part: Option<&str>) -> Result<Reply, ApiError> {
    let id = ActivationId::parse(id)?;
    if !matches!(part, None | Some("result" | "logs")) {
        return Err(ApiError::NoRoute);
    }
    place.check_own(id.as_str())?;
    let activation = platform.activations.get(&id)?;
    match part {
        Some("result") => Reply::ok(&activation.response),
        Some(_) => Reply::ok(&json!({"logs": activation.logs})),
        None => Reply::ok(&activation.record()),
    }
}
