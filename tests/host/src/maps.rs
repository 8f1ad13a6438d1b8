//! Header maps.

use crate::crash::{Crash, Rule};
use crate::headers::Headers;
use crate::memory::Guest;
use crate::personality::Personality;
use crate::services;
use crate::status::Status;
use crate::worker::Phase;

/// The maps of the ABI that are played.
const REQUEST_HEADERS: u32 = 0;
const REQUEST_TRAILERS: u32 = 1;
const RESPONSE_HEADERS: u32 = 2;
const ANSWER_HEADERS: u32 = 6;
const ANSWER_TRAILERS: u32 = 7;

/// How many headers of a request a map shows on APISIX. Pseudo headers do not count.
///
/// Source: observed on wasm-nginx-module 0.7.0.
const MOST_ON_APISIX: usize = 100;

/// `proxy_get_header_map_pairs`
pub(crate) fn pairs(guest: &mut Guest<'_>, map: u32, data_at: u32, size_at: u32) -> Result<Status, Crash> {
    let apisix = guest.personality() == Personality::Apisix;
    let headers = match map {
        REQUEST_HEADERS if apisix => {
            let exchange = guest.exchange("read the headers of the request")?;
            let headers: Headers = exchange.headers.iter().take(MOST_ON_APISIX).collect();
            let pseudo = exchange.request.pseudo_headers();
            if exchange.request.host.is_none() {
                return Err(guest.crash(Rule::NoHost, "read all headers of a request without `host`"));
            }
            // Source: api7/wasm-nginx-module `ngx_http_wasm_req_get_headers`: pseudo headers come last.
            headers.iter().chain(pseudo.iter()).collect()
        }
        _ => headers(guest, map)?.clone(),
    };
    if let Some((name, _)) = headers.iter().find(|(name, _)| map == ANSWER_HEADERS && str::from_utf8(name).is_err()) {
        let did = format!("read all headers of an answer, one of which is named \"{}\"", name.escape_ascii());
        return Err(guest.crash(Rule::AnswerNames, did));
    }
    if headers.is_empty() && !apisix {
        return guest.give(&[], data_at, size_at);
    }
    guest.give(&headers.serialized(), data_at, size_at)
}

/// `proxy_get_header_map_value`: the first of its name.
pub(crate) fn value(
    guest: &mut Guest<'_>,
    map: u32,
    name: (u32, u32),
    data_at: u32,
    size_at: u32,
) -> Result<Status, Crash> {
    let name = guest.bytes(name.0, name.1)?;
    let mut value = headers(guest, map)?.get(&name).map(<[u8]>::to_vec);
    if map == REQUEST_HEADERS && guest.personality() == Personality::Apisix && name.starts_with(b":") {
        let request = &guest.exchange("read a header of the request")?.request;
        value = request.pseudo_headers().get(&name).map(<[u8]>::to_vec);
        if request.host.is_none() && name.eq_ignore_ascii_case(b":authority") {
            return Err(guest.crash(Rule::NoHost, "read `:authority` of a request without `host`"));
        }
    }
    match value {
        Some(value) => guest.give(&value, data_at, size_at),
        None => Ok(Status::NotFound),
    }
}

/// `proxy_add_header_map_value`
pub(crate) fn add(guest: &mut Guest<'_>, map: u32, name: (u32, u32), value: (u32, u32)) -> Result<Status, Crash> {
    let (name, value) = (guest.bytes(name.0, name.1)?, guest.bytes(value.0, value.1)?);
    headers(guest, map)?.push(name, value);
    Ok(Status::Ok)
}

/// `proxy_replace_header_map_value`
pub(crate) fn replace(guest: &mut Guest<'_>, map: u32, name: (u32, u32), value: (u32, u32)) -> Result<Status, Crash> {
    remove(guest, map, name)?;
    add(guest, map, name, value)
}

/// `proxy_remove_header_map_value`
pub(crate) fn remove(guest: &mut Guest<'_>, map: u32, name: (u32, u32)) -> Result<Status, Crash> {
    let name = guest.bytes(name.0, name.1)?;
    headers(guest, map)?.remove(&name);
    Ok(Status::Ok)
}

/// The headers of a map, where it is there.
fn headers<'a>(guest: &'a mut Guest<'_>, map: u32) -> Result<&'a mut Headers, Crash> {
    let (personality, phase) = (guest.personality(), guest.phase());
    if matches!(map, ANSWER_HEADERS | ANSWER_TRAILERS) {
        // Source: observed on wasm-nginx-module 0.7.0, read in Envoy: no trailers are ever told of.
        if map == ANSWER_TRAILERS && personality == Personality::Apisix {
            return Err(guest.crash(Rule::MissingServices, "read the trailers of an answer"));
        }
        return answer(guest, map);
    }
    let is_there = match map {
        REQUEST_HEADERS => true,
        REQUEST_TRAILERS => personality == Personality::Envoy && phase == Phase::RequestTrailers,
        RESPONSE_HEADERS => matches!(phase, Phase::ResponseHeaders | Phase::ResponseBody),
        _ => false,
    };
    if !is_there {
        services::missing_on_apisix(guest, &format!("the header map {map} in the phase {phase:?}"))?;
    }
    let exchange = guest.exchange("used a header map")?;
    Ok(match map {
        REQUEST_TRAILERS => &mut exchange.trailers,
        RESPONSE_HEADERS => &mut exchange.reply_headers,
        _ => &mut exchange.headers,
    })
}

fn answer<'a>(guest: &'a mut Guest<'_>, map: u32) -> Result<&'a mut Headers, Crash> {
    let seen = guest.exchange("read the headers of an answer")?.answer.as_ref().map(|answer| answer.headers.is_empty());
    match seen {
        None => Err(guest.crash(Rule::AnswerIsGone, "read the headers of an answer too early or too late")),
        Some(true) => Err(guest.crash(Rule::NoAnswer, "read the headers of an answer that has none")),
        Some(false) => {
            let exchange = guest.exchange("read the headers of an answer")?;
            let answer = exchange.answer.get_or_insert_default();
            Ok(if map == ANSWER_HEADERS { &mut answer.headers } else { &mut answer.trailers })
        }
    }
}
