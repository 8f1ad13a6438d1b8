//! Any request, and the parameters of the action.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: properties::Asked| properties::payload(&input));
