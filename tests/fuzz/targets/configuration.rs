//! Any bytes as the configuration of the filter.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|json: &[u8]| properties::configuration(json));
