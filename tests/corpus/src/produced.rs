//! What the filter produced in tests, kept for the search for secrets after all of them.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A secret that tests give as `authorization`.
pub const BEARER: &str = "Bearer abc.def-_~+/that-nobody-may-see=";

/// A secret that tests give as one of `call_headers`.
pub const API_KEY: &str = "a key in a header that nobody may see";

/// The texts that show a key, `user:key`: itself, its parts, and what they are encoded.
///
/// What is encoded begins at any of three places in a longer text; these are the forms at the place where it is sent.
#[must_use]
pub fn forms(token: &str) -> Vec<String> {
    let mut forms = vec![token.to_owned()];
    forms.extend(token.split(':').map(str::to_owned));
    let encoded = STANDARD.encode(token);
    // Not all of it: some print the beginning of a long line.
    forms.push(encoded.get(..40).unwrap_or(&encoded).to_owned());
    forms.extend(token.split_once(':').map(|(_, key)| STANDARD.encode(key)));
    forms
}

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
