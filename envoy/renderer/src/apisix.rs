//! What is rendered for texts of `APISIX`: the routes with the filter, and those that keep requests from it.
//!
//! ```text
//! texts -> document -> objects -> routes -> entries of the router -> virtual hosts
//!                                       \-> configuration, with the names of variables for keys
//! ```

mod document;
mod host;
mod kind;
mod plugin;
mod quote;
mod report;
mod route;
mod router;
mod secret;
mod uri;
mod usage;
mod vars;

use std::collections::BTreeSet;
use std::fmt;

use openwhisk_filter::config::attribute::{Levels, names};
use openwhisk_filter::config::settings::RequestBody;
use serde_json::{Value, json};

use crate::cluster::{self, Cluster};
use crate::configuration::Configuration;
use crate::found::NotFound;
use crate::route::{Paths, VirtualHost};
use document::{Fields, Object, objects};
use kind::Kind;
use plugin::Loss;
use route::{Parts, Served, Shared};
use router::{Entry, virtual_hosts};
use uri::{Uri, has_parameter};

pub use report::{Refusal, Report};
pub use secret::Key;
pub use uri::Router;

/// A text that somebody has in hand. Debug hides it: keys may stand in it.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    /// Its name, for messages.
    pub name: &'a str,
    /// The text.
    pub text: &'a [u8],
}

impl fmt::Debug for Input<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What is rendered.
pub struct Migration {
    /// The configuration of the filter, as text.
    pub json: String,
    /// What each route says about it.
    pub configurations: Vec<Configuration>,
    /// The clusters it calls.
    pub clusters: Vec<Cluster>,
    /// Its routes.
    pub virtual_hosts: Vec<VirtualHost>,
    /// The keys that stood in the texts.
    pub keys: Vec<Key>,
}

/// What somebody says about `APISIX`, where its texts say nothing.
#[derive(Clone, Copy, Debug)]
pub struct Said<'a> {
    /// The router it is configured for.
    pub router: Option<Router>,
    /// The paths of a route that stands alone, instead of its own.
    pub paths: Option<&'a Paths>,
}

/// Reads texts of `APISIX`. Nothing if there is one, which is of something else.
///
/// # Errors
/// [`Refusal`], also if one of several texts is of something else.
pub fn read(inputs: &[Input<'_>], report: &mut Report<'_>) -> Option<Vec<Object>> {
    let mut all = Vec::new();
    let mut seen = BTreeSet::new();
    let rename = |place: &str, name: &str| {
        let is_many = inputs.len() > 1;
        if is_many { format!("{name}: {place}").trim_end_matches([':', ' ']).to_owned() } else { place.to_owned() }
    };
    for input in inputs {
        let document = std::str::from_utf8(input.text).map_or(Ok(None), document::read);
        let document = match document {
            Ok(Some(document)) => document,
            Ok(None) if inputs.len() == 1 => return None,
            Ok(None) => {
                report.wrong(input.name, "expected a text of apisix, as it is not the only one");
                continue;
            }
            Err(unreadable) => {
                report.wrong(&rename("", input.name), &unreadable.to_string());
                continue;
            }
        };
        match objects(document) {
            Ok(objects) => all.extend(objects.into_iter().map(|object| {
                let place = rename(&object.place, input.name);
                Object { place, ..object }
            })),
            Err(wrong) => wrong.iter().for_each(|(place, reason)| report.wrong(&rename(place, input.name), reason)),
        }
    }
    // Which of two would hold depends on what is read last.
    for object in &all {
        if let Some(id) = &object.id
            && !seen.insert((object.kind, id.clone()))
        {
            report.wrong(&object.place, &format!("the id {id:?} stands twice among `{}`", object.kind.list()));
        }
    }
    Some(all)
}

/// Puts together what is rendered.
///
/// # Errors
/// None of the routes is for the filter. Everything else that is wrong is reported.
pub fn migrate(objects: &[Object], said: Said<'_>, report: &mut Report<'_>) -> Result<Migration, NotFound> {
    // A route or plugins in hand, as somebody tries them out.
    let is_alone = matches!(objects, [object] if object.place.is_empty() && object.kind == Kind::Routes);
    let shared = Shared::of(objects);
    let is_route = |object: &&Object| object.kind == Kind::Routes;
    let (mut parts, mut names) = (Vec::new(), BTreeSet::from(["rest".to_owned()]));
    for (index, route) in objects.iter().filter(is_route).enumerate() {
        let is_disabled = Parts::is_disabled(route, report);
        let mut apart = report.apart();
        let built = Parts::of(route, &shared, if is_disabled { &mut apart } else { report });
        let name = unique(&built.name(index), &mut names);
        if is_disabled {
            report.note(format!("left out: {} is switched off (`status` is 0)", titled(&route.place, &name)));
        } else {
            parts.push((route, name, built));
        }
    }
    let router = said.router.unwrap_or_else(|| assumed(parts.iter().flat_map(|(.., parts)| parts.uri_texts()), report));

    let (mut entries, mut served, mut others) = (Vec::new(), Vec::new(), Vec::new());
    for (route, name, built) in &parts {
        let filter = built.served(report);
        let is_served = filter.is_some();
        let mut apart = report.apart();
        let matched = built.matched(if is_served { report } else { &mut apart });
        let mut unknown = report.apart();
        if !is_served {
            built.unknown(&mut unknown);
        }
        let is_ordered = !unknown.refuses();
        apart.absorb(unknown);
        let uris = match (built.uris(router, report), is_alone) {
            (uris, true) => said.paths.map(|paths| vec![Uri::of(paths.clone())]).or(uris),
            (Some(uris), false) => Some(uris),
            (None, false) => {
                report.wrong(&route.place, "expected `uri` or `uris`");
                None
            }
        };
        let hosts = built.hosts(report);
        let priority = built.priority(report);
        if let Some(filter) = filter {
            listed(objects, filter.plugin, report);
            served.push((name.clone(), filter));
        }
        let uris = uris.unwrap_or_else(|| vec![Uri::of(Paths::Below(crate::route::Prefix::default()))]);
        let is_exact = !apart.refuses();
        entries.push(Entry { name: name.clone(), uris, hosts, matched, is_exact, is_ordered, priority, is_served });
        if !is_served {
            others.push((name, apart));
            if !is_alone {
                report.note(format!("left out: {} has no plugin of openwhisk", titled(&route.place, name)));
            }
        }
    }
    if served.is_empty() && !report.refuses() {
        return Err(if is_alone { NotFound::NoPlugin } else { NotFound::NoRoute });
    }
    rest(objects, report);
    let virtual_hosts = virtual_hosts(&entries, router);
    // What requests match a route of others matters where it keeps them from the filter.
    for (name, apart) in others {
        let is_left = |host: &VirtualHost| host.routes.iter().any(|route| route.name == *name);
        if virtual_hosts.iter().any(is_left) {
            report.absorb(apart);
        }
    }
    Ok(configured(served, virtual_hosts, is_alone, report))
}

/// Tells if `APISIX` has not loaded a plugin: a list of those it has may be in the file.
fn listed(objects: &[Object], plugin: &str, report: &mut Report<'_>) {
    let mut lists = objects.iter().filter(|object| object.kind == Kind::Plugins);
    if let Some(list) = lists.find(|list| !list.fields.contains_key(plugin)) {
        report.wrong(&list.place, &format!("does not list `{plugin}`, so apisix does not run it"));
    }
}

/// What stands beside routes and what they refer to.
fn rest(objects: &[Object], report: &mut Report<'_>) {
    for object in objects {
        let list = object.kind.list();
        let place = if object.place.is_empty() { list } else { &object.place };
        match object.kind {
            Kind::Routes | Kind::Services | Kind::PluginConfigs | Kind::Plugins => {}
            Kind::GlobalRules => route::global(object, report),
            Kind::Ssls => {
                let reason =
                    "what clients send would go in clear text; envoy has `transport_socket` of a listener for it";
                report.untranslated(place, list, reason);
            }
            Kind::Consumers | Kind::ConsumerGroups => {
                let reason = "nobody would look at the keys and the limits of clients; in envoy the filter that \
                              checks keys has its own list";
                report.untranslated(place, list, reason);
            }
            Kind::Upstreams | Kind::StreamRoutes | Kind::Protos | Kind::PluginMetadata | Kind::Secrets => {
                // Only routes of TCP and UDP have some.
                if object.kind != Kind::StreamRoutes && object.fields.contains_key("plugins") {
                    let reason = format!("not known among `{list}`, expected an object that has no plugins");
                    report.wrong(&report::below(place, "plugins"), &reason);
                }
                report.note(format!("left out: `{list}` are nothing that a request to the filter reaches"));
            }
        }
    }
}

/// The router that is assumed where nobody names one.
fn assumed<'a>(mut uris: impl Iterator<Item = &'a str>, report: &mut Report<'_>) -> Router {
    let Some(uri) = uris.find(|uri| has_parameter(uri)) else { return Router::default() };
    report.note(format!(
        "{} has a `:name`, so the router is taken to be radixtree_uri_with_parameter; to the others it is a text: `--router` says which one it is",
        quote::quoted(uri)
    ));
    Router::UriWithParameter
}

/// A name that no other route has.
fn unique(name: &str, names: &mut BTreeSet<String>) -> String {
    let more = (2_u32..).map(|number| format!("{name}-{number}"));
    let mut all = [name.to_owned()].into_iter().chain(more);
    all.find(|name| names.insert(name.clone())).unwrap_or_default()
}

/// A place with the name of what stands there.
fn titled(place: &str, name: &str) -> String {
    if place.is_empty() { "the route".to_owned() } else { format!("{place} ({name:?})") }
}

/// One configuration of the filter for all its routes. Their mistakes are those the filter tells.
fn configured(
    served: Vec<(String, Served)>,
    virtual_hosts: Vec<VirtualHost>,
    is_alone: bool,
    report: &mut Report<'_>,
) -> Migration {
    let (mut configurations, mut attributes) = (Vec::new(), Vec::new());
    for (name, Served { place, configuration, .. }) in served {
        match Configuration::read(Value::Object(configuration.clone()).to_string().as_bytes()) {
            Ok(read) => {
                elsewhere(&place, &read, report);
                configurations.push(read);
                attributes.push((name, configuration));
            }
            Err(error) => {
                let place = if is_alone { "" } else { &place };
                error.to_string().lines().for_each(|line| report.wrong(place, line));
            }
        }
    }
    let settings = || configurations.iter().flat_map(Configuration::sites).map(|site| site.settings);
    let (clusters, upstreams) = cluster::apart(settings());
    let holds = settings().any(|settings| settings.request_body() == RequestBody::BufferFilter);
    for ((_, fields), upstream) in attributes.iter_mut().zip(upstreams) {
        if let Some(upstream) = upstream {
            fields.insert("upstream".to_owned(), upstream.into());
        }
    }
    let keys = secret::replace(&mut attributes);
    let json = if is_alone {
        attributes.into_iter().next().map(|(_, fields)| Value::Object(fields)).unwrap_or_default()
    } else {
        let of_the_top_level = names(&[Levels::Top]);
        let of_a_route = |fields: Fields| -> Fields {
            fields.into_iter().filter(|(name, _)| !of_the_top_level.contains(&name.as_str())).collect()
        };
        let routes: Fields =
            attributes.into_iter().map(|(name, fields)| (name, Value::Object(of_a_route(fields)))).collect();
        if holds { json!({ "request_body": "buffer_filter", "routes": routes }) } else { json!({ "routes": routes }) }
    };
    Migration { json: json.to_string(), configurations, clusters, virtual_hosts, keys }
}

/// Tells of an `upstream` that is another address than that of `api_host`: on `APISIX` it is what is called.
fn elsewhere(place: &str, configuration: &Configuration, report: &mut Report<'_>) {
    for site in configuration.sites() {
        let (upstream, own) = (site.settings.upstream(), site.settings.api_host().host_and_port());
        if **upstream != *own {
            // It is not shown: with a colon it could be a key in the wrong place.
            let reason = format!(
                "it is the address that apisix calls, and the cluster would have that of `api_host`; {}",
                Loss::Change.sentence()
            );
            report.untranslated(&format!("{place}.upstream"), "upstream", &reason);
        }
    }
}
