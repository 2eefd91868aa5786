//! Make before break, over the wire.

use super::*;

/// A client that wants everything, and has it.
async fn everything(control: &Control) -> Delta {
    let mut client = Delta::all(control.xds, node("n", &[]), Kind::Cluster).await;
    client.accepts().await;
    for kind in [Kind::Endpoints, Kind::Listener, Kind::Routes] {
        client.subscribe(kind, &["*"]);
        client.accepts().await;
    }
    client
}

#[tokio::test]
async fn routes_follow_their_cluster_and_the_old_one_goes_last() {
    let control = Control::start(&[("t", &table("blue", 9001))]).await;
    let mut client = everything(&control).await;
    control.write("tables/t.yaml", &table("green", 9001));
    let mut heard = Vec::new();
    for _ in 0..5 {
        heard.push(client.accepts().await);
    }
    let order = [
        "cluster green",
        "endpoints green",
        "routes l",
        "cluster -blue",
        "endpoints -blue",
    ];
    assert_eq!(heard, order);
}

#[tokio::test]
async fn nothing_follows_what_is_not_answered_and_what_comes_meanwhile_comes_at_once() {
    let control = Control::start(&[("t", &table("blue", 9001))]).await;
    let mut client = everything(&control).await;
    control.write("tables/t.yaml", &table("green", 9001));
    let response = client.next().await;
    for port in 9002..9012 {
        let before = version(&control).await;
        control.write("tables/t.yaml", &table("red", port));
        eventually("the change is in force", async || {
            version(&control).await != before
        })
        .await;
    }
    client.answer(&response, Answer::Accept);
    let mut heard = Vec::new();
    while heard.last().is_none_or(|last| last != "endpoints -green") {
        heard.push(client.accepts().await);
    }
    let reds = heard.iter().filter(|it| *it == "endpoints red").count();
    assert!(reds == 1, "ten changes, one push: {heard:?}");
}

async fn version(control: &Control) -> String {
    control.get("/versions").await.json()[0]["version"].to_string()
}
