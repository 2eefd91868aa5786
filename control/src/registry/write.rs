//! A change goes through to the source: all of it, or nothing as far as that can be had.

use bytes::Bytes;

use super::{Refusal, shelf::Shelf};
use crate::source::{Name, Source, WriteError};

/// Writes what is other than `before`; `None` for a table that is to go.
pub(super) async fn through(
    source: &mut impl Source,
    batch: &[(Name, Option<Bytes>)],
    before: &Shelf,
) -> Result<(), Refusal> {
    let mut done = Vec::new();
    for (name, text) in batch {
        if before.text(name) == text.as_ref() && text.is_some() {
            continue;
        }
        if let Err(error) = one(source, name, text.as_ref()).await {
            for name in done {
                undo(source, name, before).await;
            }
            return Err(error.into());
        }
        done.push(name);
    }
    Ok(())
}

async fn undo(source: &mut impl Source, name: &Name, before: &Shelf) {
    let undone = match before.offered(name) {
        None => one(source, name, None).await,
        Some(Ok(text)) => one(source, name, Some(text)).await,
        // It was there, if not for us: what there is now is better than nothing.
        Some(Err(cause)) => {
            tracing::error!(table = %name, cause, "a change can't be undone: the text before it could not be read");
            return;
        }
    };
    if let Err(error) = undone {
        tracing::error!(table = %name, %error, "a change can't be undone");
    }
}

async fn one(
    source: &mut impl Source,
    name: &Name,
    text: Option<&Bytes>,
) -> Result<(), WriteError> {
    match text {
        Some(text) => source.write(name, text).await,
        None => source.delete(name).await,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::{io, time::SystemTime};

    use super::*;
    use crate::source::{Event, Text};

    /// Notes what is done to it; has no room for `full`.
    #[derive(Default)]
    struct Disk(Vec<String>);

    impl Source for Disk {
        async fn next(&mut self) -> Event {
            std::future::pending().await
        }

        fn refresh(&mut self) {}

        async fn look(&mut self, _: Option<&[Name]>) -> Vec<Event> {
            Vec::new()
        }

        async fn write(&mut self, name: &Name, text: &Bytes) -> Result<(), WriteError> {
            if name.as_str() == "full" {
                let error = io::ErrorKind::StorageFull.into();
                return Err(WriteError::Failed(name.to_string(), error));
            }
            let text = String::from_utf8_lossy(text);
            self.0.push(format!("{name} = {text}"));
            Ok(())
        }

        async fn delete(&mut self, name: &Name) -> Result<(), WriteError> {
            self.0.push(format!("no {name}"));
            Ok(())
        }

        fn place(&self, name: &Name) -> String {
            name.to_string()
        }

        fn kind(&self) -> &'static str {
            "disk"
        }
    }

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    #[tokio::test]
    async fn what_fails_in_the_middle_is_undone_and_takes_nothing_away_that_was_there() {
        let mut before = Shelf::default();
        let mut offer = |table: &str, text: Text| {
            before.offer(&name(table), text, table.into(), SystemTime::UNIX_EPOCH);
        };
        offer("known", Ok(Bytes::from("old")));
        offer("unreadable", Err("which of the two?".to_owned()));
        let batch = ["known", "new", "unreadable", "full"];
        let batch = batch.map(|table| (name(table), Some(Bytes::from("text"))));
        let mut disk = Disk::default();
        assert!(through(&mut disk, &batch, &before).await.is_err());
        assert_eq!(
            disk.0[..3],
            ["known = text", "new = text", "unreadable = text"]
        );
        assert_eq!(disk.0[3..], ["known = old", "no new"]);
    }
}
