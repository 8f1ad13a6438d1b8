//! The functions of the host, by the names a module imports them under.

use std::collections::BTreeSet;

use wasmi::{Caller, Error, ExternType, Instance, IntoFunc, Linker, Store};

use crate::crash::{Crash, Rule};
use crate::filter::Filter;
use crate::memory::Guest;
use crate::personality::Personality;
use crate::worker::Worker;
use crate::{buffers, calls, log, maps, metrics, properties, replies, services, wasi};

/// What `wasm-nginx-module` does not have.
///
/// Source: observed on wasm-nginx-module 0.7.0.
const NOT_ON_APISIX: [&str; 2] = ["proxy_get_metric", "proxy_get_log_level"];

/// The functions of a host.
pub(crate) struct Functions {
    linker: Linker<Worker>,
    names: BTreeSet<(&'static str, &'static str)>,
}

impl Functions {
    /// All that are known, and stand-ins for what a module imports of WASI besides. Or what it imports in vain.
    pub(crate) fn new(filter: &Filter, personality: Personality) -> Result<Self, Crash> {
        let mut functions = Self { linker: Linker::new(&filter.engine), names: BTreeSet::new() };
        link_requests(&mut functions);
        link_services(&mut functions);
        link_unplayed(&mut functions);
        wasi::link(&mut functions);
        for import in filter.module.imports() {
            let (of, name) = (import.module(), import.name());
            let is_missing = personality == Personality::Apisix && NOT_ON_APISIX.contains(&name);
            if functions.names.contains(&(of, name)) && !is_missing {
                continue;
            }
            match import.ty() {
                ExternType::Func(function) if of == wasi::MODULE => {
                    wasi::link_missing(&mut functions.linker, name, function.clone());
                }
                _ => return Err(Crash::new(personality, Rule::KnownImports, format!("imports `{of}.{name}`"))),
            }
        }
        Ok(functions)
    }

    pub(crate) fn define<P, R>(
        &mut self,
        module: &'static str,
        name: &'static str,
        function: impl IntoFunc<Worker, P, R>,
    ) {
        self.names.insert((module, name));
        self.linker.func_wrap(module, name, function).expect("each name once");
    }

    pub(crate) fn instantiate(&self, store: &mut Store<Worker>, filter: &Filter) -> Result<Instance, Error> {
        self.linker.instantiate_and_start(store, &filter.module)
    }
}

macro_rules! functions {
    ($functions:ident, $module:literal: $($name:literal ($($argument:ident: $type:ty),*) => $function:expr;)+) => {$(
        let function = |caller: Caller<'_, Worker>, $($argument: $type),*| -> Result<u32, Error> {
            let run = |mut guest: Guest<'_>| {
                let function: &dyn Fn(&mut Guest<'_>) -> Result<_, Crash> = &$function;
                function(&mut guest)
            };
            Guest::new(caller, $name).and_then(run).map(|status| status.code()).map_err(Error::host)
        };
        $functions.define($module, $name, function);
    )+};
}

/// What a filter asks and does about a request.
fn link_requests(functions: &mut Functions) {
    functions! { functions, "env":
        "proxy_get_header_map_pairs"(map: u32, data_at: u32, size_at: u32) =>
            |guest| maps::pairs(guest, map, data_at, size_at);
        "proxy_get_header_map_value"(map: u32, name: u32, name_size: u32, data_at: u32, size_at: u32) =>
            |guest| maps::value(guest, map, (name, name_size), data_at, size_at);
        "proxy_add_header_map_value"(map: u32, name: u32, name_size: u32, value: u32, value_size: u32) =>
            |guest| maps::add(guest, map, (name, name_size), (value, value_size));
        "proxy_replace_header_map_value"(map: u32, name: u32, name_size: u32, value: u32, value_size: u32) =>
            |guest| maps::replace(guest, map, (name, name_size), (value, value_size));
        "proxy_remove_header_map_value"(map: u32, name: u32, name_size: u32) =>
            |guest| maps::remove(guest, map, (name, name_size));
        "proxy_get_buffer_bytes"(buffer: u32, start: u32, size: u32, data_at: u32, size_at: u32) =>
            |guest| buffers::get(guest, buffer, (start, size), data_at, size_at);
        "proxy_get_property"(path: u32, path_size: u32, data_at: u32, size_at: u32) =>
            |guest| properties::get(guest, (path, path_size), data_at, size_at);
        "proxy_set_property"(path: u32, path_size: u32, value: u32, value_size: u32) =>
            |guest| properties::set(guest, (path, path_size), (value, value_size));
        "proxy_http_call"(
            upstream: u32, upstream_size: u32, headers: u32, headers_size: u32, body: u32, body_size: u32,
            _trailers: u32, _trailers_size: u32, timeout: u32, token_at: u32
        ) => |guest| {
            let (upstream, headers, body) = ((upstream, upstream_size), (headers, headers_size), (body, body_size));
            calls::dispatch(guest, upstream, headers, body, (timeout, token_at))
        };
        "proxy_send_local_response"(
            status: u32, _details: u32, _details_size: u32, body: u32, body_size: u32,
            headers: u32, headers_size: u32, _grpc_status: u32
        ) => |guest| replies::send(guest, status, (body, body_size), (headers, headers_size));
        "proxy_continue_stream"(stream: u32) => |guest| services::continue_stream(guest, stream);
    }
}

/// What a filter asks at any time.
fn link_services(functions: &mut Functions) {
    functions! { functions, "env":
        "proxy_log"(level: u32, text: u32, size: u32) => |guest| log::write(guest, level, text, size);
        "proxy_get_log_level"(level_at: u32) => |guest| log::level(guest, level_at);
        "proxy_set_effective_context"(context: u32) => |guest| services::set_effective_context(guest, context);
        "proxy_get_current_time_nanoseconds"(time_at: u32) => |guest| services::current_time(guest, time_at);
        "proxy_define_metric"(kind: u32, name: u32, name_size: u32, id_at: u32) =>
            |guest| metrics::define(guest, kind, (name, name_size), id_at);
        "proxy_increment_metric"(id: u32, by: i64) => |guest| metrics::increment(guest, id, by);
        "proxy_record_metric"(id: u32, value: u64) => |guest| metrics::record(guest, id, value);
        "proxy_get_metric"(id: u32, value_at: u32) => |guest| metrics::get(guest, id, value_at);
    }
}

/// What every module imports, because the SDK does, and no filter here may call.
fn link_unplayed(functions: &mut Functions) {
    macro_rules! unplayed {
        ($($name:literal ($($argument:ident)*) = $kind:ident;)+) => {
            functions! { functions, "env": $($name($($argument: u32),*) => |guest| services::$kind(guest, $name);)+ }
        };
    }
    unplayed! {
        "proxy_set_tick_period_milliseconds"(_a) = missing_on_apisix;
        "proxy_get_shared_data"(_a _b _c _d _e) = missing_on_apisix;
        "proxy_set_shared_data"(_a _b _c _d _e) = missing_on_apisix;
        "proxy_register_shared_queue"(_a _b _c) = missing_on_apisix;
        "proxy_resolve_shared_queue"(_a _b _c _d _e) = missing_on_apisix;
        "proxy_dequeue_shared_queue"(_a _b _c) = missing_on_apisix;
        "proxy_enqueue_shared_queue"(_a _b _c) = missing_on_apisix;
        "proxy_grpc_call"(_a _b _c _d _e _f _g _h _i _j _k _l) = missing_on_apisix;
        "proxy_grpc_stream"(_a _b _c _d _e _f _g _h _i) = missing_on_apisix;
        "proxy_grpc_send"(_a _b _c _d) = missing_on_apisix;
        "proxy_grpc_cancel"(_a) = missing_on_apisix;
        "proxy_grpc_close"(_a) = missing_on_apisix;
        "proxy_get_status"(_a _b _c) = missing_on_apisix;
        "proxy_call_foreign_function"(_a _b _c _d _e _f) = missing_on_apisix;
        "proxy_done"() = missing_on_apisix;
        "proxy_set_header_map_pairs"(_a _b _c) = missing_on_apisix;
        "proxy_set_buffer_bytes"(_a _b _c _d _e) = not_played;
        "proxy_close_stream"(_a) = not_played;
    }
}
