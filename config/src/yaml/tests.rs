#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

fn tree(text: &str) -> Node {
    let mut problems = Vec::new();
    let node = parse(text, &mut problems).unwrap();
    assert!(problems.is_empty(), "{problems:?}");
    node
}

/// Every scalar and key, with the text at its place.
fn places<'t>(node: &Node, text: &'t str, found: &mut Vec<(String, &'t str)>) {
    found.extend(
        node.text()
            .map(|said| (said.to_owned(), &text[node.span.clone()])),
    );
    for item in node.items() {
        places(item, text, found);
    }
    for entry in node.entries() {
        found.push((entry.key.clone(), &text[entry.key_span.clone()]));
        places(&entry.value, text, found);
    }
}

#[test]
fn every_value_knows_its_place() {
    for breaks in ["\n", "\r\n"] {
        let text =
            "é: ü # ö\nlist: [ä, b]\nmapping:\n  key: value\n  - x".trim_end_matches("  - x");
        let text = text.replace('\n', breaks);
        let mut found = Vec::new();
        places(&tree(&text), &text, &mut found);
        assert_eq!(found.len(), 8);
        for (said, at) in found {
            assert_eq!(said, at);
        }
    }
}

#[test]
fn json_is_yaml() {
    let node = tree("{\n\t\"a\": [1, \"\\u00e9\", null],\n\t\"b\": {}\n}");
    assert_eq!(node.get("a").unwrap().items()[1].text(), Some("é"));
    assert!(node.get("a").unwrap().items()[2].is_nothing());
    assert!(node.get("b").unwrap().is_mapping());
}

#[test]
fn an_alias_is_a_copy_that_stands_where_its_anchor_does() {
    let text = "a: &x { k: v }\nb: *x\n";
    let node = tree(text);
    let copy = node.get("b").unwrap();
    assert_eq!(copy.get("k").unwrap().text(), Some("v"));
    assert_eq!(&text[copy.span.clone()], "&x { k: v }");
}

#[test]
fn quoted_words_are_neither_nothing_nor_numbers() {
    let node = tree("[null, 'null', 1.5, '1.5', 1.2.3.4, +, -1]");
    let nothing: Vec<bool> = node.items().iter().map(Node::is_nothing).collect();
    let numbers: Vec<bool> = node.items().iter().map(Node::is_number_or_truth).collect();
    assert_eq!(nothing, [true, false, false, false, false, false, false]);
    assert_eq!(numbers, [false, false, true, false, false, false, true]);
}

proptest! {
    #[test]
    fn places_lie_within_the_text(text in "[-:{}\\[\\],&*'\" \na1é]{0,60}") {
        let mut problems = Vec::new();
        if let Some(node) = parse(&text, &mut problems) {
            places(&node, &text, &mut Vec::new());
        }
    }
}
