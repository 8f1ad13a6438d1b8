//! How many cases a driver ran, and why it left out the others.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::case::{Case, Driver};

/// The count of one driver, which its tests add to.
#[derive(Debug)]
pub struct Tally {
    driver: Driver,
    cases: usize,
    left_out: BTreeMap<String, usize>,
    ran: AtomicUsize,
    passed: AtomicUsize,
}

impl Tally {
    /// Nothing has run yet.
    #[must_use]
    pub fn new<'a>(driver: Driver, cases: impl IntoIterator<Item = &'a Case>) -> Self {
        let mut tally =
            Self { driver, cases: 0, left_out: BTreeMap::new(), ran: AtomicUsize::new(0), passed: AtomicUsize::new(0) };
        for case in cases {
            tally.cases = tally.cases.saturating_add(1);
            if !case.runs_on(driver) {
                let reason = case.exception(driver).unwrap_or("its answer is scripted, there is no action to execute");
                let count = tally.left_out.entry(reason.to_owned()).or_default();
                *count = count.saturating_add(1);
            }
        }
        tally
    }

    /// A case begins.
    pub fn begin(&self) {
        self.ran.fetch_add(1, Ordering::Relaxed);
    }

    /// A case has passed.
    pub fn pass(&self) {
        self.passed.fetch_add(1, Ordering::Relaxed);
    }

    /// Writes the driver's row of the table of all drivers into a folder, for `make test` to show.
    ///
    /// # Errors
    /// What keeps the file from being written.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        let left_out: Vec<_> = self.left_out.iter().map(|(reason, count)| format!("{count}: {reason}")).collect();
        let (ran, passed) = (self.ran.load(Ordering::Relaxed), self.passed.load(Ordering::Relaxed));
        let driver = match self.driver {
            Driver::Native => "native core",
            Driver::AbiEnvoy => "test host as Envoy",
            Driver::AbiApisix => "test host as APISIX",
            Driver::Envoy => "real Envoy",
            Driver::EnvoyHttp2 => "real Envoy, upstream in http2",
            Driver::OpenWhisk => "real Envoy, local OpenWhisk",
        };
        let row = format!("{driver:<28} {:>5} {ran:>5} {passed:>6}  {}\n", self.cases, left_out.join("; "));
        fs::create_dir_all(folder)?;
        fs::write(folder.join(format!("{driver}.row")), row)
    }
}
