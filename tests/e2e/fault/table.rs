//! What upstreams do, and what the client gets.

use std::io;
use std::sync::Arc;

use super::{Body, Does, FIT, Gets, RESULT, Row, SENT, ok};
use testbed::script::{self, Greeting, breaks_off_after, drips, floods, sends, stalls_after};
use testbed::upstream::Connection;

pub const READY: Gets = Gets { status: 200, body: Body::Exactly(RESULT), id: true };
const BROKE_SENTENCE: &str = "the connection to openwhisk broke, the action may have run";
pub const BROKE: Gets = Gets { status: 502, body: Body::Error(BROKE_SENTENCE), id: false };
/// Whether Envoy has begun to send the call when the connection ends, is chance.
pub const ENDED_AT_ONCE: Gets = Gets { body: Body::ErrorOrUnreachable(BROKE_SENTENCE), ..BROKE };
pub const UNREACHABLE: Gets = Gets { status: 503, body: Body::Error("openwhisk cannot be reached"), id: false };
pub const BROKEN_OFF: Gets =
    Gets { status: 502, body: Body::Error("the answer of openwhisk broke off, the action may have run"), id: false };
pub const LATE: Gets = Gets { status: 504, body: Body::Late, id: false };
pub const LATE_BEHIND_HEAD: Gets = Gets { body: Body::LateBehindHead, ..LATE };
/// The answer is complete, but its body is not JSON.
const NO_RESULT: Gets = not_openwhisk("200");

pub const fn not_openwhisk(status: &'static str) -> Gets {
    Gets { status: 502, body: Body::Status(status), id: true }
}

/// All of it, in groups.
pub fn table() -> Vec<(&'static str, Vec<Row>)> {
    vec![
        ("connection", connections()),
        ("head", heads()),
        ("header", headers()),
        ("status", statuses()),
        ("interim", interims()),
        ("length", lengths()),
        ("chunk", chunks()),
        ("surplus", surpluses()),
    ]
}

fn connections() -> Vec<Row> {
    let banner: Greeting = Arc::new(|connection| {
        connection.send(b"220 mail.example ESMTP\r\n")?;
        connection.wait_for_close()
    });
    let hasty: Greeting = Arc::new(|connection| {
        connection.read_head()?;
        connection.send(&ok(FIT, RESULT))?;
        connection.read_body(SENT)
    });
    let hasty_end: Greeting = Arc::new(|connection| {
        connection.read_head()?;
        connection.send(&ok(&format!("{FIT}connection: close\r\n"), RESULT))?;
        connection.wait_for_close()
    });
    vec![
        ("refused", Does::Refuse, UNREACHABLE),
        ("closed_at_once", Does::Greet(Arc::new(|_| Err(io::ErrorKind::ConnectionAborted.into()))), ENDED_AT_ONCE),
        ("reset_at_once", Does::Greet(Arc::new(Connection::reset)), ENDED_AT_ONCE),
        ("silent_from_the_start", Does::Greet(Arc::new(Connection::wait_for_close)), LATE),
        ("a_greeting_of_another_protocol", Does::Greet(banner), BROKEN_OFF),
        ("an_answer_before_the_body_is_read", Does::Greet(hasty), READY),
        ("an_answer_and_the_end_before_the_body_is_read", Does::Greet(hasty_end), READY),
        ("closed_after_the_call", closes(""), BROKE),
        ("reset_after_the_call", Does::Answer(script::resets()), BROKE),
        ("silent_after_the_call", stalls(""), LATE),
        ("closed_in_the_status_line", closes("HTTP/1.1 2"), BROKEN_OFF),
        ("a_byte_a_second_in_the_status_line", drop_by_drop("HTTP/1.1 200 "), LATE),
        ("closed_after_the_status_line", closes("HTTP/1.1 200 OK\r\n"), BROKEN_OFF),
        ("silent_after_the_status_line", stalls("HTTP/1.1 200 OK\r\n"), LATE),
        ("closed_in_the_headers", closes("HTTP/1.1 200 OK\r\ncontent-type: appl"), BROKEN_OFF),
        ("a_byte_a_second_in_the_headers", drop_by_drop("HTTP/1.1 200 OK\r\nx-long: "), LATE),
        ("closed_after_the_headers", closes(ok(FIT, "")), BROKEN_OFF),
        ("silent_after_the_headers", stalls(ok(FIT, "")), LATE_BEHIND_HEAD),
        ("closed_in_the_body", closes(ok(FIT, "{\"rea")), BROKEN_OFF),
        ("silent_in_the_body", stalls(ok(FIT, "{\"rea")), LATE_BEHIND_HEAD),
        ("a_byte_a_second_in_the_body", drop_by_drop(ok(FIT, "")), LATE_BEHIND_HEAD),
    ]
}

/// How the answer begins.
fn heads() -> Vec<Row> {
    let line_feeds = String::from_utf8(ok(FIT, RESULT)).expect("text").replace('\r', "");
    vec![
        ("http_1_0_and_closed", closes(begins("HTTP/1.0 200 OK")), READY),
        ("http_1_0_and_kept", sent(begins("HTTP/1.0 200 OK\r\nconnection: keep-alive")), READY),
        ("http_1_2", sent(begins("HTTP/1.2 200 OK")), READY),
        ("http_2_0_in_text", sent(begins("HTTP/2.0 200 OK")), READY),
        ("frames_of_http2", closes("\0\0\0\x04\0\0\0\0\0"), BROKEN_OFF),
        ("json_alone", closes(RESULT), BROKEN_OFF),
        ("html_alone", closes("<html><body>It works!</body></html>\r\n"), BROKEN_OFF),
        ("ssh", closes("SSH-2.0-OpenSSH_9.6\r\n"), BROKEN_OFF),
        ("a_tls_hello", closes(b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03\x00\x13\x02\x00\x00\x2e"), BROKEN_OFF),
        ("a_tls_alert", closes("\x15\x03\x01\0\x02\x02F"), BROKEN_OFF),
        ("line_feeds_alone", sent(line_feeds), READY),
        ("no_reason", sent(begins("HTTP/1.1 200")), READY),
        ("a_reason_of_100_kb", sent(begins(&format!("HTTP/1.1 200 {}", "x".repeat(100 << 10)))), BROKEN_OFF),
    ]
}

/// The answer is right but for these lines.
fn headers() -> Vec<Row> {
    let with = |lines: &str| sent(ok(&format!("{lines}\r\n{FIT}"), RESULT));
    // Two more are those of every answer here, and one its length.
    let many = |count: usize| with(&(0..count - 3).map(|n| format!("x-{n}: v")).collect::<Vec<_>>().join("\r\n"));
    let long = |kb: usize| with(&format!("x-long: {}", "v".repeat(kb << 10)));
    let only =
        |line: &[u8]| sent([b"HTTP/1.1 200 OK\r\n", line, b"\r\ncontent-length: 14\r\n\r\n{\"ready\":true}"].concat());
    let id = |id: &[u8]| only(&[b"x-openwhisk-activation-id: ", id].concat());
    let gzip = ok("content-encoding: gzip\r\ncontent-length: 4\r\n", "\x1f\x7f\x08\0");
    let nameless = Gets { id: false, ..READY };
    vec![
        ("100", many(100), READY),
        // Envoy takes 100 from an upstream unless its cluster says otherwise.
        ("101", many(101), BROKEN_OFF),
        ("200", many(200), BROKEN_OFF),
        ("50_kb", long(50), READY),
        ("100_kb", long(100), BROKEN_OFF),
        ("a_value_with_nul", with("x-a: a\0b"), BROKEN_OFF),
        ("a_value_with_cr", with("x-a: a\rb"), READY),
        ("a_value_that_is_not_utf8", only(b"x-a: \x80\xff"), nameless),
        ("a_name_that_is_not_utf8", only(b"\xff: 1"), BROKEN_OFF),
        ("a_name_with_a_space", with("x a: 1"), BROKEN_OFF),
        ("no_name", with(": 1"), BROKEN_OFF),
        ("no_colon", with("x-a"), BROKEN_OFF),
        ("a_name_of_envoy", with(":status: 500"), BROKEN_OFF),
        ("a_folded_line", with("x-a: a\r\n b"), READY),
        ("what_envoy_adds", with("x-envoy-upstream-service-time: 5\r\nx-envoy-overloaded: true"), READY),
        ("two_ids", with("x-openwhisk-activation-id: other"), READY),
        ("an_id_that_is_not_utf8", id(b"\xff"), nameless),
        ("an_id_with_a_space", id(b"a b"), nameless),
        ("an_empty_id", id(b""), nameless),
        ("a_content_encoding", sent(gzip), NO_RESULT),
    ]
}

fn statuses() -> Vec<Row> {
    let is = |status: &str| sent(begins(&format!("HTTP/1.1 {status} Odd")));
    let bodiless = |status: &str, headers: &str| sent(starts(&format!("HTTP/1.1 {status} Odd"), headers, ""));
    let of_a_balancer = |status: u16| sent(script::answer(status, &[("content-type", "text/plain")], b"no server"));
    let overloaded = "{\"code\":\"1\",\"error\":\"overloaded\"}";
    let in_json = |status: u16| sent(script::answer(status, &[], overloaded.as_bytes()));
    let error = |status: u16, body: Body| Gets { status, body, id: false };
    vec![
        ("000", is("000"), BROKEN_OFF),
        ("1", is("1"), BROKEN_OFF),
        ("99", is("99"), BROKEN_OFF),
        ("099", is("099"), BROKEN_OFF),
        ("1000", is("1000"), BROKEN_OFF),
        ("negative", is("-200"), BROKEN_OFF),
        ("a_word", is("OK"), BROKEN_OFF),
        ("none", is(""), BROKEN_OFF),
        ("600", is("600"), not_openwhisk("600")),
        ("999", is("999"), not_openwhisk("999")),
        ("204", bodiless("204", ""), not_openwhisk("204")),
        ("204_with_a_body", is("204"), BROKEN_OFF),
        ("205_with_a_body", is("205"), not_openwhisk("205")),
        ("206", is("206"), not_openwhisk("206")),
        ("302", is("302"), not_openwhisk("302")),
        ("304", bodiless("304", ""), not_openwhisk("304")),
        ("304_with_a_length", bodiless("304", FIT), not_openwhisk("304")),
        ("304_with_a_body", is("304"), not_openwhisk("304")),
        ("503_of_a_load_balancer_is_not_ours", of_a_balancer(503), error(503, Body::Status("503"))),
        ("504_of_a_load_balancer_is_not_ours", of_a_balancer(504), error(504, Body::Status("504"))),
        ("503_in_json_is_openwhisks", in_json(503), error(503, Body::Exactly(overloaded))),
        ("504_in_json_is_openwhisks", in_json(504), error(504, Body::Exactly(overloaded))),
    ]
}

/// Before the answer, or instead of it.
fn interims() -> Vec<Row> {
    let hints = "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n";
    let switch = starts("HTTP/1.1 101 Switching Protocols", "connection: upgrade\r\nupgrade: websocket\r\n", "");
    let then = |interim: &str| sent([interim.as_bytes(), &ok(FIT, RESULT)].concat());
    vec![
        ("100", then("HTTP/1.1 100 Continue\r\n\r\n"), READY),
        ("102", then("HTTP/1.1 102 Processing\r\n\r\n"), READY),
        ("103", then(hints), READY),
        ("103_for_500_times", then(&hints.repeat(500)), READY),
        ("103_for_ever", for_ever("", hints), LATE),
        ("199", then("HTTP/1.1 199 Odd\r\n\r\n"), READY),
        ("100_and_silent", stalls("HTTP/1.1 100 Continue\r\n\r\n"), LATE),
        ("103_and_closed", closes(hints), BROKE),
        ("103_and_closed_in_the_status_line", closes(format!("{hints}HTTP/1.1 2")), BROKEN_OFF),
        // For Envoy this is the answer, and the connection goes on.
        ("101", sent(&switch), not_openwhisk("101")),
        ("101_and_closed", closes(&switch), not_openwhisk("101")),
        ("101_and_an_answer", sent([&switch[..], &ok(FIT, RESULT)].concat()), not_openwhisk("101")),
    ]
}

fn lengths() -> Vec<Row> {
    let is = |length: &str| ok(&format!("content-length: {length}\r\n"), RESULT);
    // Envoy takes 32 MB.
    let too_large = "content-length: 34603008\r\n";
    vec![
        ("0", sent(ok("content-length: 0\r\n", "")), NO_RESULT),
        ("1_too_many", stalls(is("15")), LATE_BEHIND_HEAD),
        ("1_too_many_and_closed", closes(is("15")), BROKEN_OFF),
        ("1_too_few", sent(is("13")), NO_RESULT),
        ("the_same_twice", sent(ok(&FIT.repeat(2), RESULT)), BROKEN_OFF),
        ("two", sent(ok(&format!("{FIT}content-length: 15\r\n"), RESULT)), BROKEN_OFF),
        ("a_list", sent(is("14, 14")), BROKEN_OFF),
        ("negative", sent(is("-14")), BROKEN_OFF),
        ("with_a_plus", sent(is("+14")), BROKEN_OFF),
        ("hexadecimal", sent(is("0xe")), BROKEN_OFF),
        ("a_word", sent(is("many")), BROKEN_OFF),
        ("empty", sent(is("")), BROKEN_OFF),
        ("2_to_the_64", sent(is("18446744073709551616")), BROKEN_OFF),
        ("1_less_than_2_to_the_64", stalls(is("18446744073709551615")), LATE_BEHIND_HEAD),
        ("none_and_closed", closes(ok("", RESULT)), READY),
        ("none_and_silent", stalls(ok("", RESULT)), LATE_BEHIND_HEAD),
        ("and_chunked", sent(chunked(FIT, "e\r\n{\"ready\":true}\r\n0\r\n\r\n")), BROKEN_OFF),
        ("and_identity", sent(ok(&format!("transfer-encoding: identity\r\n{FIT}"), RESULT)), BROKEN_OFF),
        ("33_mb", and_33_mb(ok(too_large, "")), BROKEN_OFF),
        ("33_mb_that_never_come", stalls(ok(too_large, "{")), LATE_BEHIND_HEAD),
        ("33_mb_until_the_end", and_33_mb(ok("", "")), BROKEN_OFF),
        ("33_mb_in_a_chunk", and_33_mb(chunked("", "2100000\r\n")), BROKEN_OFF),
    ]
}

fn chunks() -> Vec<Row> {
    let one = "e\r\n{\"ready\":true}\r\n0\r\n\r\n";
    let is = |chunks: &str| sent(chunked("", chunks));
    let of_size = |size: &str| is(&one.replacen('e', size, 1));
    let ends = |chunks: &str| closes(chunked("", chunks));
    let trailer = |trailer: &str| is(&one.replace("0\r\n", &format!("0\r\n{trailer}\r\n")));
    let bytes = RESULT.chars().map(|byte| format!("1\r\n{byte}\r\n")).collect::<Vec<_>>().concat();
    vec![
        ("one", is(one), READY),
        ("one_for_each_byte", is(&format!("{bytes}0\r\n\r\n")), READY),
        ("an_extension", of_size("e;a=\"b\""), READY),
        ("a_size_in_words", of_size("ten"), BROKEN_OFF),
        ("a_negative_size", of_size("-e"), BROKEN_OFF),
        ("a_size_with_0x", of_size("0xe"), BROKEN_OFF),
        ("no_size", of_size(""), BROKEN_OFF),
        ("2_to_the_64_bytes", of_size("10000000000000000"), BROKEN_OFF),
        ("2_to_the_63_bytes", stalls(chunked("", "8000000000000000\r\n{")), LATE_BEHIND_HEAD),
        // Envoy takes what follows a chunk up to the end of the line.
        ("longer_than_its_size", of_size("d"), NO_RESULT),
        ("shorter_than_its_size", of_size("10"), BROKEN_OFF),
        ("no_line_break_after_it", is(&one.replacen("}\r\n", "}", 1)), BROKEN_OFF),
        ("closed_in_it", ends("e\r\n{\"rea"), BROKEN_OFF),
        ("closed_after_it", ends("e\r\n{\"ready\":true}\r\n"), BROKEN_OFF),
        ("silent_after_it", stalls(chunked("", "e\r\n{\"ready\":true}\r\n")), LATE_BEHIND_HEAD),
        ("closed_in_the_last", ends("e\r\n{\"ready\":true}\r\n0\r\n"), BROKEN_OFF),
        ("for_ever", for_ever(chunked("", ""), format!("400\r\n{}\r\n", " ".repeat(1024))), BROKEN_OFF),
        ("a_trailer", trailer("x-checksum: 1\r\n"), READY),
        ("a_trailer_with_a_name_of_envoy", trailer(":status: 500\r\n"), BROKEN_OFF),
        ("a_trailer_of_100_kb", trailer(&format!("x-long: {}\r\n", "v".repeat(100 << 10))), BROKEN_OFF),
    ]
}

/// After an answer that is complete. The next call must not get it.
fn surpluses() -> Vec<Row> {
    let and = |surplus: &[u8]| sent([&ok(FIT, RESULT), surplus].concat());
    let stolen = ok("content-length: 15\r\n", "{\"stolen\":true}");
    vec![
        ("an_answer", and(&stolen), READY),
        ("ten_answers", and(&stolen.repeat(10)), READY),
        ("half_an_answer", and(&stolen[..50]), READY),
        ("an_interim_answer", and(b"HTTP/1.1 103 Early Hints\r\n\r\n"), READY),
        ("an_empty_line", and(b"\r\n"), READY),
        ("garbage", and(b"\0\xff\r\n\r\n"), READY),
        ("a_megabyte", and(&vec![b' '; 1 << 20]), READY),
        ("after_the_last_chunk", sent([chunked("", "e\r\n{\"ready\":true}\r\n0\r\n\r\n"), stolen].concat()), READY),
    ]
}

/// The answer with this status line and the usual headers.
fn begins(start: &str) -> Vec<u8> {
    starts(start, FIT, RESULT)
}

/// An answer with this status line, and these headers beside the usual ones.
fn starts(start: &str, headers: &str, body: &str) -> Vec<u8> {
    let rest = ok(headers, body).split_off("HTTP/1.1 200 OK".len());
    [start.as_bytes(), &rest].concat()
}

/// An answer in chunks.
fn chunked(headers: &str, chunks: &str) -> Vec<u8> {
    ok(&format!("{headers}transfer-encoding: chunked\r\n"), chunks)
}

fn sent(bytes: impl AsRef<[u8]>) -> Does {
    Does::Answer(sends(bytes.as_ref().to_vec()))
}

fn closes(bytes: impl AsRef<[u8]>) -> Does {
    Does::Answer(breaks_off_after(bytes.as_ref().to_vec()))
}

fn stalls(bytes: impl AsRef<[u8]>) -> Does {
    Does::Answer(stalls_after(bytes.as_ref().to_vec()))
}

fn drop_by_drop(bytes: impl AsRef<[u8]>) -> Does {
    Does::Answer(drips(bytes.as_ref().to_vec()))
}

fn and_33_mb(head: Vec<u8>) -> Does {
    Does::Answer(Arc::new(move |_, connection| {
        connection.send(&head)?;
        (0..33).try_for_each(|_| connection.send(&vec![b' '; 1 << 20]))?;
        Err(io::ErrorKind::ConnectionAborted.into())
    }))
}

fn for_ever(start: impl AsRef<[u8]>, more: impl AsRef<[u8]>) -> Does {
    Does::Answer(floods(start.as_ref().to_vec(), more.as_ref().to_vec()))
}
