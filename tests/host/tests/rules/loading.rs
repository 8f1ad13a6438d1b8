//! What a filter is made of, and what no filter survives.

use host::Personality::{Apisix, Envoy};
use host::{Answer, Filter, Personality, Setup, Standing};

use crate::module::Argument::{Bytes, Number, Out};
use crate::module::{CONTINUE, Do, PAUSE, call, filter, reply, text};
use crate::{ANSWERED, Callbacks, HEADERS, assert_crash, host, send, sentence};

#[test]
fn a_module_imports_only_what_the_host_has() {
    let missing = [("proxy_get_metric", 2), ("proxy_get_log_level", 1), ("proxy_make_coffee", 0)];
    for (name, arguments) in missing {
        let module = filter(&[(HEADERS, &[Do::Host(name, vec![Out; arguments]), CONTINUE])]);
        let said = sentence(|| _ = Setup::new(Apisix).load(&module));
        let expected = format!("APISIX: the filter imports `env.{name}`; the module fails to load");
        assert!(said.starts_with(&expected), "{said}");
    }
    let metric = filter(&[(HEADERS, &[Do::Host("proxy_get_log_level", vec![Out]), Do::Expect(0), CONTINUE])]);
    send(&mut host(Envoy, &metric));

    for personality in Personality::ALL {
        let unasked = [(HEADERS, &[CONTINUE, Do::Wasi("random_get", vec![Out, Number(4)])][..])];
        send(&mut host(personality, &filter(&unasked)));
        let expected = format!("{personality}: the filter called `random_get` of WASI;");
        let asked = [(HEADERS, &[Do::Wasi("random_get", vec![Out, Number(4)]), CONTINUE][..])];
        assert_crash(&expected, &asked, send);
    }
}

#[test]
fn a_module_of_a_newer_wasm_does_not_load() {
    let tail_call = wat::parse_str("(module (func $f (return_call $f)))").expect("wasm of these days");
    let said = sentence(|| _ = Filter::from_wasm(&tail_call));
    assert!(said.starts_with("the module is not valid for a host as old as wasmtime 0.38: "), "{said}");
}

#[test]
fn a_filter_does_not_trap() {
    let consequences =
        [(Apisix, "the plugin fails for every later request"), (Envoy, "every later request on the worker")];
    for (personality, consequence) in consequences {
        let trapped = format!("{personality}: the filter trapped in `proxy_on_request_headers` (");
        assert_crash(&trapped, &[(HEADERS, &[Do::Trap])], send);
        let said = sentence(|| _ = send(&mut host(personality, &filter(&[(HEADERS, &[Do::Trap])]))));
        assert!(said.contains(consequence), "{said}");
    }
    let outside = Do::Host("proxy_log", vec![Number(2), Number(i32::MAX), Number(10)]);
    assert_crash(
        "Envoy: the filter gave the address 2147483647 of 10 bytes, outside of its memory;",
        &[(HEADERS, &[outside, CONTINUE])],
        send,
    );
    let cut_off = Do::Host(
        "proxy_send_local_response",
        vec![Number(200), text(""), text(""), Bytes(vec![1, 0, 0, 0, 9]), Number(-1)],
    );
    assert_crash("APISIX: the filter gave headers that are cut off;", &[(HEADERS, &[cut_off, CONTINUE])], send);
}

#[test]
fn an_answer_that_no_worker_of_apisix_survives_is_the_fault_of_the_test() {
    let callbacks: Callbacks<'_> = &[(HEADERS, &[call(), PAUSE]), (ANSWERED, &[reply(200, &[], "")])];
    let many = || (0..128).fold(Answer::new(200), |answer, number| answer.header(format!("x-{number}"), "1"));
    assert_crash("APISIX: the filter got an answer with 128 headers or more;", callbacks, |host| {
        let id = send(host);
        host.answer(id, many());
    });
    let mut host = host(Envoy, &filter(callbacks));
    let id = send(&mut host);
    host.answer(id, many());
    assert_eq!(host.reply(id).status, 200);
    assert!(matches!(host.standing(id), Standing::Replied(_)));
}
