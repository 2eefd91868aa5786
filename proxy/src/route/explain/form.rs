//! Conditions in words: what holds, and what does not.

use http::request::Parts;
use outrigger_config::model::ValueMatch;

use crate::route::{
    condition,
    host::{self, Key},
    path::Path,
    query,
    rule::{Miss, Rule},
};

/// Why a route takes the request.
pub(super) fn taken(rule: &Rule, head: &Parts) -> String {
    let mut why = Vec::new();
    match rule.host(&host::of(head)) {
        None | Some(Key::Any) => {}
        Some(key) => why.push(format!("host is {}", host_form(key))),
    }
    match &rule.path {
        Path::Prefix(prefix) if prefix.is_empty() => {}
        path => why.push(format!("path is {}", path_form(path))),
    }
    if !rule.conditions.methods.is_empty() {
        why.push(format!("method is {}", head.method));
    }
    for (name, wanted) in &rule.conditions.headers {
        why.push(format!("header `{name}` is {}", value_form(wanted)));
    }
    for (key, wanted) in &rule.conditions.query {
        why.push(format!("query `{key}` is {}", value_form(wanted)));
    }
    if why.is_empty() {
        why.push("it takes everything".to_owned());
    }
    why.join(", ")
}

/// What a route fails on.
pub(super) fn missed(rule: &Rule, miss: Miss, head: &Parts) -> String {
    match miss {
        Miss::Host => {
            let hosts: Vec<_> = rule.hosts.iter().map(host_form).collect();
            format!("host is not {}", hosts.join(" or "))
        }
        Miss::Path => format!("host matches, but path is not {}", path_form(&rule.path)),
        Miss::Condition(miss) => {
            format!(
                "host and path match, but {}",
                missed_condition(rule, miss, head)
            )
        }
    }
}

fn missed_condition(rule: &Rule, miss: condition::Miss, head: &Parts) -> String {
    let conditions = &rule.conditions;
    match miss {
        condition::Miss::Method => {
            let methods: Vec<_> = conditions.methods.iter().map(|m| m.as_str()).collect();
            format!("method is not {}", methods.join(" or "))
        }
        condition::Miss::Header(index) => {
            let (name, wanted) = &conditions.headers[index];
            let lines = head.headers.get_all(name).iter();
            let lines: Vec<_> = lines
                .map(|line| format!("`{}`", text(line.as_bytes())))
                .collect();
            match lines.join(" and ") {
                none if none.is_empty() => format!("header `{name}` is missing"),
                found => format!("header `{name}` is {found}, not {}", value_form(wanted)),
            }
        }
        condition::Miss::Query(index) => {
            let (key, wanted) = &conditions.query[index];
            match query::first(head.uri.query().unwrap_or_default(), key) {
                None => format!("query `{key}` is missing"),
                Some(found) => {
                    let found = text(&found);
                    format!("query `{key}` is `{found}`, not {}", value_form(wanted))
                }
            }
        }
    }
}

fn host_form(key: &Key) -> String {
    match key {
        Key::Exact(host) => format!("`{host}`"),
        Key::Suffix(suffix) => format!("under `*{suffix}`"),
        Key::Any => "any".to_owned(),
    }
}

fn path_form(path: &Path) -> String {
    match path {
        Path::Exact(path) => format!("`{path}`"),
        Path::Regex(pattern) => format!("of the form `{}`", pattern.as_str()),
        Path::Prefix(prefix) if prefix.is_empty() => "under `/`".to_owned(),
        Path::Prefix(prefix) => format!("under `{prefix}`"),
    }
}

fn value_form(value: &ValueMatch) -> String {
    match value {
        ValueMatch::Exact(value) => format!("`{value}`"),
        ValueMatch::Regex(pattern) => format!("of the form `{}`", pattern.as_str()),
    }
}

/// Foreign bytes, fit for a terminal.
pub(super) fn text(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.replace(char::is_control, "?")
}
