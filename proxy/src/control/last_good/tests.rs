//! What is kept comes back; what is hurt does not.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

const TABLE: &str = "listeners: [{ name: l, address: 127.0.0.1:1, routes: [{ cluster: web }, { match: { path: { exact: /b } }, cluster_by: host }] }]\nclusters: { web: { endpoints: [127.0.0.1:2] }, later: { endpoints: [] } }";

fn table() -> Table {
    Table {
        version: "v 1;2".into(),
        since: Some(UNIX_EPOCH + Duration::from_millis(1_700_000_000_250)),
        whole: true,
        ..Table::of(outrigger_config::parse("table", TABLE).unwrap())
    }
}

/// A directory of a test's own.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        let name = format!("outrigger-last-good-{:016x}", fastrand::u64(..));
        Self(std::env::temp_dir().join(name))
    }

    fn path(&self) -> PathBuf {
        path(&self.0)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn what_was_kept_comes_back() {
    let directory = Directory::new();
    keep(&directory.path(), &Table::default()).unwrap();
    keep(&directory.path(), &table()).unwrap();
    let back = load(&directory.path()).unwrap().unwrap();
    let kept = Table {
        version: "v12".into(),
        ..table()
    };
    assert_eq!(back, kept);
    assert_eq!(fs::read_dir(&directory.0).unwrap().count(), 1);
}

#[test]
fn a_person_can_check_it() {
    let directory = Directory::new();
    keep(&directory.path(), &table()).unwrap();
    outrigger_config::load(directory.path()).unwrap();
}

#[test]
fn nothing_was_kept_is_no_error() {
    assert!(load(&Directory::new().path()).unwrap().is_none());
}

#[test]
fn an_empty_or_foreign_file_is_refused() {
    let directory = Directory::new();
    fs::create_dir(&directory.0).unwrap();
    for text in ["", "\n", TABLE, "# outrigger table 2; checksum=0\n"] {
        fs::write(directory.path(), text).unwrap();
        let refused = load(&directory.path()).unwrap_err();
        assert!(
            matches!(refused, Unusable::Foreign | Unusable::Damaged { .. }),
            "{refused}"
        );
    }
}

proptest! {
    #[test]
    fn whatever_is_cut_or_changed_is_refused(cut: prop::sample::Index, bit in 0_u32..8, truncate: bool) {
        let directory = Directory::new();
        keep(&directory.path(), &table()).unwrap();
        let mut hurt = fs::read(directory.path()).unwrap();
        let at = cut.index(hurt.len());
        match truncate {
            true => hurt.truncate(at),
            false => hurt[at] ^= 1 << bit,
        }
        fs::write(directory.path(), &hurt).unwrap();
        prop_assert!(load(&directory.path()).is_err());
    }
}
