//! The door to the next process, in one that may open no more files. A program of its own: that limit is a whole process's.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use outrigger::handover::{Ask, Met, meet};
use rustix::{
    net::{AddressFamily, SocketAddrUnix, SocketType, connect, socket},
    process::{Resource, Rlimit, getrlimit, setrlimit},
};
use tokio::{sync::mpsc, time::timeout};

#[tokio::test]
async fn out_of_file_descriptors_nobody_is_said_to_have_failed_and_who_waits_is_heard_later() {
    let path = std::env::temp_dir().join(format!("outrigger-door-{}", std::process::id()));
    let Met::Nobody(door) = meet(&path).await.unwrap() else {
        panic!("somebody is there");
    };
    let caller = socket(AddressFamily::UNIX, SocketType::SEQPACKET, None).unwrap();
    connect(&caller, &SocketAddrUnix::new(&path).unwrap()).unwrap();
    let before = getrlimit(Resource::Nofile);
    let none = Rlimit {
        current: Some(0),
        ..before
    };
    setrlimit(Resource::Nofile, none).unwrap();
    let (process, mut asks) = mpsc::channel(1);
    let watching = tokio::spawn(door.watch(process));
    let early = timeout(Duration::from_millis(200), asks.recv()).await;
    assert!(early.is_err(), "nobody has come in");
    setrlimit(Resource::Nofile, before).unwrap();
    drop(caller);
    let asked = timeout(Duration::from_secs(10), asks.recv()).await.unwrap();
    assert!(matches!(asked, Some(Ask::Failed)), "it was heard");
    watching.abort();
}
