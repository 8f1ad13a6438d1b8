//! What is asked and answered: the same for every contestant.

/// What a client sends, what the action gives for it, and what the client gets of that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// Its name in the report.
    pub name: String,
    /// The path and the query of the client's request.
    pub path: &'static str,
    /// The body of the client's request; empty for none.
    pub sent: String,
    /// What the action gives.
    pub result: String,
    /// What a client gets where the result is shaped; nothing if the result is not.
    pub shaped: Option<Shaped>,
}

/// The reply that a shaped result asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shaped {
    /// Its status.
    pub status: u16,
    /// Header lines that must be there, names in lower case.
    pub headers: &'static [(&'static str, &'static str)],
    /// Its body, in bytes.
    pub body: Vec<u8>,
}

impl Workload {
    /// The name of the action.
    pub fn action(&self) -> String {
        self.name.replace(' ', "-")
    }

    /// No body, and a result of 14 bytes.
    pub fn plain() -> Self {
        Self {
            name: "plain".to_owned(),
            path: "/",
            sent: String::new(),
            result: r#"{"hello":"ow"}"#.to_owned(),
            shaped: None,
        }
    }

    /// No body, and a result with a status, headers and a JSON body.
    pub fn shaped() -> Self {
        let body = br#"{"id":3,"item":"coffee","quantity":4}"#;
        let result = r#"{"statusCode":201,"headers":{"location":"/orders/3","set-cookie":["a=1","b=2"]},"body":{"id":3,"item":"coffee","quantity":4}}"#;
        let headers = &[
            ("content-type", "application/json"),
            ("location", "/orders/3"),
            ("set-cookie", "a=1"),
            ("set-cookie", "b=2"),
        ];
        Self { name: "shaped".to_owned(), ..Self::proof(result, 201, headers, body) }
    }

    /// A request of which the action sees everything (`"parameters": "http"`).
    pub fn http() -> Self {
        Self {
            name: "http".to_owned(),
            path: "/orders/7?limit=10&after=2026-11-23T00%3A00%3A00Z",
            sent: r#"{"item":"coffee","quantity":4,"note":"no sugar"}"#.to_owned(),
            ..Self::plain()
        }
    }

    /// A JSON object of that many bytes in the request, and another in the result.
    pub fn bodies(size: usize) -> Self {
        let body = json(size);
        Self { name: shown_size(size), path: "/", sent: body.clone(), result: body, shaped: None }
    }

    /// Results that take every turn of the rules, to prove that whoever shapes does shape.
    pub fn proofs() -> Vec<Self> {
        let mut proofs = vec![
            Self::proof(
                r#"{"body":"a\n\"\u00e9\ud83d\ude00\/"}"#,
                200,
                &[("content-type", "text/html; charset=UTF-8")],
                "a\n\"é😀/".as_bytes(),
            ),
            Self::proof(
                r#" { "statusCode" : "404" , "body" : [ 1.50, -2e3, true, null, [], {} ] } "#,
                404,
                &[("content-type", "application/json")],
                b"[ 1.50, -2e3, true, null, [], {} ]",
            ),
            Self::proof(
                r#"{"headers":{"content-type":"image/png"},"body":"AP8="}"#,
                200,
                &[("content-type", "image/png")],
                b"\x00\xff",
            ),
            Self::proof(
                r#"{"headers":{"X-A":true,"Connection":"close"},"body":"eA==","isBase64Encoded":true}"#,
                200,
                &[("content-type", "text/html; charset=UTF-8"), ("x-a", "true")],
                b"x",
            ),
            Self::proof(r#"{"statusCode":302,"headers":{"location":"/"},"body":""}"#, 302, &[("location", "/")], b""),
            Self { result: r#"[{"statusCode":404}]"#.to_owned(), ..Self::plain() },
        ];
        for (number, proof) in (1..).zip(&mut proofs) {
            proof.name = format!("proof-{number}");
        }
        proofs
    }

    fn proof(result: &str, status: u16, headers: &'static [(&'static str, &'static str)], body: &[u8]) -> Self {
        let shaped = Some(Shaped { status, headers, body: body.to_vec() });
        Self { result: result.to_owned(), shaped, ..Self::plain() }
    }
}

/// A size in bytes as people write it.
pub fn shown_size(size: usize) -> String {
    match size {
        size if size >= 1 << 20 => format!("{} MB", size >> 20),
        size if size >= 1 << 10 => format!("{} KB", size >> 10),
        size => format!("{size} B"),
    }
}

/// A JSON object of that many bytes, at least 100: small objects in an array, as an API gives them.
fn json(size: usize) -> String {
    const ITEM: &str = r#"{"id":17,"item":"coffee","price":4.25,"tags":["hot","black"],"sold":false},"#;
    const FRAME: usize = r#"{"items":[],"rest":""}"#.len();
    let items = size.saturating_sub(FRAME) / ITEM.len();
    let all = ITEM.repeat(items);
    let all = all.trim_end_matches(',');
    let rest = "x".repeat(size.saturating_sub(FRAME).saturating_sub(all.len()));
    format!(r#"{{"items":[{all}],"rest":"{rest}"}}"#)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_has_its_size_and_is_json() {
        for size in [100, 1 << 10, 8 << 10, 1 << 20] {
            let body = json(size);
            assert_eq!(body.len(), size, "{size}");
            assert!(serde_json::from_str::<serde_json::Value>(&body).is_ok_and(|json| json.is_object()), "{size}");
        }
    }

    #[test]
    fn the_plain_result_has_14_bytes() {
        assert_eq!(Workload::plain().result.len(), 14);
    }

    #[test]
    fn sizes_are_shown_in_their_unit() {
        for (size, expected) in [(14, "14 B"), (1 << 10, "1 KB"), (512 << 10, "512 KB"), (8 << 20, "8 MB")] {
            assert_eq!(shown_size(size), expected);
        }
    }
}
