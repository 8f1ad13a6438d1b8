//! The binary over real HTTP: statuses and exact texts.
//! Source of the cases: apache/openwhisk `ActionsApiTests`, `PackageActionsApiTests`, `SequenceApiTests`,
//! `ActivationsApiTests`, `WskRestBasicTests`, `ActionLimitsTests`, `ThrottleTests`

// The attribute tells the lints that everything in here is test code.
#[cfg(test)]
mod http {
    /// A started binary and requests to it.
    pub mod server;

    /// Reading, writing and listing of entities and records.
    mod entities;
    /// Credentials, names, query parameters, bodies, headers: all that is refused before anything runs.
    mod gate;
    /// Invocations and their replies.
    mod invocations;
    /// What JavaScript may do, and what becomes of it.
    mod javascript;
    /// What becomes of JSON on its way to the action and back.
    mod json;
    /// Sequences of actions.
    mod sequences;
    /// How long things take: lower bounds only, since a busy machine has no upper ones.
    mod times;
    /// Triggers, rules, and what they invoke.
    mod triggers;
    /// What the HTTP layer refuses before the API sees it.
    mod wire;
}
