//! What is wrong with a file of the corpus.

use std::fmt;
use std::path::{Path, PathBuf};

/// A file that cannot be used, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    file: PathBuf,
    reason: String,
}

impl Wrong {
    pub(crate) fn new(file: &Path, reason: impl fmt::Display) -> Self {
        Self { file: file.to_owned(), reason: reason.to_string() }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file.display(), self.reason)
    }
}

impl std::error::Error for Wrong {}
