//! The plugins of `APISIX`: what a route is without them, and what does the same in Envoy.
//!
//! Source: apache/apisix `apisix/cli/config.lua`, `plugins`, and `docs/en/latest/plugins/`.

/// What a plugin does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It answers with the result of an action.
    OpenWhisk(Edition),
    /// It looks on, and changes neither who is let in nor what is answered.
    Observes,
    /// It matters.
    Acts(Loss, &'static str),
}

/// The plugin for `OpenWhisk`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edition {
    /// That of `APISIX`, in Lua.
    Lua,
    /// This filter.
    Wasm,
}

/// What a route lacks without a plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Somebody who was kept out comes in.
    Protection,
    /// Somebody may take as much as they want.
    Limit,
    /// Something else is sent or answered.
    Change,
}

impl Loss {
    /// What happens to the route.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Protection => "the route would be open to everyone",
            Self::Limit => "the route would have no limit",
            Self::Change => "the route would answer differently",
        }
    }
}

/// The name of the plugin in Lua.
pub const LUA: &str = "openwhisk";

/// The name of this filter as a plugin.
pub const WASM: &str = "openwhisk-wasm";

const OBSERVERS: &[&str] = &[
    "prometheus",
    "node-status",
    "server-info",
    "datadog",
    "lago",
    "log-rotate",
    "zipkin",
    "skywalking",
    "opentelemetry",
    "request-id",
    "http-logger",
    "tcp-logger",
    "udp-logger",
    "kafka-logger",
    "rocketmq-logger",
    "syslog",
    "file-logger",
    "clickhouse-logger",
    "elasticsearch-logger",
    "loki-logger",
    "loggly",
    "splunk-hec-logging",
    "skywalking-logger",
    "google-cloud-logging",
    "sls-logger",
    "tencent-cloud-cls",
    "error-log-logger",
];

/// What protects, limits or changes, with what is there in Envoy for it.
const ACTORS: &[(&str, Loss, &str)] = &[
    ("key-auth", Loss::Protection, "envoy.filters.http.api_key_auth"),
    ("basic-auth", Loss::Protection, "envoy.filters.http.basic_auth"),
    ("jwt-auth", Loss::Protection, "envoy.filters.http.jwt_authn"),
    ("jwe-decrypt", Loss::Protection, "envoy.filters.http.ext_authz"),
    ("hmac-auth", Loss::Protection, "envoy.filters.http.ext_authz"),
    ("ldap-auth", Loss::Protection, "envoy.filters.http.ext_authz"),
    ("wolf-rbac", Loss::Protection, "envoy.filters.http.ext_authz"),
    ("multi-auth", Loss::Protection, "envoy.filters.http.composite or ext_authz"),
    ("openid-connect", Loss::Protection, "envoy.filters.http.oauth2 or jwt_authn"),
    ("cas-auth", Loss::Protection, "envoy.filters.http.ext_authz"),
    ("saml-auth", Loss::Protection, "envoy.filters.http.ext_authz"),
    ("authz-casbin", Loss::Protection, "envoy.filters.http.rbac or ext_authz"),
    ("authz-casdoor", Loss::Protection, "envoy.filters.http.oauth2"),
    ("authz-keycloak", Loss::Protection, "envoy.filters.http.ext_authz"),
    ("forward-auth", Loss::Protection, "envoy.filters.http.ext_authz"),
    ("opa", Loss::Protection, "envoy.filters.http.ext_authz"),
    ("consumer-restriction", Loss::Protection, "envoy.filters.http.rbac"),
    ("acl", Loss::Protection, "envoy.filters.http.rbac"),
    ("attach-consumer-label", Loss::Change, "envoy.filters.http.header_mutation"),
    ("ip-restriction", Loss::Protection, "envoy.filters.http.rbac"),
    ("ua-restriction", Loss::Protection, "envoy.filters.http.rbac"),
    ("referer-restriction", Loss::Protection, "envoy.filters.http.rbac"),
    ("uri-blocker", Loss::Protection, "envoy.filters.http.rbac"),
    ("csrf", Loss::Protection, "envoy.filters.http.csrf"),
    ("chaitin-waf", Loss::Protection, "envoy.filters.http.ext_proc or a WAF in wasm"),
    ("request-validation", Loss::Protection, "envoy.filters.http.ext_proc"),
    ("ai-prompt-guard", Loss::Protection, "envoy.filters.http.ext_proc"),
    ("ai-aws-content-moderation", Loss::Protection, "envoy.filters.http.ext_proc"),
    ("ai-aliyun-content-moderation", Loss::Protection, "envoy.filters.http.ext_proc"),
    ("client-control", Loss::Limit, "`max_req_body_size` of the filter"),
    ("limit-count", Loss::Limit, "envoy.filters.http.local_ratelimit or ratelimit"),
    ("limit-count-advanced", Loss::Limit, "envoy.filters.http.local_ratelimit or ratelimit"),
    ("limit-req", Loss::Limit, "envoy.filters.http.local_ratelimit"),
    ("limit-conn", Loss::Limit, "`circuit_breakers` of the cluster or envoy.filters.http.admission_control"),
    ("graphql-limit-count", Loss::Limit, "envoy.filters.http.ratelimit"),
    ("ai-rate-limiting", Loss::Limit, "envoy.filters.http.ratelimit"),
    ("workflow", Loss::Protection, "envoy.filters.http.rbac, local_ratelimit or composite"),
    ("api-breaker", Loss::Limit, "`outlier_detection` of the cluster"),
    ("real-ip", Loss::Change, "`original_ip_detection_extensions` of the HTTP connection manager"),
    ("cors", Loss::Change, "envoy.filters.http.cors"),
    ("fault-injection", Loss::Change, "envoy.filters.http.fault"),
    ("mocking", Loss::Change, "`direct_response` of a route"),
    ("redirect", Loss::Change, "`redirect` of a route"),
    ("proxy-rewrite", Loss::Change, "envoy.filters.http.header_mutation"),
    ("response-rewrite", Loss::Change, "envoy.filters.http.header_mutation"),
    ("body-transformer", Loss::Change, "envoy.filters.http.ext_proc"),
    ("proxy-mirror", Loss::Change, "only filters of your own"),
    ("proxy-cache", Loss::Change, "envoy.filters.http.cache"),
    ("proxy-control", Loss::Change, "`request_body` of the filter"),
    ("gzip", Loss::Change, "envoy.filters.http.compressor"),
    ("brotli", Loss::Change, "envoy.filters.http.compressor"),
    ("traffic-split", Loss::Change, "`weighted_clusters` of a route, or two routes with `runtime_fraction`"),
    ("traffic-label", Loss::Change, "envoy.filters.http.header_mutation"),
    ("grpc-transcode", Loss::Change, "envoy.filters.http.grpc_json_transcoder"),
    ("grpc-web", Loss::Change, "envoy.filters.http.grpc_web"),
    ("degraphql", Loss::Change, "envoy.filters.http.ext_proc"),
    ("echo", Loss::Change, "envoy.filters.http.header_mutation"),
    ("serverless-pre-function", Loss::Protection, "envoy.filters.http.lua"),
    ("serverless-post-function", Loss::Protection, "envoy.filters.http.lua"),
    ("ext-plugin-pre-req", Loss::Protection, "envoy.filters.http.ext_proc"),
    ("ext-plugin-post-req", Loss::Protection, "envoy.filters.http.ext_proc"),
    ("ext-plugin-post-resp", Loss::Change, "envoy.filters.http.ext_proc"),
    ("aws-lambda", Loss::Change, "envoy.filters.http.aws_lambda"),
    ("azure-functions", Loss::Change, "a route with a cluster"),
    ("openfunction", Loss::Change, "a route with a cluster"),
    ("public-api", Loss::Change, "a route with a cluster"),
];

/// What a plugin does. One that is not known may do everything.
pub fn effect(name: &str) -> Effect {
    match name {
        LUA => Effect::OpenWhisk(Edition::Lua),
        WASM => Effect::OpenWhisk(Edition::Wasm),
        _ if OBSERVERS.contains(&name) => Effect::Observes,
        _ => ACTORS
            .iter()
            .find(|(actor, ..)| *actor == name)
            .map_or(Effect::Acts(Loss::Protection, "nothing that is known here"), |(_, loss, filter)| {
                Effect::Acts(*loss, filter)
            }),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_plugin_observes_or_acts() {
        let acts = |loss, filter| Effect::Acts(loss, filter);
        let cases = [
            ("openwhisk", Effect::OpenWhisk(Edition::Lua)),
            ("openwhisk-wasm", Effect::OpenWhisk(Edition::Wasm)),
            ("prometheus", Effect::Observes),
            ("kafka-logger", Effect::Observes),
            ("request-id", Effect::Observes),
            ("key-auth", acts(Loss::Protection, "envoy.filters.http.api_key_auth")),
            ("limit-count", acts(Loss::Limit, "envoy.filters.http.local_ratelimit or ratelimit")),
            ("cors", acts(Loss::Change, "envoy.filters.http.cors")),
        ];
        for (name, expected) in cases {
            assert_eq!(effect(name), expected, "{name}");
        }
        for unknown in ["Key-Auth", "prometheus ", "", "my-plugin", "openwhisk2"] {
            assert!(matches!(effect(unknown), Effect::Acts(Loss::Protection, _)), "{unknown:?}");
        }
    }

    #[test]
    fn no_plugin_is_listed_twice() {
        let names: Vec<_> = OBSERVERS.iter().chain(ACTORS.iter().map(|(name, ..)| name)).collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    }
}
