//! The file of a key that a cluster adds to its calls.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use openwhisk_envoy::sds_path;
use testbed::artifact;

/// The file, in a folder of its own. Dropping it removes both.
pub struct KeyFile {
    folder: PathBuf,
    path: String,
}

impl KeyFile {
    /// None yet.
    pub fn missing() -> Self {
        let folder = artifact::temporary("key");
        fs::create_dir_all(&folder).expect("a folder");
        Self { path: folder.join("key").to_str().expect("UTF-8").to_owned(), folder }
    }

    /// One with this key.
    pub fn of(token: &str) -> Self {
        let file = Self::missing();
        file.write(token);
        file
    }

    /// Where it is.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Where the file is that names it.
    pub fn sds(&self) -> PathBuf {
        sds_path(&self.path).into()
    }

    /// Writes a key to it, `user:key`, as operators do.
    pub fn write(&self, token: &str) {
        let output = renderer(&["secret", &self.path], token);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Puts anything in its place.
    pub fn replace(&self, content: impl AsRef<[u8]>) {
        put(Path::new(&self.path), content);
    }
}

/// Puts a file in the place of another one, at once: a reader sees the old one or the new one.
pub fn put(path: &Path, content: impl AsRef<[u8]>) {
    let new = path.with_extension("new");
    fs::write(&new, content).expect("written");
    fs::rename(new, path).expect("renamed");
}

/// Runs `openwhisk-envoy` with this on its standard input.
pub fn renderer(arguments: &[&str], input: &str) -> Output {
    let program = artifact::renderer().unwrap_or_else(|error| panic!("{error}"));
    let piped = || Stdio::piped();
    let mut child =
        Command::new(program).args(arguments).stdin(piped()).stdout(piped()).stderr(piped()).spawn().expect("it runs");
    child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("it reads");
    child.wait_with_output().expect("it ends")
}

impl Drop for KeyFile {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}
