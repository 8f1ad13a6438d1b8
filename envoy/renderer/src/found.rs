//! Where the configuration stands in what somebody has in hand: alone, or within a route or plugins of `APISIX`.

use std::borrow::Cow;
use std::fmt;

use crate::json::Fields;

/// The plugins, by the names they have on `APISIX`.
const LUA: &str = "openwhisk";
const WASM: &str = "openwhisk-wasm";

/// What `APISIX` itself reads in the configuration of every plugin, which is no attribute of the plugin.
///
/// Source: apache/apisix `apisix/plugin.lua`, `_M.plugin_injected_schema` and its `_meta`.
const META: &str = "_meta";

/// A configuration of the filter.
#[derive(Debug)]
pub struct Found<'a> {
    /// Its text.
    pub json: Cow<'a, str>,
    /// On which paths of the proxy it holds, if the text around it says so.
    pub uri: Option<Uri>,
}

/// What a route of `APISIX` says about its paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Uri {
    /// `uri`, as it stands.
    One(String),
    /// `uris`, or something else than a text.
    Other,
}

/// A text of `APISIX` does not hold one configuration of the filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotFound {
    /// None of the plugins is `openwhisk`.
    NoPlugin,
    /// Both plugins are there.
    TwoPlugins,
    /// The wasm plugin has no configuration.
    NoConf,
}

/// Finds the configuration. Whatever is not of `APISIX` should be one.
pub fn find(json: &str) -> Result<Found<'_>, NotFound> {
    let whole = Found { json: json.into(), uri: None };
    let Some(mut object) = Fields::of(json) else { return Ok(whole) };
    // The answer of the admin API holds the route in a field.
    if let Some(value) = object.get("value").and_then(|value| Fields::of(value.get())) {
        object = value;
    }
    let one = object.get("uri").map(|uri| serde_json::from_str(uri.get()).map_or(Uri::Other, Uri::One));
    let uri = one.or_else(|| object.get("uris").map(|_| Uri::Other));
    let plugins = match object.get("plugins") {
        Some(plugins) => Fields::of(plugins.get()).ok_or(NotFound::NoPlugin)?,
        None if object.get(LUA).or(object.get(WASM)).is_some() => object,
        None => return Ok(whole),
    };
    let json = match (plugins.get(LUA), plugins.get(WASM)) {
        (None, None) => return Err(NotFound::NoPlugin),
        (Some(_), Some(_)) => return Err(NotFound::TwoPlugins),
        (Some(lua), None) => match Fields::of(lua.get()) {
            Some(fields) if fields.get(META).is_some() => fields.without(META).into(),
            _ => lua.get().into(),
        },
        (None, Some(wasm)) => {
            let conf = Fields::of(wasm.get()).and_then(|wasm| wasm.get("conf")).ok_or(NotFound::NoConf)?;
            // It may be a string that holds JSON, too.
            serde_json::from_str::<String>(conf.get()).map_or(Cow::Borrowed(conf.get()), Cow::Owned)
        }
    };
    Ok(Found { json, uri })
}

impl fmt::Display for NotFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPlugin => write!(f, "`plugins` holds neither `{LUA}` nor `{WASM}`, expected one of them"),
            Self::TwoPlugins => write!(f, "`plugins` holds `{LUA}` and `{WASM}`, expected one of them"),
            Self::NoConf => write!(f, "`plugins.{WASM}.conf` is missing, expected the configuration of the filter"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_is_found_where_it_is() {
        let cases = [
            (r#"{"action": "a"}"#, r#"{"action": "a"}"#, None),
            ("no json", "no json", None),
            ("[1]", "[1]", None),
            (r#"{"openwhisk": {"a": 1}}"#, r#"{"a": 1}"#, None),
            (r#"{"openwhisk-wasm": {"conf": {"a": 1}}}"#, r#"{"a": 1}"#, None),
            (
                r#"{"uri": "/x", "plugins": {"cors": {}, "openwhisk": {"a": 1}}}"#,
                r#"{"a": 1}"#,
                Some(Uri::One("/x".to_owned())),
            ),
            (r#"{"plugins": {"openwhisk": {"a": 1, "_meta": {"disable": false}}}}"#, r#"{"a":1}"#, None),
            (r#"{"plugins": {"openwhisk-wasm": {"conf": "{\"a\": 1}"}}}"#, r#"{"a": 1}"#, None),
            (r#"{"key": "k", "value": {"uris": ["/"], "plugins": {"openwhisk": {}}}}"#, "{}", Some(Uri::Other)),
        ];
        for (json, expected, uri) in cases {
            let found = find(json).unwrap_or_else(|error| panic!("{json}: {error}"));
            assert_eq!((found.json.as_ref(), found.uri), (expected, uri), "{json}");
        }
    }

    #[test]
    fn a_text_of_apisix_without_one_is_refused() {
        let cases = [
            (r#"{"uri": "/x", "plugins": {"cors": {}}}"#, NotFound::NoPlugin),
            (r#"{"plugins": []}"#, NotFound::NoPlugin),
            (r#"{"plugins": {"openwhisk": {}, "openwhisk-wasm": {"conf": {}}}}"#, NotFound::TwoPlugins),
            (r#"{"plugins": {"openwhisk-wasm": {"action": "a"}}}"#, NotFound::NoConf),
        ];
        for (json, expected) in cases {
            assert_eq!(find(json).expect_err(json), expected, "{json}");
        }
    }
}
