//! The registry over real files: what is put, read, refused, forgotten and brought back.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process,
    time::Duration,
};

use bytes::Bytes;
use outrigger_control::{
    app::Stop,
    history::{History, Limits},
    registry::{Feed, Labels, Precondition, Refusal, Registry},
    source::file::FileSource,
};
use tokio::{sync::watch, time::timeout};

const WEB: &str = "clusters: { web: { endpoints: [127.0.0.1:9001] } }\n";
const EDGE: &str =
    "listeners: [{ name: edge, address: 127.0.0.1:80, routes: [{ cluster: web }] }]\n";

/// A registry over a directory of its own, which is gone in the end.
struct Stage {
    directory: PathBuf,
    registry: Registry,
    feed: Feed,
    _stop: watch::Sender<()>,
}

impl Stage {
    async fn new(test: &str, tables: &[(&str, &str)]) -> Self {
        let directory =
            env::temp_dir().join(format!("outrigger-registry-{test}-{}", process::id()));
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(&directory).unwrap();
        for (file, text) in tables {
            fs::write(directory.join(file), text).unwrap();
        }
        Self::open(directory, History::new(Limits::default())).await
    }

    async fn open(directory: PathBuf, history: History) -> Self {
        let source = FileSource::open(&directory).unwrap();
        let (stopping, stop) = Stop::pair();
        let started = Registry::start(source, history, stop).await;
        let (registry, keeper) = started.unwrap_or_else(|problems| panic!("{problems:?}"));
        tokio::spawn(keeper);
        let feed = registry.feed();
        Self {
            directory,
            registry,
            feed,
            _stop: stopping,
        }
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.directory.join(file), text).unwrap();
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.directory.join(file)).unwrap()
    }

    /// Waits until the feed tells of tables that are like this.
    async fn until(&mut self, what: &str, like: impl Fn(&str) -> bool) {
        let seen = self.feed.wait_for(|tables| {
            let (listeners, clusters) = tables.view(&tables.for_node(&Labels::default()));
            like(&format!("{listeners:?} {clusters:?}"))
        });
        let seen = timeout(Duration::from_secs(30), seen).await;
        seen.unwrap_or_else(|_| panic!("never {what}")).unwrap();
    }

    async fn put(&self, table: &str, text: &str) -> Result<(), Refusal> {
        let text = Bytes::from(text.to_owned());
        let put = self.registry.put(table, text, None, "api by test", false);
        put.await.map(drop)
    }

    fn version(&self) -> String {
        self.feed.borrow().version.to_string()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

#[tokio::test]
async fn a_change_of_a_file_is_told_and_a_wrong_one_is_not() {
    let mut stage = Stage::new("file", &[("web.yaml", WEB), ("edge.yaml", EDGE)]).await;
    stage.write("web.yaml", &WEB.replace("9001", "9002"));
    stage
        .until("the change", |seen| seen.contains(":9002"))
        .await;
    stage.write("web.yaml", "clusters: { web: {} }");
    stage.write("api.yaml", &WEB.replace("web", "api"));
    stage
        .until("the other table", |seen| seen.contains("\"api\""))
        .await;
    assert!(format!("{:?}", stage.feed.borrow()).contains(":9002"));
    let table = stage.registry.table("web").unwrap();
    let problems = table.problems.unwrap().to_string();
    assert!(
        problems.contains("this cluster has no endpoints"),
        "{problems}"
    );
    assert_eq!(table.text, "clusters: { web: {} }");
}

#[tokio::test]
async fn what_is_put_is_in_the_file_and_in_force() {
    let stage = Stage::new("put", &[("web.yaml", WEB)]).await;
    stage.put("edge", EDGE).await.unwrap();
    assert_eq!(stage.read("edge.yaml"), EDGE);
    let tables = stage.feed.borrow().clone();
    let (listeners, _) = tables.view(&tables.for_node(&Labels::default()));
    assert_eq!(&*listeners[0].name, "edge");
    let by: Vec<_> = stage
        .registry
        .history()
        .into_iter()
        .map(|it| it.source)
        .collect();
    assert_eq!(by, ["api by test".into(), "file".into()]);
}

#[tokio::test]
async fn who_has_read_another_text_does_not_overwrite() {
    let stage = Stage::new("etag", &[("web.yaml", WEB)]).await;
    let registry = &stage.registry;
    let put = |text: &'static str, expected| {
        registry.put("web", text.into(), Some(expected), "api by test", false)
    };
    let read = registry.table("web").unwrap().etag;
    let refused = put(WEB, Precondition::Absent).await.unwrap_err();
    assert!(matches!(refused, Refusal::Changed(_, Some(etag)) if etag == read));
    let mine = Precondition::AnyOf(vec![read.to_string()]);
    let first = put("# mine\nclusters: {}\n", mine.clone()).await.unwrap();
    assert_eq!(first.etag, Some(registry.table("web").unwrap().etag));
    let second = put("# also mine\nclusters: {}\n", mine).await.unwrap_err();
    assert!(
        matches!(second, Refusal::Changed(_, Some(etag)) if Some(&etag) == first.etag.as_ref())
    );
    assert_eq!(stage.read("web.yaml"), "# mine\nclusters: {}\n");
    let gone = registry.delete("api", Some(Precondition::Present), "api by test", false);
    assert!(matches!(gone.await, Err(Refusal::Changed(_, None))));
}

#[tokio::test]
async fn a_dry_run_tells_and_changes_nothing() {
    let stage = Stage::new("dry", &[("web.yaml", WEB), ("edge.yaml", EDGE)]).await;
    let before = stage.version();
    let other = Bytes::from(WEB.replace("9001", "9002"));
    let told = stage
        .registry
        .put("web", other, None, "api by test", true)
        .await
        .unwrap();
    assert_eq!((told.differences.len(), told.problems.len()), (2, 0));
    assert_ne!(*told.version, *before);
    let told = stage
        .registry
        .delete("web", None, "api by test", true)
        .await
        .unwrap();
    assert!(told.problems[0].to_string().contains("is still needed"));
    assert_eq!(
        (stage.version(), stage.read("web.yaml")),
        (before, WEB.to_owned())
    );
    assert_eq!(stage.registry.history().len(), 1);
}

#[tokio::test]
async fn what_would_be_wrong_is_not_written() {
    let stage = Stage::new("invalid", &[("web.yaml", WEB), ("edge.yaml", EDGE)]).await;
    for (table, text, message) in [
        ("web", "clusters: {}", "no cluster named `web`"),
        ("new", WEB, "another table defines"),
        ("new", "clusters: { web: ", "not YAML"),
        ("../new", WEB, "not the name of a table"),
    ] {
        let refused = stage.put(table, text).await.unwrap_err().to_string();
        let needed = refused.contains("is still needed");
        assert!(refused.contains(message) || needed, "{refused}");
    }
    let refused = stage
        .registry
        .delete("web", None, "api by test", false)
        .await;
    assert!(matches!(refused, Err(Refusal::Invalid(_))));
    let unknown = stage
        .registry
        .delete("new", None, "api by test", false)
        .await;
    assert!(matches!(unknown, Err(Refusal::NoTable(_))));
    assert_eq!(fs::read_dir(&stage.directory).unwrap().count(), 2);
}

#[tokio::test]
async fn a_comment_is_kept_and_nobody_is_told() {
    let mut stage = Stage::new("comment", &[("web.yaml", WEB)]).await;
    let version = stage.version();
    stage.feed.mark_unchanged();
    stage.put("web", &format!("# why\n{WEB}")).await.unwrap();
    assert!(!stage.feed.has_changed().unwrap());
    assert_eq!(stage.version(), version);
    assert_eq!(
        stage.registry.table("web").unwrap().text,
        format!("# why\n{WEB}")
    );
    assert_eq!(stage.registry.history().len(), 1);
}

#[tokio::test]
async fn a_rollback_brings_back_the_texts_of_a_version() {
    let stage = Stage::new("rollback", &[("web.yaml", WEB), ("edge.yaml", EDGE)]).await;
    let good = stage.version();
    stage
        .put("web", &WEB.replace("9001", "9002"))
        .await
        .unwrap();
    stage.put("api", &WEB.replace("web", "api")).await.unwrap();
    stage
        .registry
        .delete("edge", None, "api by test", false)
        .await
        .unwrap();
    let told = stage
        .registry
        .rollback(&good, "api by test", true)
        .await
        .unwrap();
    assert_eq!(told.differences.len(), 4, "{:?}", told.differences);
    assert_ne!(stage.version(), good);
    stage
        .registry
        .rollback(&good, "api by test", false)
        .await
        .unwrap();
    assert_eq!(stage.version(), good);
    assert_eq!(
        (stage.read("web.yaml"), stage.read("edge.yaml")),
        (WEB.to_owned(), EDGE.to_owned())
    );
    assert!(!stage.directory.join("api.yaml").exists());
    let versions = stage.registry.history();
    assert_eq!(versions.len(), 5);
    assert_eq!(
        *versions[0].source,
        format!("rollback to {good}, api by test")
    );
    let unknown = stage.registry.rollback("0123", "api by test", false).await;
    assert!(matches!(unknown, Err(Refusal::NoVersion(_))));
    assert!(
        stage
            .registry
            .diff(&good, None)
            .unwrap()
            .differences()
            .is_empty()
    );
}

#[tokio::test]
async fn a_rollback_that_fails_half_way_leaves_what_was() {
    let stage = Stage::new("half", &[("a.yaml", "clusters: {}\n"), ("b.yaml", WEB)]).await;
    let good = stage.version();
    stage.put("a", &WEB.replace("web", "a")).await.unwrap();
    stage.put("b", &WEB.replace("web", "b")).await.unwrap();
    // A directory can't be replaced by a file.
    let b = stage.directory.join("b.yaml");
    fs::remove_file(&b).unwrap();
    fs::create_dir_all(b.join("full")).unwrap();
    let refused = stage.registry.rollback(&good, "api by test", false).await;
    assert!(refused.is_err());
    assert!(stage.read("a.yaml").contains("a:"), "undone");
}

#[tokio::test]
async fn a_burst_of_changes_is_told_once() {
    let stage = Stage::new("burst", &[]).await;
    for cluster in 0..200 {
        let text = WEB.replace("web", &format!("c{cluster}"));
        stage.write(&format!("t{cluster}.yaml"), &text);
    }
    let mut feed = stage.feed.clone();
    let all = feed.wait_for(|tables| tables.tables.len() == 200);
    timeout(Duration::from_secs(30), all)
        .await
        .unwrap()
        .unwrap();
    let told = stage.registry.history().len();
    assert!(told <= 20, "{told} revisions for 200 files");
}

#[tokio::test]
async fn replicas_have_equal_versions_whatever_happened_to_each() {
    let first = Stage::new("replica-1", &[("web.yaml", WEB)]).await;
    first.put("edge", EDGE).await.unwrap();
    let json = r#"{"clusters": {"web": {"endpoints": ["127.0.0.1:9001"]}}}"#;
    let second = Stage::new("replica-2", &[("edge.yml", EDGE), ("web.json", json)]).await;
    assert_eq!(first.version(), second.version());
}

#[tokio::test]
async fn a_wrong_table_at_the_start_is_told_alone() {
    let directory = env::temp_dir().join(format!("outrigger-registry-start-{}", process::id()));
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join("edge.yaml"), EDGE).unwrap();
    fs::write(directory.join("web.yaml"), "clusters: { web: {} }").unwrap();
    let source = FileSource::open(Path::new(&directory)).unwrap();
    let (_stopping, stop) = Stop::pair();
    let started = Registry::start(source, History::default(), stop).await;
    let problems = started.err().unwrap();
    fs::remove_dir_all(&directory).unwrap();
    assert_eq!(problems.len(), 1);
    assert!(problems[0].to_string().contains("has no endpoints"));
}

#[tokio::test]
async fn what_was_edited_a_moment_ago_is_not_overwritten() {
    let stage = Stage::new("moment", &[("web.yaml", WEB)]).await;
    let read = stage.registry.table("web").unwrap().etag.to_string();
    // Nobody has told the registry of it yet.
    let edited = format!("# edited\n{WEB}");
    stage.write("web.yaml", &edited);
    let expected = Some(Precondition::AnyOf(vec![read]));
    let put = stage
        .registry
        .put("web", WEB.into(), expected, "api by test", false);
    assert!(matches!(put.await, Err(Refusal::Changed(..))));
    assert_eq!(stage.read("web.yaml"), edited);
    // What is new is seen by a condition as soon as it is there.
    stage.write("api.yaml", "clusters: {}");
    let expected = Some(Precondition::Absent);
    let put = stage
        .registry
        .put("api", WEB.into(), expected, "api by test", false);
    assert!(matches!(put.await, Err(Refusal::Changed(..))));
    assert_eq!(stage.read("api.yaml"), "clusters: {}");
}

#[tokio::test]
async fn a_rollback_takes_away_what_came_a_moment_ago() {
    let stage = Stage::new("back", &[("web.yaml", WEB)]).await;
    let good = stage.version();
    stage.write("api.yaml", &WEB.replace("web", "api"));
    let rollback = stage.registry.rollback(&good, "api by test", false);
    rollback.await.unwrap();
    assert!(!stage.directory.join("api.yaml").exists());
    assert_eq!(stage.version(), good);
}
