//! How much of a request the listener holds.

use crate::configuration::Configuration;

/// The largest parameters that `OpenWhisk` takes, and Envoy's own limit.
///
/// Source: apache/openwhisk `common/scala/src/main/resources/application.conf`, `whisk.activation.payload.max`; Envoy's
/// `Listener.per_connection_buffer_limit_bytes`.
const OPENWHISK: u64 = 1 << 20;

/// By how much the listener's limit is above that of the filter, so that the filter says what is wrong.
const ABOVE: u64 = 64 << 10;

/// The smallest limit of a listener.
pub const SMALLEST: u64 = OPENWHISK + ABOVE;

/// From here on the operator should know.
const HUGE: u64 = 16 << 20;

/// The most a listener should hold. The wasm VM has 4 GiB, for a body in several forms.
const LARGEST: u64 = 1 << 30;

/// The limit of the listener, and what should be said about it.
///
/// It follows the largest `max_req_body_size` that somebody wrote down. The default, 64 MiB, is not taken over: it is
/// sixty times what `OpenWhisk` takes, and would let every client make Envoy hold that much.
pub fn limit(configuration: &Configuration) -> (u64, Option<String>) {
    let sites = configuration.sites();
    let given = sites.iter().filter(|site| configuration.given(**site, "max_req_body_size").is_some());
    let size = given.map(|site| site.settings.max_req_body_size()).max().unwrap_or_default();
    let held = size.clamp(OPENWHISK, LARGEST);
    let warning = match size {
        HUGE..=LARGEST => Some(format!(
            "`max_req_body_size` is {size}: envoy may hold that much for every request at the same time, and openwhisk takes \
             {OPENWHISK} bytes unless it is configured otherwise"
        )),
        size if size > LARGEST => Some(format!(
            "`max_req_body_size` is {size}, which has no effect above {LARGEST}: the listener refuses larger bodies"
        )),
        _ => None,
    };
    (held.saturating_add(ABOVE), warning)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::configuration::tests::read;

    #[test]
    fn the_listener_holds_a_little_more_than_the_filter_takes() {
        let cases = [
            ("", 1_114_112, false),
            (r#", "max_req_body_size": 1"#, 1_114_112, false),
            (r#", "max_req_body_size": 1048576"#, 1_114_112, false),
            (r#", "max_req_body_size": 8388608"#, 8_454_144, false),
            (r#", "max_req_body_size": 67108864"#, 67_174_400, true),
            (r#", "max_req_body_size": 1000000000000"#, 1_073_807_360, true),
            (r#", "routes": {"a": {}, "b": {"max_req_body_size": 2097152}}"#, 2_162_688, false),
            (r#", "max_req_body_size": 2097152, "routes": {"a": {"max_req_body_size": null}}"#, 1_114_112, false),
            (r#", "routes": {}"#, 1_114_112, false),
        ];
        for (attributes, expected, warns) in cases {
            let (limit, warning) = limit(&read(&format!(r#""service_token": "a:b"{attributes}"#)));
            assert_eq!((limit, warning.is_some()), (expected, warns), "{attributes}: {warning:?}");
        }
    }
}
