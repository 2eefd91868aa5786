//! The rules of the house that no compiler knows, read from the repository itself.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A file that is longer has two subjects.
const MOST_LINES: usize = 500;

/// Names that say nothing of what is inside, so that anything ends up there.
const NAMELESS: &[&str] = &[
    "common", "helper", "helpers", "manager", "misc", "types", "util", "utils",
];

/// Licences (SPDX) that ask for no more than to be named. None of them reaches into what it is linked with.
const PERMISSIVE: &[&str] = &[
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Zlib",
];

fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the workspace").to_owned()
}

/// The files of the repository, without what is built or not ours.
fn files(extensions: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut directories = vec![root()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if path.is_dir() && !name.starts_with('.') && name != "target" {
                directories.push(path);
            } else if path
                .extension()
                .is_some_and(|extension| extensions.iter().any(|wanted| extension == *wanted))
            {
                found.push(path);
            }
        }
    }
    assert!(!found.is_empty(), "{extensions:?} in {}", root().display());
    found
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Those of `items` that break a rule must be none.
fn none<T: std::fmt::Debug>(rule: &str, broken: impl IntoIterator<Item = T>) {
    let broken: Vec<T> = broken.into_iter().collect();
    assert!(broken.is_empty(), "{rule}: {broken:#?}");
}

#[test]
fn no_file_has_more_lines_than_one_subject_needs() {
    let long = files(&["rs"]).into_iter().filter_map(|path| {
        let lines = read(&path).lines().count();
        (lines > MOST_LINES).then_some((path, lines))
    });
    none("too long", long);
}

#[test]
fn every_name_of_a_file_says_what_is_in_it() {
    let nameless = files(&["rs"]).into_iter().filter(|path| {
        let inside = path.strip_prefix(root()).unwrap_or(path);
        let mut parts = inside.with_extension("");
        parts.extend([""]);
        parts
            .iter()
            .any(|part| NAMELESS.iter().any(|name| part == *name))
    });
    none("a name that says nothing", nameless);
}

#[test]
fn every_file_begins_by_saying_why_it_is_there() {
    let silent = files(&["rs"])
        .into_iter()
        .filter(|path| !read(path).starts_with("//! ") && !read(path).starts_with("#!["));
    none("no `//!` at the top", silent);
}

#[test]
fn there_is_unsafe_code_in_one_place_only() {
    let place = |path: &Path| path.starts_with(root().join("memory"));
    for manifest in files(&["toml"]) {
        let text = read(&manifest);
        // The fuzz targets are a workspace of their own: what they link is checked here already.
        if text.contains("[package]") && !manifest.ends_with("fuzz/Cargo.toml") && !place(&manifest)
        {
            let forbids = text.contains("[lints]\nworkspace = true")
                || text.contains("unsafe_code = \"forbid\"");
            assert!(forbids, "{}", manifest.display());
        }
    }
    assert!(read(&root().join("Cargo.toml")).contains("unsafe_code = \"forbid\""));
    let keyword = ["unsafe ", "{"].concat();
    let bodies = files(&["rs"])
        .into_iter()
        .filter(|path| !place(path) && read(path).contains(&keyword));
    none("unsafe code", bodies);
}

/// Where it were allowed, a peer or a file might reach a panic, and that ends the process. The lints refuse it everywhere else.
#[test]
fn only_tests_may_unwrap() {
    let ours = |path: &Path| {
        let inside = path.strip_prefix(root()).expect("of the repository");
        let of_tests = inside.iter().any(|it| it == "tests" || it == "tests.rs");
        !inside.starts_with("bench") && !of_tests
    };
    let mut allowed = Vec::new();
    for path in files(&["rs"]).into_iter().filter(|path| ours(path)) {
        let text = read(&path);
        let before = std::iter::once("").chain(text.lines());
        for (before, line) in before.zip(text.lines()) {
            let unwraps = ["unwrap_used", "expect_used"].map(|it| line.contains(it));
            if unwraps.contains(&true) && !before.trim().starts_with("#[cfg(test)]") {
                allowed.push(format!("{}: {line}", path.display()));
            }
        }
    }
    none("unwraps outside of tests", allowed);
    let manifest = read(&root().join("Cargo.toml"));
    for lint in ["unwrap_used", "expect_used"] {
        assert!(manifest.contains(&format!("{lint} = \"warn\"")), "{lint}");
    }
}

/// `name version|licence` of everything that is linked into anything of ours on this platform. The lock file would
/// name more: also what no enabled feature asks for.
fn linked() -> BTreeSet<(String, String)> {
    let cargo = std::env::var_os("CARGO").unwrap_or("cargo".into());
    let output = Command::new(cargo)
        .current_dir(root())
        .args(["tree", "--workspace", "--locked", "--offline"])
        .args(["--edges", "all", "--prefix", "none", "--format", "{p}|{l}"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let crates = text.lines().filter_map(|line| {
        let (package, licence) = line.trim_end_matches(" (*)").split_once('|')?;
        let name = package.split(' ').next()?;
        Some((name.to_owned(), licence.to_owned()))
    });
    crates.collect()
}

#[test]
fn all_that_is_linked_may_be_linked() {
    let linked = linked();
    assert!(linked.len() > 100, "{linked:?}");
    let unfree = linked.iter().filter(|(_, licence)| !permissive(licence));
    none("a licence that is not on the list", unfree);
}

/// Whether an SPDX expression can be met by licences of the list. `/` is the old way to say OR; AND binds groups of OR
/// only, as far as anybody writes it.
fn permissive(expression: &str) -> bool {
    let expression = expression.replace('/', " OR ").replace(['(', ')'], " ");
    expression.split(" AND ").all(|group| {
        group
            .split(" OR ")
            .any(|licence| PERMISSIVE.contains(&licence.trim()))
    })
}

#[test]
fn an_expression_of_licences_is_met_group_by_group() {
    for expression in ["MIT", "MIT/GPL-3.0", "(MIT OR GPL-3.0) AND ISC"] {
        assert!(permissive(expression), "{expression}");
    }
    for expression in ["", "GPL-3.0", "MIT AND GPL-3.0", "LGPL-2.1 OR GPL-3.0"] {
        assert!(!permissive(expression), "{expression}");
    }
}

#[test]
fn one_cryptographic_library_is_enough() {
    none(
        "ring is linked: aws-lc-rs is ours",
        linked().into_iter().filter(|(name, _)| name == "ring"),
    );
}

#[test]
fn every_dependency_is_used() {
    for manifest in files(&["toml"]) {
        let text = read(&manifest);
        let Some((_, dependencies)) = text.split_once("\n[dependencies]\n") else {
            continue;
        };
        let own = dependencies.split("\n[").next().unwrap_or_default();
        let crate_root = manifest.parent().expect("a directory");
        let sources: String = files(&["rs"])
            .iter()
            .filter(|path| path.starts_with(crate_root))
            .map(|path| read(path))
            .collect();
        let unused = own
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| line.split(['.', ' ', '=']).next())
            .filter(|name| !name.is_empty() && !sources.contains(&name.replace('-', "_")));
        none(&manifest.display().to_string(), unused);
    }
}

#[test]
fn every_example_is_named_where_users_read() {
    let documents: String = files(&["md"]).iter().map(|path| read(path)).collect();
    let unnamed = fs::read_dir(root().join("config/examples"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| !documents.contains(&format!("config/examples/{name}")));
    none("an example nobody is told of", unnamed);
}

/// `[text](target)` of a document, without those to other hosts.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text.split("](").skip(1);
    targets
        .filter_map(|rest| rest.split(')').next())
        .filter(|target| !target.starts_with("http"))
}

#[test]
fn every_link_of_the_documents_leads_somewhere() {
    let mut broken = Vec::new();
    for document in files(&["md"]) {
        let text = read(&document);
        for link in links(&text) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => document.clone(),
                file => document.parent().expect("a directory").join(file),
            };
            let found = target.exists() && (anchor.is_empty() || has_heading(&target, anchor));
            if !found {
                broken.push(format!("{}: {link}", document.display()));
            }
        }
    }
    none("a link to nowhere", broken);
}

/// Whether a heading of `document` has this anchor, as code hosts make them.
fn has_heading(document: &Path, anchor: &str) -> bool {
    let text = read(document);
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| line.trim_start_matches('#').trim().to_lowercase())
        .any(|heading| {
            let kept = heading
                .chars()
                .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
            kept.collect::<String>().replace(' ', "-") == anchor
        })
}
