use super::server::Server;
use serde_json::json;

#[test]
fn programs_that_break_the_contract_are_developer_errors() {
    let server = Server::start();
    let init = |text: &str| format!("Initialization has failed due to: {text}");
    let cases = [
        (
            "function main() { return null; }",
            "The action did not produce a valid JSON or JSON Array response: null".to_owned(),
        ),
        ("function main() { return 'x'; }", "The action did not return a dictionary.".to_owned()),
        ("function main() { return 1; }", "The action did not return a dictionary.".to_owned()),
        ("function main() { return () => 1; }", "The action did not return a dictionary.".to_owned()),
        ("function main() { return { a: 1n }; }", "Internal error.".to_owned()),
        ("function main() { const a = {}; a.a = a; return a; }", "Internal error.".to_owned()),
        ("function main() { throw 'x'; }", "An error has occurred: x".to_owned()),
        (
            "function main() { return main(); }",
            "An error has occurred: RangeError: Maximum call stack size exceeded".to_owned(),
        ),
        (
            "function main() { process.exit(0); }",
            "The action did not produce a valid response and exited unexpectedly.".to_owned(),
        ),
        (
            "function main() { try { process.exit(0); } catch { return {}; } finally { return {}; } }",
            "The action did not produce a valid response and exited unexpectedly.".to_owned(),
        ),
        ("process.exit(0);", "The action did not initialize and exited unexpectedly.".to_owned()),
        ("", "Missing main/no code to execute.".to_owned()),
        ("const x = 1;", init("Action entrypoint 'main' is not a function.")),
        ("throw new TypeError('t');", init("TypeError: t")),
        (
            "const fs = require('fs');",
            init("Error: Cannot find module 'fs': openwhisk-local has only buffer, crypto, process, timers, util"),
        ),
        ("UEsDBBQA", init("openwhisk-local runs plain JavaScript, not zip or tar archives.")),
        (
            "function main() { const all = []; for (;;) all.push(new Array(1000).fill(1)); }",
            "The action did not produce a valid response and exited unexpectedly.".to_owned(),
        ),
        (
            "async function main() { const all = []; for (;;) { all.push('y'.repeat(100000) + all.length); await 0; } }",
            "The action did not produce a valid response and exited unexpectedly.".to_owned(),
        ),
        ("function main() { for (;;); }", "The action exceeded its time limits of 2000 milliseconds.".to_owned()),
        (
            "async function main() { for (;;) await 0; }",
            "The action exceeded its time limits of 2000 milliseconds.".to_owned(),
        ),
        ("for (;;);", "The action exceeded its time limits of 2000 milliseconds during initialization.".to_owned()),
    ];
    for (code, text) in cases {
        let time = if text.contains("time limits") { 2000 } else { 60_000 };
        server.action_with("a", code, json!({"limits": {"timeout": time, "memory": 128}}));
        let reply = server.result("a", "");
        let body = reply.json();
        let found = body["error"].as_str().unwrap();
        let (found, stack) = found.split_once("\n    at ").unwrap_or((found, ""));
        assert_eq!((reply.status, found), (502, text.as_str()), "{code}");
        // Of errors that are thrown while loading the whole stack goes out, and no other one.
        let is_error = text.starts_with("Initialization") && text.contains("Error: ");
        assert_eq!(stack.contains("(/nodejsAction/runner.js:"), is_error, "{code}: {body}");
        let record = server.record(reply.activation());
        assert_eq!(record["response"]["status"], "action developer error", "{code}");
    }
    server.action("a", "function main() { return [1;");
    let text = server.result("a", "").json()["error"].as_str().unwrap().to_owned();
    let start = "Initialization has failed due to: SyntaxError: Unexpected token ';'\n    at ";
    assert!(text.starts_with(start), "{text}");
}

#[test]
fn programs_may_use_what_is_common() {
    let server = Server::start();
    let cases = [
        ("exports.main = () => ({ a: 1 });", "{\"a\":1}"),
        ("module.exports.main = async () => ({ a: 1 });", "{\"a\":1}"),
        ("globalThis.main = () => ({ a: 1 });", "{\"a\":1}"),
        ("const main = () => ({ a: 1 }); // the end", "{\"a\":1}"),
        ("function main() { return { then(resolve) { resolve({ a: 1 }); } }; }", "{\"a\":1}"),
        (
            "function main() { return { a: 1 / 0, b: NaN, c: undefined, d: 1e300 }; }",
            "{\"a\":null,\"b\":null,\"d\":1E+300}",
        ),
        ("function main() { return { a: '\\ud800' }; }", "{\"a\":\"?\"}"),
        (
            "function main() { return { a: Buffer.from('h\u{e4}\u{20ac}\u{1f600}').toString('base64'), b: Buffer.from('aMOk', 'base64').toString(), c: Buffer.from('ff00', 'hex').toString('hex') }; }",
            "{\"a\":\"aMOk4oKs8J+YgA==\",\"b\":\"h\u{e4}\",\"c\":\"ff00\"}",
        ),
        (
            "function main() { return { a: btoa('abc'), b: atob('YWJj'), c: new TextDecoder().decode(new TextEncoder().encode('\u{fc}')), d: new TextDecoder().decode(Uint8Array.of(65, 255, 0xe2, 0x82)) }; }",
            "{\"a\":\"YWJj\",\"b\":\"abc\",\"c\":\"\u{fc}\",\"d\":\"A\u{fffd}\u{fffd}\u{fffd}\"}",
        ),
        (
            "function main() { return { a: typeof process.version, b: process.hrtime().length, c: typeof process.hrtime.bigint() }; }",
            "{\"a\":\"string\",\"b\":2,\"c\":\"bigint\"}",
        ),
        (
            "const { createHmac, timingSafeEqual } = require('node:crypto'); function main() { const a = createHmac('sha256', \"It's a Secret to Everybody\").update('Hello, ').update(Buffer.from('World!')).digest(); return { a: a.toString('hex'), b: timingSafeEqual(a, Buffer.from(a)), c: createHmac('sha256', '').digest('base64') }; }",
            "{\"a\":\"757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17\",\"b\":true,\"c\":\"thNnmggU2ex3L5XXeMNfxf8Wl8STcVZTxscSFEKSxa0=\"}",
        ),
        (
            "function main() { const seen = []; return new Promise((resolve) => { setImmediate(() => seen.push('immediate')); setTimeout(() => seen.push('timeout'), 5); queueMicrotask(() => seen.push('micro')); clearTimeout(setTimeout(() => seen.push('never'), 1)); const every = setInterval(() => { seen.push('interval'); clearInterval(every); }, 20); setTimeout(() => resolve({ seen }), 40); }); }",
            "{\"seen\":[\"micro\",\"immediate\",\"timeout\",\"interval\"]}",
        ),
    ];
    for (code, text) in cases {
        server.action("a", code);
        let reply = server.result("a", "");
        assert_eq!((reply.status, reply.text.as_str()), (200, text), "{code}");
    }
}

#[test]
fn another_entry_point_by_name() {
    let server = Server::start();
    let exec =
        json!({"exec": {"kind": "nodejs:18", "code": "function other() { return { kind: 18 }; }", "main": "other"}});
    assert_eq!(server.call("PUT", "actions/a", &exec.to_string()).json()["exec"]["kind"], "nodejs:18");
    assert_eq!(server.result("a", "").json(), json!({"kind": 18}));
}

#[test]
fn a_rejection_is_an_application_error() {
    let server = Server::start();
    server.action("a", "function main() { return Promise.reject(new TypeError('no')); }");
    let reply = server.result("a", "");
    let error = &reply.json()["error"];
    assert_eq!((reply.status, &error["name"], &error["message"]), (502, &json!("TypeError"), &json!("no")));
    let stack = error["stack"].as_str().unwrap();
    assert!(stack.starts_with("TypeError: no\n    at NodeActionRunner.main [as userScriptMain] (eval at "), "{error}");
    assert_eq!(stack.lines().count(), 11, "the message and ten frames: {error}");
    assert_eq!(server.record(reply.activation())["response"]["status"], "application error");
    server.action("a", "function main() { return Promise.reject(); }");
    assert_eq!(server.result("a", "").json(), json!({"error": {}}));
}

#[test]
fn globals_survive_until_a_developer_error() {
    let server = Server::start();
    server.action(
        "count",
        "let n = 0; function main(p) { n += 1; if (p.bad) throw p.bad; return p.error ? { error: n } : { n }; }",
    );
    let cases = [
        ("{}", json!({"n": 1})),
        ("{\"error\":1}", json!({"error": 2})),
        ("{}", json!({"n": 3})),
        ("{\"bad\":1}", json!({"error": "An error has occurred: 1"})),
        ("{}", json!({"n": 1})),
    ];
    for (parameters, expected) in cases {
        assert_eq!(server.result("count", parameters).json(), expected, "{parameters}");
    }
}

#[test]
fn an_update_starts_afresh() {
    let server = Server::start();
    for version in 1..4 {
        server.action("a", &format!("function main() {{ return {{ version: {version} }}; }}"));
        assert_eq!(server.result("a", "").json(), json!({"version": version}));
    }
}

#[test]
fn results_of_unusual_size_and_depth() {
    let server = Server::start();
    server.action("deep", "function main() { let a = []; for (let i = 0; i < 500; i++) a = [a]; return { a }; }");
    let text = format!("{{\"a\":{}{}}}", "[".repeat(501), "]".repeat(501));
    assert_eq!(server.result("deep", "").text, text);
    let reply = server.call("POST", "actions/deep?blocking=true", "");
    assert!(reply.text.contains(&text));
    server.action(
        "headers",
        "function main() { const h = {}; for (let i = 0; i < 10000; i++) h['x-' + i] = 'v'; return { headers: h }; }",
    );
    assert_eq!(server.result("headers", "").json()["headers"].as_object().unwrap().len(), 10_000);
    server.action("huge", "function main() { return { a: 'x'.repeat(1048576) }; }");
    let reply = server.result("huge", "");
    assert_eq!(reply.status, 502);
    let text = "The action produced a response that exceeded the allowed length: 1048584 > 1048576 bytes. The truncated response was: {\"a\":\"xxx";
    assert!(reply.json()["error"].as_str().unwrap().starts_with(text));
    assert_eq!(server.record(reply.activation())["response"]["status"], "application error");
}

#[test]
fn the_console_is_the_log() {
    let server = Server::start();
    server.action("a", "function main() { console.log('a %s %d', 'b', 3, { c: [1, 'x', null] }); console.error(new Error('e').message); console.warn('two\\nlines'); console.log('\\ud800'); return {}; }");
    let reply = server.result("a", "");
    let record = server.record(reply.activation());
    let texts: Vec<&str> = record["logs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line.as_str().unwrap().split_once(' ').unwrap().1)
        .collect();
    assert_eq!(
        texts,
        ["stdout: a b 3 { c: [ 1, 'x', null ] }", "stderr: e", "stderr: two", "stderr: lines", "stdout: \u{fffd}"]
    );
    assert_eq!(server.get(&format!("activations/{}/logs", reply.activation())).json(), json!({"logs": record["logs"]}));
}

#[test]
fn a_script_cannot_change_the_contract() {
    let server = Server::start();
    let code = "JSON.stringify = () => 'x'; JSON.parse = null; Promise.prototype.then = () => {}; Object.assign = null; String.prototype.toWellFormed = null; process.env = null; function main(p) { return p; }";
    server.action("a", code);
    for _ in 0..2 {
        assert_eq!(server.result("a", "{\"a\":1}").text, "{\"a\":1}");
    }
}
