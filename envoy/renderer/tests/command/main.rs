//! The command line.
#![allow(clippy::expect_used, clippy::panic, reason = "test code stops at the first surprise")]

mod keys;
mod kubernetes;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

const GOOD: &str = r#"{"api_host": "http://ow", "service_token": "$ENV://OPENWHISK_NOT_SET", "namespace": "n", "action": "a",
        "max_concurrency": 1000, "action_errors": "hide"}"#;

/// The same with a variable that is not for the filter.
const FOREIGN: &str = r#"{"api_host": "http://ow", "service_token": "$ENV://AWS_KEY", "namespace": "n", "action": "a",
        "max_concurrency": 1000, "action_errors": "hide"}"#;

/// Two of them.
const FOREIGN_TWICE: &str = r#"{"api_host": "http://ow", "service_token": "$ENV://AWS_KEY", "namespace": "n", "action": "a",
    "max_concurrency": 1000, "action_errors": "hide", "routes": {"x": {}, "y": {"service_token": "$ENV://OTHER_KEY"}}}"#;

const APISIX: &str = r#"{"uri": "/x", "remote_addrs": ["10.0.0.0/8"], "plugins": {"cors": {}, "key-auth": {},
    "openwhisk": {"api_host": "http://ow", "service_token": "alice:wonderland", "namespace": "n", "action": "a"}}}"#;

/// What it does with these arguments, and this on its standard input.
fn run(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_openwhisk-envoy"))
        .args(arguments)
        .env_remove("OPENWHISK_NOT_SET")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    // Fails if nobody reads it: where the arguments are wrong.
    let _ = child.stdin.take().expect("piped").write_all(input.as_bytes());
    child.wait_with_output().expect("it ends")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_configuration_comes_from_a_file_or_the_input() {
    for (arguments, input, expected) in [
        (&["-"][..], GOOD, "static_resources:"),
        (&[], GOOD, "static_resources:"),
        (&["--fragment"], GOOD, "\nhttp_filters:"),
        (&["--listen", "[::1]:80", "-"], GOOD, "{address: \"::1\", port_value: 80}"),
        (&["--admin", "127.0.0.1:0"], GOOD, "{address: \"127.0.0.1\", port_value: 0}"),
        (&["--wasm", "/x.wasm"], GOOD, "filename: /x.wasm"),
        (&["--route-prefix", "/x"], GOOD, "{path_separated_prefix: /x}"),
        (&["--env", "OTHER_KEY", "--env", "AWS_KEY"], FOREIGN_TWICE, "host_env_keys: [AWS_KEY, OTHER_KEY]"),
    ] {
        let output = run(arguments, input);
        let (said, warned) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success() && warned.is_empty(), "{arguments:?}: {warned}");
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
}

#[test]
fn each_mistake_is_a_line_and_nothing_is_printed() {
    let two =
        r#"{"api_host": "http://ow", "namespace": "n", "service_token": "wonderland", "timeout": 0, "action": "a"}"#;
    for (arguments, input, status, lines) in [
        (
            &[][..],
            two,
            1,
            &[
                "error: `service_token` is a string without a colon, expected `user:key`",
                "error: `timeout` is 0, expected a whole number",
            ][..],
        ),
        (
            &["--without", "cors"],
            APISIX,
            1,
            &[
                "error: plugins.key-auth: not translated: the route would be open to everyone",
                "error: remote_addrs: not translated: the route would be open to everyone",
            ],
        ),
        (&["-", "/dev/null"], APISIX, 1, &["error: /dev/null: expected a text of apisix, as it is not the only one"]),
        (&["--router", "radix"], GOOD, 2, &["error: invalid value 'radix' for '--router <ROUTER>'"]),
        (&["/nowhere.json"], "", 1, &["error: /nowhere.json: No such file or directory"]),
        (&["--route-prefix", "x"], GOOD, 2, &["error: invalid value 'x' for '--route-prefix <PATH>'"]),
        (
            &["--env", "OTHER"],
            FOREIGN,
            1,
            &["error: `service_token` is the environment variable `AWS_KEY`, expected one whose name begins with \
               `OPENWHISK_`: `--env AWS_KEY` allows it"],
        ),
        (&["--listen", "x"], GOOD, 2, &["error: invalid value 'x' for '--listen <ADDRESS:PORT>'"]),
    ] {
        let output = run(arguments, input);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {said}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        assert!(!said.contains("wonderland"), "{said}");
        let mut said: Vec<_> = said.lines().filter(|line| line.starts_with("error: ")).collect();
        said.sort_unstable();
        assert!(said.len() == lines.len(), "{said:?}");
        assert!(said.iter().zip(lines).all(|(said, line)| said.starts_with(line)), "{said:?}");
    }
}

#[test]
fn warnings_stand_beside_the_output() {
    let literal = GOOD.replace("$ENV://OPENWHISK_NOT_SET", "alice:wonderland");
    let output = run(&[], &literal);
    assert!(output.status.success() && !output.stdout.is_empty());
    let said = text(&output.stderr);
    assert!(
        said.starts_with("warning: what may be a key stands in `service_token`") && said.lines().count() == 1,
        "{said}"
    );
    assert!(!said.contains("wonder"), "{said}");
}

#[test]
fn keys_go_to_a_file_of_their_owner_and_nowhere_else() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("keys-{}", std::process::id()));
    let file = path.to_str().expect("UTF-8");
    let left = ["--without", "cors", "--without", "key-auth", "--without", "remote_addrs"];
    let output = run(&[&left[..], &["--keys", file]].concat(), APISIX);
    let (said, warned) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{warned}");
    assert_eq!(fs::read_to_string(&path).expect("written"), "OPENWHISK_TOKEN=alice:wonderland\n");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o600);
    }
    assert!(!said.contains("wonder") && !warned.contains("wonder"), "{said}{warned}");
    let expected = [
        "note: plugins.cors: not translated, as `--without cors` says",
        "note: plugins.key-auth: not translated, as `--without key-auth` says",
        "note: remote_addrs: not translated, as `--without remote_addrs` says",
        "note: the environment variable OPENWHISK_TOKEN: the key of \"a\"",
    ];
    assert_eq!(warned.lines().filter(|line| line.starts_with("note: ")).collect::<Vec<_>>(), expected);

    // Who has it already keeps it.
    let again = run(&[&left[..], &["--keys", file]].concat(), APISIX);
    assert!(!again.status.success() && again.stdout.is_empty(), "{}", text(&again.stderr));
    assert!(text(&again.stderr).ends_with("File exists (os error 17)\n"), "{}", text(&again.stderr));
    fs::remove_file(&path).expect("removed");
}

#[test]
fn a_summary_tells_programs_what_is_served() {
    let routes = r#"{"api_host": "http://ow", "service_token": "$env://OPENWHISK_NOT_SET", "namespace": "n", "action": "a",
        "max_concurrency": 1000, "action_errors": "hide", "package": "p", "routes": {"ü": {"package": null}, "y": {"action": "b",
        "api_host": "https://far:1/x", "service_token": "alice:wonderland"}, "t": {"trigger": "t", "parameters": "http"}}}"#;
    let apisix = r#"{"routes": [
        {"id": 1, "uri": "/x/*", "host": "*.example", "methods": ["PUT", "GET"], "plugins": {"openwhisk":
            {"api_host": "http://ow", "service_token": "alice:wonderland", "namespace": "n", "action": "a"}}},
        {"id": 2, "uri": "/o/:id/x", "host": "*.example", "plugins": {"openwhisk":
            {"api_host": "http://ow", "service_token": "$ENV://OPENWHISK_B", "namespace": "n", "action": "b"}}},
        {"id": 3, "uri": "/left", "host": "*.example", "upstream_id": 1}]}"#;
    let near = json!([{ "name": "ow:80", "address": "http://ow:80" }]);
    for (input, expected) in [
        (
            GOOD,
            json!({
                "routes": [{ "name": "a", "domains": ["*"], "path": "/", "methods": [] }],
                "actions": [{ "api_host": "http://ow", "namespace": "n", "package": null, "action": "a",
                    "trigger": null, "attribute": "service_token", "variable": "OPENWHISK_NOT_SET", "key": null, "key_file": null }],
                "clusters": near, "environment": ["OPENWHISK_NOT_SET"],
            }),
        ),
        (
            routes,
            json!({
                "routes": [{ "name": "ü", "domains": ["*"], "path": "/%C3%BC", "methods": [] },
                    { "name": "t", "domains": ["*"], "path": "/t", "methods": [] },
                    { "name": "y", "domains": ["*"], "path": "/y", "methods": [] }],
                "actions": [
                    { "api_host": "http://ow", "namespace": "n", "package": null, "action": null, "trigger": "t",
                      "attribute": "service_token", "variable": "OPENWHISK_NOT_SET", "key": null, "key_file": null },
                    { "api_host": "https://far:1/x", "namespace": "n", "package": "p", "action": "b",
                      "trigger": null, "attribute": "service_token", "variable": null, "key": "alice:wonderland", "key_file": null },
                    { "api_host": "http://ow", "namespace": "n", "package": null, "action": "a",
                      "trigger": null, "attribute": "service_token", "variable": "OPENWHISK_NOT_SET", "key": null, "key_file": null },
                ],
                "clusters": [{ "name": "far:1", "address": "https://far:1" }, near[0]],
                "environment": ["OPENWHISK_NOT_SET"],
            }),
        ),
        (
            apisix,
            json!({
                "routes": [
                    { "name": "2", "domains": ["*.example", "*.example."], "path": null, "methods": [] },
                    { "name": "1", "domains": ["*.example", "*.example."], "path": "/x/", "methods": ["PUT", "GET"] },
                ],
                "actions": [
                    { "api_host": "http://ow", "namespace": "n", "package": null, "action": "a",
                      "trigger": null, "attribute": "service_token", "variable": "OPENWHISK_TOKEN", "key": null, "key_file": null },
                    { "api_host": "http://ow", "namespace": "n", "package": null, "action": "b",
                      "trigger": null, "attribute": "service_token", "variable": "OPENWHISK_B", "key": null, "key_file": null },
                ],
                "clusters": near, "environment": ["OPENWHISK_B", "OPENWHISK_TOKEN"],
            }),
        ),
    ] {
        let output = run(&["--summary"], input);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let said: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(said, expected, "{said:#}");
    }
}
