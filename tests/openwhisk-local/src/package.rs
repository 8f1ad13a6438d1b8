//! Packages and bindings of them.
//!
//! Source: openwhisk common/scala core/entity/WhiskPackage.scala, core/controller Packages.scala

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::error::ApiError;
use crate::name::Name;
use crate::parameter::KeyValues;
use crate::version::Version;

/// Where a binding leads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Binding {
    /// The provider.
    pub namespace: Name,
    /// Its package.
    pub name: Name,
}

/// A stored package.
#[derive(Debug, Clone)]
pub struct Package {
    /// Its name.
    pub name: Name,
    /// The package it stands for, if it is a binding.
    pub binding: Option<Binding>,
    /// Bound arguments of all its actions.
    pub parameters: KeyValues,
    annotations: KeyValues,
    publish: bool,
    version: Version,
    /// When it was written, in milliseconds since 1970.
    pub updated: u64,
}

/// A package as sent by a client; everything may be absent.
#[derive(Debug, Deserialize)]
pub struct PackageChange {
    binding: Option<BindingChange>,
    parameters: Option<KeyValues>,
    annotations: Option<KeyValues>,
    version: Option<Version>,
    publish: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct BindingChange {
    namespace: Option<String>,
    name: Option<String>,
}

impl BindingChange {
    /// `{}` is how a package that is no binding is written.
    fn resolve(&self, own: &Name) -> Result<Option<Binding>, ApiError> {
        match (&self.namespace, &self.name) {
            (None, None) => Ok(None),
            (namespace, Some(name)) => {
                let namespace = match namespace.as_deref() {
                    None | Some("_") => own.clone(),
                    Some(namespace) => Name::namespace(namespace)?,
                };
                Ok(Some(Binding { namespace, name: Name::entity(name)? }))
            }
            (Some(_), None) => Err(ApiError::MalformedBody(String::from("'name' must be defined in 'binding'"))),
        }
    }
}

impl PackageChange {
    /// The package that this change makes of `old`, or of nothing.
    ///
    /// # Errors
    /// The reserved name, or a value out of range.
    pub fn apply(self, name: Name, old: Option<&Package>, own: &Name, now: u64) -> Result<Package, ApiError> {
        if name.as_str() == "default" {
            return Err(ApiError::BadRequest(String::from("Package name 'default' is reserved.")));
        }
        let binding = match &self.binding {
            Some(binding) => binding.resolve(own)?,
            None => old.and_then(|old| old.binding.clone()),
        };
        let parameters = self.parameters.or_else(|| old.map(|old| old.parameters.clone())).unwrap_or_default();
        parameters.check_size("parameters")?;
        let mut annotations = self.annotations.or_else(|| old.map(|old| old.annotations.clone())).unwrap_or_default();
        if let Some(binding) = &binding {
            annotations.set("binding", json!({"name": binding.name, "namespace": binding.namespace}));
        }
        annotations.check_size("annotations")?;
        let version = old.map_or_else(Version::default, |old| old.version.next());
        Ok(Package {
            name,
            binding,
            parameters,
            annotations,
            publish: self.publish.or(old.map(|old| old.publish)).unwrap_or(false),
            version: self.version.unwrap_or(version),
            updated: now,
        })
    }
}

impl Package {
    /// The full JSON.
    pub fn json(&self, namespace: &Name) -> Value {
        json!({
            "annotations": self.annotations,
            "binding": self.binding.as_ref().map_or_else(|| json!({}), |binding| json!(binding)),
            "name": self.name,
            "namespace": namespace,
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
            "binding": self.binding.as_ref().map_or_else(|| json!(false), |binding| json!(binding)),
            "name": self.name,
            "namespace": namespace,
            "publish": self.publish,
            "updated": self.updated,
            "version": self.version,
        })
    }
}
