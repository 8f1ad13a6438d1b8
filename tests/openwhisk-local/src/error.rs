//! Every refusal of the API: its status and its text.
//!
//! Source: openwhisk common/scala http/ErrorResponse.scala (`Messages`), pekko-http 1.1.0 rejection texts

use std::fmt;

use axum::http::StatusCode;

/// Why the API did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApiError {
    /// No Basic credentials.
    MissingCredentials,
    /// Basic credentials of nobody.
    InvalidCredentials,
    /// Something of another namespace, named in the text.
    NotAuthorized(String),
    /// An entity name with a wrong character.
    IllegalName,
    /// A namespace with a wrong character.
    IllegalNamespace,
    /// An entity name of so many characters.
    NameTooLong(usize),
    /// A namespace of so many characters.
    NamespaceTooLong(usize),
    /// More invocations in this minute than allowed.
    TooManyPerMinute { count: u64, allowed: u64 },
    /// More invocations at once than allowed.
    TooManyAtOnce { count: u64, allowed: u64 },
    /// An invocation's payload of so many bytes.
    PayloadTooLarge { size: usize, allowed: usize },
    /// A part of an entity of so many bytes.
    PartTooLarge { part: &'static str, size: usize, allowed: usize },
    /// A query parameter that does not parse.
    MalformedQuery { name: &'static str, reason: String },
    /// A body that does not parse.
    MalformedBody(String),
    /// A body of this type.
    UnsupportedMediaType(String),
    /// The client does not accept JSON.
    NotAcceptable,
    /// An entity that does not exist.
    NotFound,
    /// A package that does not exist, named in the text.
    NoPackage(String),
    /// A rule without its trigger, which is to be active.
    NoTrigger,
    /// No such route.
    NoRoute,
    /// A route with other methods, these.
    MethodNotAllowed(&'static str),
    /// An activation's id with this fault.
    MalformedId(String),
    /// A package where an action is meant, or the like.
    WrongCollection,
    /// Creation of what exists.
    AlreadyExists,
    /// Deletion of a package with so many actions.
    PackageNotEmpty(usize),
    /// Anything else that is wrong with the request, in these words.
    BadRequest(String),
    /// The server itself failed.
    Internal,
}

/// A parameter that the action's author has closed.
pub const PARAMETERS_NOT_ALLOWED: &str = "Request defines parameters that are not allowed (e.g., reserved properties).";
/// Writing through a binding.
pub const NOT_ON_BINDING: &str = "Operation not permitted on package binding.";
/// A sequence with a component that is not there.
pub const NO_COMPONENT: &str = "Sequence component does not exist.";
/// A sequence that unfolds to too many actions.
pub const TOO_MANY_COMPONENTS: &str = "Too many actions in the sequence.";

impl ApiError {
    /// The status of the reply.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::MissingCredentials | Self::InvalidCredentials => StatusCode::UNAUTHORIZED,
            Self::NotAuthorized(_) => StatusCode::FORBIDDEN,
            Self::IllegalName
            | Self::IllegalNamespace
            | Self::NameTooLong(_)
            | Self::NamespaceTooLong(_)
            | Self::MalformedQuery { .. }
            | Self::MalformedBody(_)
            | Self::MalformedId(_)
            | Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::TooManyPerMinute { .. } | Self::TooManyAtOnce { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::PayloadTooLarge { .. } | Self::PartTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
            Self::NotFound | Self::NoPackage(_) | Self::NoTrigger | Self::NoRoute => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::WrongCollection | Self::AlreadyExists | Self::PackageNotEmpty(_) => StatusCode::CONFLICT,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Whether the router made it: such replies lack the CORS headers.
    pub fn is_rejection(&self) -> bool {
        matches!(
            self,
            Self::MissingCredentials
                | Self::InvalidCredentials
                | Self::IllegalName
                | Self::IllegalNamespace
                | Self::NameTooLong(_)
                | Self::NamespaceTooLong(_)
                | Self::MalformedId(_)
                | Self::MalformedQuery { .. }
                | Self::MalformedBody(_)
                | Self::UnsupportedMediaType(_)
                | Self::NotAcceptable
                | Self::NoRoute
                | Self::MethodNotAllowed(_)
        )
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingCredentials => {
                f.write_str("The resource requires authentication, which was not supplied with the request")
            }
            Self::InvalidCredentials => f.write_str("The supplied authentication is invalid"),
            Self::NotAuthorized(what) => {
                write!(f, "The supplied authentication is not authorized to access '{what}'.")
            }
            Self::IllegalName => f.write_str("The name of the entity contains illegal characters."),
            Self::IllegalNamespace => f.write_str("The namespace contains illegal characters."),
            Self::NameTooLong(size) => write!(f, "Name segement longer than allowed: {size} > 256."),
            Self::NamespaceTooLong(size) => write!(f, "Namespace longer than allowed: {size} > 256."),
            Self::TooManyPerMinute { count, allowed } => {
                write!(f, "Too many requests in the last minute (count: {count}, allowed: {allowed}).")
            }
            Self::TooManyAtOnce { count, allowed } => {
                write!(f, "Too many concurrent requests in flight (count: {count}, allowed: {allowed}).")
            }
            Self::PayloadTooLarge { size, allowed } => {
                write!(f, "Request larger than allowed: {size} > {allowed} bytes.")
            }
            Self::PartTooLarge { part, size, allowed } => {
                write!(f, "{part} larger than allowed: {size} > {allowed} bytes.")
            }
            Self::MalformedQuery { name, reason } => {
                write!(f, "The query parameter '{name}' was malformed:\n{reason}")
            }
            Self::MalformedBody(reason) => write!(f, "The request content was malformed:\n{reason}"),
            Self::UnsupportedMediaType(media) => {
                write!(f, "The request's Content-Type [{media}] is not supported. Expected:\napplication/json")
            }
            Self::NotAcceptable => {
                f.write_str("Resource representation is only available with these types:\napplication/json")
            }
            Self::NotFound => f.write_str("The requested resource does not exist."),
            Self::NoPackage(what) => write!(f, "The requested resource '{what}' does not exist."),
            Self::NoTrigger => f.write_str("Only rules with existing triggers can be activated"),
            Self::NoRoute => f.write_str("The requested resource could not be found."),
            Self::WrongCollection => f.write_str("Resource by this name exists but is not in this collection."),
            Self::AlreadyExists => f.write_str("resource already exists"),
            Self::PackageNotEmpty(count) => {
                let entities = if *count == 1 { "entity" } else { "entities" };
                write!(
                    f,
                    "Package not empty (contains {count} {entities}). Set force param or delete package contents."
                )
            }
            Self::MethodNotAllowed(methods) => {
                write!(f, "HTTP method not allowed, supported methods: {methods}")
            }
            Self::BadRequest(text) | Self::MalformedId(text) => f.write_str(text),
            Self::Internal => f.write_str("There was an internal server error."),
        }
    }
}
