//! Which names are asked for, and which were denied lately: a bounded table.
//!
//! `now` is passed in, in microseconds of [`clock`]. The channels in it need no runtime.

use std::{collections::HashMap, sync::Arc};

use tokio::sync::watch;

use super::{DENIED, WAIT};
use crate::clock;

/// How many names are waited for or remembered as denied. More at once are an attack or a mistake: the hosts that one
/// process really calls are fewer, and so the control plane is asked for no more than this in [`DENIED`].
pub(super) const MOST: usize = 1_000;

/// Hashed with a secret, since strangers choose the names.
#[derive(Default)]
pub(super) struct Questions {
    names: HashMap<Arc<str>, Question>,
    /// Before this none is over.
    next_end: u64,
    full: bool,
}

enum Question {
    Open {
        /// When the control thread last heard of it.
        told: u64,
        /// When nobody can be waiting any more.
        end: u64,
        answer: watch::Sender<Option<bool>>,
    },
    Denied {
        end: u64,
    },
}

/// What came of asking.
pub(super) enum Asked {
    /// There was no such cluster a moment ago.
    Denied,
    /// There is no room for another name.
    Full {
        /// There was, just before.
        first: bool,
    },
    /// An answer will come, or not.
    Wait {
        /// The control thread is to be told of the name.
        tell: Option<Arc<str>>,
        answer: watch::Receiver<Option<bool>>,
    },
}

impl Questions {
    /// Somebody wants to know now.
    pub(super) fn ask(&mut self, name: &str, now: u64) -> Asked {
        let end = now + clock::micros(WAIT);
        let room = self.names.contains_key(name) || self.room(now);
        match self.names.get_mut(name) {
            Some(Question::Denied { end }) if now < *end => return Asked::Denied,
            Some(Question::Open {
                told,
                end: open,
                answer,
            }) => {
                *open = end;
                let long_ago = now >= *told + clock::micros(WAIT);
                if long_ago {
                    *told = now;
                }
                return Asked::Wait {
                    tell: long_ago.then(|| name.into()),
                    answer: answer.subscribe(),
                };
            }
            _ if !room => {
                let first = !std::mem::replace(&mut self.full, true);
                return Asked::Full { first };
            }
            _ => {}
        }
        let (sender, answer) = watch::channel(None);
        let name: Arc<str> = name.into();
        let question = Question::Open {
            told: now,
            end,
            answer: sender,
        };
        self.names.insert(Arc::clone(&name), question);
        self.next_end = self.next_end.min(end);
        Asked::Wait {
            tell: Some(name),
            answer,
        }
    }

    /// The control plane has said whether there is such a cluster.
    pub(super) fn answered(&mut self, name: &str, found: bool, now: u64) {
        let Some((name, question)) = self.names.remove_entry(name) else {
            return;
        };
        if let Question::Open { answer, .. } = question {
            answer.send_replace(Some(found));
        }
        if !found {
            let end = now + clock::micros(DENIED);
            self.names.insert(name, Question::Denied { end });
        }
    }

    /// Whether there is room for one more. Looks through all of them no more often than one of them may be over.
    fn room(&mut self, now: u64) -> bool {
        if self.names.len() >= MOST && now >= self.next_end {
            self.names.retain(|_, question| now < question.end());
            let ends = self.names.values().map(Question::end);
            self.next_end = ends.min().unwrap_or(u64::MAX);
        }
        let room = self.names.len() < MOST;
        self.full &= !room;
        room
    }
}

impl Question {
    fn end(&self) -> u64 {
        match self {
            Self::Open { end, .. } | Self::Denied { end } => *end,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: u64 = 1_000_000;

    impl Questions {
        /// How many wait for an answer.
        pub(in crate::control::on_demand) fn waiting(&self, name: &str) -> usize {
            match self.names.get(name) {
                Some(Question::Open { answer, .. }) => answer.receiver_count(),
                _ => 0,
            }
        }
    }

    /// What it came to: whether the control thread is to be told, and what is waited for.
    fn ask(questions: &mut Questions, name: &str, now: u64) -> &'static str {
        match questions.ask(name, now) {
            Asked::Denied => "denied",
            Asked::Full { first: true } => "full for the first time",
            Asked::Full { first: false } => "full",
            Asked::Wait { tell: Some(_), .. } => "tell",
            Asked::Wait { tell: None, .. } => "wait",
        }
    }

    #[test]
    fn a_name_that_is_wanted_for_long_is_told_again() {
        let mut questions = Questions::default();
        for (second, came) in [
            (0, "tell"),
            (1, "wait"),
            (2, "wait"),
            (3, "tell"),
            (4, "wait"),
        ] {
            assert_eq!(ask(&mut questions, "a", second * SECOND), came, "{second}");
        }
    }

    #[test]
    fn a_denial_is_remembered_for_a_time_and_taken_back_when_the_name_is_there() {
        let mut questions = Questions::default();
        assert_eq!(ask(&mut questions, "a", 0), "tell");
        questions.answered("a", false, SECOND);
        assert_eq!(ask(&mut questions, "a", 10 * SECOND), "denied");
        assert_eq!(ask(&mut questions, "a", 11 * SECOND), "tell");
        questions.answered("a", false, 11 * SECOND);
        questions.answered("a", true, 12 * SECOND);
        assert_eq!(ask(&mut questions, "a", 12 * SECOND), "tell");
    }

    #[test]
    fn what_nobody_asked_for_is_not_remembered() {
        let mut questions = Questions::default();
        questions.answered("a", false, 0);
        questions.answered("b", true, 0);
        assert!(questions.names.is_empty());
    }

    #[test]
    fn there_is_room_again_when_the_first_are_over() {
        let mut questions = Questions::default();
        for number in 0..MOST as u64 {
            assert_eq!(ask(&mut questions, &number.to_string(), number), "tell");
        }
        assert_eq!(ask(&mut questions, "a", SECOND), "full for the first time");
        assert_eq!(ask(&mut questions, "b", SECOND), "full");
        assert_eq!(
            ask(&mut questions, "7", SECOND),
            "wait",
            "it is there already"
        );
        let later = clock::micros(WAIT);
        assert_eq!(
            ask(&mut questions, "a", later),
            "tell",
            "the first one is over"
        );
        assert_eq!(ask(&mut questions, "b", later), "full for the first time");
        assert_eq!(ask(&mut questions, "b", 2 * later), "tell");
        assert!(questions.names.len() < 10);
    }

    #[derive(Clone, Debug)]
    enum Event {
        Ask(u16),
        Answered(u16, bool),
        Wait(u64),
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            4 => (0..3_000_u16).prop_map(Event::Ask),
            2 => (0..3_000_u16, any::<bool>()).prop_map(|(name, found)| Event::Answered(name, found)),
            1 => (0..SECOND).prop_map(Event::Wait),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(50))]

        #[test]
        fn it_is_bounded_and_who_waits_is_answered(events in prop::collection::vec(event(), 0..5_000)) {
            let (mut questions, mut now) = (Questions::default(), 0);
            for event in events {
                match event {
                    Event::Ask(name) => drop(questions.ask(&name.to_string(), now)),
                    Event::Wait(time) => now += time,
                    Event::Answered(name, found) => {
                        let name = name.to_string();
                        let waiting = match questions.ask(&name, now) {
                            Asked::Wait { answer, .. } => Some(answer),
                            _ => None,
                        };
                        questions.answered(&name, found, now);
                        prop_assert!(waiting.is_none_or(|answer| *answer.borrow() == Some(found)));
                    }
                }
                prop_assert!(questions.names.len() <= MOST);
            }
            prop_assert!(questions.names.values().all(|question| questions.next_end <= question.end()));
        }
    }
}
