use super::server::Server;
use serde_json::json;

const ECHO: &str = "function main(p) { return p; }";
const JSON: &str = "content-type: application/json\r\n";

#[test]
fn the_controller_writes_all_json_anew() {
    let server = Server::start();
    server.action("echo", ECHO);
    let cases: &[(&[u8], &str)] = &[
        (br#"{"b": {"9": 1, "10": 2}, "a": [{"z": 1, "Z": 2}]}"#, r#"{"a":[{"Z":2,"z":1}],"b":{"10":2,"9":1}}"#),
        (br#"{"a": [1.0, 1.2e22, 1e21, 1e-7, 0.1, -0, 1e400]}"#, r#"{"a":[1,1.2E+22,1E+21,1E-7,0.1,0,null]}"#),
        (
            br#"{"a": ["\ud800", "\udc00\ud800", "\ud83d\ude00", "\\ud800"], "\udfff": 1}"#,
            r#"{"?":1,"a":["?","??","😀","\\ud800"]}"#,
        ),
        (b"{\"a\": \"\xff\xed\xa0\x80\"}", "{\"a\":\"\u{fffd}\u{fffd}\"}"),
    ];
    for (body, text) in cases {
        let shown = String::from_utf8_lossy(body);
        let reply = server.raw_call("POST", "actions/echo?blocking=true&result=true", JSON, body);
        assert_eq!((reply.status, reply.text.as_str()), (200, *text), "{shown}");
        let record = server.raw_call("POST", "actions/echo?blocking=true", JSON, body);
        assert!(record.text.contains(&format!("\"result\":{text}")), "{shown}: {}", record.text);
    }
    server.action("keys", "function main(p) { return { keys: Object.keys(p), more: Object.keys(p.b) }; }");
    let reply = server.result("keys", r#"{"b": {"z": 1, "Z": 1}, "a": 1}"#);
    assert_eq!(reply.json(), json!({"keys": ["a", "b"], "more": ["Z", "z"]}), "what the action gets is sorted, too");
    for (name, body) in
        [("a byte order mark", &b"\xef\xbb\xbf{}"[..]), ("a lead byte before the quote", b"{\"a\":\"\xe9\"}")]
    {
        assert_eq!(server.raw_call("POST", "actions/echo", JSON, body).status, 400, "{name}");
    }
}

fn nested(levels: usize) -> String {
    let inner = levels.saturating_sub(1);
    format!("{{\"a\":{}{}}}", "[".repeat(inner), "]".repeat(inner))
}

#[test]
fn payloads_of_a_thousand_levels_are_lost() {
    let server = Server::start_with(&["--concurrent-invocations", "1"]);
    server.action("a", "function main() { return {}; }");
    let too_deep = server.call("POST", "actions/a", &nested(1001));
    let text = "The request content was malformed:\nJSON input nested too deeply:JSON input was nested more deeply than the configured limit of maxNesting = 1000";
    assert_eq!(too_deep.error(), (400, text.to_owned()));
    let lost = server.call("POST", "actions/a?blocking=true&timeout=100", &nested(1000));
    assert_eq!((lost.status, lost.json()), (202, json!({"activationId": lost.activation()})));
    let text = "Too many concurrent requests in flight (count: 1, allowed: 1).";
    assert_eq!(server.call("POST", "actions/a", "").error(), (429, text.to_owned()), "it holds its slot");
    assert_eq!(server.get(&format!("activations/{}", lost.activation())).status, 404, "nothing has run");
}

#[test]
fn the_deepest_results_reach_nobody_but_the_record() {
    let server = Server::start();
    server.action("echo", ECHO);
    let deepest = server.result("echo", &nested(997));
    assert_eq!((deepest.status, deepest.text), (200, nested(997)));
    for levels in [998, 999] {
        let reply = server.call("POST", "actions/echo?blocking=true&result=true&timeout=300", &nested(levels));
        assert_eq!(reply.status, 202, "{levels}");
        let record = server.stored(&format!("activations/{}", reply.activation()));
        assert!(record.text.contains(&nested(levels)), "{levels}: {}", record.text);
    }
    server.action("deep", "function main() { let a = []; for (let i = 2; i < 1000; i++) a = [a]; return { a }; }");
    let reply = server.result("deep", "");
    let text = format!("The action did not produce a valid JSON or JSON Array response: {}", nested(1000));
    assert_eq!((reply.status, reply.json()), (502, json!({"error": text})));
}
