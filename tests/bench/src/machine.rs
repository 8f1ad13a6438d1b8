//! On what the numbers were measured.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;

use serde::Serialize;
use sha2::{Digest, Sha256};
use testbed::artifact;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// On what the numbers were measured.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// When, in UTC.
    pub date: String,
    /// The processor's name for itself.
    pub processor: String,
    /// How many of them there are.
    pub processors: usize,
    /// The version of Linux.
    pub kernel: String,
    /// The version of Envoy.
    pub envoy: String,
    /// The SHA-256 digest of the filter.
    pub filter: String,
    /// The size of the filter, in bytes.
    pub filter_size: usize,
}

impl Machine {
    /// This one, with the Envoy and the filter that are used.
    pub fn here() -> Result<Self, String> {
        let filter = read(&artifact::filter()?)?;
        let digest = Sha256::digest(&filter).iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        let processors = String::from_utf8_lossy(&read(Path::new("/proc/cpuinfo"))?).into_owned();
        let model = processors.lines().find_map(|line| line.strip_prefix("model name")?.split(':').nth(1));
        let kernel = read(Path::new("/proc/sys/kernel/osrelease"))?;
        Ok(Self {
            date: OffsetDateTime::now_utc().truncate_to_second().format(&Rfc3339).map_err(|error| error.to_string())?,
            processor: model.unwrap_or("unknown").trim().to_owned(),
            processors: thread::available_parallelism().map_err(|error| error.to_string())?.get(),
            kernel: String::from_utf8_lossy(&kernel).trim().to_owned(),
            envoy: envoy_version()?,
            filter: digest,
            filter_size: filter.len(),
        })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// Of a line such as `envoy  version: <commit>/1.40.0/Clean/RELEASE/BoringSSL`.
fn envoy_version() -> Result<String, String> {
    let program = artifact::envoy()?;
    let output = Command::new(&program).arg("--version").output();
    let output = output.map_err(|error| format!("{}: {error}", program.display()))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split_once("version:")
        .and_then(|(_, build)| build.split('/').nth(1))
        .map(str::to_owned)
        .ok_or_else(|| format!("{}: no version in {text:?}", program.display()))
}
