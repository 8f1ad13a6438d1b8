//! What each resource answers.

mod action;
mod activation;
mod information;
mod invoke;
mod package;
mod rule;
mod trigger;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::{HeaderMap, Method, StatusCode};
use serde::Serialize;

use crate::activation::ActivationId;
use crate::body::RequestBody;
use crate::error::ApiError;
use crate::name::{ActionName, Name};
use crate::platform::Platform;
use crate::query::{Page, Query};
use crate::route::{Resource, Route};
use crate::transaction::TransactionId;

/// A request that has arrived in full.
#[derive(Debug)]
pub struct Request {
    /// What to do.
    pub method: Method,
    /// With which resource.
    pub route: Route,
    /// The decoded query.
    pub query: Query,
    /// All headers.
    pub headers: HeaderMap,
    /// The body, still in bytes.
    pub body: RequestBody,
    /// Its id.
    pub transaction: TransactionId,
}

/// A reply that is not an error.
#[derive(Debug, PartialEq, Eq)]
pub enum Reply {
    /// JSON.
    Json {
        /// 200, 202, or that of a failed activation.
        status: StatusCode,
        /// The text.
        body: String,
        /// The activation it is about.
        activation: Option<ActivationId>,
    },
    /// Plain text, status 200.
    Text(&'static str),
    /// Status 204.
    Nothing,
}

impl Reply {
    /// Status 200 with this JSON.
    pub fn ok(body: &impl Serialize) -> Result<Self, ApiError> {
        Self::json(StatusCode::OK, body, None)
    }

    /// JSON with a status and perhaps an activation.
    pub fn json(status: StatusCode, body: &impl Serialize, activation: Option<ActivationId>) -> Result<Self, ApiError> {
        let body = serde_json::to_string(body).map_err(|_| ApiError::Internal)?;
        Ok(Self::Json { status, body, activation })
    }
}

/// A namespace as the path names it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Own,
    Foreign(Name),
}

impl Place {
    fn parse(text: &str, own: &Name) -> Result<Self, ApiError> {
        if text == "_" {
            return Ok(Self::Own);
        }
        let name = Name::namespace(text)?;
        Ok(if name == *own { Self::Own } else { Self::Foreign(name) })
    }

    /// Refuses what is not one's own; `what` is its path inside the namespace.
    fn check_own(&self, what: &str) -> Result<(), ApiError> {
        match self {
            Self::Own => Ok(()),
            Self::Foreign(name) if what.is_empty() => Err(ApiError::NotAuthorized(name.to_string())),
            Self::Foreign(name) => Err(ApiError::NotAuthorized(format!("{name}/{what}"))),
        }
    }

    /// Refuses an action of somebody else; for a packaged one, the package is what may not be read.
    fn check_own_action(&self, name: &ActionName) -> Result<(), ApiError> {
        self.check_own(name.package.as_ref().unwrap_or(&name.name).as_str())
    }
}

/// Answers a request.
///
/// # Errors
/// What is refused, see `ApiError`.
pub async fn answer(platform: &Arc<Platform>, request: &Request) -> Result<Reply, ApiError> {
    match request.method {
        Method::OPTIONS => return Ok(Reply::Text("OK")),
        Method::TRACE => return Err(ApiError::MethodNotAllowed("GET, DELETE, POST, PUT, HEAD, OPTIONS, PATCH")),
        _ => {}
    }
    let get = request.method == Method::GET;
    match &request.route {
        Route::Root if get => information::root(platform),
        Route::Ping if get => Ok(Reply::Text("pong")),
        Route::Version if get => information::version(),
        Route::Root | Route::Ping => Err(ApiError::MethodNotAllowed("GET, OPTIONS")),
        Route::Unknown => Err(ApiError::MethodNotAllowed("OPTIONS")),
        Route::Version | Route::UnknownInApi | Route::Namespaces => {
            platform.key.check(&request.headers)?;
            let namespaces = get && request.route == Route::Namespaces;
            if namespaces { Reply::ok(&[&platform.namespace]) } else { Err(ApiError::NoRoute) }
        }
        Route::Namespace { namespace, resource } => {
            platform.key.check(&request.headers)?;
            let place = Place::parse(namespace, &platform.namespace)?;
            resource_answer(platform, request, &place, resource).await
        }
    }
}

async fn resource_answer(
    platform: &Arc<Platform>,
    request: &Request,
    place: &Place,
    resource: &Resource,
) -> Result<Reply, ApiError> {
    match (request.method.as_str(), resource) {
        ("GET", Resource::Limits) => information::limits(platform, place),
        ("GET", Resource::Actions) => action::list(platform, request, place),
        ("GET", Resource::ActionsOfPackage(package)) => {
            action::list_of_package(platform, request, place, &Name::entity(package)?)
        }
        (method, Resource::Action { package, name }) => {
            let package = package.as_deref().map(Name::entity).transpose()?;
            let name = ActionName { package, name: Name::entity(name)? };
            match method {
                "GET" => action::get(platform, request, place, &name),
                "PUT" => action::put(platform, request, place, name),
                "DELETE" => action::delete(platform, place, &name),
                "POST" => invoke::post(platform, request, place, &name).await,
                _ => Err(ApiError::NoRoute),
            }
        }
        ("GET", Resource::Packages) => package::list(platform, request, place),
        (method, Resource::Package(name)) => {
            let name = Name::entity(name)?;
            match method {
                "GET" => package::get(platform, place, &name),
                "PUT" => package::put(platform, request, place, name),
                "DELETE" => package::delete(platform, request, place, &name),
                _ => Err(ApiError::NoRoute),
            }
        }
        ("GET", Resource::Activations) => activation::list(platform, request, place),
        ("GET", Resource::Activation { id, part }) => activation::get(platform, place, id, part.as_deref()),
        ("GET", Resource::Triggers) => trigger::list(platform, request, place),
        (method, Resource::Trigger(name)) => {
            let name = Name::entity(name)?;
            match method {
                "GET" => trigger::get(platform, place, &name),
                "PUT" => trigger::put(platform, request, place, name),
                "DELETE" => trigger::delete(platform, place, &name),
                "POST" => trigger::fire(platform, request, place, &name),
                _ => Err(ApiError::NoRoute),
            }
        }
        ("GET", Resource::Rules) => rule::list(platform, request, place),
        (method, Resource::Rule(name)) => {
            let name = Name::entity(name)?;
            match method {
                "GET" => rule::get(platform, place, &name),
                "PUT" => rule::put(platform, request, place, name),
                "DELETE" => rule::delete(platform, place, &name),
                "POST" => rule::switch(platform, request, place, &name),
                _ => Err(ApiError::NoRoute),
            }
        }
        _ => Err(ApiError::NoRoute),
    }
}

/// The reply about a list: the items of a page, or with `count=true` how many follow what is skipped.
fn listed<T, I: Serialize>(collection: &str, page: Page, all: &[T], show: impl Fn(&T) -> I) -> Result<Reply, ApiError> {
    if page.count {
        return Reply::ok(&BTreeMap::from([(collection, all.len().saturating_sub(page.skip))]));
    }
    Reply::ok(&all.iter().skip(page.skip).take(page.limit).map(show).collect::<Vec<_>>())
}
