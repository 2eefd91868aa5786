//! An endpoint that answers by a script, whatever that is, and keeps what it heard.

use std::{cell::RefCell, rc::Rc};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::{
    frames,
    strict::{self, Message, Read},
};
use crate::fuzz::http1;

/// What is answered when the script is over.
const NOTHING_MORE: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

/// Between the answers of a script.
pub(in crate::fuzz) const NEXT: u8 = 0x1e;

/// How endpoints go by their script.
#[derive(Clone, Copy, Debug)]
pub(in crate::fuzz) enum Manner {
    /// Each request gets the next answer.
    Http1,
    /// The first request gets all of it, as records of frames; and nothing follows.
    Http2,
    /// Whoever calls gets all of it, and nothing follows.
    Bytes,
}

/// What endpoints heard and said.
#[derive(Default)]
pub(in crate::fuzz) struct Told {
    /// All that came, by connection.
    pub heard: Vec<Vec<u8>>,
    /// The requests that were whole, and what each was answered.
    pub answered: Vec<(Message, Vec<u8>)>,
}

/// Takes connections for as long as it is polled.
pub(in crate::fuzz) async fn serve(
    listener: &TcpListener,
    script: &[u8],
    manner: Manner,
    told: &Rc<RefCell<Told>>,
) {
    let pieces = script.split(|byte| *byte == NEXT).rev();
    let pieces = Rc::new(RefCell::new(pieces.map(<[u8]>::to_vec).collect()));
    let mut conversations = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        // What is left of it in the end goes at once: ports are few.
        stream.set_zero_linger().unwrap();
        let place = told.borrow().heard.len();
        told.borrow_mut().heard.push(Vec::new());
        let conversation = Conversation {
            stream,
            place,
            pieces: Rc::clone(&pieces),
            told: Rc::clone(told),
            read: 0,
        };
        match manner {
            Manner::Http1 => conversations.spawn_local(conversation.http1()),
            Manner::Http2 => conversations.spawn_local(conversation.http2(script.to_vec())),
            Manner::Bytes => conversations.spawn_local(conversation.say(script.to_vec())),
        };
    }
}

struct Conversation {
    stream: TcpStream,
    place: usize,
    pieces: Rc<RefCell<Vec<Vec<u8>>>>,
    told: Rc<RefCell<Told>>,
    /// How much of what was heard are requests that were answered.
    read: usize,
}

impl Conversation {
    async fn http1(mut self) {
        let mut invited = false;
        loop {
            match self.request() {
                Read::Whole(request, length) => {
                    self.read += length;
                    let answer = self.pieces.borrow_mut().pop();
                    let answer = answer.unwrap_or(NOTHING_MORE.to_vec());
                    let lasts = lasts(&answer, &request);
                    self.told
                        .borrow_mut()
                        .answered
                        .push((request, answer.clone()));
                    let _ = self.stream.write_all(&answer).await;
                    invited = false;
                    if !lasts {
                        let _ = self.stream.shutdown().await;
                        while self.hear().await {}
                        return;
                    }
                }
                Read::Part(request) => {
                    let waits =
                        request.is_some_and(|it| it.all("expect").any(|it| it == b"100-continue"));
                    if waits && !invited {
                        invited = true;
                        let _ = self
                            .stream
                            .write_all(b"HTTP/1.1 100 Continue\r\n\r\n")
                            .await;
                    }
                    if !self.hear().await {
                        return;
                    }
                }
            }
        }
    }

    async fn http2(mut self, script: Vec<u8>) {
        // Nothing is asked before these have come.
        let _ = self.stream.write_all(frames::SETTINGS).await;
        while !self.is_asked_by_http2() {
            if !self.hear().await {
                return;
            }
        }
        let mut said = Vec::new();
        frames::records(&script).for_each(|record| record.write(&mut said));
        self.say(said).await;
    }

    /// Says all of this and no more, and hears what there is.
    async fn say(mut self, bytes: Vec<u8>) {
        let _ = self.stream.write_all(&bytes).await;
        let _ = self.stream.shutdown().await;
        while self.hear().await {}
    }

    fn is_asked_by_http2(&self) -> bool {
        let told = self.told.borrow();
        let mut heard = told.heard[self.place].get(frames::PREFACE.len()..);
        while let Some(bytes) = heard
            && let Some(frame) = frames::read(bytes)
        {
            if frame.kind == frames::Kind::Headers {
                return true;
            }
            heard = bytes.get(frame.length..);
        }
        false
    }

    fn request(&self) -> Read {
        strict::request(&self.told.borrow().heard[self.place][self.read..])
    }

    async fn hear(&mut self) -> bool {
        let mut bytes = [0; 4096];
        match self.stream.read(&mut bytes).await {
            Ok(0) | Err(_) => false,
            Ok(read) => {
                let told = &mut *self.told.borrow_mut();
                told.heard[self.place].extend_from_slice(&bytes[..read]);
                true
            }
        }
    }
}

/// Whether its client knows by itself where the answer ends, and HTTP follows.
fn lasts(answer: &[u8], request: &Message) -> bool {
    let answer = http1::answer(answer, request.words()[0]);
    answer.is_some_and(|answer| answer.whole && !answer.to_the_end && answer.status != 101)
}
