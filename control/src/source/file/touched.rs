//! What an event of the file system is about.

use std::{collections::BTreeSet, ffi::OsStr, path::Path};

use super::folder;
use crate::source::Name;

/// What has to be looked at.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Touched {
    /// Any of it.
    Anything,
    /// These; none of them, when what happened is about no table.
    Tables(BTreeSet<Name>),
}

impl Touched {
    /// By the paths that an event names.
    pub(super) fn new<'p>(paths: impl IntoIterator<Item = &'p Path>) -> Self {
        let mut tables = BTreeSet::new();
        let mut none = true;
        for path in paths {
            none = false;
            match folder::table(path) {
                Some(name) => _ = tables.insert(name),
                None if is_litter(path) => {}
                None => return Self::Anything,
            }
        }
        // An event without a path is one of lost events.
        match none {
            true => Self::Anything,
            false => Self::Tables(tables),
        }
    }

    /// Both.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Tables(mut tables), Self::Tables(others)) => {
                tables.extend(others);
                Self::Tables(tables)
            }
            _ => Self::Anything,
        }
    }
}

/// Hidden files, such as editors and we make on the way, but not the `..data` of Kubernetes.
fn is_litter(path: &Path) -> bool {
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    name.starts_with('.') && !name.starts_with("..")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touched(paths: &[&str]) -> Touched {
        Touched::new(paths.iter().map(Path::new))
    }

    #[test]
    fn what_leads_elsewhere_may_touch_every_table() {
        for paths in [&["/t/..data"][..], &["/t/a.yaml", "/t"], &[]] {
            assert_eq!(touched(paths), Touched::Anything, "{paths:?}");
        }
        assert_eq!(
            touched(&["/t/.a.yaml.swp"]),
            Touched::Tables(BTreeSet::new())
        );
        let both = touched(&["/t/.a.yaml.1.new", "/t/a.yaml"]).and(touched(&["/t/b.json"]));
        let names = ["a", "b"].map(|name| Name::new(name).ok());
        assert_eq!(both, Touched::Tables(names.into_iter().flatten().collect()));
    }
}
