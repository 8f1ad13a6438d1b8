//! Packages: list, read, write, delete.

use std::sync::Arc;
use std::time::SystemTime;

use serde_json::{Value, json};

use super::{Place, Reply, Request, listed};
use crate::action::Action;
use crate::clock::milliseconds;
use crate::error::ApiError;
use crate::name::Name;
use crate::platform::Platform;

/// Of another namespace only public packages would be listed, and there is no other one here.
pub(super) fn list(platform: &Platform, request: &Request, place: &Place) -> Result<Reply, ApiError> {
    let page = request.query.page("packages")?;
    let catalog = platform.catalog();
    let all = if *place == Place::Own { catalog.packages() } else { Vec::new() };
    listed("packages", page, &all, |package| package.summary(&platform.namespace))
}

pub(super) fn get(platform: &Platform, place: &Place, name: &Name) -> Result<Reply, ApiError> {
    place.check_own(name.as_str())?;
    let catalog = platform.catalog();
    let named = |name: &Name| ApiError::NoPackage(format!("{}/{name}", platform.namespace));
    let missing = |name, error| if error == ApiError::NotFound { named(name) } else { error };
    let package = catalog.package(name).map_err(|error| missing(name, error))?;
    let bound_to = package.binding.as_ref().map_or(name, |binding| &binding.name);
    let (provider, parameters) = catalog.provider(name).map_err(|error| missing(bound_to, error))?;
    let (feeds, actions): (Vec<_>, Vec<_>) =
        catalog.actions_in(&provider.name).partition(|action| action.annotations.is_truthy("feed", false));
    let shown = |list: Vec<&Arc<Action>>| -> Vec<Value> {
        let item = |action: &Arc<Action>| json!({"name": action.name.name, "version": action.version, "annotations": action.annotations});
        list.into_iter().map(item).collect()
    };
    let mut body = package.json(&platform.namespace);
    if let Some(fields) = body.as_object_mut() {
        fields.insert(String::from("parameters"), json!(parameters));
        fields.insert(String::from("actions"), json!(shown(actions)));
        fields.insert(String::from("feeds"), json!(shown(feeds)));
    }
    Reply::ok(&body)
}

pub(super) fn put(platform: &Platform, request: &Request, place: &Place, name: Name) -> Result<Reply, ApiError> {
    place.check_own(name.as_str())?;
    let overwrite = request.query.boolean("overwrite", false)?;
    let change = request.body.entity()?;
    let now = milliseconds(SystemTime::now());
    let package = platform.catalog().put_package(name, change, overwrite, now)?;
    Reply::ok(&package.json(&platform.namespace))
}

pub(super) fn delete(platform: &Platform, request: &Request, place: &Place, name: &Name) -> Result<Reply, ApiError> {
    place.check_own(name.as_str())?;
    let force = request.query.boolean("force", false)?;
    let package = platform.catalog().delete_package(name, force)?;
    Reply::ok(&package.json(&platform.namespace))
}
