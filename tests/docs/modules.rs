//! The modules of the filter use each other in one direction, and the map shows all of them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::path::Path;

use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{Attribute, Expr, ItemMod, ItemUse, Macro, Token, UseTree};

use crate::page::Page;
use crate::root;

/// A module as its path from the root of the crate, which has the empty one.
type Module = Vec<String>;

/// Which modules each module uses.
type Uses = BTreeMap<Module, BTreeSet<Module>>;

/// What a file of the filter uses, outside of its tests.
struct Reader<'a> {
    of: &'a Module,
    all: &'a BTreeSet<Module>,
    used: BTreeSet<Module>,
}

impl Reader<'_> {
    /// Adds the module that a path leads into, if it is one of the filter. A path of one name is `pub(crate)`, or local.
    fn add(&mut self, path: &[String]) {
        let mut module = match path[0].as_str() {
            "crate" => Vec::new(),
            "self" => self.of.clone(),
            "super" => self.of[..self.of.len() - 1].to_vec(),
            name => [&self.of[..], &[name.to_owned()]].concat(),
        };
        if path.len() == 1 || !self.all.contains(&module) {
            return;
        }
        for name in &path[1..] {
            if name == "super" {
                module.pop();
            } else if self.all.contains(&[&module[..], std::slice::from_ref(name)].concat()) {
                module.push(name.clone());
            } else {
                break;
            }
        }
        if module != *self.of {
            self.used.insert(module);
        }
    }

    fn add_all(&mut self, before: &[String], tree: &UseTree) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            UseTree::Path(path) => self.add_all(&with(&path.ident), &path.tree),
            UseTree::Name(name) => self.add(&with(&name.ident)),
            UseTree::Rename(rename) => self.add(&with(&rename.ident)),
            UseTree::Glob(_) => self.add(&[before, &["*".to_owned()]].concat()),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.add_all(before, tree)),
        }
    }
}

fn is_for_tests(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if !item.attrs.iter().any(is_for_tests) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.add_all(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.add(&names);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, item: &'ast Macro) {
        // Macros like `format!`: what stands in others is not looked at.
        if let Ok(values) = item.parse_body_with(Punctuated::<Expr, Token![,]>::parse_terminated) {
            values.iter().for_each(|value| self.visit_expr(value));
        }
        self.visit_path(&item.path);
    }
}

/// Which modules each of these uses.
fn uses(sources: &BTreeMap<Module, String>) -> Uses {
    let all = sources.keys().cloned().collect();
    let read = |(of, source): (&Module, &String)| {
        let file = syn::parse_file(source).unwrap_or_else(|error| panic!("{of:?}: {error}"));
        let mut reader = Reader { of, all: &all, used: BTreeSet::new() };
        reader.visit_file(&file);
        (of.clone(), reader.used)
    };
    sources.iter().map(read).collect()
}

/// The same for the modules at the top: what is in one uses for it.
fn of_rooms(uses: &Uses) -> Uses {
    let mut rooms = Uses::new();
    let room = |module: &Module| module.iter().take(1).cloned().collect::<Module>();
    for (module, used) in uses {
        rooms.entry(room(module)).or_default().extend(used.iter().map(room).filter(|used| *used != room(module)));
    }
    rooms
}

/// The circles, each told once, from its first module back to it.
fn circles(uses: &Uses) -> BTreeSet<String> {
    let mut circles = BTreeMap::new();
    for start in uses.keys() {
        // The shortest way back.
        let mut ways = VecDeque::from([vec![start]]);
        let mut seen = BTreeSet::new();
        while let Some(way) = ways.pop_front() {
            let last = way[way.len() - 1];
            if uses[last].contains(start) {
                let members: BTreeSet<_> = way.iter().copied().collect();
                let names: Vec<_> = way.iter().chain([&start]).map(|module| module.join("::")).collect();
                circles.entry(members).or_insert_with(|| names.join(" -> "));
                break;
            }
            ways.extend(uses[last].iter().filter(|next| seen.insert(*next)).map(|next| [&way[..], &[next]].concat()));
        }
    }
    circles.into_values().collect()
}

/// The sources of the filter.
fn sources() -> BTreeMap<Module, String> {
    let top = root().join("src");
    let mut folders = VecDeque::from([top.clone()]);
    let mut sources = BTreeMap::new();
    while let Some(folder) = folders.pop_front() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push_back(path);
                continue;
            }
            let module = path.strip_prefix(&top).expect("below src").with_extension("");
            let names = module.iter().map(|name| name.to_str().expect("UTF-8").to_owned());
            let module = names.filter(|name| !matches!(name.as_str(), "lib" | "mod")).collect();
            sources.insert(module, fs::read_to_string(path).expect("UTF-8"));
        }
    }
    sources
}

#[test]
fn no_module_uses_one_that_uses_it() {
    let uses = uses(&sources());
    assert_eq!((circles(&of_rooms(&uses)), circles(&uses)), (BTreeSet::new(), BTreeSet::new()));
}

#[test]
fn the_order_of_the_modules_in_the_map_is_that_of_the_code() {
    let blocks = Page::read("docs/architecture.md").blocks_in("text");
    let order = blocks.iter().find(|block| block.starts_with("json, ")).expect("the order");
    let uses = of_rooms(&uses(&sources()));
    let mut below = BTreeSet::new();
    for step in order.trim().split(" <- ") {
        let rooms: Vec<Module> = step.split(", ").map(|room| vec![room.to_owned()]).collect();
        for room in &rooms {
            assert!(uses[room].is_subset(&below), "{room:?} uses {:?}", uses[room]);
        }
        below.extend(rooms);
    }
    let all: BTreeSet<Module> = uses.keys().filter(|room| !room.is_empty()).cloned().collect();
    assert_eq!(below, all);
}

#[test]
fn a_circle_is_found_wherever_it_is_written() {
    let source = |module: &str, source: &str| {
        (module.split_terminator('/').map(str::to_owned).collect::<Module>(), source.to_owned())
    };
    let sources = BTreeMap::from([
        source("", "mod a; mod b; mod c; mod d;"),
        source("a", "use crate::{b::B, c}; #[cfg(test)] mod tests { use crate::d::D; }"),
        source("b", "mod inner; pub(crate) fn f() -> inner::I { assert!(c::g(), \"{}\", crate::d::D); }"),
        source("b/inner", "use super::super::c::C;"),
        source("c", "fn g(a: crate::a::A) {}"),
        source("d", "use crate::a;"),
    ]);
    let uses = uses(&sources);
    let told = |circles: [&str; 3]| circles.map(str::to_owned).into_iter().collect::<BTreeSet<_>>();
    let of_files = ["a -> c -> a", "b -> d -> a -> b", "b::inner -> c -> a -> b -> b::inner"];
    assert_eq!(circles(&uses), told(of_files));
    assert_eq!(circles(&of_rooms(&uses)), told(["a -> c -> a", "b -> c -> a -> b", "d -> a -> b -> d"]));
}

#[test]
fn the_map_of_the_source_is_that_of_the_files() {
    let page = Page::read("docs/architecture.md");
    let shown: BTreeSet<_> =
        page.links().iter().filter_map(|link| Some(link.strip_prefix("../src/")?.to_owned())).collect();
    let name =
        |entry: std::io::Result<fs::DirEntry>| entry.expect("an entry").file_name().into_string().expect("UTF-8");
    let files: BTreeSet<_> = fs::read_dir(root().join("src")).expect("src").map(name).collect();
    assert_eq!(shown, files);
    // A folder is told file by file.
    for row in page.table("where") {
        let folder = root().join(&row[0]);
        if folder.is_dir() {
            let words = row[1].split([' ', ',', ';']).filter(|word| Path::new(word).extension().is_some());
            let files = fs::read_dir(&folder).expect("a folder").map(name);
            assert_eq!(words.map(str::to_owned).collect::<BTreeSet<_>>(), files.collect(), "{}", row[0]);
        }
    }
}
