//! The life of a request on Envoy.
//!
//! Source: observed on Envoy 1.40.0; proxy-wasm/proxy-wasm-cpp-host `src/context.cc`.

use crate::answers::End;
use crate::calls::Pending;
use crate::crash::Rule;
use crate::exchange::Exchange;
use crate::memory::size;
use crate::personality::Personality;
use crate::request::{Piece, Request};
use crate::vm::{Action, Vm};
use crate::worker::{Moment, Phase};

/// Configures the plugin, at once. Envoy does it when it starts and for each update.
pub(crate) fn configure(vm: &mut Vm, configuration: &[u8]) -> bool {
    configuration.clone_into(&mut vm.worker_mut().configuration);
    let root = vm.worker_mut().contexts.fresh();
    vm.run("proxy_on_context_create", Moment::of_plugin(Phase::Start), &[root, 0]);
    let started = vm.run("proxy_on_vm_start", Moment::of_plugin(Phase::Start), &[root, 0]) != Some(0);
    let arguments = [root, size(configuration)];
    let taken = started && vm.run("proxy_on_configure", Moment::of_plugin(Phase::Configure), &arguments) != Some(0);
    vm.worker_mut().root = taken.then_some(root);
    taken
}

/// Delivers the headers of a request.
pub(crate) fn begin(vm: &mut Vm, request: Request) -> usize {
    let root = vm.worker().root.expect("Envoy takes no request before the filter took its configuration");
    let context = vm.worker_mut().contexts.fresh();
    let mut headers = request.pseudo_headers();
    headers.extend(request.headers.iter());
    let count = u32::try_from(headers.len()).expect("few headers");
    let id = vm.worker().exchanges.len();
    vm.worker_mut().exchanges.push(Exchange::new(request, headers, root, context));
    vm.run("proxy_on_context_create", Moment::of(id, Phase::Start), &[context, root]);
    let is_all = vm.exchange(id).unsent.is_empty();
    let arguments = [context, count, is_all.into()];
    let action = vm.ask("proxy_on_request_headers", Moment::of(id, Phase::RequestHeaders), &arguments);
    settle(vm, id, action);
    id
}

/// Delivers the next piece of a request.
pub(crate) fn advance(vm: &mut Vm, id: usize) {
    let exchange = vm.exchange_mut(id);
    let context = exchange.context;
    let action = match exchange.unsent.pop_front() {
        None => return,
        Some(Piece::Chunk(chunk)) => {
            if exchange.is_passed_on() {
                exchange.body.clear();
            }
            exchange.body.extend(chunk);
            let arguments = [context, size(&exchange.body), exchange.unsent.is_empty().into()];
            vm.ask("proxy_on_request_body", Moment::of(id, Phase::RequestBody), &arguments)
        }
        Some(Piece::Trailers(trailers)) => {
            let count = u32::try_from(trailers.len()).expect("few trailers");
            exchange.trailers = trailers;
            vm.ask("proxy_on_request_trailers", Moment::of(id, Phase::RequestTrailers), &[context, count])
        }
    };
    settle(vm, id, action);
}

/// Delivers the end of a call.
pub(crate) fn answer(vm: &mut Vm, id: usize, pending: Pending, end: End) {
    let exchange = vm.exchange_mut(id);
    let headers = u32::try_from(end.headers.len()).expect("few headers");
    let arguments = [exchange.context, pending.token, headers, size(&end.body), 0];
    exchange.answer = Some(end);
    vm.run("proxy_on_http_call_response", Moment::of(id, Phase::Answer), &arguments);
    let exchange = vm.exchange_mut(id);
    exchange.answer = None;
    if exchange.is_replied() {
        respond(vm, id);
    } else if !exchange.is_passed_on() && !exchange.is_calling() && exchange.unsent.is_empty() {
        vm.crash(Rule::CallLeadsOn, "did nothing after the end of a call");
    }
}

/// The client goes away: the call is cancelled, and no callback comes.
pub(crate) fn disconnect(vm: &mut Vm, id: usize) {
    vm.exchange_mut(id).abandon();
    end(vm, id);
}

/// Does what a callback of the request wants.
fn settle(vm: &mut Vm, id: usize, action: Action) {
    let exchange = vm.exchange_mut(id);
    let was_refused = exchange.take_was_refused();
    if exchange.is_replied() {
        return respond(vm, id);
    }
    if exchange.is_passed_on() {
        return;
    }
    match action {
        Action::Continue if exchange.is_calling() => {
            vm.crash(Rule::ContinueIsNotPending, "returned `Continue` during a call");
        }
        Action::Continue => exchange.pass_on(),
        Action::Pause if exchange.is_calling() || !exchange.unsent.is_empty() => {}
        Action::Pause if was_refused => {
            vm.crash(Rule::RefusedCallIsNotPending, "returned `Pause` after a call that was refused");
        }
        Action::Pause => vm.crash(Rule::PauseIsPending, "returned `Pause` with nothing pending"),
    }
}

/// Sends the filter's reply through its own callbacks of the response.
fn respond(vm: &mut Vm, id: usize) {
    let exchange = vm.exchange_mut(id);
    let body = u32::try_from(exchange.prepare_reply(Personality::Envoy)).expect("a reply fits into memory");
    let context = exchange.context;
    let headers = u32::try_from(exchange.reply_headers.len()).expect("few headers");
    let arguments = [context, headers, (body == 0).into()];
    let mut action = vm.ask("proxy_on_response_headers", Moment::of(id, Phase::ResponseHeaders), &arguments);
    if action == Action::Continue && body > 0 {
        action = vm.ask("proxy_on_response_body", Moment::of(id, Phase::ResponseBody), &[context, body, 1]);
    }
    if action == Action::Pause {
        vm.crash(Rule::ReplyGoesOut, "returned `Pause` in the response to its own reply");
    }
    vm.exchange_mut(id).conclude_reply();
    end(vm, id);
}

/// Ends the life of a request: the access log is written first.
pub(crate) fn end(vm: &mut Vm, id: usize) {
    if !vm.exchange_mut(id).end() {
        return;
    }
    let (context, moment) = (vm.exchange(id).context, Moment::of(id, Phase::End));
    vm.run("proxy_on_log", moment, &[context]);
    if vm.run("proxy_on_done", moment, &[context]) == Some(0) {
        vm.crash(Rule::NotPlayed, "put off the end of a request with `on_done`");
    }
    vm.run("proxy_on_delete", moment, &[context]);
}
