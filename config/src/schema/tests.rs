#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{env, fs, path::Path, sync::LazyLock};

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{
    document, parse,
    yaml::{self, Content, Node},
};

const HERE: &str = env!("CARGO_MANIFEST_DIR");

fn examples() -> Vec<String> {
    let files = fs::read_dir(Path::new(HERE).join("examples")).unwrap();
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    files
        .iter()
        .map(|file| fs::read_to_string(file).unwrap())
        .collect()
}

/// What a YAML reader that knows nothing of us makes of a file (YAML 1.2, core schema).
fn plain_json(node: &Node) -> Value {
    match &node.content {
        Content::List(items) => items.iter().map(plain_json).collect(),
        Content::Mapping(entries) => {
            let entries = entries.iter();
            let entries = entries.map(|entry| (entry.key.clone(), plain_json(&entry.value)));
            Value::Object(entries.collect())
        }
        Content::Scalar { .. } if node.is_nothing() => Value::Null,
        Content::Scalar { text, plain: false } => text.as_str().into(),
        Content::Scalar { text, plain: true } => match text.as_str() {
            "true" => true.into(),
            "false" => false.into(),
            text => match (text.parse::<i64>(), text.parse::<f64>()) {
                (Ok(whole), _) => whole.into(),
                (_, Ok(number)) if number.is_finite() => number.into(),
                _ => text.into(),
            },
        },
    }
}

fn to_json(text: &str) -> Value {
    plain_json(&yaml::parse(text, &mut Vec::new()).unwrap())
}

static VALIDATOR: LazyLock<jsonschema::Validator> =
    LazyLock::new(|| jsonschema::draft202012::new(&schema()).expect("the schema is one"));

static EXAMPLES: LazyLock<Vec<String>> = LazyLock::new(examples);

#[test]
fn the_committed_schemas_are_fresh() {
    let schemas = [
        ("schema.json", schema()),
        ("table.schema.json", document::schema()),
    ];
    for (name, schema) in schemas {
        let path = Path::new(HERE).join(name);
        let fresh = format!("{schema:#}\n");
        if env::var_os("UPDATE").is_some() {
            fs::write(&path, &fresh).unwrap();
        }
        let committed = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == fresh,
            "{name} is stale: UPDATE=1 cargo test -p outrigger-config"
        );
    }
}

#[test]
fn the_schema_is_valid_json_schema() {
    for schema in [schema(), document::schema()] {
        assert!(jsonschema::draft202012::meta::validate(&schema).is_ok());
    }
}

#[test]
fn every_example_fits_the_schema() {
    for text in &*EXAMPLES {
        let table = to_json(text);
        let errors: Vec<String> = VALIDATOR
            .iter_errors(&table)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{errors:#?}\n{text}");
    }
}

#[test]
fn the_schema_of_documents_takes_and_refuses_what_the_reader_does() {
    let validator = jsonschema::draft202012::new(&document::schema()).unwrap();
    for (table, good) in [
        (json!({}), true),
        (
            json!({"proxies": {"role": "edge", "zone": ["a", "b"], "tier": 1}}),
            true,
        ),
        (
            json!({"proxies": {}, "clusters": {"web": {"endpoints": []}}}),
            true,
        ),
        (json!({"proxies": {"a b": "c"}}), false),
        (json!({"proxies": "edge"}), false),
        (json!({"admin": {}}), false),
    ] {
        assert_eq!(validator.is_valid(&table), good, "{table}");
        let read = document::parse("table.json", &table.to_string());
        assert_eq!(read.is_ok(), good, "{table}");
    }
}

#[test]
fn the_schema_refuses_what_the_reader_refuses_at_sight() {
    for table in [
        json!({}),
        json!({"listeners": [], "listener": []}),
        json!({"listeners": [{"routes": []}]}),
        json!({"listeners": [], "clusters": {"web": {"endpoints": [], "tls": {"cert": ""}}}}),
        json!({"listeners": [], "clusters": {"web": {"endpoints": [], "limits": {"requests": 0}}}}),
        json!({"listeners": [], "clusters": {"web": {"endpoints": [], "connect_timeout": 5}}}),
        json!({"listeners": [], "clusters": {"web": {"endpoints": [], "balancer": "fastest"}}}),
        json!({"listeners": [], "clusters": {"web": {"endpoints": [{"weight": 1}]}}}),
    ] {
        assert!(!VALIDATOR.is_valid(&table), "{table}");
        assert!(parse("table.json", &table.to_string()).is_err(), "{table}");
    }
}

/// Every value of a table, as a way to change it.
fn pointers(value: &Value, at: &str, all: &mut Vec<String>) {
    all.push(at.to_owned());
    match value {
        Value::Object(entries) => {
            for (key, value) in entries {
                let key = key.replace('~', "~0").replace('/', "~1");
                pointers(value, &format!("{at}/{key}"), all);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                pointers(item, &format!("{at}/{index}"), all);
            }
        }
        _ => {}
    }
}

proptest! {
    /// An editor must not mark what we take.
    #[test]
    fn what_the_reader_takes_fits_the_schema(
        example in any::<prop::sample::Index>(),
        places in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..3),
    ) {
        let values = [
            json!({}), json!([]), json!(null), json!(0), json!(1), json!(23), json!(-1), json!(2.5), json!(true), json!(""),
            json!("5s"), json!("1m30s"), json!("0s"), json!("auto"), json!("random"), json!("web"), json!("/a/"), json!("GET"),
            json!("127.0.0.1:1"), json!("10.0.0.0/8"), json!("*.a.b"), json!({"regex": "a+"}), json!("source_address"),
            json!({"exact": "/a"}), json!(["127.0.0.1:1"]), json!({"set": {"x-a": 1}}), json!({"web": 1}), json!("xn--a"),
        ];
        let example: &String = example.get(&EXAMPLES);
        let mut table = to_json(example);
        for (place, value) in places {
            let mut all = Vec::new();
            pointers(&table, "", &mut all);
            let place: &String = place.get(&all);
            *table.pointer_mut(place).unwrap() = value.get(&values).clone();
        }
        if parse("table.json", &table.to_string()).is_ok() {
            prop_assert!(VALIDATOR.is_valid(&table), "{table:#}");
        }
    }
}
