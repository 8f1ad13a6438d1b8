//! Tokens of `OAuth2` that Envoy gets for the calls, and renews, configured as docs/envoy.md shows it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use corpus::Call;
use openwhisk_envoy::Protocol;
use serde_json::{Value, json};
use testbed::PATIENCE;
use testbed::bootstrap::{array, at, named};
use testbed::client::get;
use testbed::envoy::{Envoy, Options};
use testbed::http1;
use testbed::script::{Script, answer, result, sends};
use testbed::upstream::Upstream;

use crate::bootstrap::rendered_with_keys;
use crate::credential::{NO_KEY_LOGGED, POLL, wait_for};
use crate::key_file::{KeyFile, put};
use crate::stage::Plan;

/// The secret of the client, with characters that have a meaning in a form.
const SECRET: &str = "the-secret&of=the-client";

/// How long a token lives. Envoy asks for the next one after half of that.
const LIFE: Duration = Duration::from_secs(2);

/// How the values of `authorization` begin that the token server gives.
const TOKEN: &str = "Bearer token-that-nobody-may-see-";

/// Adds the tests.
pub fn add(plan: &mut Plan) {
    plan.test_alone("oauth2::calls_have_a_token_that_is_renewed", renewed);
    plan.test_alone("oauth2::a_wrong_secret_is_replaced_without_a_restart", wrong_secret);
    plan.test_alone("oauth2::a_token_server_may_come_later_than_envoy", late_token_server);
}

/// When each token was given.
type Issued = Arc<Mutex<Vec<Instant>>>;

/// An Envoy in front of an API that wants a token.
struct Setup {
    envoy: Envoy,
    port: u16,
    secret: KeyFile,
    tokens: Upstream,
    issued: Issued,
    api: Upstream,
}

impl Setup {
    fn new(secret: &str) -> Self {
        let issued = Issued::default();
        let tokens = Upstream::closed(Protocol::Http1, issues(Arc::clone(&issued)));
        let api = Upstream::start(wants_a_token(Arc::clone(&issued)));
        let file = KeyFile::missing();
        file.replace(secret);
        put(&file.sds(), documented("resources", &file).to_string());
        let attributes = json!({ "api_host": format!("http://127.0.0.1:{}", api.port) });
        let mut configuration = rendered_with_keys(Protocol::Http1, &attributes, &[file.path()]);
        let clusters = at(&mut configuration, "/static_resources/clusters");
        let mut other = clusters[0].clone();
        let options = "/typed_extension_protocol_options/envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
        at(&mut other, options).as_object_mut().expect("an object").remove("http_filters");
        array(clusters).push(named(other, "tokens", tokens.port));
        let credential = format!("{options}/http_filters/0/typed_config/credential");
        *at(&mut clusters[0], &credential) = documented("credential", &file)["credential"].take();
        // Where it might show most.
        let options = Options { log_level: "trace", ..Options::default() };
        let envoy = Envoy::start_with(&configuration, &options).unwrap_or_else(|error| panic!("{error}"));
        Self { port: envoy.only_port(), envoy, secret: file, tokens, issued, api }
    }

    /// What no run may leave behind.
    fn end(mut self) {
        let log = self.envoy.log();
        let is_leak = |line: &&str| line.contains(TOKEN) || line.contains("the-secret");
        assert_eq!(log.lines().find(is_leak), None);
        assert_eq!(self.envoy.complaints(), Vec::<String>::new());
    }
}

/// What the page shows under this name, for a file in another place.
fn documented(name: &str, file: &KeyFile) -> Value {
    let block = include_str!("../../docs/envoy.md").split("```yml\n").find(|block| block.starts_with(name));
    let block = block.and_then(|block| block.split("```").next()).unwrap_or_else(|| panic!("no block of {name}"));
    let (folder, _) = file.path().rsplit_once('/').expect("a folder");
    let block = block.replace("/etc/envoy/client-secret", file.path()).replace("/etc/envoy", folder);
    serde_saphyr::from_str(&block).unwrap_or_else(|error| panic!("{error}"))
}

/// A token server: it gives the client tokens, one after the other.
fn issues(issued: Issued) -> Script {
    Arc::new(move |call, connection| {
        if !is_of_the_client(call) {
            return sends(answer(401, &[("content-type", "application/json")], b"{}"))(call, connection);
        }
        let token = {
            let mut issued = issued.lock().expect("not poisoned");
            issued.push(Instant::now());
            format!("{TOKEN}{}", issued.len())
        };
        let (kind, token) = token.split_once(' ').expect("a scheme");
        let body = json!({ "access_token": token, "token_type": kind, "expires_in": LIFE.as_secs() }).to_string();
        sends(answer(200, &[("content-type", "application/json")], body.as_bytes()))(call, connection)
    })
}

/// Whether a call asks for a token for the client of the page.
///
/// Source: RFC 6749, 4.4.2 and 2.3.1.
fn is_of_the_client(call: &Call) -> bool {
    let form = String::from_utf8_lossy(&call.body);
    let fields: BTreeSet<_> = form.split('&').collect();
    let secret = SECRET.replace('&', "%26").replace('=', "%3D");
    let expected = [
        "grant_type=client_credentials".to_owned(),
        "client_id=gateway".to_owned(),
        format!("client_secret={secret}"),
        "scope=actions".to_owned(),
    ];
    (call.method.as_str(), call.path.as_str()) == ("POST", "/oauth2/token")
        && http1::values(&call.headers, "content-type") == [b"application/x-www-form-urlencoded"]
        && fields == expected.iter().map(String::as_str).collect()
}

/// An API that tells which token a call has, and refuses one that was not given.
fn wants_a_token(issued: Issued) -> Script {
    Arc::new(move |call, connection| {
        let given = http1::values(&call.headers, "authorization");
        let number = match given[..] {
            [given] => std::str::from_utf8(given).ok().and_then(|given| given.strip_prefix(TOKEN)?.parse().ok()),
            _ => None,
        };
        match number {
            Some(number) if (1..=issued.lock().expect("not poisoned").len()).contains(&number) => {
                result(json!({ "token": number }).to_string())(call, connection)
            }
            _ => sends(answer(401, &[("content-type", "application/json")], b"{}"))(call, connection),
        }
    })
}

fn renewed() {
    let setup = Setup::new(SECRET);
    setup.tokens.open();
    wait_for(setup.port, 503, 200);
    let (started, mut seen) = (Instant::now(), BTreeSet::new());
    while seen.len() < 3 {
        let reply = get(setup.port, "/");
        let body: Value = serde_json::from_slice(&reply.body).expect("JSON");
        let age = setup.issued.lock().expect("not poisoned").last().map(Instant::elapsed);
        // A busy machine may not get the next one in time.
        if reply.status != 503 || age < Some(LIFE) {
            assert_eq!(reply.status, 200, "{body}");
            seen.insert(body["token"].as_u64());
        }
        assert!(started.elapsed() < PATIENCE, "always the same: {seen:?}");
        thread::sleep(POLL);
    }
    println!("3 tokens in {:?}", started.elapsed());
    setup.end();
}

fn wrong_secret() {
    let setup = Setup::new("wrong");
    setup.tokens.open();
    setup.tokens.wait("a request for a token", |seen| !seen.calls.is_empty());
    assert_eq!(get(setup.port, "/").status, 503);
    setup.envoy.check_logged(NO_KEY_LOGGED);
    assert_eq!(setup.api.seen().calls, []);
    setup.secret.replace(SECRET);
    wait_for(setup.port, 503, 200);
    setup.end();
}

fn late_token_server() {
    let setup = Setup::new(SECRET);
    assert_eq!(get(setup.port, "/").status, 503);
    setup.envoy.check_logged(NO_KEY_LOGGED);
    setup.tokens.open();
    wait_for(setup.port, 503, 200);
    setup.end();
}
