//! The reference configuration of Envoy is what users get.

use openwhisk_envoy::{InvalidPrefix, Options, render};

#[test]
fn the_reference_configuration_is_printed() -> Result<(), InvalidPrefix> {
    let options = Options { route_prefix: Some("/hello".parse()?), ..Options::default() };
    let rendered = render(include_bytes!("../../../hello.json"), &options).unwrap_or_else(|error| panic!("{error}"));
    assert!(
        rendered.yaml == include_str!("../../../envoy.yaml"),
        "print envoy/envoy.yaml anew: openwhisk-envoy envoy/hello.json --route-prefix /hello >envoy/envoy.yaml"
    );
    assert_eq!(rendered.warnings, Vec::<String>::new());
    Ok(())
}
