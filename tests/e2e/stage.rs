//! What all tests share: one Envoy with a listener for each site, and the upstreams behind it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};

use corpus::{Call, Tally};
use libtest_mimic::{Arguments, Trial};
use openwhisk_envoy::Protocol;
use serde_json::{Value, json};
use testbed::artifact;
use testbed::bootstrap::string_value;
use testbed::client;
use testbed::envoy::{Envoy, Options};
use testbed::openwhisk::{Action, OpenWhisk};
pub use testbed::reference::config;
use testbed::script::{self, Greeting, Script};
use testbed::upstream::{Address, Upstream};

use crate::bootstrap::{LEAKED_FROM, Line, Reference};

/// The site that serves the good request after each bad one.
const GOOD: &str = "good";

/// A listener with the filter on `/hello`, and what is behind it.
pub struct Site {
    /// Its name, also that of its cluster.
    pub name: String,
    /// The configuration of the filter, as JSON.
    pub config: String,
    /// What is behind it.
    pub behind: Behind,
}

/// What is behind a site.
pub enum Behind {
    /// An upstream with this script.
    Script(Script),
    /// An upstream with this script that refuses connections until a test opens it.
    Closed(Script),
    /// An upstream that greets its first connection so, and has this script.
    Greeting(Greeting, Script),
    /// A port at which nobody listens.
    Nobody,
    /// No cluster at all.
    NoCluster,
    /// The local `OpenWhisk`, with this action if there is one.
    OpenWhisk(Option<Action>),
}

/// The tests and the sites they need, before Envoy starts.
#[derive(Default)]
pub struct Plan {
    trials: Vec<Trial>,
    tallies: Vec<Arc<Tally>>,
    shared: Arc<Shared>,
}

/// What becomes the stage at the first test that needs it.
#[derive(Default)]
struct Shared {
    sites: Mutex<Vec<Planned>>,
    stage: OnceLock<Result<Stage, String>>,
}

/// A site, what its upstream speaks, and what is different from the reference configuration.
struct Planned {
    site: Site,
    protocol: Protocol,
    changes: Value,
}

/// Everything running.
pub struct Stage {
    envoy: Envoy,
    ports: BTreeMap<String, u16>,
    upstreams: BTreeMap<String, Upstream>,
    leak: Upstream,
    // Held, so that its port stays the system's to give to nobody else.
    _nobody: Upstream,
    openwhisk: Result<OpenWhisk, String>,
}

impl Plan {
    /// Adds a site.
    pub fn site(&mut self, site: Site) {
        self.site_over(Protocol::Http1, site);
    }

    /// Adds a site whose upstream speaks this.
    pub fn site_over(&mut self, protocol: Protocol, site: Site) {
        self.plan(Planned { site, protocol, changes: Value::Null });
    }

    /// Adds a site that is different from the reference configuration, see [`Line::changes`].
    pub fn site_with(&mut self, site: Site, changes: Value) {
        self.plan(Planned { site, protocol: Protocol::Http1, changes });
    }

    fn plan(&mut self, planned: Planned) {
        self.shared.sites.lock().expect("not poisoned").push(planned);
    }

    /// Adds a site with a scripted upstream.
    pub fn scripted(&mut self, name: &str, attributes: Value, script: Script) {
        self.site(Site { name: name.to_owned(), config: config(name, attributes), behind: Behind::Script(script) });
    }

    /// Adds a count to be written down after the tests.
    pub fn tally(&mut self, tally: Arc<Tally>) {
        self.tallies.push(tally);
    }

    /// Adds a test. Everything is started before the first one.
    pub fn test(&mut self, name: &str, run: impl FnOnce(&Stage) + Send + 'static) {
        let shared = Arc::clone(&self.shared);
        self.trials.push(Trial::test(name, move || {
            run(shared.stage()?);
            Ok(())
        }));
    }

    /// Adds a test that needs nothing of what is shared.
    pub fn test_alone(&mut self, name: &str, run: impl FnOnce() + Send + 'static) {
        self.trials.push(Trial::test(name, move || {
            run();
            Ok(())
        }));
    }

    /// Adds a test of a site of its own with a scripted upstream; afterwards the next good request on the
    /// same Envoy must get its 200.
    pub fn test_site(
        &mut self,
        name: &str,
        attributes: Value,
        script: Script,
        run: impl FnOnce(&Stage, u16, &Upstream) + Send + 'static,
    ) {
        self.test_behind(Protocol::Http1, name, attributes, Behind::Script(script), run);
    }

    /// The same with an upstream of any kind.
    pub fn test_behind(
        &mut self,
        protocol: Protocol,
        name: &str,
        attributes: Value,
        behind: Behind,
        run: impl FnOnce(&Stage, u16, &Upstream) + Send + 'static,
    ) {
        self.site_over(protocol, Site { name: name.to_owned(), config: config(name, attributes), behind });
        let site = name.to_owned();
        self.test(name, move |stage| {
            run(stage, stage.port(&site), stage.upstream(&site));
            stage.check_no_leak(&site);
            stage.check_good();
        });
    }

    /// Adds a test of a site of its own with the local `OpenWhisk`, where the action has this code; afterwards the
    /// next good request on the same Envoy must get its 200.
    pub fn test_action(
        &mut self,
        name: &str,
        mut attributes: Value,
        code: &str,
        run: impl FnOnce(&Stage, u16) + Send + 'static,
    ) {
        let action = Action { package: None, name: name.replace("::", "."), code: code.to_owned() };
        attributes["action"] = json!(action.name);
        let behind = Behind::OpenWhisk(Some(action));
        self.site(Site { name: name.to_owned(), config: config(name, attributes), behind });
        let site = name.to_owned();
        self.test(name, move |stage| {
            stage.check_openwhisk();
            run(stage, stage.port(&site));
            stage.check_no_leak(&site);
            stage.check_good();
        });
    }

    /// Runs the tests, ends everything, and tells whether all is well.
    pub fn run(self, arguments: &Arguments) -> bool {
        let conclusion = libtest_mimic::run(arguments, self.trials);
        for tally in self.tallies {
            tally.write(&artifact::scratch().join("golden")).expect("the row is written");
        }
        let shared = Arc::into_inner(self.shared).expect("the tests are over");
        let complaints = match shared.stage.into_inner() {
            Some(Ok(mut stage)) => stage.complaints(),
            Some(Err(_)) | None => Vec::new(),
        };
        for complaint in &complaints {
            eprintln!("after all tests: {complaint}");
        }
        complaints.is_empty() && !conclusion.has_failed()
    }
}

impl Shared {
    fn stage(&self) -> Result<&Stage, &String> {
        let start = || Stage::start(std::mem::take(&mut *self.sites.lock().expect("not poisoned")));
        self.stage.get_or_init(start).as_ref()
    }
}

impl Stage {
    fn start(mut sites: Vec<Planned>) -> Result<Self, String> {
        let good = script::result(r#"{"ready":true}"#);
        let good = Site { name: GOOD.to_owned(), config: config(GOOD, json!({})), behind: Behind::Script(good) };
        sites.push(Planned { site: good, protocol: Protocol::Http1, changes: Value::Null });
        let reference = Reference::read()?;
        let leak = Upstream::start(script::result("\"leaked\""));
        let nobody = Upstream::closed(Protocol::Http1, script::silent());
        let openwhisk = OpenWhisk::start();
        let mut upstreams = BTreeMap::new();
        let mut lines = Vec::new();
        for Planned { site: Site { name, config, behind }, protocol, changes } in sites {
            let mut scripted = |upstream: Upstream| Some(upstreams.entry(name.clone()).or_insert(upstream).port);
            let upstream = match behind {
                Behind::Script(script) => scripted(Upstream::speaking(protocol, script)),
                Behind::Closed(script) => scripted(Upstream::closed(protocol, script)),
                Behind::Greeting(greeting, script) => scripted(Upstream::greeting(protocol, greeting, script)),
                Behind::Nobody => Some(nobody.port),
                Behind::NoCluster => None,
                Behind::OpenWhisk(action) => match (&openwhisk, action) {
                    (Ok(openwhisk), Some(action)) => {
                        openwhisk.create(&action)?;
                        Some(openwhisk.port)
                    }
                    (Ok(openwhisk), None) => Some(openwhisk.port),
                    (Err(_), _) => None,
                },
            };
            let upstream = upstream.map(|port| Address { port, protocol });
            lines.push(Line { name, plugin: string_value(&config), upstream, changes });
        }
        let envoy = Envoy::start_with(&reference.with(&lines, leak.port), &Options::default())?;
        Ok(Self { ports: envoy.ports(), envoy, upstreams, leak, _nobody: nobody, openwhisk })
    }

    /// The port of a site.
    pub fn port(&self, site: &str) -> u16 {
        *self.ports.get(site).unwrap_or_else(|| panic!("no site {site}"))
    }

    /// The upstream of a site that has a script.
    pub fn upstream(&self, site: &str) -> &Upstream {
        self.upstreams.get(site).unwrap_or_else(|| panic!("no upstream {site}"))
    }

    /// The local `OpenWhisk`.
    pub fn openwhisk(&self) -> &OpenWhisk {
        self.openwhisk.as_ref().unwrap_or_else(|error| panic!("{error}"))
    }

    /// Fails if there is no local `OpenWhisk`.
    pub fn check_openwhisk(&self) {
        self.openwhisk();
    }

    /// How often Envoy has tried a call of a site again.
    pub fn retries(&self, site: &str) -> u64 {
        // Source: Envoy's `Cluster.name`: a colon is an underscore in the names of counters.
        self.envoy.counter(&format!("cluster.{}.upstream_rq_retry", site.replace(':', "_")))
    }

    /// Fails if the filter let a request of a site through.
    pub fn check_no_leak(&self, site: &str) {
        let leaked_from =
            |call: &Call| call.headers.iter().any(|(name, value)| name == LEAKED_FROM && value == site.as_bytes());
        let leaked = self.leak.seen().calls.into_iter().find(leaked_from);
        assert!(leaked.is_none(), "the filter let a request through: {leaked:?}");
    }

    /// Fails if a good request does not get its 200.
    pub fn check_good(&self) {
        let reply = client::get(self.port(GOOD), "/hello");
        assert_eq!((reply.status, reply.body.as_slice()), (200, &br#"{"ready":true}"#[..]), "the next good request");
    }

    /// Fails if the log has no line with all of these.
    pub fn check_logged(&self, parts: &[&str]) {
        self.envoy.check_logged(parts);
    }

    fn complaints(&mut self) -> Vec<String> {
        let mut complaints = self.envoy.complaints();
        let leaked = self.leak.seen().calls.into_iter();
        complaints.extend(leaked.map(|call| format!("the filter let a request through: {call:?}")));
        complaints
    }
}
