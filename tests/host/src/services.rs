//! Host calls that are about no request, or about one as a whole.

use crate::crash::{Crash, Rule};
use crate::memory::Guest;
use crate::personality::Personality;
use crate::status::Status;

/// The stream of the request, as the ABI numbers it.
const REQUEST: u32 = 0;

/// `proxy_continue_stream`
///
/// Source: observed on wasm-nginx-module 0.7.0: `Ok`, and nothing happens; the request goes on by itself. On
/// Envoy it is the way to let a request go that was held.
pub(crate) fn continue_stream(guest: &mut Guest<'_>, stream: u32) -> Result<Status, Crash> {
    if stream != REQUEST {
        return not_played(guest, "proxy_continue_stream of another stream than the request");
    }
    let personality = guest.personality();
    let exchange = guest.open_exchange("let the request go on", Rule::OneReply)?;
    if personality == Personality::Envoy && exchange.is_calling() {
        return Err(guest.crash(Rule::ContinueIsNotPending, "let the request go on during a call"));
    }
    // During a call APISIX takes no notice. Otherwise the request would go on there anyway.
    if !exchange.is_calling() {
        exchange.pass_on();
    }
    Ok(Status::Ok)
}

/// `proxy_set_effective_context`
#[expect(clippy::unnecessary_wraps, reason = "the form of a host call")]
pub(crate) fn set_effective_context(guest: &mut Guest<'_>, context: u32) -> Result<Status, Crash> {
    let worker = guest.worker_mut();
    // Source: api7/wasm-nginx-module: "dummy function to make plugin load".
    if worker.personality == Personality::Apisix {
        return Ok(Status::Ok);
    }
    match worker.exchanges.iter().rposition(|exchange| exchange.context == context) {
        Some(id) => {
            worker.moment.request = Some(id);
            Ok(Status::Ok)
        }
        None => Ok(Status::BadArgument),
    }
}

/// `proxy_get_current_time_nanoseconds`
pub(crate) fn current_time(guest: &mut Guest<'_>, time_at: u32) -> Result<Status, Crash> {
    if guest.personality() == Personality::Apisix {
        return missing_on_apisix(guest, "proxy_get_current_time_nanoseconds");
    }
    let now = u64::try_from(guest.worker().clock.now().as_nanos()).expect("before the year 2554");
    guest.write(time_at, &now.to_le_bytes())?;
    Ok(Status::Ok)
}

/// What stops the SDK on APISIX, and is not played as Envoy has it.
pub(crate) fn missing_on_apisix(guest: &mut Guest<'_>, name: &str) -> Result<Status, Crash> {
    match guest.personality() {
        Personality::Apisix => Err(guest.crash(Rule::MissingServices, format!("called `{name}`"))),
        Personality::Envoy => not_played(guest, name),
    }
}

/// What this host does not do.
pub(crate) fn not_played(guest: &mut Guest<'_>, name: &str) -> Result<Status, Crash> {
    Err(guest.crash(Rule::NotPlayed, format!("called `{name}`")))
}
