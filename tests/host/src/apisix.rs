//! The life of a request on APISIX.
//!
//! Source: observed on wasm-nginx-module 0.7.0; apache/apisix `apisix/wasm.lua`; api7/wasm-nginx-module
//! `lib/resty/proxy-wasm.lua`.

use crate::answers::End;
use crate::calls::Pending;
use crate::crash::Rule;
use crate::exchange::{Exchange, Stage};
use crate::headers::Headers;
use crate::log::{Level, Line};
use crate::memory::size;
use crate::personality::Personality;
use crate::refusal;
use crate::replies::Reply;
use crate::request::{Piece, Request, Version};
use crate::vm::{Action, Vm};
use crate::worker::{Moment, Phase};

/// Keeps a configuration for the next request.
pub(crate) fn configure(vm: &mut Vm, configuration: &[u8]) {
    let worker = vm.worker_mut();
    configuration.clone_into(&mut worker.configuration);
    worker.root = None;
}

/// Delivers the headers of a request. Whoever sends one without `host` in HTTP/1.1 is turned away before.
pub(crate) fn begin(vm: &mut Vm, request: Request) -> usize {
    if let Some(status) = refusal::status(&request) {
        return answer_itself(vm, request, status);
    }
    let mut headers: Headers = request.host.iter().map(|host| ("host", host)).collect();
    headers.extend(request.headers.iter().filter(|(name, _)| refusal::hands_on(name)));
    let root = vm.worker().root.or_else(|| start_plugin(vm));
    let id = vm.worker().exchanges.len();
    let Some(root) = root else {
        // Source: observed on wasm-nginx-module 0.7.0; apache/apisix `apisix/wasm.lua`: `header_filter_wrapper` tries
        // again for the 503 of `http_request_wrapper`.
        start_plugin(vm);
        return answer_itself(vm, request, 503);
    };
    let context = vm.worker_mut().contexts.recycled();
    vm.worker_mut().exchanges.push(Exchange::new(request, headers, root, context));
    vm.run("proxy_on_context_create", Moment::of(id, Phase::Start), &[context, root]);
    // The number of headers is never told, and the end of the stream is always claimed.
    let action = vm.ask("proxy_on_request_headers", Moment::of(id, Phase::RequestHeaders), &[context, 0, 1]);
    settle(vm, id, action);
    id
}

/// Answers a request of which the filter learns nothing.
fn answer_itself(vm: &mut Vm, request: Request, status: u16) -> usize {
    let mut exchange = Exchange::new(request, Headers::new(), 0, 0);
    exchange.reply(Reply::of_host(status));
    exchange.end();
    vm.worker_mut().exchanges.push(exchange);
    vm.worker().exchanges.len().saturating_sub(1)
}

/// Configures the plugin, which each worker and route does at its first request.
fn start_plugin(vm: &mut Vm) -> Option<u32> {
    // `resty.proxy-wasm` does not ask the filter about nothing.
    if vm.worker().configuration.is_empty() {
        return None;
    }
    let root = vm.worker_mut().contexts.fresh();
    vm.run("proxy_on_context_create", Moment::of_plugin(Phase::Start), &[root, 0]);
    let arguments = [root, size(&vm.worker().configuration)];
    if vm.run("proxy_on_configure", Moment::of_plugin(Phase::Configure), &arguments) == Some(0) {
        done(vm, Moment::of_plugin(Phase::End), root);
        vm.run("proxy_on_delete", Moment::of_plugin(Phase::End), &[root]);
        return None;
    }
    vm.worker_mut().root = Some(root);
    Some(root)
}

/// Receives the next piece of a request. The filter gets the body only as a whole, and trailers never.
///
/// Source: observed on nginx 1.29.2: to trailers of HTTP/2 it says GOAWAY, and closes the connection.
pub(crate) fn advance(vm: &mut Vm, id: usize) {
    let exchange = vm.exchange_mut(id);
    match exchange.unsent.pop_front() {
        Some(Piece::Chunk(chunk)) => exchange.body.extend(chunk),
        Some(Piece::Trailers(_)) if exchange.request.version == Version::Http2 => return disconnect(vm, id),
        Some(Piece::Trailers(_)) => {}
        None => return,
    }
    deliver_body(vm, id);
}

/// Delivers the end of a call, for whose context the host takes that of the plugin.
pub(crate) fn answer(vm: &mut Vm, id: usize, pending: Pending, end: End) {
    if end.headers.len() > 128 {
        vm.crash(Rule::AnswerFits, "got an answer with 128 headers or more");
    }
    let exchange = vm.exchange_mut(id);
    let headers = u32::try_from(end.headers.len()).expect("few headers");
    let arguments = [exchange.root, pending.token, headers, size(&end.body), 0];
    exchange.answer = Some(end);
    vm.run("proxy_on_http_call_response", Moment::of(id, Phase::Answer), &arguments);
    vm.exchange_mut(id).answer = None;
    settle(vm, id, Action::Continue);
}

/// The client goes away. A call goes on without it.
pub(crate) fn disconnect(vm: &mut Vm, id: usize) {
    let exchange = vm.exchange_mut(id);
    exchange.client_is_gone = true;
    if !exchange.is_calling() {
        exchange.abandon();
        end(vm, id);
    }
}

/// Does what a callback wants.
fn settle(vm: &mut Vm, id: usize, action: Action) {
    let exchange = vm.exchange_mut(id);
    let was_refused = exchange.take_was_refused();
    if exchange.is_calling() {
        // The host waits for the call, whatever the action.
    } else if exchange.is_replied() {
        respond(vm, id);
    } else if action == Action::Pause && was_refused {
        vm.crash(Rule::RefusedCallIsNotPending, "returned `Pause` after a call that was refused");
    } else if action == Action::Pause {
        vm.crash(Rule::PauseIsPending, "returned `Pause` with nothing pending");
    } else {
        go_on(vm, id);
    }
}

/// Goes on with a request that the filter continued.
fn go_on(vm: &mut Vm, id: usize) {
    let exchange = vm.exchange_mut(id);
    if exchange.client_is_gone {
        exchange.abandon();
        end(vm, id);
    } else if exchange.stage == Stage::Headers && exchange.wants_body {
        exchange.stage = Stage::AwaitingBody;
        deliver_body(vm, id);
    } else if exchange.is_passed_on() || exchange.calls.is_empty() {
        exchange.pass_on();
    } else {
        vm.crash(Rule::CallLeadsOn, "did nothing after the end of a call");
    }
}

/// Delivers the whole body, once, if it has come and the filter asked for it.
fn deliver_body(vm: &mut Vm, id: usize) {
    let exchange = vm.exchange_mut(id);
    if exchange.stage != Stage::AwaitingBody || !exchange.unsent.is_empty() {
        return;
    }
    exchange.stage = Stage::Body;
    let arguments = [exchange.context, size(&exchange.body), 1];
    let action = vm.ask("proxy_on_request_body", Moment::of(id, Phase::RequestBody), &arguments);
    settle(vm, id, action);
}

/// Sends the filter's reply through its own callback of the response, whose action the host ignores.
fn respond(vm: &mut Vm, id: usize) {
    let exchange = vm.exchange_mut(id);
    exchange.prepare_reply(Personality::Apisix);
    let context = exchange.context;
    vm.ask("proxy_on_response_headers", Moment::of(id, Phase::ResponseHeaders), &[context, 0, 1]);
    let exchange = vm.exchange_mut(id);
    exchange.conclude_reply();
    if exchange.client_is_gone {
        exchange.abandon();
    }
    end(vm, id);
}

/// Ends the life of a request, which the filter has no access to any more.
pub(crate) fn end(vm: &mut Vm, id: usize) {
    if !vm.exchange_mut(id).end() {
        return;
    }
    let (context, moment) = (vm.exchange(id).context, Moment::apart_from(id, Phase::End));
    done(vm, moment, context);
    vm.run("proxy_on_delete", moment, &[context]);
    vm.worker_mut().contexts.free(context);
}

/// Asks whether a context is done, and complains if it is not, or if nobody answers.
///
/// Source: api7/wasm-nginx-module `ngx_http_wasm_module.c`, `ngx_http_wasm_cleanup`, and `wasmtime.c`: to call a function
/// that is not exported gives 0.
fn done(vm: &mut Vm, moment: Moment, context: u32) {
    let answer = vm.run("proxy_on_done", moment, &[context]);
    if answer.is_none_or(|answer| answer.cast_signed() <= 0) {
        let text = format!("failed to mark context {context} as done");
        vm.worker_mut().log.push(Line { level: Level::Error, text });
    }
}
