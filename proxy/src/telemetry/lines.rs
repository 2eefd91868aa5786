//! Whole lines to stdout from many threads: a bounded buffer, and one thread that writes it out.
//!
//! Why a thread: whoever reads stdout may stop reading, and then a write blocks. It must never block a worker. Why one for
//! the access log and the process's own log: lines stay whole and in order.
//!
//! Why a shared buffer under a lock and not a channel: a line is copied into it and needs no allocation, what has gathered
//! is written by one system call, and the lock is held for the copy of a line.

use std::{
    io::{self, Write},
    mem,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use super::metrics::Counter;

/// How long the thread lets lines gather after it was woken: under load that is 200 writes a second, and nobody who follows
/// a log sees the delay.
const GATHER: Duration = Duration::from_millis(5);

/// How long a dying process waits for its reader.
const FLUSH: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Told when lines come while the thread sleeps, and at the end.
    wake: Condvar,
    /// Told when the thread has written its last.
    finished: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<u8>,
    asleep: bool,
    closed: bool,
    finished: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Bytes and flags: nothing in here is half-changed when a thread panics.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The writer's end. Dropping it writes what is waiting, unless nobody reads for a second, and stops the thread.
#[derive(Debug)]
#[must_use = "when dropped, lines go nowhere"]
pub struct Writer(Arc<Shared>);

impl Writer {
    /// Starts the thread, which writes to `sink`.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(mut sink: impl Write + Send + 'static) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let writer = Self(Arc::clone(&shared));
        thread::Builder::new()
            .name("stdout".to_owned())
            .spawn(move || {
                let mut batch = Vec::new();
                while shared.gather(&mut batch) {
                    // A reader that has gone away leaves nobody to tell.
                    let _ = sink.write_all(&batch).and_then(|()| sink.flush());
                    batch.clear();
                }
            })?;
        Ok(writer)
    }

    /// A source of lines that may let `bound` bytes wait (those of the others included); what is over is dropped and counted.
    pub fn lines(&self, bound: usize, dropped: Counter) -> Lines {
        Lines {
            shared: Arc::clone(&self.0),
            bound,
            dropped,
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.closed = true;
        self.0.wake.notify_one();
        let finished = self
            .0
            .finished
            .wait_timeout_while(state, FLUSH, |state| !state.finished);
        drop(finished);
    }
}

impl Shared {
    /// Waits for lines and swaps them for the empty batch; false when there are none and never will be.
    fn gather(&self, batch: &mut Vec<u8>) -> bool {
        let mut state = self.lock();
        if state.waiting.is_empty() && !state.closed {
            state.asleep = true;
            let idle = |state: &mut State| state.waiting.is_empty() && !state.closed;
            state = self
                .wake
                .wait_while(state, idle)
                .unwrap_or_else(PoisonError::into_inner);
            state.asleep = false;
        }
        if !state.closed {
            drop(state);
            thread::sleep(GATHER);
            state = self.lock();
        }
        mem::swap(&mut state.waiting, batch);
        if batch.is_empty() {
            state.finished = true;
            self.finished.notify_all();
        }
        !batch.is_empty()
    }
}

/// Where one kind of lines goes in. A clone is the same.
#[derive(Clone, Debug)]
pub struct Lines {
    shared: Arc<Shared>,
    bound: usize,
    dropped: Counter,
}

impl Lines {
    /// One line with its end, or several: written whole or, when too many wait, not at all.
    pub fn push(&self, line: &[u8]) {
        let mut state = self.shared.lock();
        if state.closed || state.waiting.len() + line.len() > self.bound {
            drop(state);
            self.dropped.increment();
            return;
        }
        state.waiting.extend_from_slice(line);
        // Waking costs a system call even when nobody sleeps.
        if mem::take(&mut state.asleep) {
            self.shared.wake.notify_one();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(super) mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Keeps what is written; writes wait while somebody holds its lock.
    #[derive(Clone, Default)]
    pub(in crate::telemetry) struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Sink {
        pub(in crate::telemetry) fn written(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_of_all_threads_come_out_whole_and_the_last_ones_too() {
        let sink = Sink::default();
        let writer = Writer::start(sink.clone()).unwrap();
        let lines = writer.lines(1 << 20, Counter::default());
        thread::scope(|scope| {
            for name in ["a", "b", "c"] {
                let lines = lines.clone();
                scope.spawn(move || {
                    (0..1000).for_each(|_| lines.push(format!("{}\n", name.repeat(50)).as_bytes()))
                });
            }
        });
        drop(writer);
        let written = sink.written();
        assert_eq!(written.lines().count(), 3000);
        assert!(written.lines().all(|line| line.len() == 50 && line.bytes().all(|byte| byte == line.as_bytes()[0])));
    }

    #[test]
    fn what_waits_is_bounded_by_source_and_the_rest_is_counted() {
        let sink = Sink::default();
        let stuck = sink.0.lock().unwrap();
        let writer = Writer::start(sink.clone()).unwrap();
        let (few, more) = (Counter::default(), Counter::default());
        let (low, high) = (
            writer.lines(10, few.clone()),
            writer.lines(20, more.clone()),
        );
        // The thread takes this one and then waits for the sink.
        low.push(b"first\n");
        while !writer.0.lock().waiting.is_empty() {
            thread::yield_now();
        }
        for _ in 0..3 {
            low.push(b"12345678\n");
        }
        for _ in 0..3 {
            high.push(b"abcdefgh\n");
        }
        assert_eq!((few.value(), more.value()), (2, 2));
        drop(stuck);
        drop(writer);
        assert_eq!(sink.written(), "first\n12345678\nabcdefgh\n");
    }

    #[test]
    fn a_line_wakes_a_sleeping_thread() {
        struct Tell(mpsc::Sender<Vec<u8>>);
        impl Write for Tell {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.send(bytes.to_vec()).unwrap();
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (told, heard) = mpsc::channel();
        let writer = Writer::start(Tell(told)).unwrap();
        let lines = writer.lines(100, Counter::default());
        for line in [b"one\n", b"two\n"] {
            while !writer.0.lock().asleep {
                thread::yield_now();
            }
            lines.push(line);
            assert_eq!(heard.recv().unwrap(), line);
        }
    }

    #[test]
    fn after_the_end_lines_are_counted_as_dropped() {
        let dropped = Counter::default();
        let writer = Writer::start(Sink::default()).unwrap();
        let lines = writer.lines(100, dropped.clone());
        drop(writer);
        lines.push(b"late\n");
        assert_eq!(dropped.value(), 1);
    }
}
