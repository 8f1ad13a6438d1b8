//! `--for`: what it goes by, and what it does not go with.

use crate::{GOOD, run, text};

/// The same where the pod of a gateway reaches it.
fn good() -> String {
    GOOD.replace("http://ow", "https://ow.example")
}

#[test]
fn manifests_go_by_their_options() {
    for (arguments, expected) in [
        (&["--for", "envoy-gateway"][..], "\nkind: EnvoyExtensionPolicy\n"),
        (&["--for", "istio"], "\nkind: VirtualService\n"),
        (&["--for", "istio-gateway-patch"], "\n          volumeMounts:\n"),
        (&["--for", "istio", "--image", "r.example/f:1"], "\"oci://r.example/f:1\""),
        (&["--for", "envoy-gateway", "--namespace", "ns"], "\n  namespace: ns\n"),
        (&["--for", "istio", "--gateway", "infra/edge"], "gateways: [infra/edge]"),
        (&["--for", "istio", "--label", "app=gw", "--label", "x=1"], "{ app: gw, x: \"1\" }"),
        (&["--for", "envoy-gateway", "--host", "a.example", "--host", "*.b.example"], "[a.example, \"*.b.example\"]"),
        (&["--for", "envoy-gateway", "--secret", "ours"], "valueRef: { name: ours }"),
        (&["--for", "envoy-gateway", "--route-prefix", "/x"], "value: /x }"),
    ] {
        let output = run(arguments, &good());
        let (said, noted) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success() && said.contains(expected), "{arguments:?}: {noted}{said}");
        let note = "note: `service_token` is left out: the gateway adds the key from the secret `";
        assert!(noted.starts_with(note) && noted.lines().count() == 1, "{arguments:?}: {noted}");
        assert!(!said.contains("OPENWHISK_NOT_SET"), "{arguments:?}");
    }
}

#[test]
fn what_is_doubtful_is_told() {
    let routes = good().replace("\"n\",", "\"n\", \"routes\": {\"x\": {}},");
    let organisation = good().replace("\"n\",", "\"n\", \"call_headers\": {\"x-org\": \"ours\"},");
    for (arguments, configuration, expected) in [
        (&["--for", "envoy-gateway", "--label", "a=b"][..], &routes, "warning: `--label` has no effect"),
        (
            &["--for", "envoy-gateway", "--gateway", "a"],
            &routes,
            "warning: the gateway `a` must refer to the EnvoyProxy",
        ),
        (&["--for", "istio", "--route-prefix", "/x"], &routes, "warning: `--route-prefix` has no effect"),
        (&["--for", "istio"], &organisation, "warning: what stands in `call_headers[\"x-org\"]` is in the manifest"),
    ] {
        let output = run(arguments, configuration);
        let said = text(&output.stderr);
        let warnings: Vec<_> = said.lines().filter(|line| line.starts_with("warning: ")).collect();
        assert!(output.status.success() && warnings.len() == 1 && warnings[0].starts_with(expected), "{said}");
    }
}

#[test]
fn what_is_not_for_kubernetes_is_refused() {
    let with = |option: &'static [&'static str]| [&["--for", "istio"], option].concat();
    for option in [
        &["--fragment"][..],
        &["--summary"],
        &["--ca", "f"],
        &["--listen", "[::1]:80"],
        &["--admin", "[::1]:80"],
        &["--wasm", "f"],
        &["--http2"],
        &["--without", "cors"],
        &["--router", "radixtree_uri"],
        &["--keys", "f"],
        &["--env", "KEY"],
        &["--key-file", "f"],
        &["--key-file", "f", "--check-keys"],
    ] {
        let output = run(&with(option), &good());
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{option:?}: {said}");
        let expected = "error: the argument '--for <CONTROL-PLANE>' cannot be used with";
        assert!(said.starts_with(expected) && output.stdout.is_empty(), "{option:?}: {said}");
    }
    for option in ["--image", "--namespace", "--gateway", "--label", "--host", "--secret"] {
        let output = run(&[option, "a=b"], &good());
        assert_eq!(output.status.code(), Some(2), "{option}");
        let value = if option == "--label" { "a=b" } else { "a" };
        let said = text(&run(&[option, value], &good()).stderr);
        let expected = "error: the following required arguments were not provided:\n  --for <CONTROL-PLANE>";
        assert!(said.starts_with(expected), "{option}: {said}");
    }
    for (option, value) in [
        ("--for", "kubernetes"),
        ("--image", "oci://r.example/f:1"),
        ("--namespace", "a.b"),
        ("--namespace", "a\nb"),
        ("--gateway", "a/b/c"),
        ("--label", "a"),
        ("--host", "192.0.2.1"),
        ("--host", "A.example"),
        ("--secret", "a_b"),
    ] {
        let output = run(&["--for", "istio", option, value], &good());
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{option} {value:?}: {said}");
        assert!(said.starts_with("error: ") && output.stdout.is_empty(), "{option} {value:?}: {said}");
    }
}

#[test]
fn a_key_is_refused_and_not_shown() {
    let literal = good().replace("$ENV://OPENWHISK_NOT_SET", "alice:wonderland");
    for plane in ["envoy-gateway", "istio", "istio-gateway-patch"] {
        let output = run(&["--for", plane], &literal);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{plane}: {said}");
        assert!(said.starts_with("error: `service_token` is the key itself, expected none"), "{plane}: {said}");
        assert!(output.stdout.is_empty() && !said.contains("wonder"), "{plane}: {said}");
    }
}
