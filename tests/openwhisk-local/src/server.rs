//! HTTP: takes requests in, and gives replies the headers every reply has.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::json;

use crate::body::{RequestBody, accepts_json};
use crate::endpoint::{self, Reply, Request};
use crate::error::ApiError;
use crate::platform::Platform;
use crate::query::Query;
use crate::refusal::refusal;
use crate::route::Route;
use crate::transaction::{self, TransactionId};

/// Source: openwhisk core/controller application.conf (`pekko.http.server.parsing`)
const LARGEST_BODY: usize = 50 * 1024 * 1024;
/// Source: openwhisk common/scala http/BasicHttpService.scala (`toStrictEntity`)
const SLOWEST_BODY: Duration = Duration::from_secs(30);

/// Source: openwhisk core/controller Entities.scala (`CustomHeaders`)
const ACTIVATION: HeaderName = HeaderName::from_static("x-openwhisk-activation-id");

/// Source: openwhisk common/scala http/CorsSettings.scala
const CORS: [(HeaderName, HeaderValue); 3] = [
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
    (
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static("Authorization, Origin, X-Requested-With, Content-Type, Accept, User-Agent"),
    ),
    (header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, DELETE, POST, PUT, HEAD")),
];

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=UTF-8");

/// The whole server as one service.
pub fn router(platform: Arc<Platform>) -> Router {
    Router::new().fallback(respond).with_state(platform)
}

async fn respond(State(platform): State<Arc<Platform>>, request: axum::extract::Request) -> Response {
    let (head, body) = request.into_parts();
    if let Some((status, text)) = refusal(&head) {
        let mut reply = content(status, TEXT, text);
        reply.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        return reply;
    }
    let transaction = TransactionId::of(&head.headers);
    let bytes = match tokio::time::timeout(SLOWEST_BODY, to_bytes(body, LARGEST_BODY)).await {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(_)) => return plain(StatusCode::BAD_REQUEST, "Request too large"),
        Err(_) => {
            return plain(
                StatusCode::REQUEST_TIMEOUT,
                "Request timed out after 30 seconds while waiting for entity data",
            );
        }
    };
    let request = Request {
        method: head.method,
        route: Route::of(head.uri.path()),
        query: Query::parse(head.uri.query().unwrap_or_default()),
        body: RequestBody::new(&head.headers, bytes),
        headers: head.headers,
        transaction,
    };
    let answer = endpoint::answer(&platform, &request).await;
    // Only now, as in the original: an action whose answer is not acceptable has run all the same.
    let answer = match answer {
        Ok(Reply::Json { status, .. }) if status.is_success() && !accepts_json(&request.headers) => {
            Err(ApiError::NotAcceptable)
        }
        answer => answer,
    };
    dress(&request, answer)
}

fn dress(request: &Request, answer: Result<Reply, ApiError>) -> Response {
    let mut with_cors = request.route.in_api();
    let mut reply = match answer {
        Ok(Reply::Text(text)) => plain(StatusCode::OK, text),
        Ok(Reply::Nothing) => {
            let mut reply = Response::default();
            *reply.status_mut() = StatusCode::NO_CONTENT;
            reply
        }
        Ok(Reply::Json { status, body, activation }) => {
            let mut reply = content(status, JSON, body);
            if let Some(id) = activation.and_then(|id| HeaderValue::from_str(id.as_str()).ok()) {
                reply.headers_mut().insert(ACTIVATION, id);
            }
            reply
        }
        Err(error) => {
            with_cors &= !error.is_rejection();
            let body = json!({"code": request.transaction.to_string(), "error": error.to_string()});
            let mut reply = content(error.status(), JSON, body.to_string());
            if let ApiError::MethodNotAllowed(methods) = error {
                reply.headers_mut().insert(header::ALLOW, HeaderValue::from_static(methods));
            }
            if error.status() == StatusCode::UNAUTHORIZED {
                let challenge = HeaderValue::from_static("Basic realm=\"OpenWhisk secure realm\",charset=UTF-8");
                reply.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
            }
            reply
        }
    };
    if with_cors {
        reply.headers_mut().extend(CORS);
    }
    reply.headers_mut().insert(transaction::HEADER, request.transaction.header());
    reply
}

fn plain(status: StatusCode, text: &'static str) -> Response {
    content(status, TEXT, text.to_owned())
}

fn content(status: StatusCode, media: HeaderValue, text: String) -> Response {
    let mut reply = Response::new(Body::from(text));
    *reply.status_mut() = status;
    reply.headers_mut().insert(header::CONTENT_TYPE, media);
    reply
}
