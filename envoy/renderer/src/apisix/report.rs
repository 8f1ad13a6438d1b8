//! What is said about a text of `APISIX`: what keeps it from being rendered, and what its operator should know.

use std::collections::BTreeSet;
use std::fmt;

use super::quote;

/// A place, as a message says it.
pub fn below(place: &str, field: &str) -> String {
    let field = quote::name(field).unwrap_or_else(|| "(a long name, or one with a colon)".to_owned());
    if place.is_empty() { field } else { format!("{place}.{field}") }
}

/// Why a text of `APISIX` was not rendered: a line for each reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusal(Vec<String>);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for Refusal {}

/// Collects what is said.
#[derive(Debug)]
pub struct Report<'a> {
    without: &'a [String],
    used: BTreeSet<&'a str>,
    refusal: Refusal,
    notes: Vec<String>,
}

impl<'a> Report<'a> {
    /// Nothing is said yet. What has a name in `without` is no reason to refuse.
    pub fn new(without: &'a [String]) -> Self {
        Self { without, used: BTreeSet::new(), refusal: Refusal::default(), notes: Vec::new() }
    }

    /// Something is not translated, unless its name says that the operator takes care of it.
    pub fn untranslated(&mut self, place: &str, name: &str, reason: &str) {
        let shown = quote::name(name);
        if let Some(without) = self.without.iter().find(|without| *without == name) {
            self.used.insert(without);
            let shown = shown.map(|name| format!(" {name}")).unwrap_or_default();
            self.note(format!("{place}: not translated, as `--without{shown}` says"));
        } else {
            let hint = shown.map(|name| format!("; `--without {name}` leaves it out")).unwrap_or_default();
            self.wrong(place, &format!("not translated: {reason}{hint}"));
        }
    }

    /// Something is wrong, whatever the operator takes care of.
    pub fn wrong(&mut self, place: &str, reason: &str) {
        let line = if place.is_empty() { reason.to_owned() } else { format!("{place}: {reason}") };
        if !self.refusal.0.contains(&line) {
            self.refusal.0.push(line);
        }
    }

    /// Something is to be known.
    pub fn note(&mut self, sentence: String) {
        if !self.notes.contains(&sentence) {
            self.notes.push(sentence);
        }
    }

    /// One for what may turn out not to matter.
    pub fn apart(&self) -> Self {
        Self::new(self.without)
    }

    /// Takes over what turned out to matter.
    pub fn absorb(&mut self, other: Self) {
        self.used.extend(other.used);
        other.notes.into_iter().for_each(|note| self.note(note));
        other.refusal.0.iter().for_each(|line| self.wrong("", line));
    }

    /// Whether something keeps the text from being rendered.
    pub fn refuses(&self) -> bool {
        !self.refusal.0.is_empty()
    }

    /// What is to be known, if nothing keeps the text from being rendered.
    pub fn finish(mut self) -> Result<Vec<String>, Refusal> {
        if self.refuses() {
            return Err(self.refusal);
        }
        for name in self.without.iter().filter(|name| !self.used.contains(name.as_str())) {
            self.notes.push(format!("`--without {name}` has no effect: nothing of that name is left out"));
        }
        Ok(self.notes)
    }
}
