//! Bodies whose frames come when a test lets them.

use std::{
    cell::Cell,
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::Wake,
};

use http::{HeaderName, HeaderValue};
use proptest::prelude::*;

use super::*;

/// A source whose frames come when the test lets them.
struct Source {
    frames: VecDeque<Result<Frame<Bytes>, Failed>>,
    /// How many of them may be read.
    ready: Rc<Cell<usize>>,
    left: u64,
    /// Whether it says beforehand how long it is, and at its last byte that it has ended.
    knows: bool,
}

#[derive(Debug)]
struct Failed;

/// Any error will do: what breaks off must not look like an end.
impl From<Failed> for Error {
    fn from(_: Failed) -> Self {
        Self::Superseded
    }
}

impl Body for Source {
    type Data = Bytes;
    type Error = Failed;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failed>>> {
        if self.ready.get() == 0 {
            return Poll::Pending;
        }
        self.ready.set(self.ready.get() - 1);
        let frame = self.frames.pop_front();
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            self.left -= data.len() as u64;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.knows && self.frames.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        match self.knows {
            true => SizeHint::with_exact(self.left),
            false => SizeHint::default(),
        }
    }
}

/// What a source says in the end.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Ending {
    Plain,
    Trailers,
    Failure,
}

fn trailers() -> HeaderMap {
    HeaderMap::from_iter([(
        HeaderName::from_static("x-sum"),
        HeaderValue::from_static("7"),
    )])
}

/// These chunks of bytes that differ from place to place; what they are together; and what lets them come.
fn source(lengths: &[usize], ending: Ending, knows: bool) -> (Source, Vec<u8>, Rc<Cell<usize>>) {
    let mut bytes = (0..).map(|n: u32| (n ^ (n >> 8)) as u8);
    let chunks: Vec<Bytes> = lengths
        .iter()
        .map(|length| bytes.by_ref().take(*length).collect())
        .collect();
    let whole = chunks.concat();
    let mut frames: VecDeque<_> = chunks
        .into_iter()
        .map(|chunk| Ok(Frame::data(chunk)))
        .collect();
    match ending {
        Ending::Plain => {}
        Ending::Trailers => frames.push_back(Ok(Frame::trailers(trailers()))),
        Ending::Failure => frames.push_back(Err(Failed)),
    }
    let ready = Rc::new(Cell::new(0));
    let source = Source {
        frames,
        ready: Rc::clone(&ready),
        left: whole.len() as u64,
        knows: knows && ending == Ending::Plain,
    };
    (source, whole, ready)
}

/// A reading, and what has come of it.
struct Reader {
    replay: Replay<Source>,
    bytes: Vec<u8>,
    trailers: Option<HeaderMap>,
    end: Option<Result<(), Error>>,
    woken: Arc<Woken>,
}

#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

impl Reader {
    fn of(replay: Replay<Source>) -> Self {
        Self {
            replay,
            bytes: Vec::new(),
            trailers: None,
            end: None,
            woken: Arc::default(),
        }
    }

    /// Reads a frame; whether there was one.
    fn poll(&mut self) -> bool {
        if self.end.is_some() {
            return false;
        }
        let waker = Arc::clone(&self.woken).into();
        let frame = Pin::new(&mut self.replay).poll_frame(&mut Context::from_waker(&waker));
        match frame {
            Poll::Pending => return false,
            Poll::Ready(None) => self.end = Some(Ok(())),
            Poll::Ready(Some(Err(error))) => self.end = Some(Err(error)),
            Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                Ok(data) => self.bytes.extend(data),
                Err(frame) => self.trailers = frame.into_trailers().ok(),
            },
        }
        true
    }

    fn read_on(&mut self) {
        while self.poll() {}
    }

    fn superseded(&self) -> bool {
        matches!(self.end, Some(Err(Error::Superseded)))
    }
}

#[test]
fn a_retry_before_the_first_byte_reads_all_of_it() {
    let (source, whole, ready) = source(&[3, 4], Ending::Trailers, false);
    let mut first = Reader::of(Replay::new(source, 100));
    first.poll();
    let mut second = Reader::of(first.replay.again());
    second.replay.take_over();
    assert_eq!(
        first.woken.0.load(Relaxed),
        1,
        "it waits in vain and learns so"
    );
    ready.set(9);
    first.read_on();
    assert!(first.superseded() && first.bytes.is_empty());
    second.read_on();
    assert_eq!(second.bytes, whole);
    assert_eq!(second.trailers, Some(trailers()));
    assert!(matches!(second.end, Some(Ok(()))));
}

#[test]
fn an_attempt_that_was_given_up_never_sees_an_end() {
    for knows in [true, false] {
        let (source, whole, ready) = source(&[5, 5], Ending::Plain, knows);
        let mut first = Reader::of(Replay::new(source, 100));
        let mut second = Reader::of(first.replay.again());
        ready.set(1);
        first.read_on();
        second.replay.take_over();
        assert!(!first.replay.is_end_stream());
        first.read_on();
        assert!(first.superseded());
        ready.set(9);
        second.read_on();
        assert_eq!(second.bytes, whole);
    }
}

#[test]
fn what_is_over_the_limit_goes_through_and_loses_its_chance() {
    let (source, whole, ready) = source(&[60, 60], Ending::Plain, false);
    let mut first = Reader::of(Replay::new(source, 100));
    let spare = first.replay.again();
    ready.set(9);
    first.poll();
    assert!(spare.whole());
    first.read_on();
    assert_eq!(first.bytes, whole);
    assert!(!spare.whole() && !spare.at_hand());
}

#[test]
fn a_length_over_the_limit_is_not_even_begun_to_be_kept() {
    let (source, whole, ready) = source(&[60, 60], Ending::Plain, true);
    let mut first = Reader::of(Replay::new(source, 100));
    let spare = first.replay.again();
    assert!(!spare.whole());
    ready.set(9);
    first.read_on();
    assert_eq!(first.bytes, whole);
    assert_eq!(spare.recording.borrow().kept, 0);
}

#[test]
fn what_is_all_at_hand_is_read_by_two_at_once() {
    let (source, whole, ready) = source(&[2, 3, 4], Ending::Trailers, false);
    let mut first = Reader::of(Replay::new(source, 100));
    let mut second = Reader::of(first.replay.again());
    ready.set(2);
    first.read_on();
    assert!(!second.replay.at_hand());
    ready.set(9);
    first.poll();
    first.poll();
    assert!(second.replay.at_hand());
    while first.poll() | second.poll() {}
    assert_eq!((&first.bytes, &second.bytes), (&whole, &whole));
    assert_eq!(second.trailers, Some(trailers()));
    assert!(matches!(second.end, Some(Ok(()))));
}

#[test]
fn nothing_is_kept_that_nobody_could_ask_for() {
    let (source, whole, ready) = source(&[2, 3], Ending::Plain, false);
    let mut only = Reader::of(Replay::new(source, 100));
    ready.set(9);
    only.read_on();
    assert_eq!(only.bytes, whole);
    assert!(only.replay.recording.borrow().chunks.is_empty());
}

/// What happens while a request is sent: its body comes, attempts read it, another one takes over.
#[derive(Clone, Copy, Debug)]
enum Event {
    Come(usize),
    Read,
    /// An attempt that was given up reads on.
    ReadBefore(prop::sample::Index),
    Retry,
    /// There will be no other attempt.
    Last,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (1..4usize).prop_map(Event::Come),
        6 => Just(Event::Read),
        3 => any::<prop::sample::Index>().prop_map(Event::ReadBefore),
        2 => Just(Event::Retry),
        1 => Just(Event::Last),
    ]
}

/// What holds for any reading at any time.
fn check(reader: &Reader, whole: &[u8], ending: Ending) -> Result<(), TestCaseError> {
    prop_assert!(whole.starts_with(&reader.bytes));
    let left = (whole.len() - reader.bytes.len()) as u64;
    let hint = reader.replay.size_hint();
    prop_assert!(hint.lower() <= left && hint.upper().is_none_or(|upper| upper == left));
    if reader.replay.is_end_stream() || matches!(reader.end, Some(Ok(()))) {
        prop_assert_eq!(left, 0);
        prop_assert_ne!(ending, Ending::Failure);
        prop_assert_eq!(reader.trailers.is_some(), ending == Ending::Trailers);
    }
    let recording = reader.replay.recording.borrow();
    let kept: usize = recording.chunks.iter().map(Bytes::len).sum();
    prop_assert!(kept <= recording.limit);
    Ok(())
}

proptest! {
    #[test]
    fn no_reading_is_ever_short_or_doubled_however_they_interleave(
        lengths in prop::collection::vec(0..40usize, 0..12),
        ending in prop_oneof![Just(Ending::Plain), Just(Ending::Trailers), Just(Ending::Failure)],
        knows: bool,
        limit in 0..300usize,
        events in prop::collection::vec(event(), 0..80),
    ) {
        let (source, whole, ready) = source(&lengths, ending, knows);
        let mut current = Reader::of(Replay::new(source, limit));
        let mut spare = Some(current.replay.again());
        let mut before: Vec<Reader> = Vec::new();
        for event in events {
            match event {
                Event::Come(frames) => ready.set(ready.get() + frames),
                Event::Read => _ = current.poll(),
                Event::ReadBefore(index) if !before.is_empty() => {
                    let reader = index.index(before.len());
                    before[reader].poll();
                }
                Event::Retry => {
                    if let Some(replay) = spare.take().filter(Replay::whole) {
                        replay.take_over();
                        spare = Some(replay.again());
                        before.push(std::mem::replace(&mut current, Reader::of(replay)));
                    }
                }
                Event::Last => spare = None,
                Event::ReadBefore(_) => {}
            }
            for reader in before.iter().chain([&current]) {
                check(reader, &whole, ending)?;
            }
        }
        ready.set(1000);
        before.iter_mut().for_each(Reader::read_on);
        current.read_on();
        for reader in before.iter().chain([&current]) {
            check(reader, &whole, ending)?;
            prop_assert!(reader.end.is_some());
        }
        // The one that counts gets all that there is.
        match ending {
            Ending::Failure => prop_assert!(matches!(current.end, Some(Err(_)))),
            _ => prop_assert!(matches!(current.end, Some(Ok(()))), "{:?}", current.end),
        }
        prop_assert_eq!(current.bytes, whole);
    }
}
