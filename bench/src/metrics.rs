//! Just enough of the Prometheus text format to show golden metrics, and to watch a proxy.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};

use crate::load;

/// One scrape.
pub(crate) struct Metrics(Vec<Series>);

/// One line: `name{labels} value`.
struct Series {
    name: String,
    labels: String,
    value: f64,
}

impl Metrics {
    /// Reads `/metrics` at `admin`.
    pub(crate) async fn scrape(admin: SocketAddr) -> Result<Self> {
        let url = format!("http://{admin}/metrics");
        let (status, text) = load::fetch(&url.parse()?)
            .await
            .with_context(|| format!("scraping `{url}`"))?;
        ensure!(status.is_success(), "`{url}` answers {status}");
        Ok(Self::parse(&text))
    }

    /// Comments, and lines that are none of the three parts, are left out.
    fn parse(text: &str) -> Self {
        let series = text.lines().filter_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            (!line.starts_with('#')).then_some(Series {
                name: name.to_owned(),
                labels: labels.trim_end_matches('}').to_owned(),
                value: value.parse().ok()?,
            })
        });
        Self(series.collect())
    }

    /// The sum of those series of `name` whose labels are `wanted`.
    pub(crate) fn sum(&self, name: &str, wanted: impl Fn(&str) -> bool) -> f64 {
        let series = self.0.iter().filter(|series| series.name == name);
        series
            .filter(|series| wanted(&series.labels))
            .map(|series| series.value)
            .sum()
    }

    /// A quantile of all series of the histogram `name` together, interpolated within its bucket as by
    /// Prometheus's `histogram_quantile`; none if there was nothing to observe.
    pub(crate) fn quantile(&self, name: &str, quantile: f64) -> Option<f64> {
        let buckets = self.buckets(&format!("{name}_bucket"));
        let (_, all) = *buckets.last()?;
        let rank = quantile * all;
        let (mut lower, mut below) = (0.0, 0.0);
        for (upper, count) in buckets {
            if count >= rank && count > below {
                // Above the last bound nothing more is known than that bound.
                let width = if upper.is_finite() {
                    upper - lower
                } else {
                    0.0
                };
                return Some(lower + width * (rank - below) / (count - below));
            }
            (lower, below) = (upper, count);
        }
        None
    }

    /// Upper bounds with their cumulative counts, by bound.
    fn buckets(&self, name: &str) -> Vec<(f64, f64)> {
        let mut buckets: Vec<(f64, f64)> = Vec::new();
        for series in self.0.iter().filter(|series| series.name == name) {
            let Some(bound) = label(&series.labels, "le").and_then(|bound| bound.parse().ok())
            else {
                continue;
            };
            match buckets.iter_mut().find(|(other, _)| *other == bound) {
                Some((_, count)) => *count += series.value,
                None => buckets.push((bound, series.value)),
            }
        }
        buckets.sort_by(|(left, _), (right, _)| left.total_cmp(right));
        buckets
    }
}

/// A label's value, of those that contain neither quote nor comma.
fn label<'a>(labels: &'a str, name: &str) -> Option<&'a str> {
    let value = labels
        .split(',')
        .find_map(|label| label.strip_prefix(name)?.strip_prefix("=\""));
    value.map(|value| value.trim_end_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"# TYPE requests_total counter
requests_total{route="a",status="200"} 90
requests_total{route="b",status="503"} 10
seconds_bucket{route="a",le="0.001"} 50
seconds_bucket{route="a",le="0.002"} 90
seconds_bucket{route="a",le="+Inf"} 100
seconds_bucket{route="b",le="0.001"} 0
seconds_bucket{route="b",le="0.002"} 100
seconds_bucket{route="b",le="+Inf"} 100
"#;

    #[test]
    fn counters_add_up_by_label() {
        let metrics = Metrics::parse(TEXT);
        assert_eq!(metrics.sum("requests_total", |_| true), 100.0);
        let failed = metrics.sum("requests_total", |labels| labels.contains("status=\"5"));
        assert_eq!(failed, 10.0);
    }

    #[test]
    fn a_quantile_is_interpolated_over_all_series_of_a_histogram() {
        let metrics = Metrics::parse(TEXT);
        // 50 of 200 are below 1 ms and 190 below 2 ms, so number 120 is in the middle.
        assert_eq!(metrics.quantile("seconds", 0.6), Some(0.0015));
        assert_eq!(metrics.quantile("seconds", 0.999), Some(0.002));
        assert_eq!(metrics.quantile("nothing", 0.5), None);
    }
}
