//! The pages lead to each other, and the README is short.

use std::collections::BTreeSet;
use std::path::Path;

use crate::page::{self, Page};
use crate::root;

#[test]
fn links_and_anchors_lead_somewhere() {
    let mut wrong = Vec::new();
    for page in page::all() {
        let folder = Path::new(&page.path).parent().expect("a folder");
        for link in page.links() {
            let (path, anchor) = link.split_once('#').map_or((link.as_str(), None), |(path, at)| (path, Some(at)));
            // The map of the source is compared in `modules`.
            if link.contains("://") || path.starts_with("../src") {
                continue;
            }
            let target = if path.is_empty() { Path::new(&page.path).to_owned() } else { folder.join(path) };
            let leads = match anchor {
                None => root().join(&target).exists(),
                Some(anchor) if root().join(&target).is_file() => {
                    Page::read(target.to_str().expect("UTF-8")).anchors().contains(anchor)
                }
                Some(_) => false,
            };
            if !leads {
                wrong.push(format!("{}: {link}", page.path));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// What is named without a link, as the files of the filter are.
#[test]
fn paths_in_the_text_exist() {
    let mut found = 0;
    for page in page::all() {
        for path in page.spans().filter(|span| span.starts_with("src/") || span.starts_with("tests/")) {
            assert!(root().join(&path).exists(), "{}: {path}", page.path);
            found += 1;
        }
    }
    assert!(found > 10, "only {found}");
}

#[test]
fn the_readme_is_read_in_five_minutes() {
    let lines = Page::read("README.md").text.lines().count();
    assert!(lines <= 150, "{lines} lines");
}

#[test]
fn every_page_is_in_the_index_of_the_readme() {
    let linked: BTreeSet<_> = Page::read("README.md").links().into_iter().collect();
    for page in page::for_users().iter().filter(|page| page.path != "README.md") {
        assert!(linked.contains(&page.path), "{} is not in the index", page.path);
    }
}

/// What a new user looks for: one click to the place, with the anchor that [`links_and_anchors_lead_somewhere`] follows.
#[test]
fn the_readme_leads_to_migration_to_a_504_and_to_istio() {
    let linked = Page::read("README.md").links();
    for place in [
        "docs/apisix.md#migrate-from-the-lua-plugin",
        "docs/apisix.md#from-apisix-to-envoy",
        "docs/operations.md#what-a-504-means",
        "docs/kubernetes.md#istio",
    ] {
        assert!(linked.iter().any(|link| link == place), "{place}");
    }
}
