//! The task that owns the source, and all that may change: one change after the other, none of them half done.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use bytes::Bytes;
use outrigger_config::Problems;
use tokio::{
    sync::{Notify, mpsc, oneshot, watch},
    time::{Instant, sleep_until},
};

use super::{Edit, Outcome, Refusal, Tables, burst::Burst, shelf::Shelf, write};
use crate::{
    app::Stop,
    history::{self, History, Texts},
    source::{Event, Name, Source, Text},
};

/// A change that somebody asks for.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) change: Change,
    /// Who asks, as history shall say.
    pub(super) by: String,
    /// Only say what it would do.
    pub(super) dry_run: bool,
    pub(super) answer: oneshot::Sender<Result<Outcome, Refusal>>,
}

#[derive(Debug)]
pub(super) enum Change {
    /// Some tables get texts, or go.
    Some(Vec<Edit>),
    /// All tables are to be these.
    All(Texts),
}

/// Owns the source.
#[derive(Debug)]
pub(super) struct Keeper<S> {
    pub(super) source: S,
    pub(super) burst: Burst,
    pub(super) requests: mpsc::Receiver<Request>,
    pub(super) refresh: Arc<Notify>,
    pub(super) shelf: watch::Sender<Arc<Shelf>>,
    pub(super) feed: watch::Sender<Arc<Tables>>,
    pub(super) history: Arc<Mutex<History>>,
}

impl<S: Source> Keeper<S> {
    /// Until told to stop.
    pub(super) async fn run(mut self, stop: Stop) {
        let mut stop = std::pin::pin!(stop.told());
        let mut shelf = self.shelf();
        loop {
            let due = self.burst.due();
            let settled = async {
                match due {
                    Some(due) => sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = &mut stop => return,
                () = settled => self.settle(&mut shelf),
                () = self.refresh.notified() => self.source.refresh(),
                event = self.source.next() => {
                    if offer(&self.source, &mut shelf, event) {
                        self.burst.event(Instant::now());
                    }
                }
                Some(request) = self.requests.recv() => {
                    let Request { change, by, dry_run, answer } = request;
                    // What was there before it was asked for comes first, also what nobody has noticed yet: a condition
                    // is on the text that would be overwritten.
                    if self.look(&change, &mut shelf).await || due.is_some() {
                        self.settle(&mut shelf);
                    }
                    let outcome = self.serve(change, &by, dry_run).await;
                    shelf = self.shelf();
                    // Who does not wait for the answer any more has asked all the same.
                    let _ = answer.send(outcome);
                }
            }
        }
    }

    fn shelf(&self) -> Shelf {
        Shelf::clone(&self.shelf.borrow())
    }

    /// Takes note of what there is of the tables that a change is about; false: there is nothing to settle.
    async fn look(&mut self, change: &Change, shelf: &mut Shelf) -> bool {
        let events = match change {
            Change::Some(edits) => {
                let names: Vec<Name> = edits.iter().map(|edit| edit.name.clone()).collect();
                self.source.look(Some(&names)).await
            }
            Change::All(_) => self.source.look(None).await,
        };
        let mut said = false;
        for event in events {
            said |= offer(&self.source, shelf, event);
        }
        said
    }

    /// Puts in force what the source has said.
    fn settle(&mut self, shelf: &mut Shelf) {
        self.burst.over();
        shelf.settle();
        for (name, problems) in shelf.refused() {
            let before = self.shelf.borrow().refused().get(name).cloned();
            if before.is_none_or(|before| before.to_string() != problems.to_string()) {
                tracing::error!(
                    "the table `{name}` is refused, the last right one stays in force:\n{problems}"
                );
            }
        }
        self.publish(shelf.clone(), self.source.kind());
    }

    async fn serve(&mut self, change: Change, by: &str, dry_run: bool) -> Result<Outcome, Refusal> {
        let mut shelf = self.shelf();
        let batch: Vec<(Name, Option<Bytes>)> = match change {
            Change::Some(edits) => {
                for Edit {
                    name,
                    text,
                    expected,
                } in &edits
                {
                    let etag = shelf.etag(name);
                    if expected
                        .as_ref()
                        .is_some_and(|expected| !expected.holds(etag.as_deref()))
                    {
                        return Err(Refusal::Changed(name.clone(), etag));
                    }
                    if text.is_none() && etag.is_none() {
                        return Err(Refusal::NoTable(name.to_string()));
                    }
                }
                edits
                    .into_iter()
                    .map(|edit| (edit.name, edit.text))
                    .collect()
            }
            Change::All(texts) => {
                let gone = shelf.names().filter(|name| !texts.contains_key(*name));
                let gone: Vec<_> = gone.map(|name| (name.clone(), None)).collect();
                let texts = texts.into_iter();
                let texts = texts.map(|(name, text)| (name, Some(Bytes::from(text.to_string()))));
                texts.chain(gone).collect()
            }
        };
        let before = shelf.clone();
        let now = SystemTime::now();
        for (name, text) in &batch {
            match text.clone() {
                Some(text) => offer_one(&self.source, &mut shelf, name, Ok(text)),
                None => shelf.withdraw(name, now),
            }
        }
        shelf.settle();
        let refused = batch
            .iter()
            .filter_map(|(name, _)| shelf.refused().get(name));
        let mut outcome = Outcome {
            version: Tables::version(shelf.in_force()),
            etag: batch.first().and_then(|(name, _)| shelf.etag(name)),
            created: batch.iter().any(|(name, _)| before.etag(name).is_none()),
            differences: history::differences(before.in_force(), shelf.in_force()),
            problems: refused.map(|problems| Problems::clone(problems)).collect(),
        };
        if dry_run {
            return Ok(outcome);
        }
        if !outcome.problems.is_empty() {
            return Err(Refusal::Invalid(std::mem::take(&mut outcome.problems)));
        }
        write::through(&mut self.source, &batch, &before).await?;
        self.publish(shelf, by);
        Ok(outcome)
    }

    fn publish(&self, shelf: Shelf, by: &str) {
        let tables = Tables::new(shelf.in_force().clone(), SystemTime::now());
        self.shelf.send_replace(Arc::new(shelf));
        let before = Arc::clone(&self.feed.borrow());
        let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        if tables.version == before.version {
            // Other texts, the same content: those who look find them, nobody is told.
            history.amend(&tables);
            let tables = Arc::new(tables.since(before.since));
            self.feed.send_if_modified(|current| {
                *current = tables;
                false
            });
            return;
        }
        let summary = history::summary(&history::differences(&before.tables, &tables.tables));
        tracing::info!(version = %tables.version, %by, %summary, "new tables are in force");
        history.record(&tables, by, summary);
        self.feed.send_replace(Arc::new(tables));
    }
}

/// Takes note of what a source says; false: there is nothing to settle.
pub(super) fn offer(source: &impl Source, shelf: &mut Shelf, event: Event) -> bool {
    let now = SystemTime::now();
    match event {
        Event::All(texts) => {
            let names: Vec<Name> = shelf.names().cloned().collect();
            let gone = names.iter().filter(|name| !texts.contains_key(*name));
            gone.for_each(|name| shelf.withdraw(name, now));
            for (name, text) in texts {
                offer_one(source, shelf, &name, text);
            }
        }
        Event::Put(name, text) => offer_one(source, shelf, &name, text),
        Event::Deleted(name) => shelf.withdraw(&name, now),
        Event::Lost(reason) => {
            tracing::error!(%reason, "the tables can't be read, those in force stay");
            return false;
        }
    }
    true
}

fn offer_one(source: &impl Source, shelf: &mut Shelf, name: &Name, text: Text) {
    shelf.offer(name, text, source.place(name).into(), SystemTime::now());
}
