//! Searches everything that was produced in the other tests for the secrets that they gave the filter and the renderer.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "test code stops at the first surprise, and tells how much it searched"
)]

use std::fs;
use std::path::Path;

use corpus::{API_KEY, BEARER, GUEST, forms};
use memchr::memmem;

/// The drivers that keep what they see, and a text that proves it: something that they see only in tests.
const DRIVERS: &[(&str, &str)] = &[
    ("native", "Secret(…)"),
    ("abi", "openwhisk: guest/"),
    ("envoy", "openwhisk: guest/"),
    ("replies", "x-openwhisk-activation-id"),
    ("renderer", "credential_injector"),
];

/// Log lines of every level, errors, metrics, replies, and what `Debug` shows.
#[test]
#[ignore = "run by `make test`, after the tests that produce something"]
fn the_key_is_nowhere() {
    let mut secrets = forms(GUEST);
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    for (case, secret) in [("authorization-is-sent-as-it-is", BEARER), ("call-headers-are-sent", API_KEY)] {
        let text = fs::read_to_string(golden.join(case).join("case.yaml")).expect("a golden case");
        assert!(text.contains(secret), "{case} does not give {secret:?}");
        secrets.push(secret.to_owned());
    }
    for (driver, proof) in DRIVERS {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("produced").join(driver);
        let produced = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let has = |text: &str| memmem::find(&produced, text.as_bytes()).is_some();
        assert!(has(proof), "{driver} did not keep {proof:?} in {} bytes", produced.len());
        for secret in &secrets {
            assert!(!has(secret), "{driver} shows {secret}");
        }
        println!("{driver}: {} bytes without the key", produced.len());
    }
}
