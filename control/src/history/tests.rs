//! History in memory and on disk.

#![allow(clippy::unwrap_used)]

use std::{env, fs, path::PathBuf};

use outrigger_config::document;

use super::*;
use crate::registry::Table;

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn tables(texts: &[(&str, &str)]) -> Tables {
    let tables = texts.iter().map(|(table, text)| {
        let document = document::parse(table, text).unwrap_or_else(|problems| panic!("{problems}"));
        (name(table), Arc::new(Table::new(document, None)))
    });
    Tables::new(tables.collect(), SystemTime::UNIX_EPOCH)
}

fn web(port: u16) -> String {
    format!("clusters:\n  web: {{ endpoints: [127.0.0.1:{port}, 127.0.0.1:80] }}\n")
}

fn texts(texts: &[(&str, &str)]) -> Texts {
    let texts = texts.iter();
    texts
        .map(|(table, text)| (name(table), Arc::from(*text)))
        .collect()
}

/// A directory of its own, gone in the end.
struct Directory(PathBuf);

impl Directory {
    fn new(test: &str) -> Self {
        let name = format!("outrigger-history-{test}-{}", std::process::id());
        Self(env::temp_dir().join(name))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Small ones, to be reached soon.
const LIMITS: Limits = Limits {
    versions: 5,
    bytes: 10_000,
};

fn open(directory: &Directory) -> Result<History, StoreError> {
    History::open(&directory.0, LIMITS)
}

#[test]
fn each_version_is_told_again_from_what_changed() {
    let mut history = History::new(LIMITS);
    let all: Vec<_> = [("web", web(1)), ("web", web(2)), ("api", web(1))].into();
    for (table, text) in &all {
        history.record(&tables(&[(table, text)]), "test", String::new());
    }
    let versions = history.versions();
    assert_eq!(versions.len(), 3);
    for (version, (table, text)) in versions.iter().rev().zip(&all) {
        let (found, told) = history.version(&version.version).unwrap();
        assert_eq!((found, told), (version.clone(), texts(&[(table, text)])));
    }
    assert!(history.version("unknown").is_none());
    assert_eq!(history.version("2").unwrap().0.serial, 2);
}

#[test]
fn other_words_for_the_same_are_no_version_but_come_back_too() {
    let mut history = History::new(LIMITS);
    history.record(&tables(&[("web", &web(1))]), "test", String::new());
    let commented = format!("# why\n{}", web(1));
    let again = tables(&[("web", &commented)]);
    history.amend(&again);
    assert_eq!(history.versions().len(), 1);
    let (_, told) = history.version(&again.version).unwrap();
    assert_eq!(told, texts(&[("web", &commented)]));
}

#[test]
fn the_oldest_go_when_there_are_too_many_and_the_rest_is_told_as_before() {
    let mut history = History::new(LIMITS);
    let api = web(1).replace("web", "api");
    history.record(&tables(&[("api", &api)]), "test", String::new());
    for port in 100..105 {
        let both = tables(&[("api", &api), ("web", &web(port))]);
        history.record(&both, "test", String::new());
    }
    let versions = history.versions();
    assert_eq!((versions.len(), versions.last().unwrap().serial), (5, 2));
    let (_, told) = history.version("2").unwrap();
    assert_eq!(told, texts(&[("api", &api), ("web", &web(100))]));
}

#[test]
fn a_difference_is_as_small_as_what_changed() {
    let before = "listeners: [{ name: edge, address: 127.0.0.1:80, routes: [{ name: a, cluster: web, timeout: 1s }] }]\nclusters:\n  web: { endpoints: [127.0.0.1:1, { address: 127.0.0.1:2, weight: 2 }] }\n  old: { endpoints: [] }\n";
    let after = "proxies: { zone: a }\nlisteners: [{ name: edge, via: true, address: 127.0.0.1:80, routes: [{ name: a, cluster: web, timeout: 2s }] }]\nclusters:\n  web: { balancer: random, endpoints: [{ address: 127.0.0.1:2, weight: 3 }, 127.0.0.1:3] }\n  new: { endpoints: [] }\n";
    let comparison = Comparison {
        before: texts(&[("shop", before)]),
        after: texts(&[("shop", after)]),
    };
    let differences = comparison.differences();
    insta::assert_snapshot!(serde_json::to_string_pretty(&differences).unwrap());
    assert_eq!(
        summary(&differences),
        "proxies added, listener edge changed, route edge/a changed, 6 more"
    );
}

#[test]
fn texts_are_compared_in_the_unified_form() {
    let comparison = Comparison {
        before: texts(&[
            ("api", "a: 1\n"),
            ("web", "a: 1\nb: 2\n"),
            ("same", "x: y\n"),
        ]),
        after: texts(&[
            ("new", "a: 1\n"),
            ("web", "a: 1\nb: 3\n"),
            ("same", "x: y\n"),
        ]),
    };
    insta::assert_snapshot!(comparison.unified());
}

#[test]
fn what_is_on_disk_survives_the_process() {
    let directory = Directory::new("survives");
    let mut history = open(&directory).unwrap();
    for port in 1..=3 {
        history.record(&tables(&[("web", &web(port))]), "test", format!("{port}"));
    }
    let before = history.versions();
    drop(history);
    let history = open(&directory).unwrap();
    assert_eq!(history.versions(), before);
    assert_eq!(history.version("2").unwrap().1, texts(&[("web", &web(2))]));
    // What was changed meanwhile is a version; what was not is none.
    let history = history.begin(&tables(&[("web", &web(3))]), "file");
    assert_eq!(history.versions(), before);
    let history = history.begin(&tables(&[("web", &web(4))]), "file");
    let last = &history.versions()[0];
    assert_eq!((last.serial, &*last.source), (4, "file"));
    assert_eq!(
        &*last.summary,
        "endpoint web/127.0.0.1:3 removed, endpoint web/127.0.0.1:4 added"
    );
}

#[test]
fn what_is_forgotten_is_forgotten_on_disk_too() {
    let directory = Directory::new("forgets");
    let mut history = open(&directory).unwrap();
    let large = |port: u16| format!("# {}\n{}", "x".repeat(LIMITS.bytes / 2), web(port));
    for port in 1..=4 {
        history.record(&tables(&[("web", &large(port))]), "test", String::new());
    }
    let before = history.versions();
    assert_eq!(before.len(), 1);
    drop(history);
    assert_eq!(open(&directory).unwrap().versions(), before);
}

#[test]
fn a_damaged_history_is_put_aside() {
    let directory = Directory::new("damaged");
    drop(open(&directory).unwrap());
    let path = directory.0.join("history.redb");
    let whole = fs::read(&path).unwrap();
    let mut bent = whole.clone();
    for byte in bent.iter_mut().skip(64).step_by(7) {
        *byte ^= 0x55;
    }
    let half = whole[..whole.len() / 2].to_vec();
    for damaged in [bent, half, b"no store at all".to_vec(), Vec::new()] {
        let _ = fs::remove_dir_all(&directory.0);
        fs::create_dir_all(&directory.0).unwrap();
        fs::write(&path, &damaged).unwrap();
        let mut history = open(&directory).unwrap();
        assert!(history.versions().is_empty());
        history.record(&tables(&[("web", &web(1))]), "test", String::new());
        drop(history);
        assert_eq!(open(&directory).unwrap().versions().len(), 1);
        let aside = fs::read_dir(&directory.0).unwrap().count() - 1;
        // A file that is empty is one that is new.
        assert_eq!(aside, usize::from(!damaged.is_empty()));
    }
}

#[test]
fn two_processes_do_not_write_one_history() {
    let directory = Directory::new("in-use");
    let first = open(&directory).unwrap();
    let second = open(&directory).err().map(|error| error.to_string());
    assert!(second.unwrap().contains("another process"));
    drop(first);
}
