//! Mistakes in tables as JSON: the same here and in `outrigger-control check --output json`.

use outrigger_config::Problems;
use serde_json::{Value, json};

/// Each with the file that it is in.
pub fn list(problems: &[Problems]) -> Value {
    let each = problems.iter().flat_map(|of_file| {
        of_file.iter().map(|problem| {
            let mut shown = json!(problem);
            shown["file"] = of_file.file().into();
            shown
        })
    });
    each.collect()
}

/// All of them for people, with the lines that they speak of.
pub fn text(problems: &[Problems]) -> String {
    let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
    texts.join("\n\n")
}
