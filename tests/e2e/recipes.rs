//! The sections of docs/recipes.md and docs/functions.md that show commands: their actions, rules and configurations are
//! taken as they stand, the commands are run, and print what the page shows.

use std::process::{Command, Stdio};

use serde_json::{Value, json};
use testbed::artifact;
use testbed::bootstrap::{array, at, merge};
use testbed::envoy::{Envoy, Options};
use testbed::openwhisk::{Action, OpenWhisk};

use crate::bootstrap::rendered_as_it_stands;
use crate::composition::{FILTERS, MANAGER};
use crate::stage::Plan;

const PAGES: [(&str, &str); 2] =
    [("recipes", include_str!("../../docs/recipes.md")), ("functions", include_str!("../../docs/functions.md"))];

/// A minute of a recipe, and how long it is here, in milliseconds: much longer than the second after which the client asks.
const MINUTE: (&str, &str) = ("60_000", "10_000");

/// What the environment of Envoy has for the recipes.
const ENVIRONMENT: &[(&str, &str)] = &[("OPENWHISK_WEBHOOK_SECRET", "It's a Secret to Everybody")];

/// Ends what a command prints.
const END: char = '\u{1}';

/// Adds the tests.
pub fn add(plan: &mut Plan) {
    for (page, text) in PAGES {
        for section in text.split("\n## ").skip(1).filter(|section| section.contains("\n```console\n")) {
            let (heading, _) = section.split_once('\n').expect("a heading");
            let name = format!("recipes::{page}::{}", heading.to_lowercase().replace(' ', "_"));
            plan.test_alone(&name, move || {
                let printed = Recipe(section).run();
                if heading == "A canary" {
                    check_fraction(&printed);
                }
            });
        }
    }
}

/// A section of a page.
struct Recipe(&'static str);

impl Recipe {
    /// The code blocks in a language.
    fn blocks(&self, language: &'static str) -> impl Iterator<Item = &'static str> {
        let blocks = self.0.split("```").skip(1).step_by(2);
        blocks.filter_map(move |block| block.strip_prefix(language)?.strip_prefix('\n'))
    }

    /// Runs it, and gives what its commands have printed.
    fn run(&self) -> Vec<String> {
        let openwhisk = OpenWhisk::start().unwrap_or_else(|error| panic!("{error}"));
        let configuration = self.blocks("json").next().expect("a configuration");
        for code in self.blocks("js") {
            openwhisk.create(&action(code, configuration)).unwrap_or_else(|error| panic!("{error}"));
        }
        for line in self.blocks("sh").flat_map(str::lines) {
            wsk(&openwhisk, line);
        }
        let configuration = configuration.replace(":3233\"", &format!(":{}\"", openwhisk.port));
        let mut configuration = rendered_as_it_stands(&configuration);
        for block in self.blocks("yml") {
            let block = serde_saphyr::from_str(block).unwrap_or_else(|error| panic!("{error}"));
            change(&mut configuration, block);
        }
        let options = Options { environment: ENVIRONMENT, ..Options::default() };
        let mut envoy = Envoy::start_with(&configuration, &options).unwrap_or_else(|error| panic!("{error}"));
        let session: Vec<_> = self.blocks("console").flat_map(commands).collect();
        let printed = printed(&envoy, session.iter().map(|(command, _)| command.as_str()));
        for ((command, expected), printed) in session.iter().zip(&printed) {
            assert!(fits(expected, printed), "{command}\nprints\n{printed}\nexpected\n{expected}");
        }
        assert_eq!(printed.len(), session.len());
        assert_eq!(envoy.complaints(), Vec::<String>::new());
        printed
    }
}

/// The action of a program: its first line begins with its name, or it is the one of the configuration.
fn action(code: &str, configuration: &str) -> Action {
    let configured: Value = serde_json::from_str(configuration).expect("JSON");
    let first = code.strip_prefix("// ").and_then(|code| code.split(": ").next());
    let name = match first.filter(|name| !name.contains(' ')) {
        Some(name) => name.to_owned(),
        None => configured["action"].as_str().expect("an action").to_owned(),
    };
    Action { package: None, name, code: code.replace(MINUTE.0, MINUTE.1) }
}

/// Does what a command of `OpenWhisk`'s command line does.
fn wsk(openwhisk: &OpenWhisk, command: &str) {
    let (entity, body) = match command.split(' ').collect::<Vec<_>>()[..] {
        ["wsk", "trigger", "create", trigger] => (format!("triggers/{trigger}"), json!({})),
        ["wsk", "rule", "create", rule, trigger, action] => {
            (format!("rules/{rule}"), json!({ "trigger": format!("/_/{trigger}"), "action": format!("/_/{action}") }))
        }
        ["wsk", "action", "update", action, "--timeout", limit] => {
            let limit: u64 = limit.parse().expect("a number");
            (format!("actions/{action}"), json!({ "limits": { "timeout": limit } }))
        }
        _ => panic!("nobody knows {command}"),
    };
    openwhisk.put(&entity, &body.to_string()).unwrap_or_else(|error| panic!("{error}"));
}

/// Changes what is printed: filters stand before all others, routes take the place of all that are served, and the rest are fields
/// of the manager of connections.
fn change(configuration: &mut Value, mut block: Value) {
    let fields = block.as_object_mut().expect("an object");
    if let Some(mut filters) = fields.remove("http_filters") {
        array(at(configuration, FILTERS)).splice(0..0, array(&mut filters).drain(..));
    }
    if let Some(mut routes) = fields.remove("routes") {
        let all = array(at(configuration, &format!("{MANAGER}/route_config/virtual_hosts/0/routes")));
        all.retain(|route| route["name"] == "rest");
        all.splice(0..0, array(&mut routes).drain(..));
    }
    if let Some(runtime) = fields.remove("layered_runtime") {
        configuration["layered_runtime"] = runtime;
    }
    merge(at(configuration, MANAGER), &block);
}

/// The commands of a session, each with what it prints.
fn commands(session: &str) -> impl Iterator<Item = (String, String)> {
    let session = format!("\n{session}");
    let commands: Vec<_> = session.split("\n$ ").skip(1).map(str::to_owned).collect();
    commands.into_iter().map(|command| {
        let (command, printed) = command.split_once('\n').unwrap_or((&command, ""));
        (command.to_owned(), printed.trim_end().to_owned())
    })
}

/// What commands of one session print.
fn printed<'c>(envoy: &Envoy, commands: impl Iterator<Item = &'c str>) -> Vec<String> {
    let script: Vec<_> = commands.flat_map(|command| [command, "printf '\\001'"]).collect();
    let script = script.join("\n").replace("localhost:10000", &format!("127.0.0.1:{}", envoy.only_port()));
    let script = script.replace("localhost:9901", &format!("127.0.0.1:{}", envoy.admin()));
    let folder = artifact::temporary("recipe");
    std::fs::create_dir_all(&folder).expect("a folder");
    let mut shell = Command::new("sh");
    shell.args(["-c", &script]).current_dir(&folder).env("NO_PROXY", "*").env("CURL_HOME", &folder);
    let output = shell.stdin(Stdio::null()).output().expect("sh runs");
    std::fs::remove_dir_all(&folder).expect("removed");
    let printed = String::from_utf8(output.stdout).expect("UTF-8").replace('\r', "");
    let printed = printed.strip_suffix(END).unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    artifact::keep("replies", printed);
    printed.split(END).map(|printed| printed.trim_end().to_owned()).collect()
}

/// Whether a text is the expected one, where `…` stands for any text.
fn fits(expected: &str, text: &str) -> bool {
    let mut parts = expected.split('…');
    let start = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(start) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some((_, behind)) = rest.split_once(part) else { return false };
        rest = behind;
    }
    true
}

/// Of 400 requests some 40 are on the canary: it is as good as impossible that there is none, or that there are 200.
fn check_fraction(printed: &[String]) {
    let counts: Vec<u64> = printed[0]
        .lines()
        .map(|line| line.split_whitespace().next().expect("a count"))
        .map(|count| count.parse().expect("a number"))
        .collect();
    let counted: Vec<u64> =
        printed[1].lines().map(|line| line.rsplit(' ').next().expect("a count").parse().expect("a number")).collect();
    assert_eq!(counts, counted);
    assert!(counts.iter().sum::<u64>() == 400 && counts[1] < 200, "{counts:?}");
}
