//! Tasks that do one job after another.
//!
//! A stream of HTTP/2 lives for one request. A task for each would be allocated, copied to where it stays, entered in the
//! runtime's books and struck out again, as often. One that rests is woken instead, the one that has rested least: what it
//! works with is at hand still.

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    mem,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use tokio::task::spawn_local;

/// How many rest at most; each holds some kilobytes.
const RESTING: usize = 64;

/// What a task does.
pub trait Job: 'static {
    /// Does it, to its end.
    fn run(self) -> impl Future<Output = ()>;
}

/// The tasks of a worker for jobs of one kind, as far as they rest.
pub struct Tasks<J>(RefCell<Vec<Rc<Desk<J>>>>);

/// Where a task finds its next job.
struct Desk<J> {
    job: Cell<Option<J>>,
    waker: RefCell<Waker>,
    /// There will be no other job.
    closed: Cell<bool>,
}

impl<J: Job> Tasks<J> {
    /// Has a job done on this thread, beside all else.
    pub fn spawn(self: &Rc<Self>, job: J) {
        let resting = self.0.borrow_mut().pop();
        if let Some(desk) = resting {
            desk.job.set(Some(job));
            desk.waker.borrow().wake_by_ref();
        } else {
            spawn_local(work(Rc::clone(self), job));
        }
    }

    /// Ends those that rest.
    pub fn send_away(&self) {
        for desk in mem::take(&mut *self.0.borrow_mut()) {
            desk.closed.set(true);
            desk.waker.borrow().wake_by_ref();
        }
    }

    /// Whether there is room for one more to rest, which it does from now on.
    fn rest(&self, desk: &Rc<Desk<J>>) -> bool {
        let mut resting = self.0.borrow_mut();
        let room = resting.len() < RESTING;
        if room {
            resting.push(Rc::clone(desk));
        }
        room
    }
}

impl<J> Default for Tasks<J> {
    fn default() -> Self {
        Self(RefCell::default())
    }
}

impl<J> Desk<J> {
    fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Option<J>> {
        match self.job.take() {
            None if !self.closed.get() => {
                self.waker.borrow_mut().clone_from(cx.waker());
                Poll::Pending
            }
            job => Poll::Ready(job),
        }
    }
}

async fn work<J: Job>(tasks: Rc<Tasks<J>>, first: J) {
    let desk = Rc::new(Desk {
        job: Cell::new(Some(first)),
        waker: RefCell::new(Waker::noop().clone()),
        closed: Cell::new(false),
    });
    while let Some(job) = poll_fn(|cx| desk.poll_next(cx)).await {
        job.run().await;
        if !tasks.rest(&desk) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::{LocalSet, id, yield_now};

    use super::*;

    /// Notes by which task it is done, after some turns of others.
    struct Note(Rc<RefCell<Vec<tokio::task::Id>>>);

    impl Job for Note {
        async fn run(self) {
            yield_now().await;
            self.0.borrow_mut().push(id());
        }
    }

    /// The tasks by which so many jobs at once are done, time after time.
    async fn done(times: &[usize], away: bool) -> Vec<Vec<tokio::task::Id>> {
        let tasks = Rc::new(Tasks::default());
        let mut done = Vec::new();
        for &jobs in times {
            let notes = Rc::default();
            (0..jobs).for_each(|_| tasks.spawn(Note(Rc::clone(&notes))));
            while notes.borrow().len() < jobs {
                yield_now().await;
            }
            yield_now().await;
            assert!(tasks.0.borrow().len() <= RESTING);
            if away {
                tasks.send_away();
                yield_now().await;
                assert_eq!(Rc::strong_count(&tasks), 1, "a task has not ended");
            }
            done.push(notes.take());
        }
        done
    }

    #[tokio::test]
    async fn one_task_does_one_job_after_another() {
        let done = LocalSet::new().run_until(done(&[1, 1, 1], false)).await;
        assert_eq!(done[0], done[1]);
        assert_eq!(done[0], done[2]);
    }

    #[tokio::test]
    async fn jobs_at_once_are_done_at_once_and_few_tasks_are_left() {
        let many = RESTING + 10;
        let done = LocalSet::new().run_until(done(&[many, 1], false)).await;
        let mut ids = done[0].clone();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), many);
        assert!(ids.contains(&done[1][0]));
    }

    #[tokio::test]
    async fn tasks_that_rest_can_be_sent_away() {
        let done = LocalSet::new().run_until(done(&[3, 3], true)).await;
        assert!(done[0].iter().all(|id| !done[1].contains(id)));
    }
}
