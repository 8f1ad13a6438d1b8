//! The wasm memories of an Envoy, as Linux tells them.

use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;

/// A page of a wasm memory.
const PAGE: u64 = 1 << 16;

/// The addresses V8 sets aside behind a wasm memory are at least that many.
const RESERVED: u64 = 1 << 32;

/// What V8 sets aside for a wasm memory is a multiple of this.
const GIB: u64 = 1 << 30;

/// The sizes of all wasm memories of a process, in bytes, in the order of their addresses.
pub fn sizes(process: u32) -> Vec<u64> {
    memories(process).into_iter().map(|memory| memory.end - memory.start).collect()
}

/// What all wasm memories of a process hold.
///
/// A process may read that of one that it started. Source: Linux `proc_pid_mem(5)`, `ptrace(2)`.
pub fn contents(process: u32) -> io::Result<Vec<Vec<u8>>> {
    let memory = File::open(format!("/proc/{process}/mem"))?;
    let read = |addresses: Range<u64>| {
        let size = usize::try_from(addresses.end - addresses.start).map_err(io::Error::other)?;
        let mut bytes = vec![0; size];
        memory.read_exact_at(&mut bytes, addresses.start)?;
        Ok(bytes)
    };
    memories(process).into_iter().map(read).collect()
}

/// Where the wasm memories of a process are.
///
/// Envoy tells nothing of them. But V8 reserves 8 GiB of addresses for each, so that it need not check bounds, of
/// which only the memory itself can be accessed: what is missing to the 8 GiB.
/// Source: observed on Envoy 1.40, where a new memory of the filter has 17 pages; V8 `BackingStore`.
fn memories(process: u32) -> Vec<Range<u64>> {
    memories_in(&fs::read_to_string(format!("/proc/{process}/maps")).unwrap_or_default())
}

fn memories_in(maps: &str) -> Vec<Range<u64>> {
    let mappings: Vec<_> = maps.lines().filter_map(mapping).collect();
    mappings.windows(2).filter_map(|pair| memory(&pair[0], &pair[1])).collect()
}

struct Mapping<'a> {
    start: u64,
    end: u64,
    access: &'a str,
}

fn mapping(line: &str) -> Option<Mapping<'_>> {
    let (addresses, rest) = line.split_once(' ')?;
    let (start, end) = addresses.split_once('-')?;
    let address = |text| u64::from_str_radix(text, 16).ok();
    Some(Mapping { start: address(start)?, end: address(end)?, access: rest.split(' ').next()? })
}

fn memory(memory: &Mapping<'_>, reserve: &Mapping<'_>) -> Option<Range<u64>> {
    let reserved = reserve.end - reserve.start;
    let is_pair = memory.access == "rw-p" && reserve.access == "---p" && memory.end == reserve.start;
    let size = reserved.next_multiple_of(GIB) - reserved;
    // Another mapping may lie before the memory and have become one with it.
    let is_memory = reserved >= RESERVED && size > 0 && size.is_multiple_of(PAGE) && size <= memory.end - memory.start;
    (is_pair && is_memory).then(|| memory.end - size..memory.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wasm_memories_are_told_by_what_is_reserved_behind_them() {
        let cases: &[(&str, &[Range<u64>])] = &[
            // As on Envoy 1.40: a guard, 17 pages, and the rest of 8 GiB; of the second the mapping before became a part.
            (
                "7fa227880000-7fa2278a0000 ---p 00000000 00:00 0\n\
                 7fa2278a0000-7fa2279b0000 rw-p 00000000 00:00 0\n\
                 7fa2279b0000-7fa4278a0000 ---p 00000000 00:00 0\n\
                 7fa427000000-7fa4279c0000 rw-p 00000000 00:00 0\n\
                 7fa4279c0000-7fa6278a0000 ---p 00000000 00:00 0\n",
                &[0x7fa2_278a_0000..0x7fa2_279b_0000, 0x7fa4_278a_0000..0x7fa4_279c_0000],
            ),
            // What V8 reserves for its own heap and code.
            (
                "4fde80000000-4fdec0000000 rw-p 00000000 00:00 0\n\
                 4fdec0000000-4fdeffe00000 ---p 00000000 00:00 0\n\
                 7f9fc589c000-7f9fc58ac000 r--p 00001000 08:01 77 /usr/bin/envoy\n\
                 7f9fc58ac000-7fa1c58ac000 ---p 00000000 00:00 0\n",
                &[],
            ),
            ("", &[]),
        ];
        for (maps, expected) in cases {
            assert_eq!(memories_in(maps), *expected, "{maps}");
        }
    }
}
