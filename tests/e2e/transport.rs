//! What belongs to the connections takes effect as the configuration of the filter says, in configurations of Envoy that
//! `openwhisk-envoy` prints.

use std::fs;
use std::io::{self, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use openwhisk_envoy::{CA, Options, render};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion};
use serde_json::{Value, json};

use crate::artifact;
use crate::client::{PATIENCE, Session, get};
use crate::deadline::is_due;
use crate::envoy::Envoy;
use crate::http1;
use crate::stage::{Plan, config};
use crate::upstream::{self, Upstream};

const READY: &str = "{\"ready\":true}";

/// Adds the tests.
pub fn add(plan: &mut Plan) {
    certificates(plan);
    plan.test_alone("transport::an_idle_connection_is_closed_after_keepalive_timeout", idle);
    // With a smaller pool some connections may come and go; without care thousands would.
    for (pool, wait, most) in [(32, 0, 36), (5, 0, 64), (5, 1, 64), (5, 5, 64)] {
        let name = format!("transport::steady_load_opens_no_new_connections::pool_of_{pool}_and_{wait}_ms");
        plan.test_alone(&name, move || steady_load(pool, Duration::from_millis(wait), most));
    }
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
    let configuration = configuration(json!({ "api_host": api_host, "ssl_verify": ssl_verify }), ca.as_ref());
    let mut envoy = Envoy::start(&configuration).unwrap_or_else(|error| panic!("{error}"));

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
    upstream.wait_for_names(|names| !names.is_empty() && names.iter().all(|seen| *seen == name));
    assert_eq!(envoy.complaints(), Vec::<String>::new());
}

/// Envoy tells a filter the reason only if it tells every client.
fn reason() {
    let upstream = Secure::start(&Identity::new("localhost", false), &TLS13);
    let api_host = format!("https://localhost:{}", upstream.port);
    let other = Pem::new(&Identity::new("localhost", false));
    let mut configuration = configuration(json!({ "api_host": api_host }), Some(&other));
    // Source: Envoy's release notes, 1.38.1. Older versions always tell it.
    let guard = json!({ "envoy.reloadable_features.hide_transport_failure_reason_in_response_body": false });
    configuration["layered_runtime"] = json!({ "layers": [{ "name": "told", "static_layer": guard }] });
    let envoy = Envoy::start(&configuration).unwrap_or_else(|error| panic!("{error}"));
    let reply = get(port(&envoy), "/");
    let (body, log) = (String::from_utf8_lossy(&reply.body), envoy.log());
    assert_eq!(reply.status, 503, "{body}");
    let says = |line: &str| line.contains(" openwhisk: ") && line.contains("CERTIFICATE_VERIFY");
    assert!(log.lines().any(says), "{log}");
    assert!(!body.contains("CERTIFICATE"), "that is nothing for clients: {body}");
}

/// The configuration of an Envoy for a configuration of the filter with these attributes, as users get it.
fn configuration(attributes: Value, ca: Option<&Pem>) -> Value {
    let any = (Ipv4Addr::LOCALHOST, 0).into();
    let wasm = artifact::filter().unwrap_or_else(|error| panic!("{error}")).to_str().expect("UTF-8").to_owned();
    let ca = ca.map(|ca| ca.0.to_str().expect("UTF-8").to_owned());
    let options = Options { ca, listen: any, admin: any, wasm, ..Options::default() };
    let token = json!({ "service_token": "$ENV://OPENWHISK_TOKEN" });
    let config = config("openwhisk", merged(token, attributes));
    let rendered = render(config.as_bytes(), &options).unwrap_or_else(|error| panic!("{error}"));
    let mut configuration: Value = serde_saphyr::from_str(&rendered.yaml).unwrap_or_else(|error| panic!("{error}"));
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
    *envoy.ports().values().next().expect("a listener")
}

/// The attributes for a scripted upstream.
fn at(upstream: &Upstream, attributes: Value) -> Value {
    merged(json!({ "api_host": format!("http://localhost:{}", upstream.port) }), attributes)
}

fn idle() {
    let upstream = Upstream::start(upstream::result(READY));
    let configuration = configuration(at(&upstream, json!({ "keepalive_timeout": 1000 })), None);
    let envoy = Envoy::start(&configuration).unwrap_or_else(|error| panic!("{error}"));
    // Envoy counts from the end of the answer. That is later, however late the client has its reply.
    let asked = Instant::now();
    assert_eq!(get(port(&envoy), "/").status, 200);
    let seen = upstream.wait("the end of the connection", |seen| seen.open == 0);
    let after = asked.elapsed();
    assert_eq!(seen.accepted, 1);
    assert!(is_due(after, 1000), "closed after {after:?}");
}

fn steady_load(pool: u64, wait: Duration, most: usize) {
    const CLIENTS: usize = 32;
    const CALLS: usize = 10_000;
    let result = upstream::result(READY);
    let upstream = Upstream::start(Arc::new(move |call, connection| {
        thread::sleep(wait);
        result(call, connection)
    }));
    let configuration = configuration(at(&upstream, json!({ "keepalive_pool": pool })), None);
    let envoy = Envoy::start(&configuration).unwrap_or_else(|error| panic!("{error}"));
    let port = port(&envoy);
    let client = |_| {
        thread::spawn(move || {
            let mut session = Session::connect(port).expect("Envoy listens");
            for _ in 0..CALLS.div_ceil(CLIENTS) {
                assert_eq!(session.post("/", b"{}").expect("a reply").status, 200);
            }
        })
    };
    let clients: Vec<_> = (0..CLIENTS).map(client).collect();
    for client in clients {
        client.join().expect("all replies");
    }
    let seen = upstream.seen();
    assert!(seen.calls.len() >= CALLS, "{}", seen.calls.len());
    assert!(seen.accepted <= most, "{} connections", seen.accepted);
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
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("ca-{}-{}.pem", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::write(&path, &identity.pem).expect("written");
        Self(path)
    }
}

impl Drop for Pem {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// The server name that each connection asked for.
type Names = Vec<Option<String>>;

/// An upstream that speaks TLS, and answers every call with a result.
struct Secure {
    port: u16,
    names: Arc<(Mutex<Names>, Condvar)>,
}

impl Secure {
    fn start(identity: &Identity, version: &'static SupportedProtocolVersion) -> Self {
        let key = PrivateKeyDer::try_from(identity.key.serialize_der()).expect("a key");
        let config = ServerConfig::builder_with_protocol_versions(&[version]).with_no_client_auth();
        let config = config.with_single_cert(vec![identity.certificate.clone()], key).expect("its certificate");
        let config = Arc::new(config);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let names: Arc<(Mutex<Names>, Condvar)> = Arc::default();
        let seen = Arc::clone(&names);
        // It ends with the process: nothing is left behind that could outlive it.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, config) = (Arc::clone(&seen), Arc::clone(&config));
                // An error is the end of the connection: Envoy refuses some.
                thread::spawn(move || serve(stream, config, &seen));
            }
        });
        Self { port, names }
    }

    fn wait_for_names(&self, is_so: impl Fn(&Names) -> bool) {
        let (names, changed) = &*self.names;
        let names = names.lock().expect("not poisoned");
        let (names, timeout) =
            changed.wait_timeout_while(names, PATIENCE, |names| !is_so(names)).expect("not poisoned");
        assert!(!timeout.timed_out(), "the server names were {names:?}");
    }
}

fn serve(
    mut stream: TcpStream,
    config: Arc<ServerConfig>,
    (names, changed): &(Mutex<Names>, Condvar),
) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut connection = ServerConnection::new(config).map_err(io::Error::other)?;
    let shaken = connection.complete_io(&mut stream);
    names.lock().expect("not poisoned").push(connection.server_name().map(str::to_owned));
    changed.notify_all();
    shaken?;
    let mut reader = BufReader::new(StreamOwned::new(connection, stream));
    let id = ("x-openwhisk-activation-id", "44794bd6aab74415b4e42a308d880e5b");
    let answer = upstream::answer(200, &[("content-type", "application/json"), id], READY.as_bytes());
    while http1::read_call(&mut reader)?.is_some() {
        reader.get_mut().write_all(&answer)?;
    }
    Ok(())
}
