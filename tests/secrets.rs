//! Searches everything that the filter produced in the other tests for the key of `OpenWhisk`.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "test code stops at the first surprise, and tells how much it searched"
)]

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use corpus::GUEST;

/// The drivers that keep what they see, and a text that proves it: something that they see only in tests.
const DRIVERS: &[(&str, &str)] = &[
    ("native", "ServiceToken(…)"),
    ("abi", "openwhisk: guest/"),
    ("envoy", "openwhisk: guest/"),
    ("replies", "x-openwhisk-activation-id"),
];

/// Log lines of every level, errors, metrics, replies, and what `Debug` shows.
#[test]
#[ignore = "run by `make test`, after the tests that produce something"]
fn the_key_is_nowhere() {
    let (user, key) = GUEST.split_once(':').expect("a key");
    // The encoded forms begin at any of three places in a text.
    let basic = STANDARD.encode(GUEST);
    let secrets =
        [user.to_owned(), key.to_owned(), basic.get(..40).expect("long enough").to_owned(), STANDARD.encode(key)];
    for (driver, proof) in DRIVERS {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("produced").join(driver);
        let produced = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let has = |text: &str| produced.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(has(proof), "{driver} did not keep {proof:?} in {} bytes", produced.len());
        for secret in &secrets {
            assert!(!has(secret), "{driver} shows {secret}");
        }
        println!("{driver}: {} bytes without the key", produced.len());
    }
}
