//! A document with comments, and how it is written. Scalars and lists in one line are written by `serde_saphyr`, which
//! knows how to quote; the structure is written here, because there a comment cannot stand before a key.

use std::time::Duration;

use serde::Serialize;
use serde_saphyr::{DoubleQuoted, FlowMap, FlowSeq, ser_options};

/// What stands behind a key or in a list.
#[derive(Clone, Debug)]
pub enum Node {
    /// A string.
    Text(String),
    /// A whole number.
    Number(u64),
    /// A truth value.
    Bool(bool),
    /// Text over lines, as it is.
    Lines(String),
    /// An object, with comments.
    Map(Map),
    /// An object of strings and numbers, in one line.
    Flow(Map),
    /// A list, with comments.
    List(Vec<Node>),
    /// A list of strings, in one line.
    Words(Vec<String>),
    /// A node below a comment.
    Commented(String, Box<Node>),
}

/// An object: keys in their order.
#[derive(Clone, Debug, Default)]
pub struct Map(Vec<(&'static str, Node)>);

impl Map {
    /// None with a key yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a key.
    pub fn with(mut self, key: &'static str, value: impl Into<Node>) -> Self {
        self.0.push((key, value.into()));
        self
    }

    /// Adds a key if there is something behind it.
    pub fn with_some(self, key: &'static str, value: Option<impl Into<Node>>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    /// In one line.
    pub fn flow(self) -> Node {
        Node::Flow(self)
    }
}

impl Node {
    /// Below a comment: a line for each line.
    pub fn about(self, comment: impl Into<String>) -> Self {
        Self::Commented(comment.into(), Box::new(self))
    }
}

impl From<Map> for Node {
    fn from(map: Map) -> Self {
        Self::Map(map)
    }
}

impl From<Vec<Node>> for Node {
    fn from(nodes: Vec<Node>) -> Self {
        Self::List(nodes)
    }
}

impl From<&str> for Node {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Node {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u64> for Node {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for Node {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

impl From<Duration> for Node {
    fn from(duration: Duration) -> Self {
        Self::Text(seconds(duration))
    }
}

/// A duration, as Envoy reads it.
pub fn seconds(duration: Duration) -> String {
    match duration.subsec_millis() {
        0 => format!("{}s", duration.as_secs()),
        millis => format!("{}.{millis:03}s", duration.as_secs()),
    }
}

impl Serialize for Node {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) | Self::Lines(text) => scalar(text, serializer),
            Self::Number(number) => number.serialize(serializer),
            Self::Bool(truth) => truth.serialize(serializer),
            Self::Map(Map(entries)) | Self::Flow(Map(entries)) => {
                serializer.collect_map(entries.iter().map(|(key, value)| (key, value)))
            }
            Self::List(nodes) => nodes.serialize(serializer),
            Self::Words(words) => serializer.collect_seq(words.iter().map(|word| Self::from(word.as_str()))),
            Self::Commented(_, node) => node.serialize(serializer),
        }
    }
}

/// A string, in quotes unless all readers take it as it is. Envoy's does not take all that YAML 1.2 does: a `?` within a
/// word of a flow is an error there.
///
/// Source: jbeder/yaml-cpp `src/exp.h`, `PlainScalarInFlow`.
fn scalar<S: serde::Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'/' | b'-' | b'@');
    if text.bytes().all(is_plain) { text.serialize(serializer) } else { DoubleQuoted(text).serialize(serializer) }
}

/// Writes a document: an empty line stands before each of its parts.
///
/// # Errors
/// Whatever the serializer cannot write.
pub fn write(document: Map) -> Result<String, serde_saphyr::ser_error::Error> {
    document.0.into_iter().map(|part| Ok(format!("\n{}", map(&Map(vec![part]), "")?))).collect()
}

fn map(Map(entries): &Map, indent: &str) -> Result<String, serde_saphyr::ser_error::Error> {
    let mut text = String::new();
    for (key, value) in entries {
        let value = comment(value, indent, &mut text);
        let key = inline(key)?;
        text.extend([indent, &key, ":", &behind(value, indent)?]);
    }
    Ok(text)
}

/// Writes the comment of a node, and gives what is below it.
fn comment<'a>(node: &'a Node, indent: &str, text: &mut String) -> &'a Node {
    let Node::Commented(comment, node) = node else { return node };
    for line in comment.lines() {
        text.extend([indent, "# ", line, "\n"]);
    }
    node
}

/// What stands behind a colon: a value in the same line, or lines that are further in.
fn behind(node: &Node, indent: &str) -> Result<String, serde_saphyr::ser_error::Error> {
    let inner = format!("{indent}  ");
    Ok(match node {
        Node::Map(entries) if !entries.0.is_empty() => format!("\n{}", map(entries, &inner)?),
        Node::List(nodes) if !nodes.is_empty() => format!("\n{}", list(nodes, &inner)?),
        Node::Lines(lines) => {
            let lines: Vec<_> = lines.lines().map(|line| format!("{inner}{line}\n")).collect();
            format!(" |\n{}", lines.concat())
        }
        Node::Flow(_) => format!(" {}\n", inline(&FlowMap(node))?),
        Node::Words(_) => format!(" {}\n", inline(&FlowSeq(node))?),
        other => format!(" {}\n", inline(other)?),
    })
}

fn list(nodes: &[Node], indent: &str) -> Result<String, serde_saphyr::ser_error::Error> {
    let inner = format!("{indent}  ");
    let mut text = String::new();
    for node in nodes {
        let node = comment(node, indent, &mut text);
        let item = match node {
            Node::Map(entries) => map(entries, &inner)?,
            other => format!("{indent} {}", behind(other, indent)?),
        };
        // The dash takes the place of the first space further in.
        text.extend([indent, "- ", item.trim_start()]);
    }
    Ok(text)
}

/// In one line.
fn inline(value: &impl Serialize) -> Result<String, serde_saphyr::ser_error::Error> {
    let text = serde_saphyr::to_string_with_options(value, ser_options! { prefer_block_scalars: false })?;
    Ok(text.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn durations_are_in_seconds() {
        for (millis, expected) in [(1, "0.001s"), (250, "0.250s"), (1000, "1s"), (2500, "2.500s"), (60_000, "60s")] {
            assert_eq!(json!(Node::from(Duration::from_millis(millis))), json!(expected));
        }
    }

    #[test]
    fn what_is_written_reads_as_what_was_meant() {
        let texts = [
            "plain", "", " ", "*", "no", "null", "~", "1", "1.5", "60s", "a: b", "a #b", "- a", "{a}", "[a]", "a,b",
            "%REQ%", "@x", "`x", "\"", "'", "\\", "a\nb\n", "\t", "\u{85}", "\u{2028}", "\u{feff}", "\u{0}", "ü", "😀",
            "::1", "a:b", "0x10", "1e3", "---", "...", "!x", "&x", "|", ">", "<<", "=", "?", "? a", "a?b", "a%b", "y",
            "é\u{7f}",
        ];
        let words: Vec<_> = texts.iter().map(|text| (*text).to_owned()).collect();
        let flow = |text: &&str| Map::new().with("a", *text).with("b", 1).flow();
        let document = Map::new()
            .with("@type", Node::from("x").about("about\nthe type"))
            .with("texts", texts.iter().map(|text| Node::from(*text)).collect::<Vec<_>>())
            .with("flow", texts.iter().map(flow).collect::<Vec<_>>())
            .with("words", Node::Words(words.clone()))
            .with("lines", Node::Lines("{\n  \"a\": 1\n}\n".to_owned()).about("about lines"))
            .with("list", vec![Node::from(Map::new().with("a", true).with("b", Map::new())).about("an item")])
            .with("empty", Vec::<Node>::new());
        let written = write(document).expect("YAML");
        let read: Value = serde_saphyr::from_str(&written).unwrap_or_else(|error| panic!("{error}\n{written}"));
        let flow: Vec<_> = texts.iter().map(|text| json!({ "a": text, "b": 1 })).collect();
        let expected = json!({
            "@type": "x", "texts": words, "flow": flow, "words": words, "lines": "{\n  \"a\": 1\n}\n",
            "list": [{ "a": true, "b": {} }], "empty": [],
        });
        assert_eq!(read, expected, "{written}");
    }

    #[test]
    fn only_plain_words_stand_without_quotes() {
        for (text, expected) in [
            ("a-B_1./x", "a: {b: a-B_1./x, c: [a-B_1./x]}"),
            ("a?b", "a: {b: \"a?b\", c: [\"a?b\"]}"),
            ("/é", "a: {b: \"/é\", c: [\"/é\"]}"),
            ("ow:80", "a: {b: \"ow:80\", c: [\"ow:80\"]}"),
            ("no", "a: {b: \"no\", c: [\"no\"]}"),
        ] {
            let flow = Map::new().with("b", text).with("c", Node::Words(vec![text.to_owned()])).flow();
            assert_eq!(write(Map::new().with("a", flow)).expect("YAML").trim(), expected, "{text}");
        }
    }

    #[test]
    fn comments_stand_before_what_they_are_about() {
        let inner = Map::new().with("b", Node::from(1).about("about b")).with("c", vec![Node::from("d")]);
        let document = Map::new().with("a", vec![Node::from(inner).about("an item")]);
        let expected = "\na:\n  # an item\n  - # about b\n    b: 1\n    c:\n      - d\n";
        assert_eq!(write(document).expect("YAML"), expected);
    }
}
