//! Colours, where somebody sees them.

use std::{env, io::IsTerminal};

const RED: &str = "\u{1b}[31m";
const GREEN: &str = "\u{1b}[32m";
const CYAN: &str = "\u{1b}[36m";
const PLAIN: &str = "\u{1b}[0m";

/// A difference in the unified form, coloured if standard output is a terminal (and `NO_COLOR` is not set,
/// no-color.org). Other control characters than ours do not get through: tables are others' texts.
pub fn unified(text: &str) -> String {
    let no_color = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    with(text, std::io::stdout().is_terminal() && !no_color)
}

fn with(text: &str, colours: bool) -> String {
    let lines = text.lines().map(|line| {
        let line = line.replace(|c: char| c.is_control() && c != '\t', "\u{fffd}");
        let colour = match line.as_bytes().first() {
            Some(b'-') => RED,
            Some(b'+') => GREEN,
            Some(b'@') => CYAN,
            _ => return line + "\n",
        };
        match colours {
            true => format!("{colour}{line}{PLAIN}\n"),
            false => line + "\n",
        }
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_lines_that_differ_have_colours() {
        let text = " same\n-old\n+new\n";
        assert_eq!(with(text, false), text);
        assert_eq!(
            with(text, true),
            " same\n\u{1b}[31m-old\u{1b}[0m\n\u{1b}[32m+new\u{1b}[0m\n"
        );
    }

    #[test]
    fn a_table_can_not_steer_the_terminal() {
        assert_eq!(with("+\u{1b}[2J\r", false), "+\u{fffd}[2J\u{fffd}\n");
    }
}
