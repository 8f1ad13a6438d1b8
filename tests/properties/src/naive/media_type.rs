//! Kinds of content types. Where a proxy has joined several lines with commas, the first counts.
//!
//! "Binary is every content type but `text/*`, JSON, XML, JavaScript, forms, `+json`, `+xml`, and those with a
//! `charset`."

/// The media type itself, in lower case.
#[must_use]
pub fn essence(content_type: &[u8]) -> String {
    let text = String::from_utf8_lossy(content_type).to_ascii_lowercase();
    text.split([';', ',']).next().unwrap_or_default().trim().to_owned()
}

/// Whether it is JSON.
#[must_use]
pub fn is_json(content_type: &[u8]) -> bool {
    let essence = essence(content_type);
    essence == "application/json" || essence.ends_with("+json")
}

/// Whether it is a form.
#[must_use]
pub fn is_form(content_type: &[u8]) -> bool {
    essence(content_type) == "application/x-www-form-urlencoded"
}

/// Whether it is not binary.
#[must_use]
pub fn is_text(content_type: &[u8]) -> bool {
    let essence = essence(content_type);
    let parameters = String::from_utf8_lossy(content_type).to_ascii_lowercase();
    let has_charset = parameters.split([';', ',']).skip(1).any(|parameter| parameter.trim().starts_with("charset="));
    let scripts = [
        "application/xml-dtd",
        "application/x-latex",
        "application/base64",
        "application/javascript",
        "application/x-javascript",
        "application/ecmascript",
    ];
    is_json(content_type)
        || is_form(content_type)
        || essence.starts_with("text/")
        || essence == "application/xml"
        || essence.ends_with("+xml")
        || scripts.contains(&essence.as_str())
        || has_charset && !is_known_binary(&essence)
}

/// Whether a raw request has it as a text.
///
/// Source: observed on a real `OpenWhisk`.
#[must_use]
pub fn is_raw_text(content_type: &[u8]) -> bool {
    let essence = essence(content_type);
    let parameters = String::from_utf8_lossy(content_type).to_ascii_lowercase();
    let parameters: Vec<_> = parameters.split([';', ',']).skip(1).map(str::trim).collect();
    let has = |is_charset| parameters.iter().any(|p| !p.is_empty() && p.starts_with("charset=") == is_charset);
    let application = |names: &[&str]| names.iter().any(|name| essence == format!("application/{name}"));
    if essence == "application/json" {
        return has(false);
    }
    ["plain", "html", "css", "csv", "xml", "markdown", "event-stream"]
        .iter()
        .any(|name| essence == format!("text/{name}"))
        || application(&["xml", "javascript", "xhtml+xml", "soap+xml", "atom+xml", "problem+xml", "xml-dtd", "x-latex"])
        || application(&["base64", "x-www-form-urlencoded", "vnd.api+json", "problem+json"])
        || application(&["json-patch+json", "merge-patch+json"])
        || has(true) && !is_known_binary(&essence)
}

/// Whether it is binary whatever charset it names.
fn is_known_binary(essence: &str) -> bool {
    ["image/", "audio/", "video/", "font/", "multipart/"].iter().any(|kind| essence.starts_with(kind))
        || ["image", "audio", "video", "font", "multipart"].contains(&essence)
        || ["application/octet-stream", "application/pdf", "application/zip", "application/gzip"].contains(&essence)
}

/// The label of a text in UTF-8, or of JSON. `None` where quotes make it hard to tell.
#[must_use]
pub fn label(content_type: &str) -> Option<String> {
    let essence = essence(content_type.as_bytes());
    let is_form_or_json = is_form(content_type.as_bytes()) || is_json(content_type.as_bytes());
    let is_labelled = is_text(content_type.as_bytes()) && !is_form_or_json && essence != "text/event-stream";
    if content_type.contains('"') {
        return None;
    }
    let is_charset = |part: &str| part.split_once('=').is_some_and(|(name, _)| name.trim().to_lowercase() == "charset");
    let mut parts: Vec<_> = content_type.split(';').map(str::trim_end).filter(|part| !is_charset(part)).collect();
    if is_labelled {
        parts.push(" charset=UTF-8");
    }
    Some(parts.join(";"))
}

/// Whether a text of this type is none, but bytes in base64.
#[must_use]
pub fn needs_base64(content_type: &str, text: &str) -> bool {
    let essence = essence(content_type.as_bytes());
    let is_known = ["xhtml", "soap", "atom", "problem"].iter().any(|name| essence == format!("application/{name}+xml"));
    !is_text(content_type.as_bytes()) || essence.ends_with("+xml") && !is_known && !text.contains('<')
}
