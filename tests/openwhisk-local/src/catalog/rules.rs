//! Triggers and rules of the namespace.
//!
//! Source: openwhisk core/controller Triggers.scala, Rules.scala

use std::cmp::Reverse;

use super::Catalog;
use crate::error::ApiError;
use crate::name::Name;
use crate::rule::{Rule, RuleChange};
use crate::trigger::{Link, Trigger, TriggerChange};

impl Catalog {
    /// A trigger of this name.
    ///
    /// # Errors
    /// There is none, or it is something else.
    pub fn trigger(&self, name: &Name) -> Result<&Trigger, ApiError> {
        self.triggers.get(name).ok_or_else(|| self.missing(name))
    }

    /// Creates or changes a trigger.
    ///
    /// # Errors
    /// It exists and may not be overwritten, or the change is wrong.
    pub fn put_trigger(
        &mut self,
        name: Name,
        change: TriggerChange,
        overwrite: bool,
        now: u64,
    ) -> Result<Trigger, ApiError> {
        let old = self.triggers.get(&name);
        self.check_free(&name, old.is_some(), overwrite)?;
        let trigger = change.apply(name.clone(), old, now)?;
        self.triggers.insert(name, trigger.clone());
        Ok(trigger)
    }

    /// Removes a trigger, and gives it back. Its rules stay, inactive.
    ///
    /// # Errors
    /// There is none.
    pub fn delete_trigger(&mut self, name: &Name) -> Result<Trigger, ApiError> {
        self.trigger(name)?;
        self.triggers.remove(name).ok_or(ApiError::NotFound)
    }

    /// All triggers, the latest first.
    pub fn triggers(&self) -> Vec<&Trigger> {
        let mut all: Vec<_> = self.triggers.values().collect();
        all.sort_by_key(|trigger| Reverse(trigger.description.updated));
        all
    }

    /// A rule of this name, and whether it is active.
    ///
    /// # Errors
    /// There is none, or it is something else.
    pub fn rule(&self, name: &Name) -> Result<(&Rule, bool), ApiError> {
        let rule = self.rules.get(name).ok_or_else(|| self.missing(name))?;
        let link = self.triggers.get(&rule.trigger).and_then(|trigger| trigger.rules.get(name));
        Ok((rule, link.is_some_and(|link| link.active)))
    }

    /// Creates or changes a rule, and tells whether it is active.
    ///
    /// # Errors
    /// It exists and may not be overwritten, or what it links does not exist.
    pub fn put_rule(
        &mut self,
        name: Name,
        change: RuleChange,
        overwrite: bool,
        now: u64,
    ) -> Result<(Rule, bool), ApiError> {
        let old = self.rules.get(&name);
        self.check_free(&name, old.is_some(), overwrite)?;
        let rule = change.apply(name.clone(), old, &self.namespace, now)?;
        let refuse = |what: &str| Err(ApiError::BadRequest(format!("{what} does not exist")));
        if self.action(&rule.action).is_err() {
            return refuse(&format!("action /{}", rule.action.path(&self.namespace)));
        }
        if !self.triggers.contains_key(&rule.trigger) {
            return refuse(&format!("trigger /{}/{}", self.namespace, rule.trigger));
        }
        let before = old.and_then(|old| self.triggers.get_mut(&old.trigger)).and_then(|old| old.rules.remove(&name));
        let active = before.is_none_or(|link| link.active);
        if let Some(trigger) = self.triggers.get_mut(&rule.trigger) {
            trigger.rules.insert(name.clone(), Link { action: rule.action.clone(), active });
        }
        self.rules.insert(name, rule.clone());
        Ok((rule, active))
    }

    /// Removes a rule, and gives it back.
    ///
    /// # Errors
    /// There is none.
    pub fn delete_rule(&mut self, name: &Name) -> Result<Rule, ApiError> {
        self.rule(name)?;
        let rule = self.rules.remove(name).ok_or(ApiError::NotFound)?;
        if let Some(trigger) = self.triggers.get_mut(&rule.trigger) {
            trigger.rules.remove(name);
        }
        Ok(rule)
    }

    /// All rules, the latest first.
    pub fn rules(&self) -> Vec<&Rule> {
        let mut all: Vec<_> = self.rules.values().collect();
        all.sort_by_key(|rule| Reverse(rule.description.updated));
        all
    }

    /// Switches a rule on or off.
    ///
    /// # Errors
    /// There is none, or it is to be active without its trigger.
    pub fn set_rule(&mut self, name: &Name, active: bool) -> Result<(), ApiError> {
        let (rule, _) = self.rule(name)?;
        let (trigger, action) = (rule.trigger.clone(), rule.action.clone());
        match self.triggers.get_mut(&trigger) {
            Some(trigger) => {
                trigger.rules.insert(name.clone(), Link { action, active });
                Ok(())
            }
            None if active => Err(ApiError::NoTrigger),
            None => Ok(()),
        }
    }
}
