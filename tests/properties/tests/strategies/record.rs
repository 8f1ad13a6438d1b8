//! Records of activations that are nearly right.

use proptest::prelude::*;

use super::{json, shaped, word};

/// The text of the record of an activation.
pub fn record() -> BoxedStrategy<String> {
    let path = word(&["guest/hello", "guest/pkg/hello", "guest/other", "other/hello", "other/pkg/hello", "hello"]);
    let path = prop_oneof![9 => path.prop_map(|path| format!("\"{path}\"")), 1 => json()];
    let binding = word(&["\"guest/pkg\"", "\"guest/other\"", "\"other/pkg\"", "7"]);
    let time = word(&["0", "7", "-1", "1.5", "18446744073709551616", "\"7\""]);
    let annotation = prop_oneof![
        4 => (word(&["path"]), path.boxed()),
        2 => (word(&["binding"]), binding),
        2 => (word(&["waitTime", "initTime", "w\\u0061itTime"]), time.clone()),
        1 => (word(&["kind"]), json()),
    ];
    let annotation = prop_oneof![
        12 => annotation.prop_map(|(key, value)| format!("{{\"key\":\"{key}\",\"value\":{value}}}")),
        1 => json(),
    ];
    let annotations = prop::collection::vec(annotation, 0..5).prop_map(|all| format!("[{}]", all.join(",")));
    let status =
        word(&["success", "success", "application error", "action developer error", "whisk internal error", "x"]);
    let response = (status, prop_oneof![2 => shaped(), 1 => json()])
        .prop_map(|(status, result)| format!("{{\"result\":{result},\"status\":\"{status}\"}}"));
    let response = prop_oneof![9 => response, 1 => json()];
    let id = word(&["44794bd6aab74415b4e42a308d880e5b", "44794BD6AAB74415B4E42A308D880E5B", "x"]);
    (id, annotations, time, response)
        .prop_map(|(id, annotations, duration, response)| {
            format!(
                "{{\"activationId\":\"{id}\",\"annotations\":{annotations},\"duration\":{duration},\
                 \"namespace\":\"guest\",\"response\":{response}}}"
            )
        })
        .boxed()
}
