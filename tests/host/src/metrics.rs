//! Metrics: kept on Envoy, dropped on APISIX.

use crate::crash::{Crash, Rule};
use crate::memory::Guest;
use crate::personality::Personality;
use crate::status::Status;

/// The kind of a metric, as the ABI numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 0
    Counter,
    /// 1
    Gauge,
    /// 2
    Histogram,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Counter, Self::Gauge, Self::Histogram];
}

/// A metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its name, without the host's prefix.
    pub name: String,
    /// Its kind.
    pub kind: Kind,
    /// What was recorded: the one value of a counter or gauge, all values of a histogram.
    pub values: Vec<u64>,
}

/// `proxy_define_metric`
pub(crate) fn define(guest: &mut Guest<'_>, kind: u32, name: (u32, u32), id_at: u32) -> Result<Status, Crash> {
    let name = String::from_utf8_lossy(&guest.bytes(name.0, name.1)?).into_owned();
    if !guest.worker().keeps_metrics {
        // It would answer `Unimplemented`, where the SDK panics.
        return Err(guest.crash(Rule::NoTrap, format!("defined the metric `{name}` where none is kept")));
    }
    // Source: observed on wasm-nginx-module 0.7.0: metrics calls answer `Ok` and do nothing.
    if guest.personality() == Personality::Apisix {
        return Ok(Status::Ok);
    }
    let known = usize::try_from(kind).ok().and_then(|kind| Kind::ALL.get(kind));
    let kind = *known.ok_or_else(|| guest.crash(Rule::OwnMemory, format!("defined a metric of kind {kind}")))?;
    let metrics = &mut guest.worker_mut().metrics;
    let id = metrics.iter().position(|metric| metric.name == name).unwrap_or_else(|| {
        let values = if kind == Kind::Histogram { Vec::new() } else { vec![0] };
        metrics.push(Metric { name, kind, values });
        metrics.len().saturating_sub(1)
    });
    guest.write_u32(id_at, u32::try_from(id).expect("few metrics"))?;
    Ok(Status::Ok)
}

/// `proxy_increment_metric`
pub(crate) fn increment(guest: &mut Guest<'_>, id: u32, by: i64) -> Result<Status, Crash> {
    change(guest, id, |metric| match metric.values.as_mut_slice() {
        [value] if metric.kind != Kind::Histogram => {
            *value = value.saturating_add_signed(by);
            Status::Ok
        }
        _ => Status::BadArgument,
    })
}

/// `proxy_record_metric`
pub(crate) fn record(guest: &mut Guest<'_>, id: u32, value: u64) -> Result<Status, Crash> {
    change(guest, id, |metric| {
        if metric.kind != Kind::Histogram {
            metric.values.clear();
        }
        metric.values.push(value);
        Status::Ok
    })
}

/// `proxy_get_metric`: Envoy only.
pub(crate) fn get(guest: &mut Guest<'_>, id: u32, value_at: u32) -> Result<Status, Crash> {
    let metric = usize::try_from(id).ok().and_then(|id| guest.worker().metrics.get(id));
    match metric.map(|metric| (metric.kind, metric.values.first().copied())) {
        Some((Kind::Counter | Kind::Gauge, value)) => {
            guest.write(value_at, &value.unwrap_or_default().to_le_bytes())?;
            Ok(Status::Ok)
        }
        Some((Kind::Histogram, _)) => Ok(Status::BadArgument),
        None => Ok(Status::NotFound),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the form of a host call")]
fn change(guest: &mut Guest<'_>, id: u32, change: impl FnOnce(&mut Metric) -> Status) -> Result<Status, Crash> {
    if guest.personality() == Personality::Apisix {
        return Ok(Status::Ok);
    }
    let metric = usize::try_from(id).ok().and_then(|id| guest.worker_mut().metrics.get_mut(id));
    Ok(metric.map_or(Status::NotFound, change))
}
