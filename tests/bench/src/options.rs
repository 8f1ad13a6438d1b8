//! What is asked of a run.

use std::time::Duration;

use serde::Serialize;

/// How to call it.
pub const USAGE: &str = "usage: bench [quick] [rounds=N] [seconds=S] [only=ratios,latency,growth,memory,start,scale] \
                         [workloads=plain,shaped,http,1-KB,64-KB,1-MB]";

/// A part of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Section {
    /// CPU per request, next to the others.
    Ratios,
    /// How long clients wait.
    Latency,
    /// With connections, bodies and routes.
    Growth,
    /// Of Envoy, with and without the filter.
    Memory,
    /// From the start of Envoy to the first reply.
    Start,
    /// With many functions.
    Scale,
}

const SECTIONS: [(&str, Section); 6] = [
    ("ratios", Section::Ratios),
    ("latency", Section::Latency),
    ("growth", Section::Growth),
    ("memory", Section::Memory),
    ("start", Section::Start),
    ("scale", Section::Scale),
];

/// What is asked of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Options {
    /// How often everything is measured.
    pub rounds: usize,
    /// How long each time.
    pub duration: Duration,
    /// What is measured.
    pub sections: Vec<Section>,
    /// Of the ratios only those for these workloads; all if there are none.
    pub workloads: Vec<String>,
    /// Numbers of connections.
    pub connections: Vec<usize>,
    /// Sizes of bodies, in bytes.
    pub bodies: Vec<usize>,
    /// Numbers of routes.
    pub routes: Vec<usize>,
    /// Numbers of configurations.
    pub configurations: Vec<usize>,
}

impl Options {
    /// Reads the arguments of the program. An argument without a value is one that was not given.
    pub fn read(arguments: &[String]) -> Result<Self, String> {
        let mut options = Self {
            rounds: 7,
            duration: Duration::from_secs(1),
            sections: SECTIONS.map(|(_, section)| section).to_vec(),
            workloads: Vec::new(),
            connections: vec![1, 4, 16, 64, 256, 1024],
            bodies: vec![1 << 10, 8 << 10, 64 << 10, 512 << 10, 1 << 20, 8 << 20],
            routes: vec![1, 10, 100, 1000, 10_000],
            configurations: vec![1, 10, 100],
        };
        for argument in arguments {
            match argument.split_once('=').unwrap_or((argument, "")) {
                ("quick", _) => options.shorten(),
                ("rounds" | "seconds" | "only" | "workloads", "") => {}
                ("rounds", number) => options.rounds = number.parse().map_err(|_| wrong(argument))?,
                ("seconds", number) => {
                    let seconds = number.parse().map_err(|_| wrong(argument))?;
                    options.duration = Duration::try_from_secs_f64(seconds).map_err(|_| wrong(argument))?;
                }
                ("only", names) => {
                    let section = |name| SECTIONS.iter().find(|(known, _)| *known == name).map(|(_, section)| *section);
                    let sections: Option<_> = names.split(',').map(section).collect();
                    options.sections = sections.ok_or_else(|| wrong(argument))?;
                }
                ("workloads", names) => options.workloads = names.split(',').map(str::to_owned).collect(),
                _ => return Err(wrong(argument)),
            }
        }
        if options.rounds == 0 || options.duration.is_zero() {
            return Err(format!("nothing would be measured\n{USAGE}"));
        }
        Ok(options)
    }

    /// Whether a section is wanted.
    pub fn wants(&self, section: Section) -> bool {
        self.sections.contains(&section)
    }

    /// To see that everything works; the numbers mean nothing.
    fn shorten(&mut self) {
        self.rounds = 1;
        self.duration = Duration::from_millis(100);
        self.connections = vec![1, 16];
        self.bodies = vec![1 << 10, 64 << 10];
        self.routes = vec![1, 100];
        self.configurations = vec![1, 4];
    }
}

fn wrong(argument: &str) -> String {
    format!("{argument:?} is not understood\n{USAGE}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str]) -> Result<Options, String> {
        Options::read(&arguments.iter().map(|&argument| argument.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn arguments_change_what_is_measured() {
        let options = read(&["rounds=9", "seconds=0.5", "only=start,ratios"]).expect("valid");
        assert_eq!((options.rounds, options.duration), (9, Duration::from_millis(500)));
        assert_eq!(options.sections, [Section::Start, Section::Ratios]);
        assert_eq!(read(&["rounds=", "seconds=", "only=", "workloads="]), read(&[]));
        assert_eq!(read(&["workloads=plain,1-KB"]).expect("valid").workloads, ["plain", "1-KB"]);
        assert_eq!(read(&["quick", "rounds=3"]).expect("valid").rounds, 3);
    }

    #[test]
    fn anything_else_is_told() {
        for argument in ["rounds=x", "rounds=0", "seconds=0", "seconds=-1", "seconds=NaN", "only=all", "fast"] {
            assert!(read(&[argument]).is_err_and(|error| error.contains(USAGE)), "{argument}");
        }
    }
}
