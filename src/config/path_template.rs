//! Which paths a route serves, and which parameters stand in them (`path_template`).

use std::fmt;

use percent_encoding::percent_decode;

use crate::config::bind::RESERVED;

/// The path of requests, segment by segment: `/orders/{id}/items/{rest*}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathTemplate {
    segments: Vec<Segment>,
    /// The name of the parameter that takes what follows the segments.
    rest: Option<String>,
}

/// What stands between two slashes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    /// This text, as a client would see it decoded.
    Literal(String),
    /// A parameter of this name, of at least one character.
    Parameter(String),
}

/// The text is not a path with parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidPathTemplate;

impl PathTemplate {
    /// Reads a template.
    ///
    /// # Errors
    /// [`InvalidPathTemplate`] unless it begins with `/`, and each segment is visible ASCII without braces, `%`, `?`, `#` and
    /// `*`, or a parameter in braces. No name comes twice, is empty or begins with `__ow_`; `{name*}` is the last.
    pub fn parse(text: &str) -> Result<Self, InvalidPathTemplate> {
        let path = text.strip_prefix('/').ok_or(InvalidPathTemplate)?;
        let mut template = Self { segments: Vec::new(), rest: None };
        for part in path.split('/') {
            if template.rest.is_some() {
                return Err(InvalidPathTemplate);
            }
            let name = part.strip_prefix('{').and_then(|part| part.strip_suffix('}'));
            match name {
                None if is_clean(part) => template.segments.push(Segment::Literal(part.to_owned())),
                None => return Err(InvalidPathTemplate),
                Some(name) => {
                    let (name, is_rest) = name.strip_suffix('*').map_or((name, false), |name| (name, true));
                    let is_new = !template.names().any(|known| known == name);
                    if name.is_empty() || !is_clean(name) || name.starts_with(RESERVED) || !is_new {
                        return Err(InvalidPathTemplate);
                    }
                    if is_rest {
                        template.rest = Some(name.to_owned());
                    } else {
                        template.segments.push(Segment::Parameter(name.to_owned()));
                    }
                }
            }
        }
        Ok(template)
    }

    /// The names of the parameters.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let of_segments = self.segments.iter().filter_map(|segment| match segment {
            Segment::Parameter(name) => Some(name.as_str()),
            Segment::Literal(_) => None,
        });
        of_segments.chain(self.rest.as_deref())
    }

    /// The parameters in a path without its query, each with its value as it stands there, percent-encoded. `None` if the
    /// path does not fit.
    #[must_use]
    pub fn parameters<'p>(&self, path: &'p [u8]) -> Option<Vec<(&str, &'p [u8])>> {
        let mut rest = Some(path.strip_prefix(b"/")?);
        let mut found = Vec::with_capacity(self.segments.len());
        for segment in &self.segments {
            let mut parts = rest?.splitn(2, |byte| *byte == b'/');
            let part = parts.next().unwrap_or_default();
            rest = parts.next();
            match segment {
                Segment::Literal(text) if percent_decode(part).eq(text.bytes()) => {}
                Segment::Parameter(name) if !part.is_empty() => found.push((name.as_str(), part)),
                Segment::Literal(_) | Segment::Parameter(_) => return None,
            }
        }
        match (&self.rest, rest) {
            (Some(name), Some(rest)) => found.push((name, rest)),
            (None, None) => {}
            (Some(_), None) | (None, Some(_)) => return None,
        }
        Some(found)
    }
}

/// Whether a part of a template stands for itself in a path.
fn is_clean(part: &str) -> bool {
    part.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '{' | '}' | '%' | '?' | '#' | '*'))
}

impl fmt::Display for PathTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for segment in &self.segments {
            match segment {
                Segment::Literal(text) => write!(f, "/{text}")?,
                Segment::Parameter(name) => write!(f, "/{{{name}}}")?,
            }
        }
        self.rest.as_ref().map_or(Ok(()), |name| write!(f, "/{{{name}*}}"))
    }
}

impl fmt::Display for InvalidPathTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a path that begins with `/`, whose segments are visible ASCII without `%`, `?`, `#`, `*` and braces, or \
             parameters such as `{id}`, the last one perhaps `{rest*}`, each name once and none that begins with `__ow_`",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_a_path_with_parameters() {
        let good = [
            "/",
            "/a",
            "/a/",
            "/{id}",
            "/orders/{id}/items/{item}",
            "/{rest*}",
            "/a/{b}/{c*}",
            "/a:b/{x-y.z}",
            "//{a}",
        ];
        for text in good {
            assert_eq!(PathTemplate::parse(text).map(|template| template.to_string()).as_deref(), Ok(text));
        }
        let bad = [
            "",
            "a",
            "{id}",
            "/{",
            "/}",
            "/{id",
            "/id}",
            "/{{id}}",
            "/{}",
            "/{*}",
            "/{a*}/b",
            "/{a*}/{b*}",
            "/{a}/{a}",
            "/{a}/{a*}",
            "/{__ow_path}",
            "/x{id}",
            "/{id}x",
            "/a%2Fb",
            "/a?b",
            "/a#b",
            "/*",
            "/{a*b}",
            "/a b",
            "/é",
            "/{a**}",
        ];
        for text in bad {
            assert_eq!(PathTemplate::parse(text), Err(InvalidPathTemplate), "{text}");
        }
    }

    #[test]
    fn a_path_fits_segment_by_segment() {
        let none: Option<&[(&str, &str)]> = None;
        let cases = [
            ("/", "/", Some(&[][..])),
            ("/", "", none),
            ("/", "/a", none),
            ("/a", "/a", Some(&[])),
            ("/a", "/%61", Some(&[])),
            ("/a", "/a/", none),
            ("/a", "/A", none),
            ("/a/", "/a/", Some(&[])),
            ("/a/", "/a", none),
            ("/{id}", "/7", Some(&[("id", "7")])),
            ("/{id}", "/a%2Fb", Some(&[("id", "a%2Fb")])),
            ("/{id}", "/..", Some(&[("id", "..")])),
            ("/{id}", "/", none),
            ("/{id}", "/7/", none),
            ("/orders/{id}/items/{item}", "/orders/7/items/x", Some(&[("id", "7"), ("item", "x")])),
            ("/orders/{id}/items/{item}", "/orders//items/x", none),
            ("/orders/{id}/items/{item}", "/orders/7/items", none),
            ("/f/{rest*}", "/f/", Some(&[("rest", "")])),
            ("/f/{rest*}", "/f/a//b/", Some(&[("rest", "a//b/")])),
            ("/f/{rest*}", "/f", none),
            ("/{a}/{rest*}", "/x/y/z", Some(&[("a", "x"), ("rest", "y/z")])),
            ("/{rest*}", "/", Some(&[("rest", "")])),
            ("/{rest*}", "*", none),
        ];
        for (template, path, expected) in cases {
            let template = PathTemplate::parse(template).expect(template);
            let found = template.parameters(path.as_bytes());
            let found = found.as_ref().map(|found| {
                found.iter().map(|(name, value)| (*name, std::str::from_utf8(value).expect(path))).collect::<Vec<_>>()
            });
            assert_eq!(found.as_deref(), expected, "{template} {path}");
        }
        let many = "/x".repeat(10_000);
        assert_eq!(PathTemplate::parse("/{a}").expect("valid").parameters(many.as_bytes()), None);
        assert!(PathTemplate::parse("/{a*}").expect("valid").parameters(many.as_bytes()).is_some());
    }
}
