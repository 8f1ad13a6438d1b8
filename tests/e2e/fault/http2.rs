//! What upstreams do in HTTP/2 that there is not in HTTP/1.1, and what the client gets.

use std::io;
use std::sync::Arc;

use h2::Reason;
use http::{HeaderMap, Response};

use super::table::{BROKE, BROKEN_OFF, ENDED_AT_ONCE, LATE, LATE_BEHIND_HEAD, READY, UNREACHABLE, not_openwhisk};
use super::{Does, FIT, RESULT, Row, ok};
use testbed::http2::Part;
use testbed::script::{Greeting, breaks_off_after, drips, sends, silent, stalls_after};
use testbed::upstream::Connection;

/// All of it.
pub fn table() -> Vec<Row> {
    [connections(), resets(), answers()].into_iter().flatten().collect()
}

fn connections() -> Vec<Row> {
    let speaks_http1 = |connection: &mut Connection| {
        connection.send(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")?;
        Err(io::ErrorKind::ConnectionAborted.into())
    };
    // Frames of the stream 1, the first, and of the connection. Source: RFC 9113, 6.2 and 6.8.
    let writes = |frames: &'static [u8]| {
        let greeting: Greeting = Arc::new(move |connection| {
            connection.read_frames()?;
            connection.send(frames)?;
            Err(io::ErrorKind::ConnectionAborted.into())
        });
        Does::Greet(greeting)
    };
    vec![
        ("closed_in_the_head", writes(b"\0\0\x14\x01\x04\0\0\0\x01\x88"), BROKE),
        ("closed_before_the_end_of_the_head", writes(b"\0\0\x01\x01\0\0\0\0\x01\x88"), BROKE),
        ("an_end_before_the_call_that_is_told", writes(b"\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\0"), UNREACHABLE),
        ("refused", Does::Refuse, UNREACHABLE),
        ("closed_at_once", Does::Greet(Arc::new(|_| Err(io::ErrorKind::ConnectionAborted.into()))), ENDED_AT_ONCE),
        ("reset_at_once", Does::Greet(Arc::new(Connection::reset)), ENDED_AT_ONCE),
        ("an_answer_in_http_1", Does::Greet(Arc::new(speaks_http1)), BROKEN_OFF),
        ("closed_after_the_call", does(|| vec![Part::Drop]), BROKE),
        ("closed_after_the_headers", does(|| vec![head(), Part::Drop]), BROKEN_OFF),
        ("closed_in_the_body", does(|| vec![head(), some(), Part::Drop]), BROKEN_OFF),
        ("an_end_that_is_told_after_the_call", does(|| vec![Part::GoAway(Reason::INTERNAL_ERROR)]), BROKE),
        ("an_end_that_is_told_in_the_body", does(|| vec![head(), some(), Part::GoAway(Reason::NO_ERROR)]), BROKEN_OFF),
        ("no_more_streams_but_this_one", does(|| vec![Part::Retire, head(), all(), Part::End]), READY),
    ]
}

fn resets() -> Vec<Row> {
    let reset = |reason| does(move || vec![Part::Reset(reason)]);
    vec![
        ("reset_as_refused", reset(Reason::REFUSED_STREAM), UNREACHABLE),
        ("reset_as_an_error", reset(Reason::INTERNAL_ERROR), BROKE),
        ("reset_as_cancelled", reset(Reason::CANCEL), BROKE),
        ("reset_as_too_much", reset(Reason::ENHANCE_YOUR_CALM), BROKE),
        ("reset_as_a_matter_for_http_1", reset(Reason::HTTP_1_1_REQUIRED), BROKE),
        ("reset_after_the_headers", does(|| vec![head(), Part::Reset(Reason::CANCEL)]), BROKEN_OFF),
        ("reset_in_the_body", does(|| vec![head(), some(), Part::Reset(Reason::NO_ERROR)]), BROKEN_OFF),
        ("the_script_breaks_off_in_the_body", Does::Answer(breaks_off_after(ok(FIT, "{\"rea"))), BROKEN_OFF),
    ]
}

fn answers() -> Vec<Row> {
    let with = |status: u16, headers: &[(&'static str, String)]| {
        let headers = headers.to_vec();
        does(move || {
            let mut response = Response::builder().status(status);
            for (name, value) in usual().into_iter().chain(headers.clone()) {
                response = response.header(name, value);
            }
            vec![Part::Head(response.body(()).expect("a head")), all(), Part::End]
        })
    };
    let length = |length: usize| with(200, &[("content-length", length.to_string())]);
    let trailers = || {
        let trailers = [("x-checksum".parse().expect("a name"), "1".parse().expect("a value"))];
        vec![head(), all(), Part::Trailers(trailers.into_iter().collect::<HeaderMap>())]
    };
    vec![
        ("silent_after_the_call", Does::Answer(silent()), LATE),
        ("silent_after_the_headers", Does::Answer(stalls_after(ok(FIT, ""))), LATE_BEHIND_HEAD),
        ("silent_in_the_body", Does::Answer(stalls_after(ok(FIT, "{\"rea"))), LATE_BEHIND_HEAD),
        ("a_byte_a_second", Does::Answer(drips(ok(&format!("content-length: {}\r\n", 1 << 20), ""))), LATE_BEHIND_HEAD),
        ("with_a_length", Does::Answer(sends(ok(FIT, RESULT))), READY),
        ("without_a_length", with(200, &[]), READY),
        ("with_trailers", does(trailers), READY),
        ("a_length_that_is_too_large", length(RESULT.len() + 1), BROKEN_OFF),
        ("a_length_that_is_too_small", length(RESULT.len() - 1), BROKEN_OFF),
        ("a_header_of_50_kb", with(200, &[("x-long", "v".repeat(50 << 10))]), READY),
        ("status_302", with(302, &[]), not_openwhisk("302")),
        ("status_600", with(600, &[]), not_openwhisk("600")),
    ]
}

/// The headers of the usual answer.
fn usual() -> Vec<(&'static str, String)> {
    vec![("content-type", "application/json".to_owned()), ("x-openwhisk-activation-id", super::ID.to_owned())]
}

/// The head of the usual answer, without a length.
fn head() -> Part {
    let mut response = Response::builder();
    for (name, value) in usual() {
        response = response.header(name, value);
    }
    Part::Head(response.body(()).expect("a head"))
}

/// The whole body of the usual answer.
fn all() -> Part {
    Part::Body(RESULT.into())
}

/// The beginning of it.
fn some() -> Part {
    Part::Body(RESULT.bytes().take(5).collect())
}

/// Does these parts, and waits for the end of the stream.
fn does(parts: impl Fn() -> Vec<Part> + Send + Sync + 'static) -> Does {
    Does::Answer(Arc::new(move |_, connection| {
        parts().into_iter().try_for_each(|part| connection.part(part))?;
        connection.wait_for_close()
    }))
}
