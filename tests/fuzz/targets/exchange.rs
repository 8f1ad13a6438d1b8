//! Any events of some requests, in any order.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: properties::Traffic| properties::exchange(&input));
