//! Keys in files: how they are written, and how they are looked at.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::Value;

use crate::{GOOD, run, text};

/// A folder of one test. Dropping it removes it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).into_os_string().into_string().expect("UTF-8")
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).expect("a folder").map(|entry| entry.expect("an entry").file_name());
        let mut names: Vec<_> = entries.map(|name| name.into_string().expect("UTF-8")).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A configuration whose key the cluster adds.
fn without_key() -> String {
    GOOD.replace(r#""service_token": "$ENV://OPENWHISK_NOT_SET", "#, "")
}

#[cfg(unix)]
fn mode(file: &str) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(file).expect("a file").permissions().mode() & 0o777
}

#[test]
fn a_key_goes_to_a_file_of_its_owner_and_nowhere_else() {
    let folder = Folder::new("secret");
    let key = folder.file("key");
    // What is there is replaced, whoever could read it.
    fs::write(&key, "old").expect("written");
    fs::write(folder.file("key.sds.yaml"), "old").expect("written");
    let mut child = Command::new(env!("CARGO_BIN_EXE_openwhisk-envoy"))
        .args(["secret", "key"])
        .current_dir(&folder.0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    std::io::Write::write_all(&mut child.stdin.take().expect("piped"), b"alice:wonderland\n").expect("written");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty(), "{output:?}");
    assert_eq!(fs::read_to_string(&key).expect("written"), "Basic YWxpY2U6d29uZGVybGFuZA==");
    let sds = fs::read_to_string(folder.file("key.sds.yaml")).expect("written");
    let secret: Value = serde_saphyr::from_str(&sds).expect("YAML");
    let secret = &secret["resources"][0]["generic_secret"]["secret"];
    // Not as it was typed: Envoy may run elsewhere.
    let named = secret["filename"].as_str().expect("a path");
    assert!(Path::new(named).is_absolute(), "{named}");
    assert_eq!(fs::canonicalize(named).expect("a file"), fs::canonicalize(&key).expect("a file"));
    assert!(!sds.contains("YWxpY2U6"), "{sds}");
    assert_eq!(folder.names(), ["key", "key.sds.yaml"]);
    #[cfg(unix)]
    assert_eq!(mode(&key), 0o600);
}

#[test]
fn a_file_that_names_the_key_at_another_path_stays() {
    let folder = Folder::new("elsewhere");
    let (key, sds) = (folder.file("key"), folder.file("key.sds.yaml"));
    let elsewhere = "resources: [{generic_secret: {secret: {filename: /mnt/key}}}]";
    for content in [elsewhere, "resources: [{generic_secret: {secret: {filename: /mnt/other}}}]"] {
        fs::write(&sds, content).expect("written");
        let output = run(&["secret", &key], "user:key");
        assert!(output.status.success(), "{}", text(&output.stderr));
        let is_kept = fs::read_to_string(&sds).expect("written") == content;
        assert_eq!(is_kept, content == elsewhere, "{content}");
    }
}

#[cfg(unix)]
#[test]
fn a_key_keeps_the_owner_of_the_one_before() {
    use std::os::unix::fs::{MetadataExt, chown};
    let folder = Folder::new("owner");
    let key = folder.file("key");
    let owners = || ["key", "key.sds.yaml"].map(|name| fs::metadata(folder.file(name)).expect("a file").uid());
    assert!(run(&["secret", &key], "alice:wonderland").status.success());
    // Only root can give a file away. Of others all files are their own.
    let [own, _] = owners();
    let nobody = if chown(&key, Some(65534), None).is_ok() { 65534 } else { own };
    assert!(run(&["secret", &key], "bob:b").status.success());
    assert_eq!(owners(), [nobody, own]);
    assert_eq!((fs::read_to_string(&key).expect("written").as_str(), mode(&key)), ("Basic Ym9iOmI=", 0o600));
}

#[test]
fn a_key_that_is_not_written_leaves_nothing() {
    let folder = Folder::new("secret-wrong");
    let (key, here) = (folder.file("key"), folder.file(""));
    let (nowhere, below) = (folder.file("nowhere/key"), folder.file("key/key"));
    fs::create_dir_all(folder.file("folder")).expect("a folder");
    let is_folder = folder.file("folder");
    let long = format!("alice:{}", "wonderland".repeat(1000));
    let wrong =
        |found: &str| format!("error: the standard input is {found}, expected `user:key`, or a scheme and a token");
    for (file, input, expected) in [
        (&key, "", wrong("a string without a colon")),
        (&key, "\n", wrong("a string without a colon")),
        (&key, "wonderland", wrong("a string without a colon")),
        (&key, ":wonderland", wrong("a string with nothing before the colon")),
        (&key, "wonderland:\n", wrong("a string with nothing behind the colon")),
        (&key, "'alice:wonderland'", wrong("a string that begins or ends with a quote")),
        (&key, "AUTH=alice:wonderland", wrong("a string that begins with `AUTH=`")),
        (&key, "alice:\nwonderland", wrong("a string with a space or a character that is not printable ASCII")),
        (&key, "Bearer wonder\nland", wrong("a line break")),
        (&key, &long, wrong("a string of more than 8192 characters")),
        (&key, "Basic alice:wonderland", wrong("something that is not base64 behind `Basic`")),
        (&nowhere, "alice:wonderland", format!("error: {nowhere}: No such file or directory (os error 2)")),
        (&below, "alice:wonderland", format!("error: {below}: No such file or directory (os error 2)")),
        (&is_folder, "alice:wonderland", format!("error: {is_folder}: Is a directory (os error 21)")),
        (&here, "alice:wonderland", format!("error: {here}: ")),
        (&String::new(), "alice:wonderland", "error: : ".to_owned()),
        (&"/".to_owned(), "alice:wonderland", "error: /: is a directory".to_owned()),
    ] {
        let output = run(&["secret", file], input);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{file} {input:?}: {said}");
        assert!(said.starts_with(&expected) && said.lines().count() == 1, "{file} {input:?}: {said}");
        assert!(output.stdout.is_empty() && !said.contains("wonder"), "{said}");
        assert_eq!(folder.names(), ["folder"], "{file} {input:?}");
    }
}

#[test]
fn who_reads_a_key_while_it_rotates_finds_a_whole_one() {
    let folder = Folder::new("rotation");
    let key = folder.file("key");
    let write = |token: &str| assert!(run(&["secret", &key], token).status.success());
    write("alice:wonderland");
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                let found = fs::read_to_string(&key).expect("always there");
                assert!(["Basic YWxpY2U6d29uZGVybGFuZA==", "Basic Ym9iOmI="].contains(&found.as_str()), "{found}");
            }
        });
        for token in ["bob:b", "alice:wonderland"].iter().cycle().take(20) {
            write(token);
        }
        is_done.store(true, Ordering::Relaxed);
        reader.join().expect("whole keys");
    });
}

#[test]
fn a_key_file_is_looked_at_before_anything_is_printed() {
    let folder = Folder::new("check");
    let key = folder.file("key");
    let repair = format!("`openwhisk-envoy secret {key}` writes it");
    let check = || run(&["--key-file", &key, "--check-keys"], &without_key());

    let missing = check();
    let expected = format!("error: {key}: No such file or directory (os error 2); {repair}\n");
    assert_eq!((missing.status.code(), text(&missing.stderr)), (Some(1), expected));
    assert!(missing.stdout.is_empty());
    // Unless it is asked to, it does not look: the file may be elsewhere.
    assert!(run(&["--key-file", &key], &without_key()).status.success());

    assert!(run(&["secret", &key], "alice:wonderland").status.success());
    let good = check();
    assert!(good.status.success() && good.stderr.is_empty(), "{}", text(&good.stderr));

    for (content, found) in [
        ("", "an empty string"),
        ("\n", "a line break"),
        ("Basic YWxpY2U6d29uZGVybGFuZA==\n", "a line break"),
        ("Basic YWxpY2U6d29uZGVybGFuZA== ", "a string that begins or ends with a space"),
        ("Basic\tYWxpY2U6d29uZGVybGFuZA==", "a string with a character that is not printable ASCII"),
        ("alice:wonderland", "a string without a scheme"),
        ("Basic alice:wonderland", "something that is not base64 behind `Basic`"),
        ("Basic d29uZGVybGFuZA==", "the base64 of a string without a colon"),
        ("Basic YWxpY2U6d29uZGVybGFuZAo=", "the base64 of a key and a line break"),
    ] {
        fs::write(&key, content).expect("written");
        let output = check();
        let expected = format!("error: {key} holds {found}, expected `Basic` and the base64 of `user:key`; {repair}\n");
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(1), expected), "{content:?}");
        assert!(output.stdout.is_empty(), "{content:?}");
    }
    fs::write(&key, "Bearer wonderland").expect("written");
    assert!(check().status.success());

    let sds = folder.file("key.sds.yaml");
    let other = folder.file("other");
    assert!(run(&["secret", &other], "bob:b").status.success());
    let of_another = fs::read_to_string(folder.file("other.sds.yaml")).expect("written");
    for content in ["", "wonderland", "{]", of_another.as_str()] {
        fs::write(&sds, content).expect("written");
        let said = text(&check().stderr);
        assert_eq!(said, format!("error: {sds} does not name {key}; {repair}\n"), "{content:?}");
    }
    fs::remove_file(&sds).expect("removed");
    assert!(text(&check().stderr).starts_with(&format!("error: {sds}: No such file or directory")));
    fs::remove_file(&key).expect("removed");
    fs::create_dir(&key).expect("a folder");
    assert!(text(&check().stderr).starts_with(&format!("error: {key}: Is a directory (os error 21); ")));
}

#[cfg(unix)]
#[test]
fn a_key_that_others_can_read_is_a_warning() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new("readable");
    let key = folder.file("key");
    assert!(run(&["secret", &key], "alice:wonderland").status.success());
    for (mode, warns) in [(0o600, false), (0o640, true), (0o604, true), (0o400, false)] {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).expect("set");
        let output = run(&["--key-file", &key, "--check-keys"], &without_key());
        let said = text(&output.stderr);
        let warning = format!("warning: {key} can be read by others than its owner: `chmod 600 {key}`\n");
        assert!(output.status.success() && !output.stdout.is_empty(), "{mode:o}: {said}");
        assert_eq!(said, if warns { warning } else { String::new() }, "{mode:o}");
    }
}

#[test]
fn what_is_wrong_with_the_arguments_is_told() {
    for (arguments, status, expected) in [
        (&["--key-file", "ow:80="][..], 2, "error: invalid value 'ow:80=' for '--key-file <[CLUSTER=]FILE>': expected"),
        (&["--check-keys"], 2, "error: the following required arguments were not provided:\n  --key-file"),
        (&["secret"], 2, "error: the following required arguments were not provided:\n  <FILE>"),
        (&["secret", "a", "b"], 2, "error: unexpected argument 'b' found"),
        (
            &[],
            1,
            "error: no key is configured, expected `service_token`, `authorization`, or `--key-file ow:80=FILE`\n",
        ),
        (&["--key-file", "near=/k"], 1, "error: `--key-file near=/k` is for the cluster \"near\", expected one of "),
        (
            &["--key-file", "/k", "--key-file", "/l"],
            1,
            "error: `--key-file /l` is another key for the cluster \"ow:80\"",
        ),
    ] {
        let output = run(arguments, &without_key());
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {said}");
        assert!(said.starts_with(expected) && output.stdout.is_empty(), "{arguments:?}: {said}");
    }
    let folder = Folder::new("named");
    fs::write(folder.file("secret"), GOOD).expect("written");
    let output = run(&[&folder.file("secret")], "");
    assert!(output.status.success() && !output.stdout.is_empty(), "{}", text(&output.stderr));
}
