//! Prometheus' text exposition format, 0.0.4: the one that every scraper reads.

use std::fmt::Write;

use super::{
    Histogram,
    family::{Instrument, Kind},
    histogram::BOUNDS,
};

/// Of a response that carries it.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// `a="b",c="d"`, values escaped.
pub(super) fn labels<'a>(labels: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut out = String::new();
    for (name, value) in labels {
        if !out.is_empty() {
            out.push(',');
        }
        out.push_str(name);
        out.push_str("=\"");
        for char in value.chars() {
            match char {
                '\\' => out.push_str("\\\\"),
                '"' => out.push_str("\\\""),
                '\n' => out.push_str("\\n"),
                _ => out.push(char),
            }
        }
        out.push('"');
    }
    out
}

/// The two lines before a family's series.
pub(super) fn head(out: &mut String, name: &str, kind: Kind, help: &str) {
    let kind = match kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
    };
    let help = help.replace('\\', "\\\\").replace('\n', "\\n");
    // A `String` takes all that is written to it, here and below.
    let _ = write!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
}

/// The line of a series, or its lines.
pub(super) fn series(out: &mut String, name: &str, labels: &str, instrument: &Instrument) {
    match instrument {
        Instrument::Counter(counter) => sample(out, (name, ""), (labels, ""), counter.value()),
        Instrument::Gauge(gauge) => sample(out, (name, ""), (labels, ""), number(gauge.value())),
        Instrument::Histogram(histogram) => self::histogram(out, name, labels, histogram),
    }
}

fn histogram(out: &mut String, name: &str, labels: &str, histogram: &Histogram) {
    let (buckets, sum) = histogram.read();
    let bounds = BOUNDS.iter().map(|&(_, le)| le).chain(["+Inf"]);
    let mut count = 0;
    for (bucket, le) in buckets.into_iter().zip(bounds) {
        count += bucket;
        sample(out, (name, "_bucket"), (labels, le), count);
    }
    let seconds = format_args!("{}.{:06}", sum / 1_000_000, sum % 1_000_000);
    sample(out, (name, "_sum"), (labels, ""), seconds);
    sample(out, (name, "_count"), (labels, ""), count);
}

/// One line. The second parts are the name's suffix and the value of the label `le`; both may be empty.
fn sample(
    out: &mut String,
    (name, suffix): (&str, &str),
    (labels, le): (&str, &str),
    value: impl std::fmt::Display,
) {
    out.push_str(name);
    out.push_str(suffix);
    let _ = match (labels, le) {
        ("", "") => Ok(()),
        (labels, "") => write!(out, "{{{labels}}}"),
        ("", le) => write!(out, "{{le=\"{le}\"}}"),
        (labels, le) => write!(out, "{{{labels},le=\"{le}\"}}"),
    };
    let _ = writeln!(out, " {value}");
}

/// As Go's `ParseFloat` reads it; Rust writes the infinities as `inf`.
fn number(value: f64) -> String {
    match value {
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::telemetry::metrics::Gauge;

    #[test]
    fn values_of_labels_are_escaped() {
        let pairs = [("path", "C:\\new"), ("said", "\"hi\"\nthere")];
        assert_eq!(
            labels(pairs.into_iter()),
            r#"path="C:\\new",said="\"hi\"\nthere""#
        );
    }

    #[test]
    fn a_histogram_is_cumulative_and_ends_with_sum_and_count() {
        let histogram = Histogram::default();
        for micros in [90, 240, 240, 61_000_000] {
            histogram.observe(Duration::from_micros(micros));
        }
        let mut out = String::new();
        head(
            &mut out,
            "wait_seconds",
            Kind::Histogram,
            "How long\nthey waited.",
        );
        series(
            &mut out,
            "wait_seconds",
            r#"who="a""#,
            &Instrument::Histogram(histogram),
        );
        insta::assert_snapshot!(out);
    }

    #[test]
    fn gauges_without_labels_and_beyond_all_numbers() {
        let mut out = String::new();
        for value in [3.0, 0.25, f64::INFINITY, f64::NEG_INFINITY, f64::NAN] {
            let gauge = Gauge::default();
            gauge.set(value);
            series(&mut out, "level", "", &Instrument::Gauge(gauge));
        }
        assert_eq!(
            out,
            "level 3\nlevel 0.25\nlevel +Inf\nlevel -Inf\nlevel NaN\n"
        );
    }
}
