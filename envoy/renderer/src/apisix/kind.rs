//! What an object of `APISIX` is.

use super::document::Fields;

/// The kinds, in the order in which they are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// What requests match.
    Routes,
    /// What routes share.
    Services,
    /// Plugins that routes share.
    PluginConfigs,
    /// Plugins for every request.
    GlobalRules,
    /// Clients, with their keys.
    Consumers,
    /// Plugins that clients share.
    ConsumerGroups,
    /// Certificates.
    Ssls,
    /// Where requests go to.
    Upstreams,
    /// Routes of TCP and UDP.
    StreamRoutes,
    /// Definitions for gRPC.
    Protos,
    /// What all uses of a plugin share.
    PluginMetadata,
    /// Where secrets are kept.
    Secrets,
    /// The names of the plugins that are there.
    Plugins,
}

/// Each kind with the name of its list.
///
/// Source: apache/apisix `apisix/constants.lua`, `HTTP_ETCD_DIRECTORY` and `STREAM_ETCD_DIRECTORY`.
const LISTS: &[(&str, Kind)] = &[
    ("routes", Kind::Routes),
    ("services", Kind::Services),
    ("plugin_configs", Kind::PluginConfigs),
    ("global_rules", Kind::GlobalRules),
    ("consumers", Kind::Consumers),
    ("consumer_groups", Kind::ConsumerGroups),
    ("ssls", Kind::Ssls),
    ("ssl", Kind::Ssls),
    ("upstreams", Kind::Upstreams),
    ("stream_routes", Kind::StreamRoutes),
    ("protos", Kind::Protos),
    ("plugin_metadata", Kind::PluginMetadata),
    ("secrets", Kind::Secrets),
    ("plugins", Kind::Plugins),
];

impl Kind {
    /// The kind whose list has this name.
    pub fn of_list(name: &str) -> Option<Self> {
        LISTS.iter().find(|(list, _)| *list == name).map(|(_, kind)| *kind)
    }

    /// The name of its list.
    pub fn list(self) -> &'static str {
        LISTS.iter().find(|(_, kind)| *kind == self).map_or("", |(list, _)| list)
    }

    /// The kind of what stands in etcd at this key, and its id if others may refer to it. Before them stands a prefix,
    /// which may be anything.
    ///
    /// Source: apache/apisix `apisix/admin/credentials.lua` and `apisix/admin/secrets.lua`, whose ids have two parts.
    pub fn of_key(key: &str) -> Option<(Self, Option<&str>)> {
        let mut segments = key.rsplit('/');
        let (id, list) = (segments.next()?, segments.next()?);
        if let Some(kind) = Self::of_list(list) {
            return Some((kind, Some(id)));
        }
        match (list, segments.next()?, segments.next()) {
            ("credentials", _, Some("consumers")) => Some((Self::Consumers, None)),
            (_, "secrets", _) => Some((Self::Secrets, None)),
            _ => None,
        }
    }

    /// The kind of an object that has these fields, if no other kind has them.
    pub fn of_fields(fields: &Fields) -> Option<Self> {
        let has = |names: &[&str]| names.iter().any(|name| fields.contains_key(*name));
        match () {
            () if has(&["uri", "uris"]) => Some(Self::Routes),
            () if has(&["username"]) => Some(Self::Consumers),
            () if has(&["cert", "certs", "sni", "snis"]) => Some(Self::Ssls),
            () if has(&["plugins"]) => None,
            () if has(&["nodes", "discovery_type"]) => Some(Self::Upstreams),
            () => None,
        }
    }
}
