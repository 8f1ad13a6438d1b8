//! Any answer of OpenWhisk, and the reply to it.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: properties::Answered| properties::reply(&input));
