//! Bytes and words that follow from a seed.

use std::iter::repeat_with;

use fastrand::Rng;

/// Any bytes.
pub fn any_bytes(random: &mut Rng, size: usize) -> Vec<u8> {
    repeat_with(|| random.u8(..)).take(size).collect()
}

/// Letters and digits.
pub fn word(random: &mut Rng, size: usize) -> String {
    repeat_with(|| random.alphanumeric()).take(size).collect()
}
