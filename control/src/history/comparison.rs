//! Two versions of the tables, side by side.

use std::{collections::BTreeMap, sync::Arc};

use outrigger_config::document;
use similar::TextDiff;

use super::{Difference, differences};
use crate::{registry::Table, source::Name};

/// The texts of tables, by name.
pub type Texts = BTreeMap<Name, Arc<str>>;

/// Two versions of the tables.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The one.
    pub before: Texts,
    /// The other.
    pub after: Texts,
}

impl Comparison {
    /// Part by part.
    pub fn differences(&self) -> Vec<Difference> {
        let unequal = |texts: &Texts, others: &Texts| {
            let texts = texts.iter();
            let unequal = texts.filter(|(name, text)| others.get(*name) != Some(text));
            read(unequal)
        };
        differences(
            &unequal(&self.before, &self.after),
            &unequal(&self.after, &self.before),
        )
    }

    /// As text in the unified form, a file a table.
    pub fn unified(&self) -> String {
        let gone = self
            .before
            .keys()
            .filter(|it| !self.after.contains_key(*it));
        let mut names: Vec<&Name> = gone.chain(self.after.keys()).collect();
        names.sort();
        let texts = names.into_iter().map(|name| {
            let side = |texts: &Texts, letter: char| match texts.get(name) {
                Some(text) => (format!("{letter}/{name}"), Arc::clone(text)),
                None => ("/dev/null".to_owned(), "".into()),
            };
            let ((from, before), (to, after)) = (side(&self.before, 'a'), side(&self.after, 'b'));
            if before == after {
                return String::new();
            }
            let diff = TextDiff::from_lines(&*before, &*after);
            diff.unified_diff().header(&from, &to).to_string()
        });
        texts.collect()
    }
}

/// The tables that texts say. What an older version of this program took and this one does not is left out.
pub(super) fn read<'t>(
    texts: impl IntoIterator<Item = (&'t Name, &'t Arc<str>)>,
) -> BTreeMap<Name, Arc<Table>> {
    let tables = texts.into_iter().filter_map(|(name, text)| {
        let document = document::parse(name.as_str(), text).ok()?;
        Some((name.clone(), Arc::new(Table::new(document, None))))
    });
    tables.collect()
}
