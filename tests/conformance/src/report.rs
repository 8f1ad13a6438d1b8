//! How much agrees, and what does not.

use std::collections::BTreeMap;
use std::fmt;

use crate::patience::Patience;

/// What became of one question.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Its name.
    pub question: String,
    /// What differs, nothing if it agrees.
    pub lines: Vec<String>,
}

/// What became of all.
#[derive(Debug)]
pub struct Report {
    sections: Vec<(String, Vec<Outcome>)>,
    /// Questions of which it is known that the answer differs, and why.
    known: BTreeMap<String, String>,
    patience: String,
}

impl Report {
    /// Nothing has been asked yet. Of these it is known that the answer differs, and why.
    pub const fn new(known: BTreeMap<String, String>) -> Self {
        Self { sections: Vec::new(), known, patience: String::new() }
    }

    /// Adds the outcomes of a section.
    pub fn add(&mut self, section: &str, outcomes: Vec<Outcome>) {
        self.sections.push((section.to_owned(), outcomes));
    }

    /// Adds how often it was waited.
    pub fn set_patience(&mut self, patience: &Patience) {
        self.patience = patience.to_string();
    }

    /// Whether nothing differs but what is known, and all of that.
    pub fn is_good(&self) -> bool {
        self.sections.iter().all(|(_, outcomes)| outcomes.iter().all(|outcome| self.is_expected(outcome)))
    }

    fn is_expected(&self, outcome: &Outcome) -> bool {
        outcome.lines.is_empty() != self.known.contains_key(&outcome.question)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{:<32} {:>5} {:>5} {:>5} {:>6}", "", "asked", "agree", "known", "differ")?;
        for (section, outcomes) in &self.sections {
            let is_known = |outcome: &&Outcome| self.known.contains_key(&outcome.question);
            let (known, unknown): (Vec<_>, Vec<_>) = outcomes.iter().partition(is_known);
            let agree = unknown.iter().filter(|outcome| outcome.lines.is_empty()).count();
            let known = known.iter().filter(|outcome| !outcome.lines.is_empty()).count();
            let differ = outcomes.len() - agree - known;
            writeln!(f, "{section:<32} {:>5} {agree:>5} {known:>5} {differ:>6}", outcomes.len())?;
        }
        write!(f, "{}", self.patience)?;
        let all =
            || self.sections.iter().flat_map(|(section, outcomes)| outcomes.iter().map(move |one| (section, one)));
        for (section, Outcome { question, lines }) in all() {
            match (lines.is_empty(), self.known.get(question)) {
                (false, Some(reason)) => write!(f, "\nknown: {section}: {question}: {reason}")?,
                (true, Some(reason)) => {
                    write!(f, "\n\nDIFFERENT {section}: {question}\n  known to differ ({reason}), but it agrees")?;
                }
                (false, None) => {
                    write!(f, "\n\nDIFFERENT {section}: {question}")?;
                    lines.iter().try_for_each(|line| write!(f, "\n  {line}"))?;
                }
                (true, None) => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_told_with_its_section_and_what_is_known_with_its_reason() {
        let outcome = |question: &str, lines: &[&str]| Outcome {
            question: question.to_owned(),
            lines: lines.iter().map(|line| (*line).to_owned()).collect(),
        };
        let known = || BTreeMap::from([("b".to_owned(), "not yet".to_owned())]);
        let mut report = Report::new(known());
        report.add("names", vec![outcome("a", &[]), outcome("b", &["status"])]);
        assert!(report.is_good());
        let text = report.to_string();
        assert!(text.contains("    2     1     1      0\n") && text.contains("known: names: b: not yet"), "{text}");
        report.add("bodies", vec![outcome("c", &["status: 1", "came: 2"])]);
        assert!(!report.is_good());
        let text = report.to_string();
        assert!(text.ends_with("DIFFERENT bodies: c\n  status: 1\n  came: 2"), "{text}");
        let mut report = Report::new(known());
        report.add("names", vec![outcome("b", &[])]);
        assert!(!report.is_good());
        assert!(report.to_string().contains("known to differ (not yet), but it agrees"));
    }
}
