//! The examples are what users begin with: they load, and they survive a round trip.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::{fs, path::PathBuf};

use outrigger_config::{Config, load, parse};

fn examples() -> Vec<PathBuf> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path());
    let mut files: Vec<PathBuf> = files
        .filter(|path| path.extension().unwrap() == "yaml")
        .collect();
    files.sort();
    assert!(files.len() >= 10, "{files:?}");
    files
}

fn normal_form(config: &Config) -> String {
    serde_json::to_string_pretty(config).unwrap()
}

#[test]
fn every_example_loads() {
    for path in examples() {
        if let Err(problems) = load(&path) {
            panic!("{problems}");
        }
    }
}

#[test]
fn the_normal_form_of_every_example_reads_back_to_the_same() {
    for path in examples() {
        let config = load(&path).unwrap();
        let again = parse("normal.json", &normal_form(&config)).unwrap_or_else(|p| panic!("{p}"));
        assert_eq!(config, again, "{}", path.display());
        assert_eq!(normal_form(&config), normal_form(&again));
    }
}

/// Golden: the least a file may say, and all that it means.
#[test]
fn the_normal_form_writes_the_defaults_out() {
    let config = load(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/examples/minimal.yaml"
    ))
    .unwrap();
    insta::assert_snapshot!(normal_form(&config));
}

#[test]
fn the_full_example_names_every_key() {
    let schema = outrigger_config::schema();
    let full =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/full.yaml")).unwrap();
    let mut keys = Vec::new();
    collect_keys(&schema, &mut keys);
    for key in keys {
        assert!(
            full.contains(&format!("{key}:")),
            "`{key}` is not in full.yaml"
        );
    }
}

fn collect_keys(schema: &serde_json::Value, keys: &mut Vec<String>) {
    match schema {
        serde_json::Value::Object(entries) => {
            for (name, value) in entries {
                if name == "properties" {
                    keys.extend(value.as_object().unwrap().keys().cloned());
                }
                collect_keys(value, keys);
            }
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| collect_keys(item, keys)),
        _ => {}
    }
}
