//! The page of figures, `bench/CONTROL.md`: each run writes its own section anew and leaves the others as they are.

use std::{fs, io, path::PathBuf};

use anyhow::{Context, Result};

use crate::machine;

const HEAD: &str = "# The control plane in figures\n\nEach section is written by a command of its own, which it names.";

/// The sections, in the order of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Section {
    Fleet,
    Push,
    Start,
    Memory,
    Chaos,
}

impl Section {
    const ALL: [Self; 5] = [
        Self::Fleet,
        Self::Push,
        Self::Start,
        Self::Memory,
        Self::Chaos,
    ];

    fn title(self) -> &'static str {
        match self {
            Self::Fleet => "A change to a fleet",
            Self::Push => "Pushes under load",
            Self::Start => "Starts and returns",
            Self::Memory => "Memory of a proxy on demand",
            Self::Chaos => "Killed at random",
        }
    }
}

/// Where figures go to, beside the terminal.
#[derive(clap::Args, Clone)]
pub(super) struct Page {
    /// Write the figures into their section of the page that shows them
    #[arg(long = "page", value_name = "FILE", num_args = 0..=1,
          default_missing_value = concat!(env!("CARGO_MANIFEST_DIR"), "/CONTROL.md"))]
    path: Option<PathBuf>,
}

/// A run whose figures are not there yet. It knows the machine as it was before.
pub(super) struct Entry<'a> {
    page: &'a Page,
    section: Section,
    machine: String,
}

impl Page {
    pub(super) fn begin(&self, section: Section) -> Result<Entry<'_>> {
        Ok(Entry {
            page: self,
            section,
            machine: machine::sentence()?,
        })
    }
}

impl Entry<'_> {
    /// Prints the figures, and writes them into the page if there is one.
    pub(super) fn end(self, figures: &str) -> Result<()> {
        println!("{}\n", figures.trim());
        let Some(path) = &self.page.path else {
            return Ok(());
        };
        let before = match fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            text => text.with_context(|| format!("reading `{}`", path.display()))?,
        };
        let text = format!("{}\n\n{}", figures.trim(), self.machine);
        fs::write(path, replaced(&before, self.section, &text))
            .with_context(|| format!("writing `{}`", path.display()))
    }
}

/// The page with this text in a section.
fn replaced(page: &str, section: Section, text: &str) -> String {
    let found = |wanted: Section| {
        let mut sections = page.split("\n## ").skip(1);
        sections.find_map(|it| it.strip_prefix(wanted.title())?.strip_prefix('\n'))
    };
    let sections = Section::ALL.into_iter().filter_map(|it| {
        let text = if it == section { Some(text) } else { found(it) };
        Some(format!("\n\n## {}\n\n{}", it.title(), text?.trim()))
    });
    HEAD.to_owned() + &sections.collect::<String>() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_replaced_and_the_others_stay_in_their_order() {
        let page = replaced("", Section::Memory, "much");
        let page = replaced(&page, Section::Fleet, "### All\n\nfast");
        let page = replaced(&page, Section::Memory, "little");
        let sections: Vec<&str> = page.split("\n## ").skip(1).collect();
        assert_eq!(
            sections,
            [
                "A change to a fleet\n\n### All\n\nfast\n",
                "Memory of a proxy on demand\n\nlittle\n"
            ]
        );
    }
}
