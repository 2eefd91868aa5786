//! Attacks have names of their own, and one that is not known is answered with those that are.

use super::*;

#[test]
fn each_attack_has_a_name_of_its_own() {
    let mut names: Vec<&str> = catalogue::all().iter().map(|attack| attack.name).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn an_unknown_attack_is_answered_with_those_that_there_are() {
    let error = wanted(&["rapid-rest".to_owned()]).unwrap_err().to_string();
    assert!(error.contains("rapid-reset"), "{error}");
    assert_eq!(wanted(&["rapid-reset".to_owned()]).unwrap().len(), 1);
}
