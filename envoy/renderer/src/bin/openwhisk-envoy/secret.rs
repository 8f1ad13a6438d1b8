//! The file of a key, and the one beside it that names it for Envoy: how they are written, and what may be wrong with them.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{self, Path};

use openwhisk_envoy::{credential, sds, sds_path};
use serde_json::Value;
use tempfile::NamedTempFile;

/// More than any key has, in bytes.
const TOO_LONG: u64 = 64 << 10;

/// Reads a key and writes it to its file, and beside that the file which names it. No message shows anything of the key.
pub fn write(file: &str, input: impl Read) -> Result<(), String> {
    let mut text = Vec::new();
    input
        .take(TOO_LONG)
        .read_to_end(&mut text)
        .map_err(|error| format!("the standard input cannot be read: {error}"))?;
    let key = credential::credential(&String::from_utf8_lossy(&text))
        .map_err(|found| format!("the standard input is {found}, expected `user:key`, or a scheme and a token"))?;
    let written = |error: io::Error| format!("{file}: {error}");
    // Envoy may run in another folder.
    let path = path::absolute(file).map_err(written)?.into_os_string();
    let path = path.into_string().map_err(|_| format!("{file}: the path of its folder is not UTF-8"))?;
    let sds = sds(&path).map_err(|error| format!("{file}: {error}"))?;
    // In this order, so that the second never names what is not there.
    replace(Path::new(&path), key.reveal()).map_err(written)?;
    // Where Envoy runs in a container, its operator may have written down how that one sees the file.
    let is_kept =
        named(&sds_path(&path)).is_some_and(|named| Path::new(&named).file_name() == Path::new(&path).file_name());
    if is_kept { Ok(()) } else { replace(Path::new(&sds_path(&path)), &sds).map_err(written) }
}

/// The file that one beside a key names.
fn named(path: &str) -> Option<String> {
    let sds = serde_saphyr::from_str::<Value>(&fs::read_to_string(path).ok()?).ok()?;
    Some(sds.pointer("/resources/0/generic_secret/secret/filename")?.as_str()?.to_owned())
}

/// Puts a new file, which only its owner can read, in the place of the one that may be there, whose owner it keeps if it
/// may: who reads finds all of one or all of the other.
fn replace(path: &Path, content: &str) -> io::Result<()> {
    let folder = path.parent().ok_or_else(|| io::Error::from(io::ErrorKind::IsADirectory))?;
    let mut file = NamedTempFile::with_prefix_in(".openwhisk-", folder)?;
    file.write_all(content.as_bytes())?;
    #[cfg(unix)]
    if let Ok(old) = fs::metadata(path) {
        use std::os::unix::fs::{MetadataExt, fchown};
        // Where it cannot read the new key, Envoy goes on with the old one. Only root can give a file away, and who is neither
        // root nor the owner is the new one.
        let _ = fchown(file.as_file(), Some(old.uid()), None);
    }
    file.as_file().sync_all()?;
    file.persist(path)?;
    File::open(folder)?.sync_all()
}

/// Looks at the file of a key as Envoy will, and gives a warning if others can read it. No message shows anything of the key.
pub fn check(file: &str) -> Result<Option<String>, String> {
    let repair = format!("`openwhisk-envoy secret {file}` writes it");
    let content = fs::read(file).map_err(|error| format!("{file}: {error}; {repair}"))?;
    credential::check(&content)
        .map_err(|found| format!("{file} holds {found}, expected `Basic` and the base64 of `user:key`; {repair}"))?;
    let path = sds_path(file);
    fs::read_to_string(&path).map_err(|error| format!("{path}: {error}; {repair}"))?;
    let is_same = |named: String| Some(fs::canonicalize(named).ok()? == fs::canonicalize(file).ok()?);
    if named(&path).and_then(is_same) != Some(true) {
        return Err(format!("{path} does not name {file}; {repair}"));
    }
    Ok(others_read(file).then(|| format!("{file} can be read by others than its owner: `chmod 600 {file}`")))
}

#[cfg(unix)]
fn others_read(file: &str) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(file).is_ok_and(|file| file.permissions().mode() & 0o044 != 0)
}

#[cfg(not(unix))]
fn others_read(_file: &str) -> bool {
    false
}
