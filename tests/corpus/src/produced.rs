//! What the filter produced in tests, kept for the search for secrets after all of them.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// The file of one driver.
#[derive(Clone, Debug)]
pub struct Produced {
    path: PathBuf,
}

impl Produced {
    /// The file of this name in the folder of all of them.
    ///
    /// # Errors
    /// If the folder cannot be made.
    pub fn new(folder: &Path, name: &str) -> io::Result<Self> {
        let folder = folder.join("produced");
        fs::create_dir_all(&folder)?;
        Ok(Self { path: folder.join(name) })
    }

    /// Keeps a log line, an error, a metric or a reply.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn add(&self, piece: impl AsRef<[u8]>) -> io::Result<()> {
        let mut line = piece.as_ref().to_vec();
        line.push(b'\n');
        // In one piece, because tests run side by side.
        OpenOptions::new().create(true).append(true).open(&self.path)?.write_all(&line)
    }
}
