//! How a cluster adds a key to its calls: a filter of Envoy's in the cluster, and a file that names that of the key.
//!
//! The key is in neither: Envoy reads its file, and again whenever another one is moved to its place.

use std::path::Path;

use crate::bootstrap::{any, typed};
use crate::yaml::{self, Map, Node};

/// What Envoy calls the secret in each of the files that name one.
const SECRET: &str = "openwhisk_key";

/// Where the file lies that names the file of a key.
#[must_use]
pub fn sds_path(key_file: &str) -> String {
    format!("{key_file}.sds.yaml")
}

/// What stands in the file that names the file of a key. A secret in the configuration itself would be read once only.
///
/// # Errors
/// The path is none that YAML can hold, with the reason.
pub fn sds(key_file: &str) -> Result<String, String> {
    let folder = Path::new(key_file).parent().and_then(Path::to_str).filter(|folder| !folder.is_empty());
    let secret =
        Map::new().with("filename", key_file).with("watched_directory", Map::new().with("path", folder.unwrap_or(".")));
    let resource = any("envoy.extensions.transport_sockets.tls.v3.Secret")
        .with("name", SECRET)
        .with("generic_secret", Map::new().with("secret", secret));
    let resources = Node::from(vec![resource.into()])
        .about("Tells Envoy in which file the key is, and to read it whenever another one is moved there.");
    yaml::write(Map::new().with("resources", resources)).map_err(|error| error.to_string())
}

/// Who Envoy is.
pub fn node() -> Node {
    Node::from(Map::new().with("id", "openwhisk").with("cluster", "openwhisk"))
        .about("Envoy takes no secret from a file unless it has a name.")
}

/// What a cluster does with its calls: it adds the key.
pub fn filters(key_file: &str) -> Vec<Node> {
    let path = Node::from(sds_path(key_file))
        .about("Change: `openwhisk-envoy secret FILE` writes the key, and this file beside it.");
    let source = Map::new().with("path_config_source", Map::new().with("path", path));
    let credential = typed(
        "envoy.http.injected_credentials.generic",
        "envoy.extensions.http.injected_credentials.generic.v3.Generic",
        |generic| {
            generic
                .with("header", "authorization")
                .with("credential", Map::new().with("name", SECRET).with("sds_config", source))
        },
    );
    let injector = typed(
        "envoy.filters.http.credential_injector",
        "envoy.extensions.filters.http.credential_injector.v3.CredentialInjector",
        |injector| injector.with("overwrite", true).with("credential", credential),
    );
    let codec = typed(
        "envoy.filters.http.upstream_codec",
        "envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec",
        |codec| codec,
    );
    vec![injector.about("The cluster adds the key, which the filter never sees. All its calls get it."), codec]
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_file_names_the_file_of_a_key_and_its_folder() {
        for (key_file, folder) in [("/etc/ow/key", "/etc/ow"), ("/key", "/"), ("key", "."), ("a: b/#k", "a: b")] {
            let text = sds(key_file).expect("YAML");
            let read: Value = serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
            let secret = json!({ "filename": key_file, "watched_directory": { "path": folder } });
            assert_eq!(read["resources"][0]["generic_secret"]["secret"], secret, "{text}");
            assert_eq!(read["resources"][0]["name"], json!(SECRET), "{text}");
        }
    }
}
