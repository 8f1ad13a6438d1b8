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
    let scripts = ["application/javascript", "application/x-javascript", "application/ecmascript"];
    is_json(content_type)
        || is_form(content_type)
        || essence.starts_with("text/")
        || essence == "application/xml"
        || essence.ends_with("+xml")
        || scripts.contains(&essence.as_str())
        || has_charset
}
