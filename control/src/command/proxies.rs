//! `outrigger-control proxies`: who is connected, and what each of them makes of the tables.

use clap::Args;
use serde_json::Value;

use super::{
    Failure, Said, To,
    columns::{Columns, printable, word},
    pretty,
};

/// `outrigger-control proxies`.
#[derive(Args, Debug)]
pub struct Proxies {
    #[command(flatten)]
    to: To,
}

impl Proxies {
    pub(super) fn run(&self) -> Result<Said, Failure> {
        let proxies: Vec<Value> = self.to.server()?.get("/proxies")?.json()?;
        Ok(Said::good(match self.to.json() {
            true => pretty(&proxies),
            false => shown(&proxies),
        }))
    }
}

/// A line each, and under them what they refuse, in full.
fn shown(proxies: &[Value]) -> String {
    let mut columns = Columns::new(["proxy", "address", "agent", "labels", "version", "state"]);
    let mut refusals = String::new();
    for proxy in proxies {
        columns.push([
            word(proxy, "id"),
            word(proxy, "address"),
            word(proxy, "agent"),
            labels(proxy),
            word(proxy, "version"),
            state(proxy),
        ]);
        for (kind, refusal) in refused(proxy) {
            let words = [
                word(proxy, "id"),
                format!("refuses {kind} {}", names(refusal)),
                format!("since {}:", word(refusal, "at")),
                word(refusal, "text"),
            ];
            refusals.push_str(&format!("{}\n", printable(&words.join(" "))));
        }
    }
    match refusals.is_empty() {
        true => columns.to_string(),
        false => format!("{columns}\n{refusals}"),
    }
}

/// `role=edge zone=a`; what has a column of its own is not said again.
fn labels(proxy: &Value) -> String {
    let labels = proxy["labels"].as_object().into_iter().flatten();
    let labels = labels.filter(|(name, _)| *name != "id");
    let labels: Vec<String> = labels
        .map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default()))
        .collect();
    labels.join(" ")
}

fn state(proxy: &Value) -> String {
    if let Some(gone) = proxy["gone"].as_str() {
        return format!("gone since {gone}");
    }
    if refused(proxy).next().is_some() {
        return "refuses".to_owned();
    }
    match proxy["behind"].as_str() {
        Some(behind) => format!("behind since {behind}"),
        None => "in step".to_owned(),
    }
}

/// What it refuses, by kind: of a kind that it has accepted since, nothing any more.
fn refused(proxy: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let kinds = proxy["kinds"].as_object().into_iter().flatten();
    kinds.filter_map(|(kind, standing)| {
        let refusal = &standing["refused"];
        // Times of one form, in UTC, are in the order of their texts.
        let (refused, accepted) = (word(refusal, "at"), word(&standing["accepted"], "at"));
        (refused > accepted).then_some((kind, refusal))
    })
}

fn names(refusal: &Value) -> String {
    let names = refusal["resources"].as_array().into_iter().flatten();
    let names = names.filter_map(Value::as_str).map(|it| format!("`{it}`"));
    names.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_proxy_is_a_line_and_a_refusal_another() {
        let proxies = [
            json!({
                "id": "edge-1", "address": "10.0.0.7:40312", "agent": "outrigger 0.1.0",
                "labels": { "cluster": "shop", "id": "edge-1", "role": "edge" },
                "version": "0b8e6bd1c2f3a495", "behind": null, "gone": null,
                "kinds": { "cluster": {
                    "accepted": { "version": "b", "at": "2026-11-21T07:00:02.000Z" },
                    "refused": { "version": "a", "at": "2026-11-21T07:00:01.000Z", "text": "old" },
                } },
            }),
            json!({
                "id": "envoy-1", "address": "10.0.0.8:51002", "agent": "envoy 1.40.0", "labels": {},
                "version": null, "behind": "2026-11-21T07:07:34.008Z", "gone": null,
                "kinds": { "listener": { "refused": {
                    "version": "761a61e3b4b6df6b", "at": "2026-11-21T07:07:34.008Z",
                    "text": "Error adding listener\n`edge`: cannot bind", "resources": ["edge"],
                } } },
            }),
            json!({ "id": "old-1", "gone": "2026-11-21T07:00:00.000Z" }),
        ];
        assert_snapshot!(shown(&proxies), @r"
        PROXY    ADDRESS         AGENT            LABELS                  VERSION           STATE
        edge-1   10.0.0.7:40312  outrigger 0.1.0  cluster=shop role=edge  0b8e6bd1c2f3a495  in step
        envoy-1  10.0.0.8:51002  envoy 1.40.0     -                       -                 refuses
        old-1    -               -                -                       -                 gone since 2026-11-21T07:00:00.000Z

        envoy-1 refuses listener `edge` since 2026-11-21T07:07:34.008Z: Error adding listener\n`edge`: cannot bind
        ");
    }
}
