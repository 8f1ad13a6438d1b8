//! The command line.
#![allow(clippy::expect_used, clippy::panic, reason = "test code stops at the first surprise")]

use std::io::Write;
use std::process::{Command, Output, Stdio};

const GOOD: &str = r#"{"api_host": "http://ow", "service_token": "$ENV://NOT_SET", "namespace": "n", "action": "a"}"#;

/// What it does with these arguments, and this on its standard input.
fn run(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_openwhisk-envoy"))
        .args(arguments)
        .env_remove("NOT_SET")
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
    for (arguments, expected) in [
        (&["-"][..], "static_resources:"),
        (&[], "static_resources:"),
        (&["--fragment"], "\nhttp_filters:"),
        (&["--listen", "[::1]:80", "-"], "{address: \"::1\", port_value: 80}"),
        (&["--admin", "127.0.0.1:0"], "{address: \"127.0.0.1\", port_value: 0}"),
        (&["--wasm", "/x.wasm"], "filename: /x.wasm"),
        (&["--route-prefix", "/x"], "{path_separated_prefix: /x}"),
    ] {
        let output = run(arguments, GOOD);
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
        (&["/nowhere.json"], "", 1, &["error: /nowhere.json: No such file or directory"]),
        (&["--route-prefix", "x"], GOOD, 2, &["error: invalid value 'x' for '--route-prefix <PATH>'"]),
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
    let literal = GOOD.replace("$ENV://NOT_SET", "alice:wonderland");
    let output = run(&[], &literal);
    assert!(output.status.success() && !output.stdout.is_empty());
    let said = text(&output.stderr);
    assert!(
        said.starts_with("warning: the key itself stands in `service_token`") && said.lines().count() == 1,
        "{said}"
    );
    assert!(!said.contains("wonder"), "{said}");
}
