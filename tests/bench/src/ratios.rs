//! What the filter costs, as a multiple of a native route and of Lua.

use crate::contestant::{Contestant, Entry, before};
use crate::options::Options;
use crate::sample::{Bench, Group, Row, rows};
use crate::workload::Workload;
use testbed::envoy::Envoy;

/// How many connections the client has.
const CONNECTIONS: usize = 32;

/// The sizes of bodies, in bytes, each with the number of connections: large bodies on fewer.
pub const BODIES: &[(usize, usize)] = &[(1 << 10, 32), (64 << 10, 16), (1 << 20, 8)];

/// The entries of each group, with the number of connections.
pub fn groups() -> Vec<(Vec<Entry>, usize)> {
    use Contestant::{Filter, FilterBefore, FilterHttp, LuaBare, LuaShaping, Native};
    let mut groups = vec![
        (Entry::all(&[Native, LuaBare, LuaShaping, Filter], &Workload::plain()), CONNECTIONS),
        (Entry::all(&[Native, LuaBare, LuaShaping, Filter], &Workload::shaped()), CONNECTIONS),
        (Entry::all(&[Native, LuaBare, FilterHttp], &Workload::http()), CONNECTIONS),
    ];
    groups.extend(BODIES.iter().map(|&(size, connections)| {
        (Entry::all(&[Native, LuaBare, LuaShaping, Filter], &Workload::bodies(size)), connections)
    }));
    if before().is_some() {
        for (entries, _) in &mut groups {
            let other = entries.iter().find(|entry| entry.contestant == Filter).cloned();
            entries.extend(other.map(|entry| Entry { contestant: FilterBefore, ..entry }));
        }
    }
    groups
}

/// Measures them all, on one Envoy that has their listeners.
pub fn measure(bench: &Bench<'_>, envoy: &Envoy, options: &Options) -> Result<Vec<Row>, String> {
    let is_wanted = |name: &String| options.workloads.is_empty() || options.workloads.contains(name);
    let groups: Vec<Group<'_>> = groups()
        .into_iter()
        .filter(|(entries, _)| entries.iter().any(|Entry { workload, .. }| is_wanted(&workload.action())))
        .map(|(entries, connections)| Group {
            entries: entries.into_iter().map(|entry| (envoy, entry)).collect(),
            connections,
        })
        .collect();
    if groups.is_empty() {
        return Err(format!("no workload is one of {:?}", options.workloads));
    }
    Ok(rows(bench, &groups)?.into_iter().flatten().collect())
}
