//! Routes on Envoy: which requests the filter takes over, and what it costs to tell.

use std::fmt::Write as _;

use crate::{Answer, Headers, Host, Personality, Request, Standing, host, is_start};

pub fn all() -> impl Iterator<Item = (&'static str, fn())> {
    [
        ("a_listed_route_has_its_own_settings", listed as fn()),
        ("a_route_that_is_not_listed_passes_untouched", unlisted),
        ("many_routes_cost_no_more_than_one", cost),
    ]
    .into_iter()
}

const ROUTES: &str = r#", "routes": {
    "orders": {"package": "shop", "action": "orders", "timeout": 2000, "mode": "async"},
    "far": {"api_host": "http://far.example", "service_token": "bob:builder"}
}"#;

fn on_route(name: &str) -> Request {
    Request::new("POST", "/hello").property(&["xds", "route_name"], name)
}

fn listed() {
    let mut host = host(Personality::Envoy, ROUTES);
    let orders = host.send(on_route("orders"));
    let call = host.call(orders);
    assert_eq!(call.header(":path"), Some("/api/v1/namespaces/guest/actions/shop/orders?blocking=false"));
    assert_eq!((call.upstream.as_str(), call.deadline.as_millis()), ("127.0.0.1:3233", 2000));
    let far = host.send(on_route("far").body("{}"));
    let call = host.call(far);
    assert_eq!((call.upstream.as_str(), call.header(":authority")), ("far.example:80", Some("far.example")));
    assert_eq!(call.header("authorization"), Some("Basic Ym9iOmJ1aWxkZXI="));
    host.answer(far, Answer::new(503).header("content-type", "application/json").body("{}"));
    assert_eq!(host.reply(far).status, 503);
    let told = host.log().iter().any(|line| line.text.contains("openwhisk: guest/hello: 503"));
    assert!(told, "{:?}", host.log());
}

fn unlisted() {
    let mut trailers = Headers::default();
    trailers.push("x-checksum", "1");
    let mut host = host(Personality::Envoy, ROUTES);
    let requests = [
        on_route("other"),
        on_route(""),
        Request::new("GET", "/hello"),
        on_route("other").body(vec![b'x'; 100_000]),
        on_route("other").chunk("a").chunk("b").trailers(trailers),
    ];
    for request in requests {
        let shown = format!("{request:.200?}");
        let id = host.send(request);
        assert_eq!(host.standing(id), Standing::PassedOn, "{shown}");
        assert!(host.calls(id).is_empty(), "{shown}");
    }
    assert!(host.log().iter().all(|line| is_start(&line.text)), "{:?}", host.log());
}

fn cost() {
    let cost = |count: usize| {
        let mut routes = String::new();
        for n in 0..count {
            let comma = if n == 0 { "" } else { "," };
            write!(routes, r#"{comma}"route-{n:05}": {{"action": "action-{n}"}}"#).expect("a string takes it");
        }
        let mut host = host(Personality::Envoy, &format!(r#", "routes": {{{routes}}}"#));
        let last = format!("route-{:05}", count.saturating_sub(1));
        // The first request finds out which proxy it is.
        host.send(on_route(&last));
        let costs = [serve(&mut host, &last), serve(&mut host, "other")];
        assert!(costs[1].host_calls.values().eq(&[1]), "only the name of the route is read: {:?}", costs[1]);
        costs
    };
    let (one, many) = (cost(1), cost(1000));
    for (one, many) in one.iter().zip(&many) {
        assert_eq!((&one.host_calls, &one.callbacks), (&many.host_calls, &many.callbacks));
        let (few, lots) = (one.fuel, many.fuel);
        assert!(lots <= few.saturating_add(few / 10), "{few} instructions with 1 route, {lots} with 1000");
    }
}

fn serve(host: &mut Host, route: &str) -> host::Cost {
    let id = host.send(on_route(route));
    if matches!(host.standing(id), Standing::Called(_)) {
        host.answer(id, Answer::new(200).header("content-type", "application/json").body("{}"));
        assert_eq!(host.reply(id).status, 200);
    }
    host.cost(id).clone()
}
