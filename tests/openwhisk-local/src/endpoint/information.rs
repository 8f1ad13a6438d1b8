//! What the server tells about itself.
//!
//! Source: openwhisk core/controller Controller.scala (`info`), RestAPIs.scala, Limits.scala

use serde_json::{Value, json};

use super::{Place, Reply};
use crate::error::ApiError;
use crate::platform::Platform;

const MEGABYTE: u64 = 1024 * 1024;

/// What the server says where there is no limit.
const UNLIMITED: u64 = i32::MAX as u64;

pub(super) fn root(platform: &Platform) -> Result<Reply, ApiError> {
    let runtime = |kind: &str| json!({"attached": true, "default": kind == "nodejs:20", "deprecated": false, "image": "embedded", "kind": kind, "requireMain": false});
    let runtimes: Vec<Value> = ["nodejs:14", "nodejs:16", "nodejs:18", "nodejs:20"].into_iter().map(runtime).collect();
    Reply::ok(&json!({
        "api_paths": ["/api/v1"],
        "description": "OpenWhisk",
        "limits": {
            "actions_per_minute": platform.throttle.allowance.per_minute.unwrap_or(UNLIMITED),
            "concurrent_actions": platform.throttle.allowance.at_once.unwrap_or(UNLIMITED),
            "default_max_action_duration": 300_000,
            "default_max_action_logs": 10 * MEGABYTE,
            "default_max_action_memory": 512 * MEGABYTE,
            "default_min_action_duration": 100,
            "default_min_action_logs": 0,
            "default_min_action_memory": 128 * MEGABYTE,
            "max_action_duration": 300_000,
            "max_action_logs": 10 * MEGABYTE,
            "max_action_memory": 512 * MEGABYTE,
            "min_action_duration": 100,
            "min_action_logs": 0,
            "min_action_memory": 128 * MEGABYTE,
            "sequence_length": 50,
            "triggers_per_minute": platform.fires.allowance.per_minute.unwrap_or(UNLIMITED),
        },
        "runtimes": {"nodejs": runtimes},
        "support": {
            "github": "https://github.com/apache/openwhisk/issues",
            "slack": "http://slack.openwhisk.org",
        },
    }))
}

pub(super) fn version() -> Result<Reply, ApiError> {
    Reply::ok(&json!({
        "api_version": "1.0.0",
        "api_version_path": "v1",
        "build": "openwhisk-local",
        "buildno": env!("CARGO_PKG_VERSION"),
        "description": "OpenWhisk API",
        "swagger_paths": {"api-docs": "/api-docs", "ui": "/docs"},
    }))
}

pub(super) fn limits(platform: &Platform, place: &Place) -> Result<Reply, ApiError> {
    place.check_own("")?;
    Reply::ok(&json!({
        "concurrentInvocations": platform.throttle.allowance.at_once.unwrap_or(UNLIMITED),
        "firesPerMinute": platform.fires.allowance.per_minute.unwrap_or(UNLIMITED),
        "invocationsPerMinute": platform.throttle.allowance.per_minute.unwrap_or(UNLIMITED),
        "maxActionConcurrency": 1,
        "maxActionLogs": 10,
        "maxActionMemory": 512,
        "maxActionTimeout": 300_000,
        "maxParameterSize": "1048576 B",
        "minActionConcurrency": 1,
        "minActionLogs": 0,
        "minActionMemory": 128,
        "minActionTimeout": 100,
    }))
}
