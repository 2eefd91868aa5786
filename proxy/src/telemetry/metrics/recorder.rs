//! The registry behind the macros of the `metrics` crate (`metrics::counter!` and so on), for cold paths and for crates
//! that speak it. The binary installs it once: `metrics::set_global_recorder(registry.clone())`.
//!
//! Not for the request path: a macro builds a key, hashes it and takes the registry's lock each time.

use std::borrow::Cow;

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

use super::{
    Registry,
    family::{Handle, Kind},
    registry::Owner,
    text,
};

/// `promtool` wants a help text for every metric.
const NO_HELP: &str = "Not described.";

impl Registry {
    fn of_macro<H: Handle>(&self, key: &Key) -> H {
        let names: Vec<_> = key
            .labels()
            .map(|label| allowed(label.key(), false))
            .collect();
        let values = key.labels().map(metrics::Label::value);
        let labels = text::labels(names.iter().map(String::as_str).zip(values));
        self.lookup(
            family_name(key.name(), H::KIND),
            labels,
            Owner::Registry,
            NO_HELP,
        )
    }

    fn describe_macro(&self, name: &KeyName, kind: Kind, description: &SharedString) {
        self.describe(
            family_name(name.as_str(), kind),
            kind,
            description.to_string(),
        );
    }
}

/// Units are not shown: here they are a part of the name.
impl Recorder for Registry {
    fn describe_counter(&self, name: KeyName, _: Option<Unit>, description: SharedString) {
        self.describe_macro(&name, Kind::Counter, &description);
    }

    fn describe_gauge(&self, name: KeyName, _: Option<Unit>, description: SharedString) {
        self.describe_macro(&name, Kind::Gauge, &description);
    }

    fn describe_histogram(&self, name: KeyName, _: Option<Unit>, description: SharedString) {
        self.describe_macro(&name, Kind::Histogram, &description);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        self.of_macro::<super::Counter>(key).into()
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        self.of_macro::<super::Gauge>(key).into()
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        self.of_macro::<super::Histogram>(key).into()
    }
}

fn family_name(name: &str, kind: Kind) -> Cow<'static, str> {
    let mut name = allowed(name, true);
    if kind == Kind::Counter && !name.ends_with("_total") {
        name.push_str("_total");
    }
    name.into()
}

/// Other crates name their metrics `like.this`; Prometheus takes letters, digits, `_` and, in names of metrics, `:`.
fn allowed(name: &str, colons: bool) -> String {
    let mut allowed: String = name
        .chars()
        .map(|char| {
            if char.is_ascii_alphanumeric() || (colons && char == ':') {
                char
            } else {
                '_'
            }
        })
        .collect();
    if !allowed.starts_with(|first: char| !first.is_ascii_digit()) {
        allowed.insert(0, '_');
    }
    allowed
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn what_macros_record_is_shown_with_names_that_prometheus_takes() {
        let registry = Registry::default();
        metrics::with_local_recorder(&registry, || {
            metrics::describe_counter!("dns.lookups", "Questions asked.");
            for _ in 0..2 {
                metrics::counter!("dns.lookups", "rr-type" => "SRV").increment(1);
            }
            metrics::gauge!("2fast").set(1.5);
            metrics::histogram!("dns_lookup_seconds").record(0.000_2);
        });
        let page = registry.render(Instant::now());
        let expected = [
            "# HELP _2fast Not described.\n# TYPE _2fast gauge\n_2fast 1.5\n",
            "# HELP dns_lookups_total Questions asked.\n# TYPE dns_lookups_total counter\ndns_lookups_total{rr_type=\"SRV\"} 2\n",
            "dns_lookup_seconds_bucket{le=\"0.0001\"} 0\ndns_lookup_seconds_bucket{le=\"0.00025\"} 1\n",
            "dns_lookup_seconds_sum 0.000200\ndns_lookup_seconds_count 1\n",
        ];
        for part in expected {
            assert!(page.contains(part), "{page}");
        }
    }
}
