//! Commands, options and versions in the pages exist.

use std::collections::BTreeSet;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::page::{self, Page};
use crate::root;

/// What blocks are written in. Those of `text` and `console` are compared where they come from.
const LANGUAGES: &[&str] = &["console", "js", "json", "jsonc", "sh", "text", "yaml", "yml"];

/// The commands of a page, in blocks and in the text.
fn commands(page: &Page) -> Vec<String> {
    let shown = page.blocks_in("console").concat();
    let typed = shown.lines().filter_map(|line| line.strip_prefix("$ ")).map(str::to_owned);
    // A command may go on in the next line.
    let scripts = page.blocks_in("sh").concat().replace("\\\n", " ");
    page.spans().chain(typed).chain(scripts.lines().map(str::to_owned)).collect()
}

#[test]
fn every_block_is_in_a_known_language() {
    for page in page::all() {
        for (language, block) in page.blocks() {
            assert!(LANGUAGES.contains(&language.as_str()), "{}: {language:?}: {block}", page.path);
        }
    }
}

#[test]
fn the_targets_of_make_exist() {
    let makefile = include_str!("../../Makefile");
    let mut found = BTreeSet::new();
    for page in page::all() {
        for command in commands(&page) {
            if let Some((_, target)) = command.split_once("make ").filter(|(before, _)| !before.contains(['-', '/'])) {
                let target = target.split_whitespace().next().expect("a target").to_owned();
                assert!(makefile.contains(&format!("\n{target}:")), "{}: make {target}", page.path);
                found.insert(target);
            }
        }
    }
    assert!(found.len() > 6, "only {found:?}");
}

/// The options that a program tells of.
fn options(program: &Path) -> BTreeSet<String> {
    let output = Command::new(program).arg("--help").output();
    let output = output.unwrap_or_else(|error| panic!("{}: {error}: run `make build envoy`", program.display()));
    let help = String::from_utf8(output.stdout).expect("UTF-8");
    let words = help.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').filter(|word| word.starts_with("--"));
    words.map(str::to_owned).collect()
}

/// The options in a command.
fn options_in(command: &str) -> impl Iterator<Item = &str> {
    let words = command.split_whitespace().filter(|word| word.len() > 2 && word.starts_with("--"));
    words.map(|word| word.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').next().expect("a word"))
}

#[test]
fn the_options_of_openwhisk_envoy_and_of_envoy_exist() {
    let envoy = env::var_os("ENVOY").map_or_else(|| root().join("target/envoy/bin/envoy"), PathBuf::from);
    let of_renderer = options(&root().join("target/release/openwhisk-envoy"));
    let of_either = &of_renderer | &options(&envoy);
    let mut found = BTreeSet::new();
    for page in page::for_users() {
        for command in commands(&page) {
            // Behind its name, or behind what is for cargo; an option by itself is of one of the two.
            let (behind, known) = match command.split_once("openwhisk-envoy") {
                Some((_, behind)) => (behind, &of_renderer),
                None if command.starts_with("--") => (command.as_str(), &of_either),
                None => continue,
            };
            for option in options_in(behind) {
                assert!(known.contains(option), "{}: {command}: {option}", page.path);
                found.insert(option.to_owned());
            }
        }
    }
    assert!(found.len() > 6, "only {found:?}");
}

#[test]
fn the_version_of_envoy_is_the_tested_one() {
    let make = include_str!("../../Makefile");
    let version = make.lines().find_map(|line| line.strip_prefix("envoy_version := ")).expect("a version");
    for (page, expected) in [
        ("README.md", format!("The tests run Envoy {version}")),
        ("docs/kubernetes.md", format!("envoyproxy/envoy:v{version}")),
        ("docs/envoy.md", format!("/docs/envoy/v{version}/")),
    ] {
        assert!(Page::read(page).text.contains(&expected), "{page}: {expected}");
    }
}

#[test]
fn the_versions_of_rust_are_those_that_are_asked_for_and_run() {
    let after = |text: &str, name: &str| {
        let rest = text.lines().find_map(|line| line.split_once(name)).expect(name).1;
        rest.trim_matches(['"', ' ']).to_owned()
    };
    let oldest = after(include_str!("../../Cargo.toml"), "rust-version = ");
    let in_ci = after(include_str!("../../.github/workflows/ci.yaml"), "rustup default ");
    assert_eq!(in_ci, after(include_str!("../abi/cost.txt"), "rustc "));
    for (page, expected) in [
        ("README.md", format!("Rust {oldest} or newer")),
        ("CONTRIBUTING.md", format!("CI uses Rust {in_ci}, the compiler of `tests/abi/cost.txt`")),
    ] {
        assert!(Page::read(page).sentences().contains(&expected), "{page}: {expected}");
    }
}

#[test]
fn the_ports_of_make_run_are_those_of_the_page() {
    let ports = "`PORT`, `ADMIN_PORT`, `OPENWHISK_PORT` | other ports than 10000, 9901 and 3233 |";
    assert!(Page::read("docs/configuration.md").text.contains(ports), "{ports}");
    let run = include_str!("../../envoy/run.py");
    for default in [r#"port("PORT", "10000")"#, r#"port("ADMIN_PORT", "9901")"#, r#"port("OPENWHISK_PORT", "3233")"#] {
        assert!(run.contains(default), "{default}");
    }
}
