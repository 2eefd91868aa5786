//! Whatever a file holds, the answer is a table or messages.

#![allow(clippy::unwrap_used, missing_docs)]

use outrigger_config::parse;
use proptest::prelude::*;

const FULL: &str = include_str!("../examples/full.yaml");
const MISTAKES: &str = include_str!("many_mistakes.yaml");

/// Reads and renders: messages must stand any text, too.
fn survives(text: &str) {
    if let Err(problems) = parse("table.yaml", text) {
        assert!(problems.iter().next().is_some());
        assert!(!problems.to_string().is_empty());
        for problem in &problems {
            assert!(problem.line() <= text.lines().count() + 1);
        }
    }
}

proptest! {
    #[test]
    fn any_text(text in any::<String>()) {
        survives(&text);
    }

    #[test]
    fn any_text_of_the_letters_that_mean_something(text in "[-:{}\\[\\],&*!|>'\"#%@`?~<\\\\ \t\r\na1/é\u{feff}]{0,200}") {
        survives(&text);
    }

    #[test]
    fn files_with_a_piece_cut_out(mistaken in any::<bool>(), from in any::<prop::sample::Index>(), length in 0..200_usize) {
        let text = if mistaken { MISTAKES } else { FULL };
        let from = from.index(text.len());
        let to = (from + length).min(text.len());
        prop_assume!(text.is_char_boundary(from) && text.is_char_boundary(to));
        survives(&format!("{}{}", &text[..from], &text[to..]));
    }

    #[test]
    fn files_with_a_piece_put_in(mistaken in any::<bool>(), at in any::<prop::sample::Index>(), piece in "\\PC{0,12}|[-:{}\\[\\]&*\n\t '\"é0-9]{1,12}") {
        let text = if mistaken { MISTAKES } else { FULL };
        let at = at.index(text.len());
        prop_assume!(text.is_char_boundary(at));
        survives(&format!("{}{piece}{}", &text[..at], &text[at..]));
    }

    #[test]
    fn files_with_a_line_moved(from in any::<prop::sample::Index>(), to in any::<prop::sample::Index>(), indent in 0..6_usize) {
        let mut lines: Vec<String> = FULL.lines().map(str::to_owned).collect();
        let line = lines.remove(from.index(lines.len()));
        lines.insert(to.index(lines.len()), format!("{}{line}", " ".repeat(indent)));
        survives(&lines.join("\n"));
    }
}

#[test]
fn nesting_without_end() {
    for open in ["[", "{a: ", "- ", "? "] {
        survives(&open.repeat(50_000));
        survives(&open.repeat(100));
    }
}

#[test]
fn anchors_without_end() {
    let mut text = "a0: &a0 [x, x]\n".to_owned();
    for n in 1..5_000 {
        text.push_str(&format!("a{n}: &a{n} [*a{}]\n", n - 1));
    }
    survives(&text);
    survives("a: &a [*a]\n");
    survives("a: *b\n");
}
