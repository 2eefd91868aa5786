//! Which route a request would meet, and why: `outrigger explain`.
//!
//! The winner is the router's own word. What the other routes lack comes from the conditions that the router is made of, one
//! route at a time; a property test holds the two together.

mod form;
mod question;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
mod text;

use http::request::Parts;
use outrigger_config::model::{Config, Listener};

use super::{
    Router,
    normal::{self, BadPath},
    rank::Step,
    rule::{Miss, Rule},
};

pub use question::{BadQuestion, Question};

/// What a table does with a request, listener by listener. Its `Display` is for people.
#[derive(Debug)]
pub struct Explanation<'a> {
    config: &'a Config,
    /// As it is matched.
    head: Parts,
    verdicts: Result<Vec<Verdict<'a>>, BadPath>,
}

/// What one listener does with a request.
#[derive(Debug)]
struct Verdict<'a> {
    listener: &'a Listener,
    rules: Vec<Rule>,
    /// The route that takes it.
    winner: Option<usize>,
    /// Routes that would have come first, closest to matching first, and what they fail on.
    passed_over: Vec<(usize, Miss)>,
    /// Routes that match too, best first, and why they come later.
    outranked: Vec<(usize, Step)>,
}

/// Explains what `config` does with a request. Of several listeners those of the question's port, if there are any.
pub fn explain<'a>(config: &'a Config, question: &Question) -> Explanation<'a> {
    let mut head = question.head.clone();
    let at_port = |listener: &&Listener| Some(listener.address.port()) == question.port;
    let any_at_port = config.listeners.iter().any(|listener| at_port(&listener));
    let verdicts = normal::path(&head.uri).map(|normal| {
        head.uri = normal.unwrap_or_else(|| head.uri.clone());
        config
            .listeners
            .iter()
            .filter(|listener| !any_at_port || at_port(listener))
            .map(|listener| Verdict::new(listener, &head))
            .collect()
    });
    Explanation {
        config,
        head,
        verdicts,
    }
}

impl Explanation<'_> {
    /// The name of the route that takes it at the first listener.
    pub fn route(&self) -> Option<&str> {
        let verdict = self.verdicts.as_ref().ok()?.first()?;
        Some(&verdict.listener.routes[verdict.winner?].name)
    }
}

impl<'a> Verdict<'a> {
    fn new(listener: &'a Listener, head: &Parts) -> Self {
        let rules: Vec<Rule> = listener.routes.iter().map(Rule::new).collect();
        let winner = Router::new(&listener.routes).find(head);
        let rank = |route: usize| rules[route].rank(route, head);
        let best = winner.map(rank);

        let (mut passed_over, mut outranked) = (Vec::new(), Vec::new());
        for route in (0..rules.len()).filter(|&route| Some(route) != winner) {
            match (rules[route].check(head), &best) {
                (Err(miss), best) if best.is_none_or(|best| rank(route) > best) => {
                    passed_over.push((route, miss));
                }
                (Ok(()), Some(best)) => outranked.push((route, best.decided_by(&rank(route)))),
                _ => {}
            }
        }
        passed_over.sort_by_key(|&(route, miss)| std::cmp::Reverse((miss, rank(route))));
        outranked.sort_by_key(|&(route, _)| std::cmp::Reverse(rank(route)));
        Self {
            winner,
            passed_over,
            outranked,
            listener,
            rules,
        }
    }
}
