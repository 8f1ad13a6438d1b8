//! Properties of a request.

use crate::crash::{Crash, Rule};
use crate::memory::Guest;
use crate::personality::Personality;
use crate::status::Status;

/// The variable by which a filter asks APISIX for the body of a request.
///
/// Source: apache/apisix `apisix/wasm.lua`.
const BODY_WANTED: &[u8] = b"wasm_process_req_body";

/// `proxy_get_property`
pub(crate) fn get(guest: &mut Guest<'_>, path: (u32, u32), data_at: u32, size_at: u32) -> Result<Status, Crash> {
    let path = guest.bytes(path.0, path.1)?;
    let shown = String::from_utf8_lossy(&path).replace('\0', ".");
    // Source: api7/wasm-nginx-module `ngx_http_wasm_api.c`: the one property outside of requests. Read in Envoy:
    // the properties of the plugin need no request.
    let value = if matches!(path.as_slice(), b"plugin_root_id" | b"plugin_name") {
        Some(b"openwhisk".to_vec())
    } else {
        match guest.personality() {
            Personality::Apisix => of_apisix(guest, &path, &shown)?,
            Personality::Envoy if guest.worker().moment.request.is_none() => None,
            Personality::Envoy => of_envoy(guest, &path, &shown)?,
        }
    };
    match value {
        Some(value) => guest.give(&value, data_at, size_at),
        None => Ok(Status::NotFound),
    }
}

/// Source: observed on wasm-nginx-module 0.7.0: the variables of nginx, of which any request has these.
fn of_apisix(guest: &mut Guest<'_>, path: &[u8], shown: &str) -> Result<Option<Vec<u8>>, Crash> {
    let exchange = guest.exchange(&format!("read the property `{shown}`"))?;
    Ok(match path {
        b"nginx_version" => Some(b"1.29.2".to_vec()),
        b"request_method" => Some(exchange.request.method.clone()),
        b"server_protocol" => Some(exchange.request.version.to_string().into_bytes()),
        _ => exchange.request.properties.get(path).cloned(),
    })
}

/// Source: observed on Envoy 1.40.0; the attributes of Envoy's documentation that any request has.
fn of_envoy(guest: &mut Guest<'_>, path: &[u8], shown: &str) -> Result<Option<Vec<u8>>, Crash> {
    let keeps_metrics = guest.worker().keeps_metrics;
    let exchange = guest.exchange(&format!("read the property `{shown}`"))?;
    Ok(match path {
        b"request\0method" => Some(exchange.request.method.clone()),
        b"request\0path" => Some(exchange.request.path.clone()),
        b"request\0protocol" => Some(exchange.request.version.to_string().into_bytes()),
        // Outbound is 2. Not on a proxy that only resembles Envoy.
        b"xds\0listener_direction" if keeps_metrics => Some(0_u64.to_le_bytes().to_vec()),
        b"request\0id" => exchange.headers.get("x-request-id").map(<[u8]>::to_vec),
        _ => exchange.request.properties.get(path).cloned(),
    })
}

/// `proxy_set_property`
pub(crate) fn set(guest: &mut Guest<'_>, path: (u32, u32), value: (u32, u32)) -> Result<Status, Crash> {
    let path = guest.bytes(path.0, path.1)?;
    let value = guest.bytes(value.0, value.1)?;
    let shown = String::from_utf8_lossy(&path).replace('\0', ".");
    let personality = guest.personality();
    let exchange = guest.exchange(&format!("set the property `{shown}`"))?;
    match personality {
        Personality::Apisix if path == BODY_WANTED => exchange.wants_body = !value.is_empty(),
        Personality::Apisix if !exchange.request.properties.contains_key(&path) => {
            return Err(guest.crash(Rule::DefinedVariables, format!("set the property `{shown}`")));
        }
        Personality::Apisix | Personality::Envoy => _ = exchange.request.properties.insert(path, value),
    }
    Ok(Status::Ok)
}
