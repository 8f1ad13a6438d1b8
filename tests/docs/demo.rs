//! The demo of `make run`: what the README promises to somebody who types it.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Instant;

use testbed::{PATIENCE, client, port};

use crate::page::Page;
use crate::root;

/// A port that nobody listens on, and that the system gives to nobody else until these tests are over. Who is told may
/// listen there.
fn free_port() -> u16 {
    let (port, held) = port::free().expect("a port");
    // Given back when the tests are over.
    std::mem::forget(held);
    port
}

/// Waits until nobody listens on these ports any more.
fn wait_for_end(ports: [u16; 2]) {
    let deadline = Instant::now() + PATIENCE;
    for port in ports {
        while client::try_connect(port).is_ok() {
            assert!(Instant::now() < deadline, "something still listens on port {port}");
            std::thread::yield_now();
        }
    }
}

/// A child that ends with the test, however the test ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Fails only if it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn demo(environment: &[(&str, String)]) -> Command {
    let mut command = Command::new("python3");
    command.arg("envoy/run.py").current_dir(root());
    for name in ["OPENWHISK", "CONFIG", "CA", "KEY_FILE"] {
        command.env_remove(name);
    }
    for name in ["PORT", "ADMIN_PORT", "OPENWHISK_PORT"] {
        command.env(name, free_port().to_string());
    }
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Sends a request, and gives all of the answer.
fn exchange(port: u16, request: &str) -> String {
    let mut stream = client::connect(port);
    stream.write_all(request.as_bytes()).expect("the request is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the answer is text");
    answer
}

/// Ends the demo with a signal: INT is Ctrl-C, HUP a closed terminal.
fn end(demo: Child, signal: &str) -> Output {
    let killed = Command::new("kill").args(["-s", signal, &demo.id().to_string()]).status().expect("kill runs");
    assert!(killed.success(), "the demo is still there");
    demo.wait_with_output().expect("the demo ends")
}

#[test]
fn the_demo_answers_with_the_result_of_a_real_action_and_leaves_nothing_behind() {
    let readme = include_str!("../../README.md");
    let (port, openwhisk) = (free_port(), free_port());
    let mut demo =
        demo(&[("PORT", port.to_string()), ("OPENWHISK_PORT", openwhisk.to_string())]).spawn().expect("python3 runs");
    // Kept open to the end: Envoy writes its access log there, too.
    let mut lines = BufReader::new(demo.stdout.take().expect("piped")).lines().map_while(Result::ok);
    let said: Vec<_> = lines.by_ref().take_while(|line| !line.starts_with("Ctrl-C")).collect();
    let said = said.join("\n");

    let greeting = exchange(port, "GET /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let named = exchange(
        port,
        "POST /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 16\r\n\r\n{\"name\":\"world\"}",
    );
    let rest = exchange(port, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let ended = end(demo, "HUP");

    let with_defaults = said.replace(&port.to_string(), "10000").replace(&openwhisk.to_string(), "3233");
    assert!(readme.contains(&format!("$ make run\n{}\n\nCtrl-C stops everything.\n", with_defaults.trim())), "{said}");
    // Curl keeps the connection, so `connection` is not shown.
    let shown = |text: &str| {
        let head = text.split("HTTP/1.1 200 OK").nth(1).and_then(|rest| rest.split('{').next()).expect("a head");
        let headers = head.lines().filter_map(|line| Some(line.split_once(": ")?.0.to_owned()));
        headers.filter(|header| header != "connection").collect::<Vec<_>>()
    };
    assert_eq!(shown(readme), shown(&greeting));
    for (answer, body) in [(&greeting, r#"{"ready":true}"#), (&named, r#"{"hello":"world","ready":true}"#)] {
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.contains("\r\nx-openwhisk-activation-id: "), "{answer}");
        assert!(answer.ends_with(&format!("\r\n\r\n{body}")), "{answer}");
        assert!(readme.contains(&format!("\n{body}\n")), "the README shows {body}");
    }
    assert!(rest.ends_with("this route is not taken over by the filter\n"), "{rest}");
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    wait_for_end([port, openwhisk]);
}

#[test]
fn the_demo_uses_an_openwhisk_that_is_already_there() {
    let server = root().join("target/release/openwhisk-local");
    let openwhisk = Command::new(&server)
        .args(["--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}: run `make build` first", server.display()));
    let mut openwhisk = Running(openwhisk);
    let mut listens = String::new();
    BufReader::new(openwhisk.0.stdout.take().expect("piped")).read_line(&mut listens).expect("a line");
    let address = listens.split_whitespace().last().expect("an address").to_owned();

    let port = free_port();
    let mut demo = demo(&[("PORT", port.to_string()), ("OPENWHISK", address.clone())]).spawn().expect("python3 runs");
    let mut lines = BufReader::new(demo.stdout.take().expect("piped")).lines().map_while(Result::ok);
    let said: Vec<_> = lines.by_ref().take_while(|line| !line.starts_with("Ctrl-C")).collect();
    let greeting = exchange(port, "GET /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let ended = end(demo, "INT");

    assert!(said.concat().contains(&address), "{said:?}");
    assert!(greeting.ends_with(r#"{"ready":true}"#), "{greeting}");
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
}

/// A file with a configuration. Dropping it removes it.
struct Config(PathBuf);

impl Config {
    fn new(name: &str, text: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}.json", std::process::id()));
        std::fs::write(&path, text).expect("written");
        Self(path)
    }

    fn path(&self) -> String {
        self.0.to_str().expect("UTF-8").to_owned()
    }
}

impl Drop for Config {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// What `make run CONFIG=…` says, and the answers to these paths, before Ctrl-C ends it.
fn serve(port: u16, environment: &[(&str, String)], paths: &[&str]) -> (String, Vec<String>) {
    serve_while(port, environment, paths, || {})
}

/// The same, with something to do while it still runs.
fn serve_while(
    port: u16,
    environment: &[(&str, String)],
    paths: &[&str],
    look: impl FnOnce(),
) -> (String, Vec<String>) {
    let mut demo = demo(environment).env("PORT", port.to_string()).spawn().expect("python3 runs");
    let mut lines = BufReader::new(demo.stdout.take().expect("piped")).lines().map_while(Result::ok);
    let said: Vec<_> = lines.by_ref().take_while(|line| !line.starts_with("Ctrl-C")).collect();
    let get =
        |path: &&str| exchange(port, &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"));
    let answers = paths.iter().map(get).collect();
    look();
    let ended = end(demo, "INT");
    assert!(ended.status.success(), "{said:?}: {}", String::from_utf8_lossy(&ended.stderr));
    (said.join("\n"), answers)
}

#[test]
fn a_configuration_of_apisix_runs_with_a_local_openwhisk() {
    let (port, openwhisk) = (free_port(), free_port());
    let config = Config::new(
        "route",
        &format!(
            r#"{{"uri": "/x", "plugins": {{"openwhisk": {{"api_host": "http://localhost:{openwhisk}",
                "service_token": "$ENV://A_KEY_THAT_NOBODY_SET", "namespace": "shop", "package": "p", "action": "a b"}}}}}}"#
        ),
    );
    let environment = [
        ("CONFIG", config.path()),
        ("OPENWHISK_PORT", openwhisk.to_string()),
        ("CONFIG_ENV", "A_KEY_THAT_NOBODY_SET ANOTHER".to_owned()),
    ];
    let (said, answers) = serve(port, &environment, &["/x", "/y"]);
    assert!(answers[0].starts_with("HTTP/1.1 200 OK\r\n") && answers[0].ends_with(r#"{"ready":true}"#), "{answers:?}");
    assert!(answers[1].ends_with("this route is not taken over by the filter\n"), "{answers:?}");
    for part in [
        format!(
            "Envoy listens on port {port} and serves {} with OpenWhisk at http://localhost:{openwhisk}.",
            config.path()
        ),
        format!("Nobody listened on port {openwhisk}: a local OpenWhisk was started there"),
        "A_KEY_THAT_NOBODY_SET is not set: it is the key of the local OpenWhisk.".to_owned(),
        format!("    curl -i http://localhost:{port}/x"),
    ] {
        assert!(said.contains(&part), "{part}: {said}");
    }
    wait_for_end([port, openwhisk]);
}

#[test]
fn a_trigger_gets_a_rule_on_the_local_openwhisk() {
    let (port, openwhisk) = (free_port(), free_port());
    let config = Config::new(
        "trigger",
        &format!(
            r#"{{"api_host": "http://localhost:{openwhisk}", "service_token": "$ENV://OPENWHISK_KEY_THAT_NOBODY_SET",
                "namespace": "_", "parameters": "http", "routes": {{"events": {{"trigger": "a b"}},
                "orders": {{"action": "a", "path_template": "/orders/{{id}}"}}}}}}"#
        ),
    );
    let environment = [("CONFIG", config.path()), ("OPENWHISK_PORT", openwhisk.to_string())];
    let (said, answers) = serve(port, &environment, &["/events", "/orders/7", "/orders"]);
    // Without an active rule it would be 204.
    assert!(answers[0].starts_with("HTTP/1.1 202 Accepted\r\n"), "{answers:?}: {said}");
    assert!(answers[1].starts_with("HTTP/1.1 200 OK\r\n") && answers[1].ends_with(r#"{"ready":true}"#), "{answers:?}");
    assert!(answers[2].ends_with(r#""error":"there is nothing at this path"}"#), "{answers:?}");
}

#[test]
fn a_key_of_ones_own_becomes_that_of_the_local_openwhisk_and_is_no_argument() {
    let (port, openwhisk) = (free_port(), free_port());
    let key = format!("own:{}", "k".repeat(64));
    let config = Config::new(
        "own-key",
        &format!(
            r#"{{"uri": "/own/*", "plugins": {{"openwhisk": {{"api_host": "http://127.0.0.1:{openwhisk}",
                "service_token": "{key}", "namespace": "_", "action": "a"}}}}}}"#
        ),
    );
    let environment = [("CONFIG", config.path()), ("OPENWHISK_PORT", openwhisk.to_string())];
    let mut arguments = Vec::new();
    let (said, answers) = serve_while(port, &environment, &["/own/x"], || {
        arguments = Command::new("ps").args(["-e", "-o", "args"]).output().expect("ps runs").stdout;
    });
    assert!(answers[0].ends_with(r#"{"ready":true}"#), "{answers:?}: {said}");
    assert!(said.lines().any(|line| line.ends_with("/own/")), "{said}");
    assert!(!said.contains(&key), "{said}");
    let arguments = String::from_utf8_lossy(&arguments);
    assert!(arguments.contains("openwhisk-local"), "ps does not show what runs: {arguments}");
    assert!(!arguments.contains(&key), "everybody can read the key");
}

/// Writes a key to a file, as `openwhisk-envoy secret` does it.
fn write_key(file: &Path, key: &str) {
    let mut writer = Command::new(root().join("target/release/openwhisk-envoy"))
        .arg("secret")
        .arg(file)
        .stdin(Stdio::piped())
        .spawn()
        .expect("openwhisk-envoy runs");
    writer.stdin.take().expect("piped").write_all(key.as_bytes()).expect("the key is sent");
    assert!(writer.wait().expect("it ends").success());
}

#[test]
fn the_commands_for_a_key_in_a_file_work() {
    let page = Page::read("docs/envoy.md");
    let blocks: Vec<_> =
        page.blocks_in("sh").into_iter().filter(|block| block.contains("openwhisk-envoy secret")).collect();
    let [commands] = blocks.as_slice() else { panic!("{blocks:?}") };
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("typed-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let written = |name: &str, text: &str| std::fs::write(folder.join(name), text).expect("written");
    written("key.txt", "alice:wonderland\n");
    written("my-plugin.json", r#"{"api_host": "http://ow", "namespace": "n", "action": "a"}"#);
    let path = std::env::var("PATH").expect("a path");
    let output = Command::new("sh")
        .args(["-e", "-c", &commands.replace("/etc/envoy/", "")])
        .current_dir(&folder)
        .env("PATH", format!("{}:{path}", root().canonicalize().expect("a path").join("target/release").display()))
        .output()
        .expect("sh runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.lines().all(|line| line.starts_with("warning: `")), "{said}");
    let rendered = std::fs::read_to_string(folder.join("my-envoy.yaml")).expect("printed");
    assert!(rendered.contains("path: openwhisk-key.sds.yaml") && !rendered.contains("wonder"), "{rendered}");
    std::fs::remove_dir_all(&folder).expect("removed");
}

#[test]
fn a_key_in_a_file_becomes_that_of_the_local_openwhisk_and_rotates() {
    let (port, openwhisk) = (free_port(), free_port());
    let key = format!("own:{}", "k".repeat(64));
    let config = Config::new(
        "key-file",
        &format!(
            r#"{{"api_host": "http://127.0.0.1:{openwhisk}", "namespace": "_", "action": "a", "routes": {{"filed": {{}},
                "sent": {{"upstream": "other", "authorization": "$ENV://OPENWHISK_KEY_THAT_NOBODY_SET",
                "call_headers": {{"x-key": "$ENV://OPENWHISK_HEADER"}}}}}}}}"#
        ),
    );
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("key file-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join("key");
    write_key(&file, &key);
    let environment = [
        ("CONFIG", config.path()),
        ("OPENWHISK_PORT", openwhisk.to_string()),
        ("KEY_FILE", format!("127.0.0.1:{openwhisk}='{}'", file.display())),
        ("OPENWHISK_HEADER", "x".to_owned()),
    ];
    let get = || exchange(port, "GET /filed HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let becomes = |status: &str| {
        let deadline = Instant::now() + PATIENCE;
        while !get().starts_with(&format!("HTTP/1.1 {status} ")) {
            assert!(Instant::now() < deadline, "{status}: {}", get());
            std::thread::yield_now();
        }
    };
    let (said, answers) = serve_while(port, &environment, &["/filed", "/sent"], || {
        write_key(&file, "another:key");
        becomes("401");
        write_key(&file, &key);
        becomes("200");
    });
    std::fs::remove_dir_all(&folder).expect("removed");
    assert!(answers.iter().all(|answer| answer.ends_with(r#"{"ready":true}"#)), "{answers:?}: {said}");
    assert!(said.contains("OPENWHISK_KEY_THAT_NOBODY_SET is not set: it is the key of the local OpenWhisk."), "{said}");
    assert!(!said.contains("kkkk"), "{said}");
}

#[test]
fn a_whole_apisix_runs_with_the_keys_in_its_file() {
    let (port, openwhisk) = (free_port(), free_port());
    let key = format!("own:{}", "k".repeat(64));
    let plugin = |key: &str, action: &str| {
        format!(
            r#"{{openwhisk: {{api_host: "http://127.0.0.1:{openwhisk}", service_token: "{key}", namespace: _, action: {action}}}}}"#
        )
    };
    let other = format!("other:{}", "o".repeat(64));
    let config = Config::new(
        "apisix",
        &format!(
            "routes:\n- id: pay\n  uri: /pay\n  methods: [GET, POST]\n  plugins: {}\n- id: ship\n  uri: /far\n  host: far.example\n  plugins: {}\n#END\n",
            plugin(&key, "pay"),
            plugin(&other, "far")
        ),
    );
    let environment = [
        ("CONFIG", config.path()),
        ("OPENWHISK_PORT", openwhisk.to_string()),
        // That of the file is the right one.
        ("OPENWHISK_TOKEN_PAY", "not:this".to_owned()),
    ];
    let (said, answers) = serve(port, &environment, &["/pay", "/far"]);
    assert!(answers[0].ends_with(r#"{"ready":true}"#), "{answers:?}: {said}");
    assert!(answers[1].ends_with("this route is not taken over by the filter\n"), "{answers:?}");
    assert!(!said.contains(&key) && !said.contains(&other), "{said}");
    for part in [
        format!("    curl -i -X GET http://localhost:{port}/pay"),
        format!("    curl -i -H 'Host: far.example' http://localhost:{port}/far"),
        "The local OpenWhisk has one key: it refuses that of _/far.".to_owned(),
    ] {
        assert!(said.contains(&part), "{part}: {said}");
    }
}

#[test]
fn a_configuration_runs_with_the_openwhisk_it_names() {
    let openwhisk = TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = openwhisk.local_addr().expect("an address").port();
    // It knows no action, and says so to everybody.
    std::thread::spawn(move || {
        for stream in openwhisk.incoming() {
            let mut stream = stream.expect("a connection");
            let body = r#"{"code":"x","error":"no such action"}"#;
            let head = "HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nConnection: close\r\n";
            let _ = stream.read(&mut [0; 4096]);
            let _ = write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len());
            // Closed with something unread in it the connection would be reset, and the answer lost.
            let _ = stream.shutdown(Shutdown::Write);
            let _ = io::copy(&mut stream, &mut io::sink());
        }
    });
    let config = Config::new(
        "routes",
        &format!(
            r#"{{"api_host": "http://127.0.0.1:{at}", "service_token": "alice:wonderland", "namespace": "_",
                "routes": {{"one": {{"action": "a"}}, "two": {{"action": "b"}}}}}}"#
        ),
    );
    for local in [at, free_port()] {
        let port = free_port();
        let environment = [("CONFIG", config.path()), ("OPENWHISK_PORT", local.to_string())];
        let (said, answers) = serve(port, &environment, &["/one", "/two", "/three"]);
        for answer in &answers[..2] {
            assert!(answer.starts_with("HTTP/1.1 404") && answer.ends_with(r#""error":"no such action"}"#), "{answer}");
        }
        assert!(answers[2].ends_with("this route is not taken over by the filter\n"), "{answers:?}");
        assert!(!said.contains("local OpenWhisk") && !said.contains("wonderland"), "{said}");
        for path in ["/one", "/two"] {
            assert!(said.contains(&format!("    curl -i http://localhost:{port}{path}")), "{said}");
        }
    }
}

#[test]
fn what_is_wrong_with_a_configuration_is_told() {
    let good = r#"{"api_host": "http://ow", "service_token": "$ENV://OPENWHISK_KEY_THAT_NOBODY_SET", "namespace": "n", "action": "a"}"#;
    let cases = [
        (
            good.to_owned(),
            "error: OPENWHISK_KEY_THAT_NOBODY_SET is not set, expected the key for http://ow, user:key\n",
        ),
        (good.replace("http://ow", "ow"), "error: `api_host` is \"ow\", expected `http://` or `https://`"),
        (
            good.replace("http://ow", "http://localhost:OPENWHISK_PORT")
                .replace("$ENV://OPENWHISK_KEY_THAT_NOBODY_SET", "alice:w0nderland"),
            "is none that the local OpenWhisk takes, expected uuid:key with a key of 64 characters\n",
        ),
        (
            good.replace(r#""action": "a""#, r#""action": "a", "routes": {}"#),
            "lists no routes in `routes`, so there is nothing to serve",
        ),
        (
            good.replace("OPENWHISK_KEY", "AWS_KEY"),
            "error: `service_token` is the environment variable `AWS_KEY_THAT_NOBODY_SET`, expected one whose name",
        ),
        (
            good.replace("service_token", "authorization"),
            "error: OPENWHISK_KEY_THAT_NOBODY_SET is not set, expected the key for http://ow, the whole header\n",
        ),
        (
            good.replace(r#""service_token": "#, r#""service_token": "a:b", "call_headers": {"x-key": "#)
                .replace("SET\"", "SET\"}"),
            "error: OPENWHISK_KEY_THAT_NOBODY_SET is not set, expected a secret that /",
        ),
        (
            good.replace("http://ow", "http://localhost:OPENWHISK_PORT")
                .replace("service_token", "authorization")
                .replace("$ENV://OPENWHISK_KEY_THAT_NOBODY_SET", "Bearer w0nderland"),
            "is none that the local OpenWhisk takes, expected uuid:key with a key of 64 characters\n",
        ),
        (
            good.replace(r#""service_token": "$ENV://OPENWHISK_KEY_THAT_NOBODY_SET", "#, ""),
            "error: no key is configured, expected `service_token`, ",
        ),
        (r#"{"plugins": {}}"#.to_owned(), "error: `plugins` holds neither `openwhisk` nor `openwhisk-wasm`"),
        (
            format!(r#"{{"uri": "/x", "plugins": {{"openwhisk": {good}, "key-auth": {{}}}}}}"#),
            "error: plugins.key-auth: not translated: the route would be open to everyone",
        ),
    ];
    for (index, (text, expected)) in cases.into_iter().enumerate() {
        let openwhisk = free_port().to_string();
        let config = Config::new(&format!("wrong-{index}"), &text.replace("OPENWHISK_PORT", &openwhisk));
        let output = demo(&[("CONFIG", config.path()), ("OPENWHISK_PORT", openwhisk)]).output().expect("python3 runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!said.contains("w0nderland"), "{said}");
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(expected) && !said.contains("Traceback"), "{said}");
    }
    let config =
        Config::new("no-key", &good.replace(r#""service_token": "$ENV://OPENWHISK_KEY_THAT_NOBODY_SET", "#, ""));
    let output =
        demo(&[("CONFIG", config.path()), ("KEY_FILE", "/nowhere".to_owned())]).output().expect("python3 runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.starts_with("error: /nowhere: No such file or directory (os error 2); `openwhisk-envoy secret"),
        "{said}"
    );
    let output = demo(&[("CONFIG", config.path()), ("KEY_FILE", "'/a b".to_owned())]).output().expect("python3 runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(said, "error: KEY_FILE cannot be read: No closing quotation\n");
    let output = demo(&[("CONFIG", "/nowhere.json".to_owned())]).output().expect("python3 runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.starts_with("error: /nowhere.json cannot be read: "), "{said}");
}

#[test]
fn what_keeps_the_demo_from_running_is_one_sentence() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = listener.local_addr().expect("an address").port();
    let nobody = free_port();
    let cases = [
        (
            "PORT",
            taken.to_string(),
            format!("error: port {taken} is in use: stop what listens there, or choose another one with PORT="),
        ),
        ("OPENWHISK_PORT", taken.to_string(), format!("error: port {taken} is in use")),
        ("PORT", "x".to_owned(), "error: PORT is 'x', expected a port from 1 to 65535".to_owned()),
        ("OPENWHISK", "localhost".to_owned(), "error: OPENWHISK is 'localhost', expected http://host:port".to_owned()),
        (
            "OPENWHISK",
            "http://localhost:abc".to_owned(),
            "error: OPENWHISK is 'http://localhost:abc', expected http://host:port".to_owned(),
        ),
        ("OPENWHISK_TOKEN", "wonderland".to_owned(), "error: OPENWHISK_TOKEN is not user:key".to_owned()),
        (
            "OPENWHISK",
            format!("http://127.0.0.1:{nobody}"),
            format!("error: http://127.0.0.1:{nobody} cannot be reached"),
        ),
        (
            "ENVOY",
            "/nowhere/envoy".to_owned(),
            "error: /nowhere/envoy cannot be started (No such file or directory)".to_owned(),
        ),
    ];
    for (name, value, expected) in cases {
        let output = demo(&[(name, value.clone())]).output().expect("python3 runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{name}={value}: {said}");
        assert!(said.contains(&expected), "{name}={value}: {said}");
        assert!(!said.contains("Traceback"), "{name}={value}: {said}");
    }
}
