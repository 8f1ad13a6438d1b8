//! Writes the seeds of the fuzz targets into a folder, one below it for each target: `seeds FOLDER`.
#![allow(clippy::expect_used, reason = "a tool of the developer stops at the first surprise")]

use std::fs;
use std::path::{Path, PathBuf};

use properties::seeds::{LARGEST, of_case, others};

fn main() {
    let folder = PathBuf::from(std::env::args().nth(1).expect("the folder is named"));
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let cases = corpus::cases(&tests.join("golden")).expect("the golden cases can be read");
    let configurations = corpus::configurations(&tests.join("configurations.yaml")).expect("so can the configurations");
    let configurations = configurations.into_iter().map(|configuration| ("configuration", configuration.bytes));
    let seeds = cases.iter().flat_map(of_case).chain(configurations.filter(|(_, bytes)| bytes.len() <= LARGEST));
    for (number, (target, bytes)) in seeds.chain(others()).enumerate() {
        let folder = folder.join(target);
        fs::create_dir_all(&folder).expect("the folder can be made");
        fs::write(folder.join(format!("seed-{number:04}")), bytes).expect("the seed can be written");
    }
}
