//! The committed inputs of the fuzz targets, each of which once led somewhere new, and those of the golden cases and
//! configurations: all of them hold here, too.
#![allow(clippy::expect_used, reason = "test code stops at the first surprise")]

use std::fs;
use std::path::Path;

use arbitrary::{Arbitrary, Unstructured};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// Checks the inputs of one target, of which each is a line, and its seeds.
fn check(target: &str, check: impl Fn(&[u8])) {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let file = tests.join(format!("fuzz/corpus/{target}.base64"));
    let inputs = fs::read_to_string(&file).expect("the inputs are committed");
    inputs.lines().for_each(|input| check(&BASE64_STANDARD.decode(input).expect("Base64")));
    assert!(inputs.lines().count() > 50, "there are few inputs in {}", file.display());
    let seeds = properties::seeds::all(&tests).expect("the golden cases and configurations can be read");
    seeds.iter().filter(|(of, _)| *of == target).for_each(|(_, seed)| check(seed));
}

fn read<'a, T: Arbitrary<'a>>(bytes: &'a [u8]) -> T {
    T::arbitrary_take_rest(Unstructured::new(bytes)).expect("all bytes are an input")
}

#[test]
fn inputs_of_configuration_hold() {
    check("configuration", properties::configuration);
}

#[test]
fn inputs_of_reply_hold() {
    check("reply", |bytes| properties::reply(&read(bytes)));
}

#[test]
fn inputs_of_payload_hold() {
    check("payload", |bytes| properties::payload(&read(bytes)));
}

#[test]
fn inputs_of_exchange_hold() {
    check("exchange", |bytes| properties::exchange(&read(bytes)));
}
