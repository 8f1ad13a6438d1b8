//! Writes the seeds of the fuzz targets into a folder, one below it for each target: `seeds FOLDER`.
#![allow(clippy::expect_used, reason = "a tool of the developer stops at the first surprise")]

use std::fs;
use std::path::{Path, PathBuf};

fn main() {
    let folder = PathBuf::from(std::env::args().nth(1).expect("the folder is named"));
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let seeds = properties::seeds::all(&tests).expect("the golden cases and configurations can be read");
    for (number, (target, bytes)) in seeds.into_iter().enumerate() {
        let folder = folder.join(target);
        fs::create_dir_all(&folder).expect("the folder can be made");
        fs::write(folder.join(format!("seed-{number:04}")), bytes).expect("the seed can be written");
    }
}
