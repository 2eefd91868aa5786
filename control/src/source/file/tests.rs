//! Over real files: written, replaced, turned by symlinks, gone and back.

#![allow(clippy::unwrap_used)]

use std::{env, fs, os::unix::fs::symlink, process};

use tokio::time::timeout;

use super::*;

/// A directory of its own, gone in the end.
struct Directory(PathBuf);

impl Directory {
    fn new(test: &str) -> Self {
        let path = env::temp_dir().join(format!("outrigger-source-{test}-{}", process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.0.join(file), text).unwrap();
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn text(text: &str) -> Text {
    Ok(Bytes::from(text.to_owned()))
}

fn put(table: &str, content: &str) -> Event {
    Event::Put(name(table), text(content))
}

fn all(texts: &[(&str, &str)]) -> Event {
    let texts = texts.iter();
    Event::All(texts.map(|(table, it)| (name(table), text(it))).collect())
}

async fn next(source: &mut FileSource) -> Event {
    timeout(Duration::from_secs(30), source.next())
        .await
        .unwrap()
}

/// The next event that is not half of a text: a writer may be seen at work.
async fn until(source: &mut FileSource, wanted: Event) {
    while next(source).await != wanted {}
}

#[tokio::test]
async fn a_directory_says_what_is_in_it_and_then_what_changes() {
    let directory = Directory::new("changes");
    directory.write("web.yaml", "one");
    directory.write("api.json", "two");
    for litter in [
        ".web.yaml.swp",
        "web.yaml~",
        "#web.yaml#",
        "4913",
        "read me.yaml",
        "notes.txt",
    ] {
        directory.write(litter, "litter");
    }
    fs::create_dir(directory.0.join("folder.yaml")).unwrap();
    let mut source = FileSource::open(&directory.0).unwrap();
    assert_eq!(
        next(&mut source).await,
        all(&[("api", "two"), ("web", "one")])
    );
    directory.write("web.yaml", "three");
    until(&mut source, put("web", "three")).await;
    fs::rename(directory.0.join("web.yaml"), directory.0.join("new.yml")).unwrap();
    let both = [next(&mut source).await, next(&mut source).await];
    assert!(both.contains(&put("new", "three")) && both.contains(&Event::Deleted(name("web"))));
    directory.write("new.json", "four");
    let Event::Put(_, Err(reason)) = next(&mut source).await else {
        panic!("two files are one table")
    };
    assert!(reason.contains("new.json") && reason.contains("new.yml"));
    fs::remove_file(directory.0.join("new.yml")).unwrap();
    until(&mut source, put("new", "four")).await;
}

#[tokio::test]
async fn a_swap_of_symlinks_is_seen_as_what_it_changes() {
    let directory = Directory::new("swap");
    for (version, text) in [("..1", "one"), ("..2", "two")] {
        fs::create_dir(directory.0.join(version)).unwrap();
        directory.write(&format!("{version}/web.yaml"), text);
        directory.write(&format!("{version}/api.yaml"), "same");
    }
    symlink("..1", directory.0.join("..data")).unwrap();
    for file in ["web.yaml", "api.yaml"] {
        symlink(Path::new("..data").join(file), directory.0.join(file)).unwrap();
    }
    let mut source = FileSource::open(&directory.0).unwrap();
    assert_eq!(
        next(&mut source).await,
        all(&[("api", "same"), ("web", "one")])
    );
    symlink("..2", directory.0.join("..new")).unwrap();
    fs::rename(directory.0.join("..new"), directory.0.join("..data")).unwrap();
    assert_eq!(next(&mut source).await, put("web", "two"));
}

#[tokio::test]
async fn a_directory_that_is_a_symlink_may_be_turned() {
    let directory = Directory::new("turned");
    for (version, text) in [("1", "one"), ("2", "two")] {
        fs::create_dir(directory.0.join(version)).unwrap();
        directory.write(&format!("{version}/web.yaml"), text);
    }
    let current = directory.0.join("current");
    symlink("1", &current).unwrap();
    let mut source = FileSource::open(&current).unwrap();
    assert_eq!(next(&mut source).await, all(&[("web", "one")]));
    symlink("2", directory.0.join("new")).unwrap();
    fs::rename(directory.0.join("new"), &current).unwrap();
    assert_eq!(next(&mut source).await, put("web", "two"));
    directory.write("2/web.yaml", "three");
    until(&mut source, put("web", "three")).await;
}

#[tokio::test]
async fn a_directory_that_is_gone_is_lost_and_says_all_when_it_is_back() {
    let directory = Directory::new("lost");
    directory.write("web.yaml", "one");
    let (here, away) = (directory.0.join("tables"), directory.0.join("away"));
    fs::create_dir(&here).unwrap();
    fs::write(here.join("web.yaml"), "one").unwrap();
    let mut source = FileSource::open(&here).unwrap();
    assert_eq!(next(&mut source).await, all(&[("web", "one")]));
    fs::rename(&here, &away).unwrap();
    assert!(matches!(next(&mut source).await, Event::Lost(_)));
    fs::rename(&away, &here).unwrap();
    assert_eq!(next(&mut source).await, all(&[("web", "one")]));
}

#[tokio::test]
async fn one_file_is_one_table() {
    let directory = Directory::new("file");
    directory.write("web.yaml", "one");
    directory.write("other.yaml", "other");
    let path = directory.0.join("web.yaml");
    let mut source = FileSource::open(&path).unwrap();
    assert_eq!(next(&mut source).await, all(&[("web", "one")]));
    source
        .write(&name("web"), &Bytes::from("two"))
        .await
        .unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"two");
    for refused in [
        source.write(&name("api"), &Bytes::from("two")).await,
        source.delete(&name("web")).await,
    ] {
        assert!(matches!(refused, Err(WriteError::ReadOnly(_))));
    }
    fs::remove_file(&path).unwrap();
    assert!(matches!(next(&mut source).await, Event::Lost(_)));
    directory.write("web.yaml", "three");
    until(&mut source, all(&[("web", "three")])).await;
}

#[tokio::test]
async fn what_is_written_is_not_said_and_nothing_older_either() {
    let directory = Directory::new("write");
    directory.write("web.json", "one");
    let mut source = FileSource::open(&directory.0).unwrap();
    next(&mut source).await;
    // Somebody else writes; it is seen, and not said yet.
    directory.write("web.json", "two");
    source.look_at_all();
    source
        .write(&name("web"), &Bytes::from("three"))
        .await
        .unwrap();
    source
        .write(&name("api"), &Bytes::from("new"))
        .await
        .unwrap();
    source
        .write(&name("api"), &Bytes::from("newer"))
        .await
        .unwrap();
    source.delete(&name("api")).await.unwrap();
    source.delete(&name("api")).await.unwrap();
    directory.write("last.yaml", "last");
    until(&mut source, put("last", "last")).await;
    let files = fs::read_dir(&directory.0).unwrap();
    let mut files: Vec<_> = files.map(|file| file.unwrap().file_name()).collect();
    files.sort();
    assert_eq!(files, ["last.yaml", "web.json"]);
    assert_eq!(fs::read(directory.0.join("web.json")).unwrap(), b"three");
}

#[tokio::test]
async fn an_event_is_not_forgotten_by_those_who_are_called_away_all_the_time() {
    let directory = Directory::new("away");
    directory.write("web.yaml", "one");
    let mut source = FileSource::open(&directory.0).unwrap();
    next(&mut source).await;
    directory.write("web.yaml", "two");
    let seen = async {
        loop {
            if let Ok(event) = timeout(Duration::from_micros(100), source.next()).await
                && event == put("web", "two")
            {
                return;
            }
        }
    };
    timeout(Duration::from_secs(30), seen).await.unwrap();
}

#[test]
fn what_is_not_there_is_not_watched() {
    assert!(matches!(
        FileSource::open(Path::new("/no/such/directory")),
        Err(OpenError::Unreadable(..))
    ));
    let directory = Directory::new("odd");
    directory.write("read me.yaml", "one");
    assert!(matches!(
        FileSource::open(&directory.0.join("read me.yaml")),
        Err(OpenError::Name(..))
    ));
}

#[tokio::test]
async fn a_table_that_cannot_be_looked_at_is_not_gone() {
    let directory = Directory::new("unseen");
    directory.write("web.yaml", "one");
    let mut source = FileSource::open(&directory.0).unwrap();
    assert_eq!(next(&mut source).await, all(&[("web", "one")]));
    // Whoever asks what this is gets an error, and not that there is nothing.
    let circle = directory.0.join("new");
    symlink("web.yaml", &circle).unwrap();
    fs::rename(&circle, directory.0.join("web.yaml")).unwrap();
    let Event::Put(table, Err(_)) = next(&mut source).await else {
        panic!("it is there and can't be read")
    };
    assert_eq!(table, name("web"));
    assert!(matches!(source.folder.read_one(&table), Some(Err(_))));
}

#[tokio::test]
async fn a_table_of_two_files_is_not_written() {
    let directory = Directory::new("two");
    directory.write("web.json", "one");
    directory.write("web.yaml", "two");
    let mut source = FileSource::open(&directory.0).unwrap();
    let refused = source.write(&name("web"), &Bytes::from("three")).await;
    let Err(WriteError::ReadOnly(reason)) = refused else {
        panic!("which of them would it be?")
    };
    assert!(reason.contains("web.json") && reason.contains("web.yaml"));
    assert_eq!(fs::read(directory.0.join("web.json")).unwrap(), b"one");
}
