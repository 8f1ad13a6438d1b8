//! What requests cost, in counts that do not depend on the machine: the callbacks that the host makes, the calls to the
//! host, and the fuel of the engine: one for each instruction, and for each 64 bytes that are copied.
//! The golden numbers are in `cost.txt`, with the compiler of the instructions; with another one only the counts compare.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::{Answer, Host, Personality, Request, Standing, host};

/// By how much the instructions may differ from the golden number, in percent.
const TOLERANCE: u64 = 2;

const GOLDEN: &str = include_str!("cost.txt");

pub fn all() -> impl Iterator<Item = (&'static str, fn())> {
    [("requests_cost_what_the_golden_file_says", golden as fn())].into_iter()
}

/// A request whose cost is of interest.
struct Case {
    about: &'static str,
    personality: Personality,
    attributes: &'static str,
    request: Request,
    /// What `OpenWhisk` answers, if it is asked.
    status: u16,
    result: Vec<u8>,
}

/// A request as a browser behind a load balancer sends it.
fn request(method: &str, body: &[u8]) -> Request {
    let headers = [
        ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
        ("accept", "*/*"),
        ("accept-language", "en-GB,en;q=0.5"),
        ("accept-encoding", "gzip, deflate, br"),
        ("cookie", "session=5f2d2b0f4b9748a5ad2b0f4b97f8a5e4"),
        ("x-forwarded-for", "203.0.113.7"),
        ("x-forwarded-proto", "https"),
        ("x-request-id", "2c8f9a52-9d0e-4f5a-8d3a-3a1b2c3d4e5f"),
        ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    ];
    let request = Request::new(method, "/hello?name=world&colour=red");
    let request = headers.iter().fold(request, |request, (name, value)| request.header(name, value));
    if body.is_empty() {
        return request;
    }
    let length = body.len().to_string();
    request.header("content-type", "application/json").header("content-length", length).body(body)
}

fn object(size: usize) -> Vec<u8> {
    [&b"{\"text\":\""[..], &vec![b'x'; size], b"\"}"].concat()
}

fn cases() -> Vec<Case> {
    let plain = || Case {
        about: "",
        personality: Personality::Envoy,
        attributes: "",
        request: request("GET", b""),
        status: 200,
        result: br#"{"hello":"ow"}"#.to_vec(),
    };
    let shaped = br#"{"statusCode":201,"headers":{"location":"/orders/3","cache-control":"no-store"},"body":{"id":3}}"#;
    let http = r#", "parameters": "http""#;
    vec![
        Case { about: "a plain result", ..plain() },
        Case { about: "a plain result, on APISIX", personality: Personality::Apisix, ..plain() },
        Case { about: "a body of 1 KB", request: request("POST", &object(1 << 10)), ..plain() },
        Case { about: "a body of 64 KB", request: request("POST", &object(64 << 10)), ..plain() },
        Case { about: "a result of 64 KB", result: object(64 << 10), ..plain() },
        Case { about: "a shaped result", result: shaped.to_vec(), ..plain() },
        Case { about: "the whole request", attributes: http, ..plain() },
        Case {
            about: "the whole request with a body of 1 KB",
            attributes: http,
            request: request("POST", &object(1 << 10)),
            ..plain()
        },
        Case { about: "one of the routes", attributes: r#", "routes": {"r": {}}"#, ..plain() },
        Case { about: "none of the routes", attributes: r#", "routes": {"other": {}}"#, ..plain() },
        Case {
            about: "an action that is missing",
            status: 404,
            result: br#"{"error":"no","code":"x"}"#.to_vec(),
            ..plain()
        },
        Case {
            about: "a body that is too large",
            attributes: r#", "max_req_body_size": 1"#,
            request: request("POST", b"{}"),
            ..plain()
        },
    ]
}

/// Serves a request to its end, and gives what it cost.
fn serve(host: &mut Host, case: &Case) -> host::Cost {
    let id = host.send(case.request.clone().property(&["xds", "route_name"], "r"));
    if matches!(host.standing(id), Standing::Called(_)) {
        let answer = Answer::new(case.status)
            .header("server", "akka-http/10.2.4")
            .header("date", "Mon, 23 Nov 2026 10:30:00 GMT")
            .header("x-request-id", "2c8f9a52-9d0e-4f5a-8d3a-3a1b2c3d4e5f")
            .header("access-control-allow-origin", "*")
            .header("access-control-allow-headers", "Authorization, Origin, X-Requested-With, Content-Type, Accept")
            .header("x-openwhisk-activation-id", "5f2d2b0f4b9748a5ad2b0f4b97f8a5e4")
            .header("content-type", "application/json")
            .header("content-length", case.result.len().to_string())
            .body(&case.result);
        host.answer(id, answer);
    }
    if matches!(host.standing(id), Standing::PassedOn) {
        host.complete(id);
    }
    host.cost(id).clone()
}

fn golden() {
    let mut found = format!("{}\n\n", compiler());
    for case in cases() {
        let mut host = host(case.personality, case.attributes);
        // The first request finds out which proxy it is, and defines metrics.
        serve(&mut host, &case);
        let cost = serve(&mut host, &case);
        let list = |counts: &BTreeMap<&str, u64>| {
            counts.iter().map(|(name, count)| format!("  {name} {count}\n")).collect::<Vec<_>>().concat()
        };
        let (callbacks, calls, fuel) = (list(&cost.callbacks), list(&cost.host_calls), cost.fuel);
        let about = case.about;
        write!(found, "{about}\n callbacks\n{callbacks} calls to the host\n{calls} instructions {fuel}\n\n")
            .expect("a string takes it");
    }
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cost.txt");
    fs::write(&path, &found).expect("written");
    // Another compiler writes other instructions.
    let is_comparable = GOLDEN.starts_with(&compiler());
    let golden_compiler = GOLDEN.lines().next().unwrap_or_default();
    assert!(is_comparable || std::env::var_os("CI").is_none(), "CI compares instructions: expected {golden_compiler}");
    if !is_comparable {
        println!("left out: instructions, as the golden numbers are those of {golden_compiler}");
    }
    let is_same = |(found, golden): (&str, &str)| match (instructions(found), instructions(golden)) {
        (Some(found), Some(golden)) => {
            !is_comparable || found.abs_diff(golden).saturating_mul(100) <= golden.saturating_mul(TOLERANCE)
        }
        _ => found == golden,
    };
    let (ours, golden) = (|| found.lines().skip(1), || GOLDEN.lines().skip(1));
    let is_all = ours().count() == golden().count() && ours().zip(golden()).all(is_same);
    assert!(is_all, "if that is meant: cp {} tests/abi/cost.txt\n{found}", path.display());
}

/// The compiler that built the filter: its version without the date.
fn compiler() -> String {
    let output = Command::new("rustc").arg("--version").output().expect("rustc runs");
    String::from_utf8_lossy(&output.stdout).split(" (").next().expect("a version").trim().to_owned()
}

fn instructions(line: &str) -> Option<u64> {
    line.strip_prefix(" instructions ")?.parse().ok()
}
