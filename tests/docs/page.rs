//! A page of Markdown: its headings, links, code blocks and tables.

use std::collections::{BTreeSet, VecDeque};
use std::fs;
use std::path::Path;

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use crate::root;

/// A page.
#[derive(Debug)]
pub struct Page {
    /// Its path from the top of the repository.
    pub path: String,
    /// Its Markdown.
    pub text: String,
}

/// The rows of a table, without the header.
pub type Rows = Vec<Vec<String>>;

impl Page {
    /// Reads a page by its path from the top of the repository.
    pub fn read(path: &str) -> Self {
        let text = fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        Self { path: path.to_owned(), text }
    }

    /// Its text in one line, as sentences go on in the next.
    pub fn sentences(&self) -> String {
        self.text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// What it consists of.
    pub fn events(&self) -> Parser<'_> {
        Parser::new_ext(&self.text, Options::ENABLE_TABLES)
    }

    /// The code blocks, each behind its language.
    pub fn blocks(&self) -> Vec<(String, String)> {
        let mut blocks: Vec<(String, String)> = Vec::new();
        let mut inside = false;
        for event in self.events() {
            match event {
                Event::Start(Tag::CodeBlock(kind)) => {
                    inside = true;
                    let CodeBlockKind::Fenced(language) = kind else { panic!("{}: an indented block", self.path) };
                    blocks.push((language.to_string(), String::new()));
                }
                Event::End(TagEnd::CodeBlock) => inside = false,
                Event::Text(text) if inside => blocks.last_mut().expect("started").1.push_str(&text),
                _ => {}
            }
        }
        blocks
    }

    /// The code blocks in a language.
    pub fn blocks_in(&self, language: &str) -> Vec<String> {
        self.blocks().into_iter().filter(|(of, _)| of == language).map(|(_, block)| block).collect()
    }

    /// The code in the text.
    pub fn spans(&self) -> impl Iterator<Item = String> {
        self.events().filter_map(|event| if let Event::Code(code) = event { Some(code.to_string()) } else { None })
    }

    /// The table whose first header cell reads so.
    pub fn table(&self, first_header: &str) -> Rows {
        let mut tables: Vec<Rows> = Vec::new();
        let mut cell = String::new();
        for event in self.events() {
            match event {
                Event::Start(Tag::Table(_)) => tables.push(Vec::new()),
                Event::Start(Tag::TableHead | Tag::TableRow) => tables.last_mut().expect("in a table").push(Vec::new()),
                Event::Start(Tag::TableCell) => cell.clear(),
                Event::Text(text) | Event::Code(text) => cell.push_str(&text),
                Event::End(TagEnd::TableCell) => {
                    tables.last_mut().and_then(|table| table.last_mut()).expect("in a row").push(cell.clone());
                }
                _ => {}
            }
        }
        let mut tables = tables.into_iter().filter(|table| table[0][0] == first_header);
        let table = tables.next().unwrap_or_else(|| panic!("{} has no table of {first_header:?}", self.path));
        assert!(tables.next().is_none(), "{} has two tables of {first_header:?}", self.path);
        table[1..].to_vec()
    }

    /// The addresses of its links and images.
    pub fn links(&self) -> Vec<String> {
        let address = |event| match event {
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => Some(dest_url.to_string()),
            _ => None,
        };
        self.events().filter_map(address).collect()
    }

    /// What the headings are called in links, as GitHub makes it of their words.
    pub fn anchors(&self) -> BTreeSet<String> {
        let mut anchors = BTreeSet::new();
        let mut heading: Option<String> = None;
        for event in self.events() {
            match event {
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::Text(text) | Event::Code(text) => {
                    if let Some(heading) = &mut heading {
                        heading.push_str(&text);
                    }
                }
                Event::End(TagEnd::Heading(_)) => {
                    let heading = heading.take().expect("started").to_lowercase().replace(' ', "-");
                    let anchor = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect();
                    assert!(anchors.insert(anchor), "{}: two headings are called {heading:?}", self.path);
                }
                _ => {}
            }
        }
        anchors
    }
}

/// What no page of ours is in.
const NOT_OURS: &[&str] = &["target", "node_modules", ".git"];

/// Every page of the repository.
pub fn all() -> Vec<Page> {
    let mut folders = VecDeque::from([root()]);
    let mut pages = Vec::new();
    while let Some(folder) = folders.pop_front() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().and_then(|name| name.to_str()).expect("UTF-8");
            if path.is_dir() && !NOT_OURS.contains(&name) {
                folders.push_back(path);
            } else if Path::new(name).extension().is_some_and(|extension| extension == "md") {
                let path = path.strip_prefix(root()).expect("below the top");
                pages.push(Page::read(path.to_str().expect("UTF-8")));
            }
        }
    }
    pages.sort_by(|one, other| one.path.cmp(&other.path));
    pages
}

/// The pages for users: the README and `docs/`.
pub fn for_users() -> Vec<Page> {
    all().into_iter().filter(|page| page.path == "README.md" || page.path.starts_with("docs/")).collect()
}
