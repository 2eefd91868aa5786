//! The picture is a document that every reader of XML takes, and its axes are round.

use super::{axis::Axis, *};

fn figure(values: &[Option<f64>], scale: Scale) -> Figure {
    let style = Style {
        color: "#0072b2",
        width: 2.0,
        dashes: Some("4 2"),
    };
    let curve = values.iter().enumerate();
    Figure {
        title: "a < b & \"c\"".to_owned(),
        about: "words ".repeat(60),
        across: Across::Seconds,
        time: 0.0..10.0,
        shaded: 2.0..5.0,
        legend: vec![("<first>".to_owned(), style)],
        panels: vec![Panel {
            title: "p99 & more".to_owned(),
            scale,
            label: |value| format!("{value}"),
            level: Some((3.0, "fair".to_owned())),
            curves: vec![curve.map(|(at, &value)| (at as f64, value)).collect()],
        }],
    }
}

/// Checks that elements are closed in order, attributes quoted, and text escaped; returns the names of the elements.
fn elements(text: &str) -> Vec<String> {
    let (mut open, mut names) = (Vec::new(), Vec::new());
    for part in text.split('<').skip(1) {
        let (tag, content) = part.split_once('>').unwrap();
        assert!(!content.contains('>'), "{content}");
        for entity in content.split('&').skip(1) {
            let known = ["amp;", "lt;", "gt;"];
            assert!(
                known.iter().any(|known| entity.starts_with(known)),
                "{entity}"
            );
        }
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name.to_owned()));
            continue;
        }
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        let name = tag.split([' ', '/']).next().unwrap().to_owned();
        names.push(name.clone());
        if !tag.ends_with('/') {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?}");
    names
}

#[test]
fn a_picture_is_well_formed_whatever_it_says() {
    let values = [Some(1.0), None, Some(1000.0), Some(0.0)];
    for scale in [Scale::Linear, Scale::Logarithmic] {
        let text = figure(&values, scale).svg();
        let names = elements(&text);
        assert_eq!(names[0], "svg");
        assert!(names.iter().any(|name| name == "path"));
        assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
    }
}

#[test]
fn a_picture_of_nothing_is_one_too() {
    for scale in [Scale::Linear, Scale::Logarithmic] {
        let mut figure = figure(&[], scale);
        figure.panels[0].level = None;
        let text = figure.svg();
        elements(&text);
        assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
    }
}

#[test]
fn an_absent_value_is_a_gap_in_the_curve() {
    let text = figure(&[Some(1.0), Some(2.0), None, Some(3.0)], Scale::Linear).svg();
    let curve = text.lines().rev().find(|line| line.contains("#0072b2"));
    let path = curve.unwrap().split('"').nth(1).unwrap();
    assert_eq!(
        (path.matches('M').count(), path.matches('L').count()),
        (2, 1)
    );
}

#[test]
fn ticks_are_round_and_few_and_enclose_the_values() {
    let ticks = |scale, values: &[f64]| Axis::around(scale, values.iter().copied()).ticks();
    assert_eq!(
        ticks(Scale::Linear, &[0.0, 334.0]),
        [0.0, 100.0, 200.0, 300.0, 400.0]
    );
    assert_eq!(
        ticks(Scale::Logarithmic, &[2.3, 1500.0]),
        [1.0, 10.0, 100.0, 1000.0, 10_000.0]
    );
    for highest in [0.003, 0.9, 1.0, 7.0, 12_345.0] {
        let ticks = ticks(Scale::Linear, &[highest]);
        assert!((3..=6).contains(&ticks.len()), "{ticks:?}");
        assert!(*ticks.last().unwrap() >= highest * 0.999, "{ticks:?}");
    }
}
