//! Compared with the plain truth: every proxy that there could be, one by one.

use proptest::prelude::*;

use super::*;

const LABELS: [&str; 3] = ["role", "zone", "cluster"];
const VALUES: [&str; 3] = ["a", "b", "c"];

/// A value that no selector names stands for all of those.
const OTHER: &str = "other";

fn selector() -> impl Strategy<Value = Selector> {
    let values = prop::collection::btree_set(0..VALUES.len(), 1..=VALUES.len());
    let labels = prop::collection::btree_map(0..LABELS.len(), values, 0..=LABELS.len());
    labels.prop_map(|labels| {
        let labels = labels.into_iter().map(|(label, values)| {
            let values = values.into_iter().map(|value| VALUES[value].into());
            (LABELS[label].into(), values.collect())
        });
        Selector::new(labels)
    })
}

/// Every way to have the labels: each of the values, another, or none.
fn proxies() -> impl Iterator<Item = [Option<&'static str>; 3]> {
    let choices = VALUES.into_iter().chain([OTHER]).map(Some).chain([None]);
    let choices: Vec<_> = choices.collect();
    let each = choices.clone();
    choices.into_iter().flat_map(move |role| {
        let each = each.clone();
        each.clone().into_iter().flat_map(move |zone| {
            each.clone()
                .into_iter()
                .map(move |cluster| [role, zone, cluster])
        })
    })
}

fn takes(selector: &Selector, proxy: &[Option<&'static str>; 3]) -> bool {
    selector.takes(|label| {
        let index = LABELS.iter().position(|known| *known == label)?;
        proxy[index]
    })
}

proptest! {
    #[test]
    fn two_overlap_if_a_proxy_could_be_taken_by_both(a in selector(), b in selector()) {
        let truth = proxies().any(|proxy| takes(&a, &proxy) && takes(&b, &proxy));
        prop_assert_eq!(a.overlaps(&b), truth);
        prop_assert_eq!(b.overlaps(&a), truth);
    }

    #[test]
    fn one_is_within_another_if_each_of_its_proxies_is(a in selector(), b in selector()) {
        let truth = proxies().all(|proxy| !takes(&a, &proxy) || takes(&b, &proxy));
        prop_assert_eq!(a.within(&b), truth);
    }

    #[test]
    fn one_is_within_several_if_each_of_its_proxies_is_in_one(
        a in selector(),
        others in prop::collection::vec(selector(), 0..6),
    ) {
        let others: Vec<&Selector> = others.iter().collect();
        let within = |proxy: &_| others.iter().any(|other| takes(other, proxy));
        let truth = proxies().all(|proxy| !takes(&a, &proxy) || within(&proxy));
        prop_assert_eq!(a.within_all(&others), truth);
    }
}

#[test]
fn many_parts_are_given_up_on_rather_than_counted() {
    let value = |value: usize| BTreeSet::from([value.to_string().into()]);
    let all = |label: &str| {
        let values = (0..40).map(|value| value.to_string().into());
        (Arc::from(label), values.collect())
    };
    let one = Selector::new([all("a"), all("b"), all("c")]);
    let others: Vec<Selector> = (0..40)
        .map(|n| Selector::new(["a", "b", "c"].map(|label| (label.into(), value(n)))))
        .collect();
    let others: Vec<&Selector> = others.iter().cycle().take(1_000).collect();
    assert!(!one.within_all(&others));
}
