//! All entities of the namespace.

mod rules;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::action::{Action, ActionChange, Exec};
use crate::error::{ApiError, NO_COMPONENT, NOT_ON_BINDING, TOO_MANY_COMPONENTS};
use crate::name::{ActionName, ActionPath, Name};
use crate::package::{Package, PackageChange};
use crate::parameter::KeyValues;
use crate::rule::Rule;
use crate::trigger::Trigger;

/// Most actions a sequence may unfold to.
///
/// Source: openwhisk standalone.conf `limits.actions.sequence.maxLength`
const LONGEST_SEQUENCE: usize = 50;

/// An action as found by a name, through a binding or not.
#[derive(Debug, Clone)]
pub struct Found {
    /// The action of the provider.
    pub action: Arc<Action>,
    /// Arguments of package, binding and action, merged in this order.
    pub parameters: KeyValues,
    /// The package by which it was found, if that is a binding.
    pub binding: Option<Name>,
}

/// The entities of one namespace.
#[derive(Debug)]
pub struct Catalog {
    namespace: Name,
    packages: BTreeMap<Name, Package>,
    actions: BTreeMap<ActionName, Arc<Action>>,
    triggers: BTreeMap<Name, Trigger>,
    rules: BTreeMap<Name, Rule>,
}

impl Catalog {
    /// An empty one.
    pub fn new(namespace: Name) -> Self {
        Self {
            namespace,
            packages: BTreeMap::new(),
            actions: BTreeMap::new(),
            triggers: BTreeMap::new(),
            rules: BTreeMap::new(),
        }
    }

    /// A package of this name.
    ///
    /// # Errors
    /// There is none, or it is something else.
    pub fn package(&self, name: &Name) -> Result<&Package, ApiError> {
        self.packages.get(name).ok_or_else(|| self.missing(name))
    }

    /// What a lookup of this name in the wrong collection comes to. All of them share their names.
    fn missing(&self, name: &Name) -> ApiError {
        let elsewhere = self.packages.contains_key(name)
            || self.actions.contains_key(&plain(name))
            || self.triggers.contains_key(name)
            || self.rules.contains_key(name);
        if elsewhere { ApiError::WrongCollection } else { ApiError::NotFound }
    }

    /// Refuses to create what there is already, in this or in another collection.
    fn check_free(&self, name: &Name, exists: bool, overwrite: bool) -> Result<(), ApiError> {
        match self.missing(name) {
            ApiError::WrongCollection if !overwrite => Err(ApiError::AlreadyExists),
            ApiError::WrongCollection if !exists => Err(ApiError::WrongCollection),
            _ => Ok(()),
        }
    }

    /// The package that has the actions of this one, itself or another one, and the parameters for them.
    ///
    /// # Errors
    /// There is none.
    pub fn provider(&self, name: &Name) -> Result<(&Package, KeyValues), ApiError> {
        let package = self.package(name)?;
        let Some(binding) = &package.binding else { return Ok((package, package.parameters.clone())) };
        let provider = self.package(&binding.name)?;
        Ok((provider, provider.parameters.overlaid(&package.parameters)))
    }

    /// An action of this name.
    ///
    /// # Errors
    /// There is none, or it is something else.
    pub fn action(&self, name: &ActionName) -> Result<Found, ApiError> {
        let Some(package_name) = &name.package else {
            return match self.actions.get(name) {
                Some(action) => {
                    Ok(Found { action: Arc::clone(action), parameters: action.parameters.clone(), binding: None })
                }
                None => Err(self.missing(&name.name)),
            };
        };
        let package = self.package(package_name)?;
        let (provider, inherited) = self.provider(package_name)?;
        let place = ActionName { package: Some(provider.name.clone()), name: name.name.clone() };
        let action = self.actions.get(&place).ok_or(ApiError::NotFound)?;
        Ok(Found {
            action: Arc::clone(action),
            parameters: inherited.overlaid(&action.parameters),
            binding: package.binding.as_ref().map(|_| package.name.clone()),
        })
    }

    /// Creates or changes an action.
    ///
    /// # Errors
    /// It exists and may not be overwritten, or the change is wrong.
    pub fn put_action(
        &mut self,
        name: ActionName,
        change: ActionChange,
        overwrite: bool,
        now: u64,
    ) -> Result<Arc<Action>, ApiError> {
        self.check_writable(&name)?;
        let old = self.actions.get(&name);
        if name.package.is_none() {
            self.check_free(&name.name, old.is_some(), overwrite)?;
        } else if old.is_some() && !overwrite {
            return Err(ApiError::AlreadyExists);
        }
        let action = change.apply(name.clone(), old.map(Arc::as_ref), &self.namespace, now)?;
        if let Exec::Sequence(components) = &action.exec {
            self.check_sequence(&name, components)?;
        }
        let action = Arc::new(action);
        self.actions.insert(name, Arc::clone(&action));
        Ok(action)
    }

    /// Removes an action, and gives it back.
    ///
    /// # Errors
    /// There is none.
    pub fn delete_action(&mut self, name: &ActionName) -> Result<Arc<Action>, ApiError> {
        self.check_writable(name)?;
        self.action(name)?;
        self.actions.remove(name).ok_or(ApiError::NotFound)
    }

    /// Creates or changes a package.
    ///
    /// # Errors
    /// It exists and may not be overwritten, or the change is wrong.
    pub fn put_package(
        &mut self,
        name: Name,
        change: PackageChange,
        overwrite: bool,
        now: u64,
    ) -> Result<Package, ApiError> {
        let old = self.packages.get(&name);
        self.check_free(&name, old.is_some(), overwrite)?;
        let package = change.apply(name.clone(), old, &self.namespace, now)?;
        if let Some(binding) = &package.binding {
            let refuse = |text: &str| Err(ApiError::BadRequest(text.to_owned()));
            if binding.namespace != self.namespace {
                return Err(ApiError::NotAuthorized(format!("{}/{}", binding.namespace, binding.name)));
            }
            match self.packages.get(&binding.name) {
                None => return refuse("Binding references a package that does not exist."),
                Some(provider) if provider.binding.is_some() || provider.name == name => {
                    return refuse("Cannot bind to another package binding.");
                }
                Some(_) => {}
            }
        }
        self.packages.insert(name, package.clone());
        Ok(package)
    }

    /// Removes a package, with its actions if forced, and gives it back.
    ///
    /// # Errors
    /// There is none, or it is not empty.
    pub fn delete_package(&mut self, name: &Name, force: bool) -> Result<Package, ApiError> {
        self.package(name)?;
        let count = self.actions_in(name).count();
        if count > 0 && !force {
            return Err(ApiError::PackageNotEmpty(count));
        }
        self.actions.retain(|at, _| at.package.as_ref() != Some(name));
        self.packages.remove(name).ok_or(ApiError::NotFound)
    }

    /// All actions, the latest first.
    pub fn actions(&self) -> Vec<&Arc<Action>> {
        let mut all: Vec<_> = self.actions.values().collect();
        all.sort_by_key(|action| Reverse((action.updated, action.revision)));
        all
    }

    /// All packages, the latest first.
    pub fn packages(&self) -> Vec<&Package> {
        let mut all: Vec<_> = self.packages.values().collect();
        all.sort_by_key(|package| Reverse(package.updated));
        all
    }

    /// The actions right inside of a package.
    pub fn actions_in(&self, package: &Name) -> impl Iterator<Item = &Arc<Action>> {
        self.actions.values().filter(move |action| action.name.package.as_ref() == Some(package))
    }

    fn check_writable(&self, name: &ActionName) -> Result<(), ApiError> {
        let package = name.package.as_ref().map(|package| self.package(package)).transpose()?;
        if package.is_some_and(|package| package.binding.is_some()) {
            return Err(ApiError::BadRequest(NOT_ON_BINDING.to_owned()));
        }
        Ok(())
    }

    /// Source: openwhisk core/controller Actions.scala (`checkSequenceActionLimits`)
    fn check_sequence(&self, name: &ActionName, components: &[ActionPath]) -> Result<(), ApiError> {
        let refuse = |text: &str| Err(ApiError::BadRequest(text.to_owned()));
        if components.is_empty() {
            return refuse("No component specified for the sequence.");
        }
        let mut pending: Vec<ActionPath> = components.to_vec();
        let mut simple = 0_usize;
        while let Some(path) = pending.pop() {
            if path.namespace != self.namespace {
                return Err(ApiError::NotAuthorized(format!("{}/{}", path.namespace, path.action)));
            }
            if path.action == *name {
                return refuse("Sequence may not refer to itself.");
            }
            let Ok(found) = self.action(&path.action) else { return refuse(NO_COMPONENT) };
            match &found.action.exec {
                Exec::Sequence(_) if found.action.name == *name => {
                    return refuse("Sequence may not refer to itself.");
                }
                Exec::Sequence(inner) => pending.extend(inner.iter().cloned()),
                Exec::Code { .. } => simple = simple.saturating_add(1),
            }
            if simple.saturating_add(pending.len()) > LONGEST_SEQUENCE {
                return refuse(TOO_MANY_COMPONENTS);
            }
        }
        Ok(())
    }
}

fn plain(name: &Name) -> ActionName {
    ActionName { package: None, name: name.clone() }
}
