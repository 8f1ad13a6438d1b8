//! Requests of gRPC: an action does not speak it, and Envoy would put a whole result into a header of the reply.

use bytes::Bytes;
use corpus::Reply;
use http::{HeaderMap, Request};
use openwhisk_envoy::Protocol;
use serde_json::{Value, json};

use super::Gateway;
use super::edge::Edge;
use testbed::bootstrap::{array, at};
use testbed::client::{ask, header, request};
use testbed::http2::Part;
use testbed::http2::client::{ask_http2, in_http2};
use testbed::script;
use testbed::upstream::Upstream;

use crate::stage::Plan;

/// The longest message, in bytes: a sentence.
const LONGEST: usize = 100;

/// Where the routes are.
const ROUTES: &str =
    "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/route_config/virtual_hosts/0/routes";

/// Adds the tests.
pub fn add(plan: &mut Plan) {
    plan.test_alone("hostile::grpc_is_refused_without_a_call", refused);
    plan.test_alone("hostile::grpc_to_another_route_is_untouched", untouched);
    plan.test_alone("hostile::grpc_behind_an_edge_hurts_nobody", behind_an_edge);
}

/// A POST with a message of gRPC, in HTTP/1.1 and in HTTP/2.
fn both(port: u16, content_type: &str) -> [Reply; 2] {
    let headers = [("content-type", content_type), ("te", "trailers")];
    let message = b"\0\0\0\0\x02{}";
    [ask(port, &request("POST", "/hello", &headers, message)), ask_http2(port, "/hello", &headers, Some(message), &[])]
}

/// Fails unless the reply says that nothing is implemented, in few words.
fn check_refused(about: &str, reply: &Reply) {
    let value = |name: &str| header(reply, name).into_iter().map(String::from_utf8_lossy).collect::<String>();
    let message = value("grpc-message");
    assert_eq!((reply.status, &*value("grpc-status")), (200, "12"), "{about}: {reply:?}");
    assert!(message.contains("gRPC") && message.len() <= LONGEST, "{about}: {message:.200}");
    assert!(reply.body.is_empty(), "{about}: {:?}", reply.body);
}

fn refused() {
    let openwhisk = Upstream::start(script::result("{\"ready\":true}"));
    let gateway = Gateway::new(&openwhisk, json!({}));
    for content_type in ["application/grpc", "application/grpc+proto", "application/grpc+json"] {
        for reply in both(gateway.port, content_type) {
            check_refused(content_type, &reply);
        }
    }
    assert_eq!(openwhisk.seen().calls, []);
    for content_type in ["application/grpc-web", "application/grpc-web+proto", "application/json"] {
        for reply in both(gateway.port, content_type) {
            assert_eq!((reply.status, &*reply.body), (200, &b"{\"ready\":true}"[..]), "{content_type}");
        }
    }
    assert_eq!(openwhisk.seen().calls.len(), 6);
    gateway.check();
}

/// A service behind a route that the filter does not serve.
fn untouched() {
    let openwhisk = Upstream::start(script::result("{}"));
    let service = Upstream::speaking(
        Protocol::Http2,
        std::sync::Arc::new(|call, connection| {
            let head = http::Response::builder().header("content-type", "application/grpc").body(()).expect("a head");
            let trailers =
                HeaderMap::from_iter([("grpc-status".parse().expect("a name"), "0".parse().expect("a value"))]);
            connection.part(Part::Head(head))?;
            connection.part(Part::Body(call.body.clone()))?;
            connection.part(Part::Trailers(trailers))
        }),
    );
    let address = "/load_assignment/endpoints/0/lb_endpoints/0/endpoint/address/socket_address/port_value";
    let port = service.port;
    let gateway = Gateway::with(&openwhisk, json!({}), 2, |configuration| {
        let mut cluster = at(configuration, "/static_resources/clusters/0").clone();
        cluster["name"] = json!("service");
        cluster["load_assignment"]["cluster_name"] = json!("service");
        *at(&mut cluster, address) = json!(port);
        let options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
        cluster["typed_extension_protocol_options"][options]["explicit_http_config"] =
            json!({ "http2_protocol_options": {} });
        array(at(configuration, "/static_resources/clusters")).push(cluster);
        let route = json!({ "name": "service", "match": { "grpc": {}, "prefix": "/shop.Orders" },
                            "route": { "cluster": "service" } });
        array(at(configuration, ROUTES)).insert(0, route);
    });
    let mut trailers = None;
    let reply = in_http2(gateway.port, async |client| {
        let request =
            Request::post("http://gateway.example/shop.Orders/List").header("content-type", "application/grpc");
        let (response, mut sending) = client.send_request(request.body(()).expect("a request"), false)?;
        sending.send_data(Bytes::from_static(b"\0\0\0\0\x01x"), true)?;
        let (parts, mut receiving) = response.await?.into_parts();
        let mut body = Vec::new();
        while let Some(data) = receiving.data().await {
            body.extend(data?);
        }
        trailers = receiving.trailers().await?;
        Ok(Reply { status: parts.status.as_u16(), headers: Vec::new(), body })
    });
    assert_eq!((reply.status, &*reply.body), (200, &b"\0\0\0\0\x01x"[..]));
    assert_eq!(trailers.expect("trailers").get("grpc-status").expect("a status"), "0");
    assert_eq!((service.seen().calls.len(), openwhisk.seen().calls.len()), (1, 0));
    gateway.check();
}

/// Without the refusal a result of 100 kB would be a header of as many bytes and more, and end the edge's connection.
fn behind_an_edge() {
    let result = Value::String("\u{e9}".repeat(50_000)).to_string();
    let edge = Edge::new(script::result(result));
    for content_type in ["application/grpc", "application/grpc+proto"] {
        let headers = [("content-type", content_type), ("te", "trailers")];
        let reply = edge.ask(content_type, |port| ask_http2(port, "/hello", &headers, Some(b"\0\0\0\0\0"), &[]));
        check_refused(content_type, &reply);
        let reply = edge.ask(content_type, |port| ask(port, &request("POST", "/hello", &headers, b"\0\0\0\0\0")));
        check_refused(content_type, &reply);
    }
    assert_eq!(edge.calls(), 0);
    edge.check();
}
