//! The figures of a run, read from its record: how much failed, how soon a proxy noticed, how soon all was well.

use std::{collections::BTreeMap, ops::Range, time::Duration};

use serde::Serialize;

use super::{
    catalogue::{Scenario, Watch},
    run::Record,
    series::{STEP, Series, quantile, seconds},
};
use crate::load::Failure;

/// Below this part of its fair share an endpoint counts as left alone: room for probes.
const LEFT_ALONE: f64 = 0.1;

/// Above this part of it, it counts as taken back: chance makes the share of a moment vary.
const TAKEN_BACK: f64 = 0.75;

/// Steps over which a share is taken. Looked at forward, so that the time found is when the window begins; a second,
/// because who tries a bad endpoint again every few seconds has still left it alone.
const SHARE_WINDOW: usize = 10;

/// Normal is a median up to so many times that before the trouble, with some milliseconds for a busy machine.
const NORMAL_TIMES: f64 = 3.0;
const NORMAL_SLACK: f64 = 5.0;

/// All that tables and bars show; absent where it means nothing.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Figures {
    pub(super) requests: usize,
    pub(super) failed: usize,
    pub(super) failures: BTreeMap<Failure, usize>,
    /// Milliseconds by which the client itself was late, for the worst hundredth.
    pub(super) late: Option<f64>,
    /// Milliseconds, of what succeeded.
    pub(super) p50: Option<f64>,
    pub(super) p99: Option<f64>,
    pub(super) p999: Option<f64>,
    pub(super) max: Option<f64>,
    /// Of the watched endpoints in all that reached any, in the time of trouble.
    pub(super) share: Option<f64>,
    /// Seconds from the begin of trouble until the watched were left alone for its rest.
    pub(super) detect: Option<f64>,
    /// Seconds from its end until they had their share again.
    pub(super) back: Option<f64>,
    /// Seconds from its end until nothing failed any more and the median was as before.
    pub(super) normal: Option<f64>,
    /// Requests that reached endpoints in the time of trouble, of those that left the client.
    pub(super) load: Option<f64>,
    /// The same in the worst second of it.
    pub(super) worst_load: Option<f64>,
    /// Answers in the time of trouble, of those that the endpoints could give.
    pub(super) goodput: Option<f64>,
    /// The p99 in the time of trouble, of that before.
    pub(super) slowdown: Option<f64>,
    /// Seconds until a new endpoint had its first request: the median of them, and the last.
    pub(super) first: Option<f64>,
    pub(super) last_first: Option<f64>,
    /// Seconds until the last of them had its fair share.
    pub(super) fair: Option<f64>,
    /// Seconds from when they were taken out again to the last request that one of them had.
    pub(super) gone: Option<f64>,
}

/// Reads the figures of one run.
pub(super) fn figures(scenario: &Scenario, record: &Record, series: &Series) -> Figures {
    let trouble = record.timeline.trouble();
    let all = latencies(record, Duration::ZERO..Duration::MAX);
    let mut late: Vec<Duration> = record.sent.iter().map(|sent| sent.late).collect();
    late.sort_unstable();
    let steps = series.within(trouble.clone());
    let mut figures = Figures {
        requests: record.sent.len(),
        failed: record.sent.len() - all.len(),
        failures: failures(record),
        late: quantile(&late, 0.99),
        p50: quantile(&all, 0.5),
        p99: quantile(&all, 0.99),
        p999: quantile(&all, 0.999),
        max: quantile(&all, 1.0),
        share: None,
        detect: None,
        back: None,
        normal: normal(series, steps.clone()),
        load: None,
        worst_load: None,
        goodput: None,
        slowdown: None,
        first: None,
        last_first: None,
        fair: None,
        gone: None,
    };
    match &scenario.watch {
        Watch::Bad(which) => {
            let fair = which.len() as f64 / scenario.endpoints as f64;
            figures.share = series.share(which.clone(), steps.clone());
            figures.detect = detect(series, which, fair, steps.clone());
            figures.back = back(series, which, fair, steps.end);
        }
        Watch::Load => {
            figures.worst_load = worst_load(series, steps.clone());
            figures.load = Some(series.load(steps));
        }
        Watch::Goodput(capacity) => {
            let accepted = latencies(record, trouble.clone());
            let possible = capacity * (trouble.end - trouble.start).as_secs_f64();
            figures.goodput = Some(accepted.len() as f64 / possible);
            let before = latencies(record, Duration::ZERO..trouble.start);
            let p99s = quantile(&accepted, 0.99).zip(quantile(&before, 0.99));
            figures.slowdown = p99s.map(|(during, before)| during / before);
        }
        Watch::New(which) => {
            let firsts = firsts(record, which, trouble.start);
            figures.first = firsts.get(firsts.len() / 2).copied().flatten();
            figures.last_first = firsts.last().copied().flatten();
            let last = which
                .clone()
                .filter_map(|index| record.received.get(index)?.last());
            let gone = last.max().map(|last| last.saturating_sub(trouble.end));
            figures.gone = gone.map(|gone| gone.as_secs_f64());
            let fair = 1.0 / scenario.endpoints as f64;
            let times = which
                .clone()
                .map(|index| reach(series, &(index..index + 1), fair, steps.clone()));
            figures.fair = times
                .collect::<Option<Vec<f64>>>()
                .and_then(|times| times.into_iter().max_by(f64::total_cmp));
        }
    }
    figures
}

/// Of what was due in `time` and succeeded, sorted.
fn latencies(record: &Record, time: Range<Duration>) -> Vec<Duration> {
    let due = record.sent.iter().filter(|sent| time.contains(&sent.due));
    let succeeded = due.filter(|sent| sent.outcome.is_ok());
    let mut took: Vec<Duration> = succeeded.map(|sent| sent.took).collect();
    took.sort_unstable();
    took
}

fn failures(record: &Record) -> BTreeMap<Failure, usize> {
    let mut failures = BTreeMap::new();
    for failure in record.sent.iter().filter_map(|sent| sent.outcome.err()) {
        *failures.entry(failure).or_default() += 1;
    }
    failures
}

/// From the begin of `steps` to the first from which on the share stays low.
fn detect(series: &Series, which: &Range<usize>, fair: f64, steps: Range<usize>) -> Option<f64> {
    let low = |step: &usize| {
        let window = *step..(step + SHARE_WINDOW).min(steps.end);
        let share = series.share(which.clone(), window);
        share.unwrap_or_default() < fair * LEFT_ALONE
    };
    let stays = steps.clone().rev().take_while(low).last()?;
    Some(seconds(stays - steps.start))
}

/// From step `end` to the first from which on the share is a fair one.
fn back(series: &Series, which: &Range<usize>, fair: f64, end: usize) -> Option<f64> {
    reach(series, which, fair, end..series.steps())
}

fn reach(series: &Series, which: &Range<usize>, fair: f64, steps: Range<usize>) -> Option<f64> {
    let last = (steps.end + 1).checked_sub(SHARE_WINDOW)?;
    let reached = (steps.start..last).find(|&step| {
        let share = series.share(which.clone(), step..step + SHARE_WINDOW);
        share.is_some_and(|share| share >= fair * TAKEN_BACK)
    })?;
    Some(seconds(reached - steps.start))
}

/// From the end of the trouble to the first step from which on all is as before; none if the last step is not.
fn normal(series: &Series, trouble: Range<usize>) -> Option<f64> {
    let mut before: Vec<f64> = series.p50[..trouble.start]
        .iter()
        .copied()
        .flatten()
        .collect();
    before.sort_by(f64::total_cmp);
    let usual = *before.get(before.len() / 2)?;
    let well = |step: &usize| {
        let quick = |p50| p50 <= usual * NORMAL_TIMES + NORMAL_SLACK;
        series.all_failed(*step) == 0 && series.p50[*step].is_none_or(quick)
    };
    let after = trouble.end..series.steps();
    let stays = after.rev().take_while(well).last()?;
    Some(seconds(stays - trouble.end))
}

fn worst_load(series: &Series, trouble: Range<usize>) -> Option<f64> {
    let second = (1000 / STEP.as_millis()) as usize;
    let last = (trouble.end + 1).checked_sub(second)?;
    let loads = (trouble.start..last).map(|step| series.load(step..step + second));
    loads.max_by(f64::total_cmp)
}

/// Seconds from `from` to the first request of each endpoint, sorted; those that never had one are last.
fn firsts(record: &Record, which: &Range<usize>, from: Duration) -> Vec<Option<f64>> {
    let first = |index: usize| {
        let moments = record.received.get(index)?.iter();
        let first = moments.filter(|&&at| at >= from).min()?;
        Some((*first - from).as_secs_f64())
    };
    let mut firsts: Vec<_> = which.clone().map(first).collect();
    firsts.sort_by(|left, right| {
        let never = f64::INFINITY;
        left.unwrap_or(never).total_cmp(&right.unwrap_or(never))
    });
    firsts
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
