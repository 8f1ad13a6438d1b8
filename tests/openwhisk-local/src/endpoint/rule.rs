//! Rules: list, read, write, switch, delete.

use std::time::SystemTime;

use super::{Place, Reply, Request, listed};
use crate::clock::milliseconds;
use crate::error::ApiError;
use crate::name::Name;
use crate::platform::Platform;
use crate::rule::StateChange;

pub(super) fn list(platform: &Platform, request: &Request, place: &Place) -> Result<Reply, ApiError> {
    place.check_own("")?;
    let page = request.query.page("rules")?;
    listed("rules", page, &platform.catalog().rules(), |rule| rule.summary(&platform.namespace))
}

pub(super) fn get(platform: &Platform, place: &Place, name: &Name) -> Result<Reply, ApiError> {
    place.check_own(name.as_str())?;
    let catalog = platform.catalog();
    let (rule, active) = catalog.rule(name)?;
    Reply::ok(&rule.json(&platform.namespace, active))
}

pub(super) fn put(platform: &Platform, request: &Request, place: &Place, name: Name) -> Result<Reply, ApiError> {
    place.check_own(name.as_str())?;
    let overwrite = request.query.boolean("overwrite", false)?;
    let change = request.body.entity()?;
    let now = milliseconds(SystemTime::now());
    let (rule, active) = platform.catalog().put_rule(name, change, overwrite, now)?;
    Reply::ok(&rule.json(&platform.namespace, active))
}

pub(super) fn switch(platform: &Platform, request: &Request, place: &Place, name: &Name) -> Result<Reply, ApiError> {
    place.check_own(name.as_str())?;
    let state: StateChange = request.body.entity()?;
    platform.catalog().set_rule(name, state.active)?;
    Ok(Reply::Text("OK"))
}

pub(super) fn delete(platform: &Platform, place: &Place, name: &Name) -> Result<Reply, ApiError> {
    place.check_own(name.as_str())?;
    let rule = platform.catalog().delete_rule(name)?;
    Reply::ok(&rule.json(&platform.namespace, false))
}
