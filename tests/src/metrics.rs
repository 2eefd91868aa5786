//! The Prometheus text of `/metrics`, taken apart.

/// A scrape.
#[derive(Clone, Debug)]
pub struct Metrics {
    samples: Vec<Sample>,
    text: String,
}

#[derive(Clone, Debug)]
struct Sample {
    name: String,
    labels: Vec<(String, String)>,
    value: f64,
}

impl Metrics {
    /// Takes a scrape apart; fails the test on a line that is not in the format.
    pub fn parse(text: &str) -> Self {
        let lines = text
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'));
        Self {
            samples: lines.map(Sample::parse).collect(),
            text: text.to_owned(),
        }
    }

    /// The sum over all series of `name` that have these labels; 0 when there is none.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.matching(name, labels).map(|sample| sample.value).sum()
    }

    /// How many series of `name` have these labels.
    pub fn series(&self, name: &str, labels: &[(&str, &str)]) -> usize {
        self.matching(name, labels).count()
    }

    /// The names of the labels of `name`'s first series.
    pub fn labels(&self, name: &str) -> Vec<&str> {
        let sample = self.samples.iter().find(|sample| sample.name == name);
        let labels = sample.iter().flat_map(|sample| &sample.labels);
        labels.map(|(key, _)| key.as_str()).collect()
    }

    /// The scrape as it came.
    pub fn text(&self) -> &str {
        &self.text
    }

    fn matching(&self, name: &str, labels: &[(&str, &str)]) -> impl Iterator<Item = &Sample> {
        let wanted = move |sample: &&Sample| {
            sample.name == name
                && labels
                    .iter()
                    .all(|label| sample.labels.iter().any(|have| same(have, label)))
        };
        self.samples.iter().filter(wanted)
    }
}

fn same(have: &(String, String), wanted: &(&str, &str)) -> bool {
    have.0 == wanted.0 && have.1 == wanted.1
}

impl Sample {
    fn parse(line: &str) -> Self {
        let split = line
            .find(['{', ' '])
            .unwrap_or_else(|| panic!("not a sample: {line}"));
        let (name, rest) = line.split_at(split);
        let (labels, value) = match rest.strip_prefix('{') {
            Some(inner) => parse_labels(inner),
            None => (Vec::new(), rest),
        };
        let value = value.trim().parse();
        Self {
            name: name.to_owned(),
            labels,
            value: value.unwrap_or_else(|_| panic!("no value: {line}")),
        }
    }
}

/// `a="b",c="d"} 1` -> the labels, ` 1`. A quote or backslash in a value is escaped by a backslash.
fn parse_labels(mut rest: &str) -> (Vec<(String, String)>, &str) {
    let mut labels = Vec::new();
    loop {
        rest = rest.trim_start_matches(',');
        if let Some(value) = rest.strip_prefix('}') {
            return (labels, value);
        }
        let (key, after) = rest.split_once("=\"").expect("a label has a quoted value");
        let mut value = String::new();
        let mut chars = after.char_indices();
        loop {
            match chars.next().expect("the quote ends") {
                (end, '"') => {
                    rest = &after[end + 1..];
                    break;
                }
                (_, '\\') => value.push(match chars.next().expect("an escape has a character").1 {
                    'n' => '\n',
                    other => other,
                }),
                (_, other) => value.push(other),
            }
        }
        labels.push((key.to_owned(), value));
    }
}

#[cfg(test)]
mod tests {
    use super::Metrics;

    #[test]
    fn a_scrape_is_summed_over_the_labels_that_are_not_asked_for() {
        let metrics = Metrics::parse(
            "# TYPE a counter\na{x=\"1\",y=\"q\\\"\"} 2\na{x=\"1\",y=\"r\"} 3\nb 4.5\n",
        );
        assert_eq!(metrics.sum("a", &[("x", "1")]), 5.0);
        assert_eq!(metrics.sum("a", &[("y", "q\"")]), 2.0);
        assert_eq!(metrics.sum("b", &[]), 4.5);
        assert_eq!(metrics.series("a", &[]), 2);
        assert_eq!(metrics.labels("a"), ["x", "y"]);
    }
}
