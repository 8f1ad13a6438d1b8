//! Inputs as bytes: the inverse of `Arbitrary`, for the seeds of the fuzz targets. A test compares the two.

use crate::input::{Line, Mode, Rest};

/// Something that `Arbitrary` reads from bytes.
pub trait Encode {
    /// Adds the bytes of which it is read.
    fn encode(&self, bytes: &mut Vec<u8>);

    /// The bytes of which it is read.
    fn encoded(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.encode(&mut bytes);
        bytes
    }
}

/// Encodes a struct field by field, in the order of its fields.
macro_rules! encode_fields {
    ($name:ty { $($field:ident),+ }) => {
        impl $crate::encode::Encode for $name {
            fn encode(&self, bytes: &mut Vec<u8>) {
                $($crate::encode::Encode::encode(&self.$field, bytes);)+
            }
        }
    };
}
pub(crate) use encode_fields;

/// Adds the number of a variant of an enum with `count` of them.
pub(crate) fn variant(index: u32, count: u32, bytes: &mut Vec<u8>) {
    // Source: derive_arbitrary 1.5: a 32-bit number, of which the upper part counts.
    let start = (u64::from(index) << 32).div_ceil(u64::from(count));
    bytes.extend(start.to_le_bytes().iter().take(4));
}

impl Encode for u8 {
    fn encode(&self, bytes: &mut Vec<u8>) {
        bytes.push(*self);
    }
}

impl Encode for u16 {
    fn encode(&self, bytes: &mut Vec<u8>) {
        bytes.extend(self.to_le_bytes());
    }
}

impl Encode for bool {
    fn encode(&self, bytes: &mut Vec<u8>) {
        bytes.push(u8::from(*self));
    }
}

impl Encode for Line {
    fn encode(&self, bytes: &mut Vec<u8>) {
        for byte in &self.0 {
            if matches!(byte, b'\n' | b'\\') {
                bytes.push(b'\\');
            }
            bytes.push(*byte);
        }
        bytes.push(b'\n');
    }
}

impl Encode for Rest {
    fn encode(&self, bytes: &mut Vec<u8>) {
        bytes.extend(&self.0);
    }
}

impl Encode for Mode {
    fn encode(&self, bytes: &mut Vec<u8>) {
        variant(*self as u32, 5, bytes);
    }
}

impl<A: Encode, B: Encode> Encode for (A, B) {
    fn encode(&self, bytes: &mut Vec<u8>) {
        self.0.encode(bytes);
        self.1.encode(bytes);
    }
}

impl<T: Encode, const N: usize> Encode for [T; N] {
    fn encode(&self, bytes: &mut Vec<u8>) {
        for each in self {
            each.encode(bytes);
        }
    }
}

impl<T: Encode> Encode for Option<T> {
    fn encode(&self, bytes: &mut Vec<u8>) {
        self.is_some().encode(bytes);
        if let Some(value) = self {
            value.encode(bytes);
        }
    }
}

impl<T: Encode> Encode for Vec<T> {
    fn encode(&self, bytes: &mut Vec<u8>) {
        for each in self {
            true.encode(bytes);
            each.encode(bytes);
        }
        false.encode(bytes);
    }
}
