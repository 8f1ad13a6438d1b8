//! The committed inputs of the fuzz targets, each of which once led somewhere new: all of them hold here, too.
#![allow(clippy::expect_used, reason = "test code stops at the first surprise")]

use std::fs;
use std::path::Path;

use arbitrary::{Arbitrary, Unstructured};

/// Checks the inputs of one target.
fn check(target: &str, check: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let mut count = 0_usize;
    for file in fs::read_dir(&folder).expect("the inputs are committed") {
        check(&fs::read(file.expect("a file").path()).expect("it can be read"));
        count = count.saturating_add(1);
    }
    assert!(count > 50, "{count} inputs in {}", folder.display());
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
