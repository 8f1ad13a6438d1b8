//! Buffers: bodies and configurations.

use crate::crash::{Crash, Rule};
use crate::memory::{Guest, index};
use crate::personality::Personality;
use crate::services;
use crate::status::Status;
use crate::worker::Phase;

/// The buffers of the ABI that are played.
const REQUEST_BODY: u32 = 0;
const RESPONSE_BODY: u32 = 1;
const ANSWER_BODY: u32 = 4;
const VM_CONFIGURATION: u32 = 6;
const CONFIGURATION: u32 = 7;

/// `proxy_get_buffer_bytes`
pub(crate) fn get(
    guest: &mut Guest<'_>,
    buffer: u32,
    (start, size): (u32, u32),
    data_at: u32,
    size_at: u32,
) -> Result<Status, Crash> {
    let bytes = match (buffer, guest.personality()) {
        // Source: api7/wasm-nginx-module: "configuration is fetched as a whole".
        (CONFIGURATION, Personality::Apisix) => {
            let configuration = guest.worker().configuration.clone();
            return guest.give(&configuration, data_at, size_at);
        }
        (CONFIGURATION, Personality::Envoy) => guest.worker().configuration.clone(),
        // Source: observed on Envoy 1.40.0: none unless `vm_config.configuration` gives one.
        (VM_CONFIGURATION, Personality::Envoy) => Vec::new(),
        (REQUEST_BODY, personality) => request_body(guest, personality)?,
        (ANSWER_BODY, _) => match guest.exchange("read the body of an answer")?.answer.clone() {
            Some(answer) => answer.body,
            None => return Err(guest.crash(Rule::AnswerIsGone, "read the body of an answer too early or too late")),
        },
        (RESPONSE_BODY, Personality::Envoy) if guest.phase() == Phase::ResponseBody => {
            guest.exchange("read the body of the response")?.reply_body()
        }
        (buffer, _) => {
            return services::missing_on_apisix(guest, &format!("proxy_get_buffer_bytes of buffer {buffer}"));
        }
    };
    // Source: observed on wasm-nginx-module 0.7.0; proxy-wasm-cpp-host `exports.cc`, `get_buffer_bytes`.
    let (first, wanted, length) = (index(start), index(size), bytes.len());
    let is_wrong = match guest.personality() {
        Personality::Apisix if length == 0 => return Ok(Status::NotFound),
        Personality::Apisix => size == 0 || size > i32::MAX.cast_unsigned() || first >= length,
        Personality::Envoy => start.checked_add(size).is_none() || first > length,
    };
    if is_wrong {
        let did = format!("read {size} bytes from {start} of a buffer of {length}");
        return Err(guest.crash(Rule::BufferBySize, did));
    }
    let part: Vec<u8> = bytes.into_iter().skip(first).take(wanted).collect();
    guest.give(&part, data_at, size_at)
}

/// The body of the request, where it can be read.
fn request_body(guest: &mut Guest<'_>, personality: Personality) -> Result<Vec<u8>, Crash> {
    let phase = guest.phase();
    let exchange = guest.exchange("read the body of the request")?;
    let body = exchange.body.clone();
    match (personality, phase) {
        (Personality::Apisix, Phase::RequestBody) if body.is_empty() => {
            Err(guest.crash(Rule::EmptyBody, "read the body of a request that has none"))
        }
        // Source: read in Envoy: what is held back stays readable until the request is over.
        (Personality::Apisix, Phase::RequestBody) | (Personality::Envoy, _) => Ok(body),
        (Personality::Apisix, phase) => {
            Err(guest.crash(Rule::BodyIsGone, format!("read the body of the request in the phase {phase:?}")))
        }
    }
}
