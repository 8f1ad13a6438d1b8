//! What belongs to the connections takes effect as the configuration of the filter says, in configurations of Envoy that
//! `openwhisk-envoy` prints.

use std::fs;
use std::io::{self, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Instant;

use openwhisk_envoy::{CA, Protocol};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion};
use serde_json::{Value, json};
use testbed::PATIENCE;
use testbed::artifact;
use testbed::client::get;
use testbed::envoy::Envoy;
use testbed::script;
use testbed::upstream::Upstream;

use crate::bootstrap::rendered;
use crate::deadline::is_due;
use crate::stage::Plan;
use testbed::http1;

const READY: &str = "{\"ready\":true}";

/// Adds the tests.
pub fn add(plan: &mut Plan) {
    certificates(plan);
    plan.test_alone("transport::an_idle_connection_is_closed_after_keepalive_timeout", idle);
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let test = |name: &str| format!("transport::{name}_over_{protocol:?}");
        let name = test("without_keepalive_each_call_has_its_own_connection");
        plan.test_alone(&name, move || kept(protocol, false, 50));
        plan.test_alone(&test("with_keepalive_calls_share_a_connection"), move || kept(protocol, true, 1));
        plan.test_alone(&test("after_a_burst_every_call_gets_its_result"), move || after_a_burst(protocol));
    }
    plan.test_alone("transport::certificate::a_trusted_one_is_accepted_over_http2", secure_http2);
}

/// A certificate, and who trusts it.
#[derive(Clone, Copy)]
struct Case {
    about: &'static str,
    /// The host in `api_host`.
    host: &'static str,
    ssl_verify: bool,
    /// Whom the certificate is for.
    subject: &'static str,
    version: &'static SupportedProtocolVersion,
    is_expired: bool,
    trusted: Trusted,
    /// The counter of Envoy that says why it is refused, if it is.
    refused: Option<&'static str>,
}

/// Whom Envoy trusts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trusted {
    /// The certificate itself (`--ca`).
    Itself,
    /// Another one.
    Other,
    /// Those of the system.
    System,
}

fn certificates(plan: &mut Plan) {
    let (untrusted, misnamed) = (Some("fail_verify_error"), Some("fail_verify_san"));
    let good = Case {
        about: "a_trusted_one_is_accepted",
        host: "localhost",
        ssl_verify: true,
        subject: "localhost",
        version: &TLS13,
        is_expired: false,
        trusted: Trusted::Itself,
        refused: None,
    };
    let any = Case { ssl_verify: false, trusted: Trusted::System, ..good };
    let cases = [
        good,
        Case { about: "a_trusted_one_is_accepted_with_tls_1_2", version: &TLS12, ..good },
        Case { about: "that_of_an_address_is_accepted", host: "127.0.0.1", subject: "127.0.0.1", ..good },
        Case { about: "a_self_signed_one_is_refused", trusted: Trusted::System, refused: untrusted, ..good },
        Case { about: "that_of_a_stranger_is_refused", trusted: Trusted::Other, refused: untrusted, ..good },
        Case { about: "that_of_another_host_is_refused", subject: "other.example", refused: misnamed, ..good },
        Case { about: "that_of_another_address_is_refused", host: "127.0.0.1", refused: misnamed, ..good },
        Case { about: "an_expired_one_is_refused", is_expired: true, refused: untrusted, ..good },
        Case { about: "a_self_signed_one_will_do_without_ssl_verify", ..any },
        Case {
            about: "that_of_another_host_will_do_without_ssl_verify",
            subject: "other.example",
            is_expired: true,
            ..any
        },
    ];
    for case in cases {
        plan.test_alone(&format!("transport::certificate::{}", case.about), move || certificate(case));
    }
    plan.test_alone("transport::certificate::the_log_says_what_envoy_says", reason);
}

fn certificate(case: Case) {
    let Case { host, ssl_verify, subject, version, is_expired, trusted, refused, .. } = case;
    let identity = Identity::new(subject, is_expired);
    let upstream = Secure::start(&identity, version);
    let other = Identity::new("localhost", false);
    let ca = match trusted {
        Trusted::Itself => Some(Pem::new(&identity)),
        Trusted::Other => Some(Pem::new(&other)),
        // Where the system has none, Envoy would not start.
        Trusted::System => (!Path::new(CA).is_file()).then(|| Pem::new(&other)),
    };
    let api_host = format!("https://{host}:{}", upstream.port);
    let configuration = configuration(&json!({ "api_host": api_host, "ssl_verify": ssl_verify }), ca.as_ref());
    let mut envoy = Envoy::start(&configuration);

    let reply = get(port(&envoy), "/");
    let body = String::from_utf8_lossy(&reply.body);
    if refused.is_some() {
        assert_eq!(reply.status, 503, "{body}");
        assert!(body.contains("\"openwhisk cannot be reached\""), "{body}");
        let said = |line: &str| line.contains("503: no answer from the upstream \"openwhisk\"");
        assert!(envoy.log().lines().any(said), "{}", envoy.log());
    } else {
        assert_eq!((reply.status, &*body), (200, READY), "{}", envoy.log());
    }
    for counter in ["fail_verify_error", "fail_verify_san"] {
        let count = envoy.counter(&format!("cluster.openwhisk.ssl.{counter}"));
        assert_eq!(count > 0, refused == Some(counter), "{counter}: {count}");
    }
    // An address is no server name.
    let name = (host != "127.0.0.1").then(|| host.to_owned());
    upstream.wait(|hellos| !hellos.is_empty() && hellos.iter().all(|hello| hello.name == name));
    assert_eq!(envoy.complaints(), Vec::<String>::new());
}

/// Envoy tells a filter the reason only if it tells every client.
fn reason() {
    let upstream = Secure::start(&Identity::new("localhost", false), &TLS13);
    let api_host = format!("https://localhost:{}", upstream.port);
    let other = Pem::new(&Identity::new("localhost", false));
    let mut configuration = configuration(&json!({ "api_host": api_host }), Some(&other));
    // Source: Envoy's release notes, 1.38.1. Older versions always tell it.
    let guard = json!({ "envoy.reloadable_features.hide_transport_failure_reason_in_response_body": false });
    configuration["layered_runtime"] = json!({ "layers": [{ "name": "told", "static_layer": guard }] });
    let envoy = Envoy::start(&configuration);
    let reply = get(port(&envoy), "/");
    let (body, log) = (String::from_utf8_lossy(&reply.body), envoy.log());
    assert_eq!(reply.status, 503, "{body}");
    let says = |line: &str| line.contains(" openwhisk: ") && line.contains("CERTIFICATE_VERIFY");
    assert!(log.lines().any(says), "{log}");
    assert!(!body.contains("CERTIFICATE"), "that is nothing for clients: {body}");
}

/// The configuration of an Envoy for a configuration of the filter with these attributes, as users get it.
fn configuration(attributes: &Value, ca: Option<&Pem>) -> Value {
    configured(Protocol::Http1, attributes, ca)
}

/// The same, where Envoy speaks this to the upstream.
fn configured(protocol: Protocol, attributes: &Value, ca: Option<&Pem>) -> Value {
    let mut configuration = rendered(protocol, attributes, ca.map(|ca| ca.0.as_path()));
    // A handshake of TLS takes a busy machine its time.
    configuration["static_resources"]["clusters"][0]["connect_timeout"] = json!("60s");
    configuration
}

fn merged(mut object: Value, attributes: Value) -> Value {
    for (name, value) in serde_json::from_value::<serde_json::Map<_, _>>(attributes).expect("an object") {
        object[name] = value;
    }
    object
}

/// The port of its only listener.
fn port(envoy: &Envoy) -> u16 {
    envoy.only_port()
}

/// The attributes for a scripted upstream.
fn at(upstream: &Upstream, attributes: Value) -> Value {
    merged(json!({ "api_host": format!("http://localhost:{}", upstream.port) }), attributes)
}

/// Without keep-alive each call has a connection of its own, with it they share one.
fn kept(protocol: Protocol, keepalive: bool, expected: usize) {
    const CALLS: usize = 50;
    let upstream = Upstream::speaking(protocol, script::result(READY));
    let configuration = configured(protocol, &at(&upstream, json!({ "keepalive": keepalive })), None);
    let envoy = Envoy::start(&configuration);
    for call in 0..CALLS {
        assert_eq!(get(port(&envoy), "/").status, 200, "call {call}");
    }
    let seen = upstream.seen();
    assert_eq!((seen.calls.len(), seen.accepted), (CALLS, expected));
    let headers = seen.calls.iter().flat_map(|call| &call.headers);
    assert!(headers.into_iter().all(|(name, _)| name != "connection"), "connections are the cluster's");
}

/// Many calls at once leave more connections, or streams, than those that follow need.
fn after_a_burst(protocol: Protocol) {
    const AT_ONCE: usize = 30;
    let upstream = Upstream::speaking(protocol, script::answers_after(AT_ONCE, READY));
    for keepalive in [true, false] {
        let attributes = at(&upstream, json!({ "keepalive": keepalive, "keepalive_pool": 2 }));
        let envoy = Envoy::start(&configured(protocol, &attributes, None));
        let port = port(&envoy);
        let clients: Vec<_> = (0..AT_ONCE).map(|_| thread::spawn(move || get(port, "/").status)).collect();
        let statuses: Vec<_> = clients.into_iter().map(|client| client.join().expect("a reply")).collect();
        assert_eq!(statuses, [200; AT_ONCE], "keepalive: {keepalive}");
        for call in 0..60 {
            assert_eq!(get(port, "/").status, 200, "keepalive: {keepalive}, call {call}");
        }
    }
}

/// HTTP/2 to `https` is agreed upon in the handshake (ALPN).
fn secure_http2() {
    let identity = Identity::new("localhost", false);
    let upstream = Secure::start_with(&identity, &TLS13, Some(b"h2"));
    let ca = Pem::new(&identity);
    let attributes = json!({ "api_host": format!("https://localhost:{}", upstream.port), "timeout": 1000 });
    let envoy = Envoy::start(&configured(Protocol::Http2, &attributes, Some(&ca)));
    // The upstream answers nothing; that both agreed is what counts.
    let _ = get(port(&envoy), "/");
    upstream.wait(|hellos| !hellos.is_empty() && hellos.iter().all(|hello| hello.protocol.as_deref() == Some(b"h2")));
}

fn idle() {
    let upstream = Upstream::start(script::result(READY));
    let configuration = configuration(&at(&upstream, json!({ "keepalive_timeout": 1000 })), None);
    let envoy = Envoy::start(&configuration);
    // Envoy counts from the end of the answer. That is later, however late the client has its reply.
    let asked = Instant::now();
    assert_eq!(get(port(&envoy), "/").status, 200);
    let seen = upstream.wait("the end of the connection", |seen| seen.open == 0);
    let after = asked.elapsed();
    assert_eq!(seen.accepted, 1);
    assert!(is_due(after, 1000), "closed after {after:?}");
}

/// A key, and a certificate that it signed itself.
struct Identity {
    key: KeyPair,
    certificate: CertificateDer<'static>,
    pem: String,
}

impl Identity {
    fn new(subject: &str, is_expired: bool) -> Self {
        let mut params = CertificateParams::new([subject.to_owned()]).expect("a name");
        if is_expired {
            params.not_after = rcgen::date_time_ymd(2020, 1, 1);
        }
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        Self { key, certificate: certificate.der().clone(), pem: certificate.pem() }
    }
}

/// A file with a certificate to trust. Dropping it removes it.
struct Pem(PathBuf);

impl Pem {
    fn new(identity: &Identity) -> Self {
        let path = artifact::temporary("ca");
        fs::write(&path, &identity.pem).expect("written");
        Self(path)
    }
}

impl Drop for Pem {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// What a connection asked for, and what both agreed on.
#[derive(Debug)]
struct Hello {
    name: Option<String>,
    protocol: Option<Vec<u8>>,
}

/// An upstream that speaks TLS, and answers every call with a result.
struct Secure {
    port: u16,
    hellos: Arc<(Mutex<Vec<Hello>>, Condvar)>,
}

impl Secure {
    fn start(identity: &Identity, version: &'static SupportedProtocolVersion) -> Self {
        Self::start_with(identity, version, None)
    }

    /// Starts one that speaks only this protocol.
    fn start_with(identity: &Identity, version: &'static SupportedProtocolVersion, protocol: Option<&[u8]>) -> Self {
        let key = PrivateKeyDer::try_from(identity.key.serialize_der()).expect("a key");
        let config = ServerConfig::builder_with_protocol_versions(&[version]).with_no_client_auth();
        let mut config = config.with_single_cert(vec![identity.certificate.clone()], key).expect("its certificate");
        config.alpn_protocols = protocol.into_iter().map(<[u8]>::to_vec).collect();
        let config = Arc::new(config);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let hellos: Arc<(Mutex<Vec<Hello>>, Condvar)> = Arc::default();
        let seen = Arc::clone(&hellos);
        // It ends with the process: nothing is left behind that could outlive it.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, config) = (Arc::clone(&seen), Arc::clone(&config));
                // An error is the end of the connection: Envoy refuses some.
                thread::spawn(move || serve(stream, config, &seen));
            }
        });
        Self { port, hellos }
    }

    fn wait(&self, is_so: impl Fn(&[Hello]) -> bool) {
        let (hellos, changed) = &*self.hellos;
        let hellos = hellos.lock().expect("not poisoned");
        let (hellos, timeout) =
            changed.wait_timeout_while(hellos, PATIENCE, |hellos| !is_so(hellos)).expect("not poisoned");
        assert!(!timeout.timed_out(), "the connections were {hellos:?}");
    }
}

fn serve(
    mut stream: TcpStream,
    config: Arc<ServerConfig>,
    (hellos, changed): &(Mutex<Vec<Hello>>, Condvar),
) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut connection = ServerConnection::new(config).map_err(io::Error::other)?;
    let shaken = connection.complete_io(&mut stream);
    let name = connection.server_name().map(str::to_owned);
    let protocol = connection.alpn_protocol().map(<[u8]>::to_vec);
    hellos.lock().expect("not poisoned").push(Hello { name, protocol });
    changed.notify_all();
    shaken?;
    let mut reader = BufReader::new(StreamOwned::new(connection, stream));
    let id = ("x-openwhisk-activation-id", "44794bd6aab74415b4e42a308d880e5b");
    let answer = script::answer(200, &[("content-type", "application/json"), id], READY.as_bytes());
    while http1::read_call(&mut reader)?.is_some() {
        reader.get_mut().write_all(&answer)?;
    }
    Ok(())
}
