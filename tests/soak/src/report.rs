//! What the run was like, and whether it was as it should be.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::case::Kind;
use crate::neighbour::{self, Felt};
use crate::samples::{Level, Levels};
use crate::tally::{Count, Deadlines, Tally};

/// How much more resident memory Envoy may have at the end than after the warm-up if it never stops growing, in per cent.
const MOST_GROWTH: u64 = 5;

/// How much larger the largest wasm memory may be at the end than after the warm-up, in per cent: enough for one more of
/// the largest bodies.
const MOST_JUMP: u64 = 25;

/// What the run was like.
#[derive(Debug)]
pub struct Report {
    pub duration: Duration,
    pub connections: usize,
    pub seed: u64,
    pub counts: [Count; Kind::ALL.len()],
    pub total: Count,
    pub deadlines: BTreeMap<u16, Deadlines>,
    pub calls: u64,
    pub felt: Felt,
    pub wrong: u64,
    pub traps: u64,
    pub levels: Option<Levels>,
    /// All that is not as it should be.
    pub reasons: Vec<String>,
}

impl Report {
    /// Adds what the counts say.
    pub fn judge(&mut self, tally: &Tally) {
        if self.wrong > 0 {
            self.reasons.push(format!("{} wrong answers, the first of them:", self.wrong));
            self.reasons.extend(tally.complaints());
        }
        // How many are late is the machine's affair, but not that all are.
        for (status, Deadlines { late, .. }) in self.deadlines.iter().filter(|(_, deadlines)| deadlines.in_time == 0) {
            self.reasons.push(format!("all {late} replies that should have been {status} were second best"));
        }
        if self.counts.iter().any(|count| count.requests == 0) {
            self.reasons.push("a kind of traffic is missing".to_owned());
        }
        if self.felt.replies == 0 || self.felt.longest > neighbour::MOST {
            let (felt, most) = (self.felt, neighbour::MOST);
            self.reasons.push(format!("a neighbour of slow calls waited longer than {most:?} for a reply: {felt:?}"));
        }
        let Some(levels) = &self.levels else {
            self.reasons.push("the memory was not measured".to_owned());
            return;
        };
        let (before, after) = (&levels.before, levels.after());
        let is_more = after.resident * 100 > before.resident * (100 + MOST_GROWTH);
        // A machine that is busier for a while makes Envoy need more for a while, and it keeps what it had once.
        if is_more && levels.is_growing(|level| level.resident) {
            let (before, after) = (mib(before.resident), mib(after.resident));
            self.reasons.push(format!(
                "the resident memory of Envoy grows: from {before} to {after} MiB, more than {MOST_GROWTH} %"
            ));
        }
        let (most_before, most_after) = (before.linear.iter().max(), after.linear.iter().max());
        if before.linear.is_empty() || before.linear.len() != after.linear.len() {
            let (before, after) = (before.linear.len(), after.linear.len());
            self.reasons.push(format!("{before} wasm memories were found after the warm-up and {after} at the end"));
        } else if levels.is_growing(Level::all_linear) {
            let shown: Vec<_> = levels.later.iter().map(|level| mib(level.all_linear())).collect();
            let (before, shown) = (mib(before.all_linear()), shown.join(", "));
            self.reasons.push(format!("the wasm memories grow: {before} MiB after the warm-up, then {shown}"));
        } else if most_after.map(|after| after * 100) > most_before.map(|before| before * (100 + MOST_JUMP)) {
            let (before, after) = (all_mib(&before.linear), all_mib(&after.linear));
            self.reasons.push(format!("a wasm memory grew: {before} MiB after the warm-up, {after} MiB at the end"));
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n| traffic | requests | 2xx | 4xx | 5xx | without a reply | what it is |")?;
        writeln!(f, "|---|--:|--:|--:|--:|--:|---|")?;
        for (kind, count) in Kind::ALL.into_iter().zip(&self.counts) {
            let (name, what) = kind.name();
            row(f, name, count, what)?;
        }
        row(f, "all", &self.total, "")?;
        let seconds = self.duration.as_secs().max(1);
        writeln!(f, "\n| soak | |\n|---|---|")?;
        writeln!(f, "| duration | {seconds} s at {} connections, seed {} |", self.connections, self.seed)?;
        writeln!(f, "| requests | {}, {} a second |", self.total.requests, self.total.requests / seconds)?;
        writeln!(f, "| calls at the upstream | {} |", self.calls)?;
        writeln!(f, "| slow calls that a client opened and left | {} |", self.felt.left)?;
        let (replies, longest) = (self.felt.replies, self.felt.longest.as_millis());
        writeln!(f, "| replies to a neighbour of those | {replies}, the longest after {longest} ms |")?;
        writeln!(f, "| wrong answers | {} |", self.wrong)?;
        let missed: u64 = self.deadlines.values().map(|deadlines| deadlines.late).sum();
        let kept: u64 = self.deadlines.values().map(|deadlines| deadlines.in_time).sum();
        writeln!(f, "| deadlines missed by the busy machine | {missed} of {} |", missed + kept)?;
        writeln!(f, "| traps | {} |", self.traps)?;
        if let Some(levels) = &self.levels {
            let (before, after) = (&levels.before, levels.after());
            let (from, to) = (mib(before.resident), mib(after.resident));
            writeln!(f, "| resident memory of Envoy | {from} MiB after the warm-up, {to} MiB at the end |")?;
            let (from, to) = (all_mib(&before.linear), all_mib(&after.linear));
            writeln!(f, "| wasm memories | {from} MiB after the warm-up, {to} MiB at the end |")?;
        }
        if self.reasons.is_empty() {
            return writeln!(f, "\nall is well");
        }
        writeln!(f, "\nFAILED:")?;
        self.reasons.iter().try_for_each(|reason| writeln!(f, "- {reason}"))
    }
}

fn row(f: &mut fmt::Formatter<'_>, name: &str, count: &Count, what: &str) -> fmt::Result {
    let [ok, moved, client, server, none] = count.by_class;
    let ok = ok + moved;
    writeln!(f, "| {name} | {} | {ok} | {client} | {server} | {none} | {what} |", count.requests)
}

/// Bytes in MiB.
pub fn mib(bytes: u64) -> String {
    let tenths = (bytes * 10) >> 20;
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// Several of them.
pub fn all_mib(bytes: &[u64]) -> String {
    bytes.iter().map(|bytes| mib(*bytes)).collect::<Vec<_>>().join(" + ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::Level;

    const MIB: u64 = 1 << 20;

    fn reasons(wrong: u64, in_time: u64, levels: Option<Levels>) -> String {
        judged(wrong, in_time, levels, Felt { left: 1, replies: 1, longest: neighbour::MOST })
    }

    fn judged(wrong: u64, in_time: u64, levels: Option<Levels>, felt: Felt) -> String {
        let count = Count { requests: 1000, by_class: [1000, 0, 0, 0, 0] };
        let few = Deadlines { in_time, late: 7 };
        let mut report = Report {
            duration: Duration::from_secs(60),
            connections: 64,
            seed: 1,
            counts: [count; Kind::ALL.len()],
            total: count,
            deadlines: BTreeMap::from([(202, Deadlines { in_time: 7, late: 0 }), (504, few)]),
            calls: 1000,
            felt,
            wrong,
            traps: 0,
            levels,
            reasons: Vec::new(),
        };
        report.judge(&Tally::default());
        report.reasons.join("\n")
    }

    /// With resident memory and wasm memories after the warm-up and after each third of the rest.
    fn levels(levels: [(u64, &[u64]); 4]) -> Levels {
        let level = |(resident, linear): (u64, &[u64])| Level {
            resident: resident * MIB,
            linear: linear.iter().map(|size| size * MIB).collect(),
        };
        let [before, first, second, third] = levels.map(level);
        Levels { before, later: [first, second, third] }
    }

    #[test]
    fn what_is_not_as_it_should_be_is_told() {
        let flat: (u64, &[u64]) = (100, &[8, 8, 1]);
        let small: (u64, &[u64]) = (100, &[6, 8, 1]);
        let large: (u64, &[u64]) = (105, &[8, 9, 1]);
        let larger: (u64, &[u64]) = (105, &[9, 9, 1]);
        let resident = |resident| (resident, flat.1);
        let cases = [
            (0, 1, Some(levels([flat; 4])), ""),
            (0, 1, Some(levels([flat, large, large, large])), ""),
            (0, 1, Some(levels([small, flat, flat, flat])), ""),
            (0, 1, Some(levels([small, small, flat, large])), ""),
            (0, 1, Some(levels([100, 120, 120, 120].map(resident))), ""),
            (0, 1, Some(levels([100, 102, 104, 105].map(resident))), ""),
            (
                0,
                1,
                Some(levels([small, flat, large, larger])),
                "the wasm memories grow: 15.0 MiB after the warm-up, then 17.0, 18.0, 19.0",
            ),
            (
                0,
                1,
                Some(levels([flat, flat, flat, (100, &[8, 11, 1])])),
                "a wasm memory grew: 8.0 + 8.0 + 1.0 MiB after the warm-up",
            ),
            (
                0,
                1,
                Some(levels([100, 102, 104, 106].map(resident))),
                "the resident memory of Envoy grows: from 100.0 to 106.0 MiB, more than 5 %",
            ),
            (
                0,
                1,
                Some(levels([flat, flat, flat, (100, &[8, 8])])),
                "3 wasm memories were found after the warm-up and 2 at the end",
            ),
            (0, 1, Some(levels([(1, &[]); 4])), "0 wasm memories were found"),
            (0, 1, None, "the memory was not measured"),
            (1, 1, Some(levels([flat; 4])), "1 wrong answers"),
            (0, 0, Some(levels([flat; 4])), "all 7 replies that should have been 504 were second best"),
        ];
        for (wrong, in_time, levels, expected) in cases {
            let found = reasons(wrong, in_time, levels.clone());
            assert!(found.contains(expected) && found.is_empty() == expected.is_empty(), "{levels:?}: {found}");
        }
    }

    #[test]
    fn a_neighbour_without_replies_in_time_is_told() {
        let flat: (u64, &[u64]) = (100, &[8, 8, 1]);
        let late = neighbour::MOST + Duration::from_millis(1);
        for (replies, longest) in [(0, Duration::ZERO), (1, late)] {
            let found = judged(0, 0, Some(levels([flat; 4])), Felt { left: 1, replies, longest });
            assert!(
                found.contains("a neighbour of slow calls waited longer than 10s"),
                "{replies} {longest:?}: {found}"
            );
        }
    }
}
