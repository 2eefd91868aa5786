//! Workers that ask, and a control thread that answers, or does not.

use http::Request;
use tokio::{task::yield_now, time::advance};

use super::*;
use crate::telemetry::metrics::Registry;

fn names(host: &str) -> Names<'static> {
    let head = Request::builder().header("host", host).body(()).unwrap();
    Names::of(&head.into_parts().0).into_owned()
}

fn stage() -> (Arc<OnDemand>, Wanted) {
    let (on_demand, wanted) = OnDemand::new(&Registry::default());
    (Arc::new(on_demand), wanted)
}

/// Somebody who asks on a worker; it is under way when this returns.
async fn asking(on_demand: &Arc<OnDemand>, host: &str) -> tokio::task::JoinHandle<Answer> {
    let (on_demand, names) = (Arc::clone(on_demand), names(host));
    let asking = tokio::spawn(async move { on_demand.find(&names).await });
    yield_now().await;
    asking
}

#[tokio::test(start_paused = true)]
async fn all_who_wait_for_a_name_go_on_when_it_is_found_and_it_is_asked_for_once() {
    let (on_demand, mut wanted) = stage();
    let one = asking(&on_demand, "billing").await;
    let other = asking(&on_demand, "Billing").await;
    assert_eq!(wanted.recv().await.as_deref(), Some("billing"));
    assert!(wanted.try_recv().is_err());
    on_demand.answered("billing", true);
    assert_eq!(one.await.unwrap(), Answer::Found);
    assert_eq!(other.await.unwrap(), Answer::Found);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_was_denied_is_not_asked_for_again_at_once() {
    let (on_demand, mut wanted) = stage();
    let waiting = asking(&on_demand, "wrong").await;
    wanted.recv().await.unwrap();
    on_demand.answered("wrong", false);
    assert_eq!(waiting.await.unwrap(), Answer::Denied);
    assert_eq!(on_demand.find(&names("wrong")).await, Answer::Denied);
    assert!(wanted.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn a_silent_control_plane_is_waited_for_as_long_as_it_says_there() {
    let (on_demand, _wanted) = stage();
    let asked = Instant::now();
    assert_eq!(on_demand.find(&names("billing:80")).await, Answer::Silent);
    assert_eq!(asked.elapsed().as_secs(), WAIT.as_secs());
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_control_thread_that_has_ended_longer_than_for_one_that_is_silent() {
    let (on_demand, wanted) = stage();
    drop(wanted);
    assert_eq!(on_demand.find(&names("billing")).await, Answer::Silent);
}

#[tokio::test(start_paused = true)]
async fn of_two_names_the_one_that_is_there_is_enough() {
    for (found, silent) in [("billing", "billing:80"), ("billing:80", "billing")] {
        let (on_demand, mut wanted) = stage();
        let waiting = asking(&on_demand, "billing:80").await;
        let both = [wanted.recv().await.unwrap(), wanted.recv().await.unwrap()];
        assert!(both.iter().any(|name| **name == *silent), "{both:?}");
        on_demand.answered(found, true);
        assert_eq!(waiting.await.unwrap(), Answer::Found);
    }
}

#[tokio::test(start_paused = true)]
async fn of_two_names_both_have_to_be_denied() {
    let (on_demand, _wanted) = stage();
    let both = asking(&on_demand, "billing:80").await;
    on_demand.answered("billing:80", false);
    on_demand.answered("billing", false);
    assert_eq!(both.await.unwrap(), Answer::Denied);

    let one = asking(&on_demand, "billing:81").await;
    yield_now().await;
    assert!(!one.is_finished(), "one name is denied, the other is open");
    advance(WAIT).await;
    assert_eq!(one.await.unwrap(), Answer::Silent);
}

#[tokio::test(start_paused = true)]
async fn what_could_be_no_cluster_is_no_question() {
    let (on_demand, mut wanted) = stage();
    let long = "a".repeat(254);
    for host in ["", "a/b", "a b", "a*", "*", "a%20b", &long] {
        assert_eq!(on_demand.find(&names(host)).await, Answer::Denied, "{host}");
    }
    assert!(wanted.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_wrong_hosts_is_not_passed_on() {
    let (on_demand, mut wanted) = stage();
    for number in 0..2 * MOST {
        let waiting = asking(&on_demand, &format!("wrong-{number}")).await;
        if let Ok(name) = wanted.try_recv() {
            on_demand.answered(&name, false);
        }
        let answer = waiting.await.unwrap();
        let expected = if number < MOST {
            Answer::Denied
        } else {
            Answer::Full
        };
        assert_eq!(answer, expected, "{number}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_goes_away_stops_waiting() {
    let (on_demand, mut wanted) = stage();
    let waiting = asking(&on_demand, "billing").await;
    wanted.recv().await.unwrap();
    assert_eq!(on_demand.questions().waiting("billing"), 1);
    waiting.abort();
    let _ = waiting.await;
    assert_eq!(on_demand.questions().waiting("billing"), 0);
    on_demand.answered("billing", true);
}
