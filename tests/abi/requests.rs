//! Requests in every form, on both hosts: the call has the whole body, and one host serves them all.

use crate::{Headers, Host, Personality, Request, Standing, Version, check_good, host};

pub fn all(personality: Personality) -> impl Iterator<Item = (&'static str, impl FnOnce() + Send + 'static)> {
    requests(personality).into_iter().map(move |(name, request, body)| {
        (name, move || {
            let mut host = host(personality, "");
            check(&mut host, request, &body);
            check_good(&mut host);
        })
    })
}

fn check(host: &mut Host, request: Request, body: &[u8]) {
    let id = host.send(request);
    assert!(matches!(host.standing(id), Standing::Called(_)), "{:?}; {:?}", host.standing(id), host.log());
    let call = host.call(id);
    assert!(call.body == body, "{} bytes reach the action, not {}", call.body.len(), body.len());
    assert_eq!(call.upstream, "127.0.0.1:3233");
    assert_eq!(call.header("authorization"), Some("Basic YWxpY2U6d29uZGVybGFuZA=="));
    let last = call.header("x-request-id").map(str::to_owned);
    host.fail(id, host::Failure::Unreachable);
    let reply = host.reply(id);
    let code = last.unwrap_or_default();
    let expected = format!(r#"{{"code":"{code}","error":"openwhisk cannot be reached"}}"#);
    assert_eq!((reply.status, String::from_utf8_lossy(&reply.body).as_ref()), (503, expected.as_str()));
}

fn requests(personality: Personality) -> Vec<(&'static str, Request, Vec<u8>)> {
    let post = || Request::new("POST", "/hello").header("x-request-id", "42");
    let of_size = |size: usize| (post().body(vec![b'x'; size]), vec![b'x'; size]);
    let many = |count: usize| {
        (0..count).fold(Request::new("GET", "/hello"), |request, n| request.header(format!("x-{n}"), "v"))
    };
    let mut all = vec![
        ("without_a_body", post(), Vec::new()),
        ("of_1_byte", of_size(1).0, of_size(1).1),
        ("of_64_kb", of_size(64 << 10).0, of_size(64 << 10).1),
        ("of_20_mb", of_size(20 << 20).0, of_size(20 << 20).1),
        ("in_chunks", post().chunk("{\"a\"").chunk(":").chunk("1}"), b"{\"a\":1}".to_vec()),
        ("with_a_value_that_is_not_utf8", post().header("x-strange", b"\xff\x80"), Vec::new()),
        ("with_a_forwarded_value_that_is_not_utf8", post().header("traceparent", b"\xff"), Vec::new()),
        ("with_200_headers", many(200).header("x-request-id", "42"), Vec::new()),
        ("with_a_header_of_7_kb", post().header("x-long", vec![b'v'; 7 << 10]), Vec::new()),
        ("of_http_1_0", post().version(Version::Http10), Vec::new()),
        ("of_http_1_0_without_host", post().version(Version::Http10).without_host(), Vec::new()),
    ];
    if personality == Personality::Envoy {
        let mut trailers = Headers::default();
        trailers.push("x-checksum", "1");
        all.push(("with_a_header_of_64_kb", post().header("x-long", vec![b'v'; 64 << 10]), Vec::new()));
        all.push(("with_trailers", post().chunk("{}").trailers(trailers.clone()), b"{}".to_vec()));
        all.push(("with_trailers_only", post().trailers(trailers), Vec::new()));
    }
    all
}
