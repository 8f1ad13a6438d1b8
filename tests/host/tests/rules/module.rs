//! Small filters, made for one test each.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use host::Filter;

/// What a filter does in a callback.
#[derive(Clone, Debug)]
pub enum Do {
    /// Calls a function of the host.
    Host(&'static str, Vec<Argument>),
    /// Calls a function of WASI.
    Wasi(&'static str, Vec<Argument>),
    /// Traps unless the last function answered this.
    Expect(i32),
    /// Traps unless the last function gave so many bytes.
    ExpectSize(i32),
    /// Traps unless a parameter of the callback is this.
    ExpectParameter(usize, i32),
    /// Traps.
    Trap,
    /// Returns this: 0 is `Continue` or false, 1 `Pause` or true.
    Return(i32),
}

/// An argument of a host call.
#[derive(Clone, Debug)]
pub enum Argument {
    /// A number.
    Number(i32),
    /// A number of 64 bits.
    Long(i64),
    /// Bytes: an address and a size.
    Bytes(Vec<u8>),
    /// An address to write to.
    Out,
}

use Argument::{Bytes, Number, Out};

pub const CONTINUE: Do = Do::Return(0);
pub const PAUSE: Do = Do::Return(1);

pub fn text(text: &str) -> Argument {
    Bytes(text.as_bytes().to_vec())
}

pub fn reply(status: i32, headers: &[(&str, &str)], body: &str) -> Do {
    let headers = Bytes(serialized(headers));
    Do::Host("proxy_send_local_response", vec![Number(status), text(""), text(body), headers, Number(-1)])
}

/// A call that breaks no rule.
pub fn call() -> Do {
    call_to("ow:80", &[(":method", "GET"), (":path", "/"), (":scheme", "http"), (":authority", "ow")], 1000)
}

pub fn call_to(upstream: &str, headers: &[(&str, &str)], timeout: i32) -> Do {
    let headers = Bytes(serialized(headers));
    Do::Host("proxy_http_call", vec![text(upstream), headers, text(""), text(""), Number(timeout), Out])
}

pub fn read_buffer(buffer: i32, start: i32, size: i32) -> Do {
    Do::Host("proxy_get_buffer_bytes", vec![Number(buffer), Number(start), Number(size), Out, Out])
}

pub fn read_map(map: i32) -> Do {
    Do::Host("proxy_get_header_map_pairs", vec![Number(map), Out, Out])
}

pub fn read_header(map: i32, name: &str) -> Do {
    Do::Host("proxy_get_header_map_value", vec![Number(map), text(name), Out, Out])
}

pub fn get_property(path: &str) -> Do {
    Do::Host("proxy_get_property", vec![text(path), Out, Out])
}

pub fn set_property(path: &str, value: &str) -> Do {
    Do::Host("proxy_set_property", vec![text(path), text(value)])
}

pub fn want_body() -> Do {
    set_property("wasm_process_req_body", "true")
}

/// The form in which headers cross the border, written down once more to check the host's.
fn serialized(headers: &[(&str, &str)]) -> Vec<u8> {
    let size = |size: usize| u32::try_from(size).expect("small").to_le_bytes();
    let sizes = headers.iter().flat_map(|(name, value)| [size(name.len()), size(value.len())].concat());
    let parts = headers.iter().flat_map(|(name, value)| format!("{name}\0{value}\0").into_bytes());
    size(headers.len()).into_iter().chain(sizes).chain(parts).collect()
}

/// A filter that does so in its callbacks, which are named without `proxy_`.
pub fn filter(callbacks: &[(&str, &[Do])]) -> Filter {
    let mut text = Text { address: 4096, ..Text::default() };
    let bodies: String = callbacks.iter().map(|(name, deeds)| text.callback(name, deeds)).collect();
    let imports: String = text.imports.into_iter().collect();
    let module = format!(
        r#"(module {imports}
          (memory (export "memory") 64)
          (global $next (mut i32) (i32.const 1048576))
          (global $status (mut i32) (i32.const 0))
          (func (export "proxy_on_memory_allocate") (param $size i32) (result i32)
            (global.get $next)
            (global.set $next (i32.add (global.get $next) (local.get $size))))
          {bodies} {})"#,
        text.data
    );
    Filter::from_wasm(&wat::parse_str(&module).unwrap_or_else(|error| panic!("{error}\n{module}")))
}

#[derive(Default)]
struct Text {
    imports: BTreeSet<String>,
    data: String,
    address: usize,
}

impl Text {
    fn callback(&mut self, name: &str, deeds: &[Do]) -> String {
        let (parameters, result) = match name {
            "on_http_call_response" => (5, ""),
            "on_configure" | "on_request_trailers" => (2, "(result i32)"),
            "on_done" => (1, "(result i32)"),
            "on_log" | "on_delete" => (1, ""),
            _ => (3, "(result i32)"),
        };
        let parameters = " i32".repeat(parameters);
        let deeds: String = deeds.iter().map(|deed| self.deed(deed)).collect();
        let end = if result.is_empty() { "" } else { "(i32.const 1)" };
        format!("(func (export \"proxy_{name}\") (param{parameters}) {result} {deeds} {end})\n")
    }

    fn deed(&mut self, deed: &Do) -> String {
        match deed {
            Do::Host(name, arguments) => self.call("env", name, arguments),
            Do::Wasi(name, arguments) => self.call("wasi_snapshot_preview1", name, arguments),
            Do::Expect(status) => {
                format!("(if (i32.ne (global.get $status) (i32.const {status})) (then unreachable))")
            }
            // The size is what a function writes last.
            Do::ExpectSize(size) => {
                format!("(if (i32.ne (i32.load (i32.const 1024)) (i32.const {size})) (then unreachable))")
            }
            Do::ExpectParameter(index, value) => {
                format!("(if (i32.ne (local.get {index}) (i32.const {value})) (then unreachable))")
            }
            Do::Trap => "unreachable".to_owned(),
            Do::Return(value) => format!("(return (i32.const {value}))"),
        }
    }

    fn call(&mut self, module: &str, name: &str, arguments: &[Argument]) -> String {
        let (mut types, mut values) = (String::new(), String::new());
        for argument in arguments {
            let (kind, value) = match argument {
                Number(number) => (" i32", format!("(i32.const {number})")),
                Argument::Long(number) => (" i64", format!("(i64.const {number})")),
                Bytes(bytes) => (" i32 i32", self.bytes(bytes)),
                Out => (" i32", "(i32.const 1024)".to_owned()),
            };
            types.push_str(kind);
            values.push_str(&value);
        }
        let import = format!("(import \"{module}\" \"{name}\" (func ${name} (param{types}) (result i32)))\n");
        self.imports.insert(import);
        format!("(global.set $status (call ${name} {values}))\n")
    }

    fn bytes(&mut self, bytes: &[u8]) -> String {
        let escaped = bytes.iter().fold(String::new(), |mut escaped, byte| {
            write!(escaped, "\\{byte:02x}").expect("a string takes everything");
            escaped
        });
        writeln!(self.data, "(data (i32.const {}) \"{escaped}\")", self.address).expect("a string takes everything");
        let here = format!("(i32.const {}) (i32.const {})", self.address, bytes.len());
        self.address = self.address.saturating_add(bytes.len());
        here
    }
}
