//! Actions: list, read, write, delete.

use std::time::SystemTime;

use serde_json::json;

use super::{Place, Reply, Request, listed};
use crate::clock::milliseconds;
use crate::error::ApiError;
use crate::name::{ActionName, Name};
use crate::platform::Platform;

pub(super) fn list(platform: &Platform, request: &Request, place: &Place) -> Result<Reply, ApiError> {
    place.check_own("")?;
    let page = request.query.page("actions")?;
    let catalog = platform.catalog();
    let all = catalog.actions();
    listed("actions", page, &all, |action| action.summary(&platform.namespace))
}

pub(super) fn list_of_package(
    platform: &Platform,
    request: &Request,
    place: &Place,
    name: &Name,
) -> Result<Reply, ApiError> {
    place.check_own(name.as_str())?;
    let page = request.query.page("actions")?;
    let catalog = platform.catalog();
    let package = catalog.package(name)?;
    let provider = package.binding.as_ref().map_or(name, |binding| &binding.name);
    let mut all = catalog.actions();
    all.retain(|action| action.name.package.as_ref() == Some(provider));
    listed("actions", page, &all, |action| action.summary(&platform.namespace))
}

pub(super) fn get(platform: &Platform, request: &Request, place: &Place, name: &ActionName) -> Result<Reply, ApiError> {
    place.check_own_action(name)?;
    let with_code = request.query.boolean("code", true)?;
    let found = platform.catalog().action(name)?;
    let mut shown = found.action.json(&platform.namespace, with_code);
    if let Some(fields) = shown.as_object_mut() {
        fields.insert(String::from("parameters"), json!(found.parameters));
        if let Some(binding) = found.binding.filter(|_| !with_code) {
            fields.insert(String::from("binding"), json!(format!("{}/{binding}", platform.namespace)));
        }
    }
    Reply::ok(&shown)
}

pub(super) fn put(platform: &Platform, request: &Request, place: &Place, name: ActionName) -> Result<Reply, ApiError> {
    place.check_own_action(&name)?;
    if let Some(package) = &name.package {
        platform.catalog().package(package)?;
    }
    let overwrite = request.query.boolean("overwrite", false)?;
    let change = request.body.entity()?;
    let now = milliseconds(SystemTime::now());
    let action = platform.catalog().put_action(name, change, overwrite, now)?;
    Reply::ok(&action.json(&platform.namespace, true))
}

pub(super) fn delete(platform: &Platform, place: &Place, name: &ActionName) -> Result<Reply, ApiError> {
    place.check_own_action(name)?;
    let action = platform.catalog().delete_action(name)?;
    Reply::ok(&action.json(&platform.namespace, true))
}
