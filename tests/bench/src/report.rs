//! Everything that was measured, as JSON and as tables.

use std::fmt::{self, Write as _};

use serde::Serialize;

use crate::growth::Growth;
use crate::latency::{Latency, RATE};
use crate::machine::Machine;
use crate::memory::Memory;
use crate::options::Options;
use crate::sample::Row;
use crate::scale::{Scale, Shape};
use crate::start::Start;
use crate::statistics::Spread;

/// Everything that was measured; nothing of a section that was not asked for. `Display` writes Markdown.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// On what.
    pub machine: Machine,
    /// What was asked for.
    pub options: Options,
    /// CPU per request, next to the others.
    pub ratios: Option<Vec<Row>>,
    /// How long clients wait.
    pub latency: Option<Vec<Latency>>,
    /// How the cost grows.
    pub growth: Option<Growth>,
    /// Memory with and without the filter.
    pub memory: Option<Vec<Memory>>,
    /// From the start of Envoy to the first reply.
    pub start: Option<Vec<Start>>,
    /// What many functions cost.
    pub scale: Option<Vec<Scale>>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Machine { date, processor, processors, kernel, envoy, filter, filter_size } = &self.machine;
        let Options { rounds, duration, .. } = &self.options;
        writeln!(f, "{date}: {processors} × {processor}, Linux {kernel}, Envoy {envoy} with one worker,")?;
        writeln!(
            f,
            "filter {} ({filter_size} bytes), {rounds} rounds of {duration:?}.",
            filter.get(..16).unwrap_or(filter)
        )?;
        writeln!(f, "Each number: median (least to greatest) of the rounds.")?;
        if let Some(rows) = &self.ratios {
            write_rows(f, "CPU per request", rows)?;
        }
        if let Some(rows) = &self.latency {
            write_latency(f, rows)?;
        }
        if let Some(growth) = &self.growth {
            write_rows(f, "By connections", &growth.connections)?;
            write_rows(f, "By size of both bodies", &growth.bodies)?;
            write_routes(f, growth)?;
        }
        if let Some(rows) = &self.memory {
            write_memory(f, rows)?;
        }
        if let Some(rows) = &self.start {
            writeln!(f, "\n### From the start of Envoy to the first reply\n\n| answered by | ms |\n|---|---|")?;
            for Start { contestant, first_reply } in rows {
                writeln!(f, "| {} | {} |", contestant.name(), shown(*first_reply, 0))?;
            }
        }
        if let Some(rows) = &self.scale {
            write_scale(f, rows)?;
        }
        Ok(())
    }
}

fn write_rows(f: &mut fmt::Formatter<'_>, title: &str, rows: &[Row]) -> fmt::Result {
    type Ratio = fn(&Row) -> Option<Spread>;
    let ratios: [(&str, Ratio); 4] = [
        ("of native", |row| row.to_native),
        ("of Lua, bare", |row| row.to_lua_bare),
        ("of Lua, shaping", |row| row.to_lua_shaping),
        ("of before", |row| row.to_before),
    ];
    let columns: Vec<_> = ratios.iter().filter(|(_, ratio)| rows.iter().any(|row| ratio(row).is_some())).collect();
    let head = "| workload | connections | answered by | CPU µs per request | requests/s | opened per 1000 |";
    writeln!(f, "\n### {title}\n")?;
    writeln!(f, "{}", columns.iter().fold(head.to_owned(), |line, (name, _)| line + " " + name + " |"))?;
    writeln!(f, "|{}", "---|".repeat(head.matches('|').count() - 1 + columns.len()))?;
    for row in rows {
        let Row { workload, contestant, connections, cpu, rate, opened, .. } = row;
        write!(f, "| {workload} | {connections} | {} | {} | ", contestant.name(), shown(*cpu, 1))?;
        write!(f, "{} | {:.1} |", shown(*rate, 0), opened.median)?;
        for (_, ratio) in &columns {
            write!(f, " {} |", ratio(row).map_or_else(String::new, |ratio| shown(ratio, 2)))?;
        }
        writeln!(f)?;
    }
    Ok(())
}

fn write_latency(f: &mut fmt::Formatter<'_>, rows: &[Latency]) -> fmt::Result {
    writeln!(
        f,
        "\n### Latency in µs at {RATE} requests/s\n\n| workload | answered by | p50 | p99 | p99.9 |\n|---|---|---|---|---|"
    )?;
    for row in rows {
        let Latency { workload, contestant, p50, p99, p999 } = row;
        let name = contestant.name();
        writeln!(f, "| {workload} | {name} | {} | {} | {} |", shown(*p50, 0), shown(*p99, 0), shown(*p999, 0))?;
    }
    Ok(())
}

fn write_routes(f: &mut fmt::Formatter<'_>, growth: &Growth) -> fmt::Result {
    writeln!(
        f,
        "\n### By routes\n\n| routes | answered by | CPU µs per request | of native | ms until ready | RSS MB |"
    )?;
    writeln!(f, "|---|---|---|---|---|---|")?;
    for routes in &growth.routes {
        let ratio = routes.row.to_native.map_or_else(String::new, |ratio| shown(ratio, 2));
        let (name, cpu) = (routes.row.contestant.name(), shown(routes.row.cpu, 1));
        let (count, set_up, resident) = (routes.count, routes.set_up, megabytes(routes.resident));
        writeln!(f, "| {count} | {name} | {cpu} | {ratio} | {set_up:.0} | {resident:.1} |")?;
    }
    Ok(())
}

fn write_memory(f: &mut fmt::Formatter<'_>, rows: &[Memory]) -> fmt::Result {
    writeln!(f, "\n### Memory\n\n| answered by | workers | RSS MB idle | RSS MB after load | virtual machines |")?;
    writeln!(f, "|---|---|---|---|---|")?;
    for row in rows {
        let Memory { contestant, workers, idle, loaded, machines } = row;
        let (idle, loaded) = (megabytes(*idle), megabytes(*loaded));
        writeln!(f, "| {} | {workers} | {idle:.1} | {loaded:.1} | {machines} |", contestant.name())?;
    }
    for pair in rows.windows(2) {
        if let [one, many] = pair
            && one.contestant == many.contestant
        {
            let more = (many.workers - one.workers) as f64;
            let each = (megabytes(many.loaded) - megabytes(one.loaded)) / more;
            writeln!(f, "\n{}: {each:.1} MB for each further worker.", one.contestant.name())?;
        }
    }
    Ok(())
}

fn write_scale(f: &mut fmt::Formatter<'_>, rows: &[Scale]) -> fmt::Result {
    writeln!(
        f,
        "\n### Many functions\n\n| functions | in | workers | RSS MB | ms until ready |\n|---|---|---|---|---|"
    )?;
    for Scale { shape, functions, workers, resident, set_up } in rows {
        let shape = match shape {
            Shape::Routes => "one configuration with `routes`",
            Shape::Configurations => "a configuration and a VM for each",
        };
        writeln!(f, "| {functions} | {shape} | {workers} | {:.0} | {set_up:.0} |", megabytes(*resident))?;
    }
    Ok(())
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// The median, and both ends in brackets.
fn shown(spread: Spread, digits: usize) -> String {
    let Spread { median, min, max } = spread;
    let mut text = format!("{median:.digits$}");
    let _ = write!(text, " ({min:.digits$}–{max:.digits$})");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_shown_with_both_ends() {
        let spread = Spread { median: 1.234, min: 1.0, max: 20.0 };
        assert_eq!(shown(spread, 2), "1.23 (1.00–20.00)");
        assert_eq!(shown(spread, 0), "1 (1–20)");
    }
}
