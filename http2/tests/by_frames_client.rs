//! The client's side against hand-made frames: what RFC 9113 demands of it, and what servers say that it must not believe.
#![allow(clippy::unwrap_used, missing_docs)]

mod frames;

use frames::{server::*, *};
use std::{future::poll_fn, io};

use bytes::Bytes;
use http::{Request, StatusCode};
use outrigger_http2::{By, Error, Reason};

#[test]
fn a_client_begins_with_the_preface_and_wants_nothing_pushed() {
    raw(async |mut peer, _requests| {
        peer.preface().await;
        let said = [
            &[0, 2, 0, 0, 0, 0][..],
            &[0, 4, 0, 4, 0, 0],
            &[0, 6, 0, 1, 0, 0],
        ];
        assert_eq!(peer.next().await, Frame(SETTINGS, 0, 0, said.concat()));
        let Frame(kind, _, stream, _) = peer.next().await;
        assert_eq!((kind, stream), (WINDOW_UPDATE, 0));
    });
}

#[test]
fn a_request_is_a_head_of_an_odd_stream() {
    begun(async |mut peer, requests| {
        let _first = requests.send_whole(&get()).unwrap();
        let block = [&[0x82, 0x86, 0x84, 0x01, 6][..], b"a.test"].concat();
        assert_eq!(peer.next().await, Frame(HEADERS, WHOLE, 1, block));
        let (_second, mut sending) = requests.send(&get()).unwrap();
        let Frame(kind, flags, stream, _) = peer.next().await;
        assert_eq!((kind, flags, stream), (HEADERS, END_HEADERS, 3));
        let mut data = Bytes::from_static(b"data");
        let sent = soon(poll_fn(|cx| sending.poll_send(&mut data, true, cx))).await;
        assert_eq!(sent, Ok(()));
        assert_eq!(peer.next().await, Frame(DATA, END, 3, b"data".to_vec()));
    });
}

#[test]
fn nothing_is_allowed_before_the_server_says_how_much_is() {
    raw(async |mut peer, requests| {
        peer.preface().await;
        assert_eq!(requests.allowed(), 0);
        for number in [7, 3] {
            peer.say(&max_streams(number)).await;
            while peer.next().await.1 != ACK {}
            assert_eq!(requests.allowed(), number as usize);
        }
        assert!(!requests.is_closed());
    });
    begun(async |_peer, requests| assert_eq!(requests.allowed(), u32::MAX as usize));
}

#[test]
fn more_requests_than_are_allowed_are_refused_until_one_has_ended() {
    begun(async |mut peer, requests| {
        peer.say(&max_streams(1)).await;
        assert_eq!(peer.next().await.1, ACK);
        let first = peer.hears(&requests, get(), 1).await;
        let error = requests.send_whole(&get()).unwrap_err();
        assert_eq!(error, NO_MORE);
        assert!(error.is_unprocessed());
        peer.say(&frame(HEADERS, WHOLE, 1, OK)).await;
        soon(first).await.unwrap();
        peer.still_answers(&requests, 3).await;
    });
}

/// That these end a connection on which stream 1 waits for its response.
fn all_end(frames: &[Vec<u8>], reason: Reason) {
    for frame in frames {
        begun(async |mut peer, requests| {
            let responded = peer.hears(&requests, get(), 1).await;
            peer.say(frame).await;
            peer.ends_by(reason).await;
            let error = soon(responded).await.unwrap_err();
            assert_eq!(error, Error::GoAway(reason, By::Us));
            assert!(requests.is_closed() && !error.is_unprocessed());
        });
    }
}

#[test]
fn a_push_ends_the_connection() {
    let push = frame(PUSH_PROMISE, END_HEADERS, 1, &[0, 0, 0, 2, 0x82]);
    all_end(
        &[push, frame(HEADERS, WHOLE, 2, OK)],
        Reason::PROTOCOL_ERROR,
    );
}

/// RFC 9113, 6.5.2.
#[test]
fn settings_of_a_server_that_speak_of_pushes_end_the_connection() {
    all_end(&[setting(2, 1)], Reason::PROTOCOL_ERROR);
}

#[test]
fn what_is_said_of_a_stream_that_has_not_begun_ends_the_connection() {
    let early = [
        frame(HEADERS, WHOLE, 3, OK),
        frame(DATA, 0, 3, b"a"),
        reset(3, Reason::CANCEL),
    ];
    all_end(&early, Reason::PROTOCOL_ERROR);
}

#[test]
fn early_hints_are_not_the_response() {
    begun(async |mut peer, requests| {
        let responded = peer.hears(&requests, get(), 1).await;
        for _ in 0..3 {
            peer.say(&frame(HEADERS, END_HEADERS, 1, EARLY_HINTS)).await;
        }
        peer.say(&frame(HEADERS, WHOLE, 1, OK)).await;
        let mut response = soon(responded).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(length(&mut response).await, Ok(0));
    });
}

#[test]
fn a_malformed_response_breaks_its_stream() {
    let malformed = [
        frame(HEADERS, WHOLE, 1, EARLY_HINTS),
        frame(HEADERS, END_HEADERS, 1, b"\x08\x03101"),
        frame(HEADERS, WHOLE, 1, &[]),
        frame(HEADERS, WHOLE, 1, &[0x88, 0x84]),
        frame(HEADERS, WHOLE, 1, &[0x88, 0x88]),
        frame(HEADERS, WHOLE, 1, b"\x08\x0299"),
        frame(HEADERS, WHOLE, 1, &head(OK, "A", "b")),
        frame(HEADERS, WHOLE, 1, &head(OK, "connection", "close")),
        frame(DATA, 0, 1, b"a"),
    ];
    are_malformed(&malformed);
}

/// RFC 9113, 8.1.1: nothing is to be passed on of what is known to be malformed.
#[test]
fn a_response_that_ends_with_its_head_and_has_a_length_is_malformed() {
    are_malformed(&[frame(HEADERS, WHOLE, 1, &head(OK, "content-length", "1"))]);
}

fn are_malformed(responses: &[Vec<u8>]) {
    for malformed in responses {
        begun(async |mut peer, requests| {
            let responded = peer.hears(&requests, get(), 1).await;
            peer.say(malformed).await;
            peer.resets(1, Reason::PROTOCOL_ERROR).await;
            assert_eq!(soon(responded).await.unwrap_err(), MALFORMED);
            peer.still_answers(&requests, 3).await;
        });
    }
}

#[test]
fn a_body_that_is_not_as_long_as_is_said_is_an_error() {
    for (body, flags) in [(&b"four"[..], 0), (b"tw", END)] {
        begun(async |mut peer, requests| {
            let responded = peer.hears(&requests, get(), 1).await;
            let block = head(OK, "content-length", "3");
            peer.say(&frame(HEADERS, END_HEADERS, 1, &block)).await;
            let mut response = soon(responded).await.unwrap();
            peer.say(&frame(DATA, flags, 1, body)).await;
            peer.resets(1, Reason::PROTOCOL_ERROR).await;
            assert_eq!(length(&mut response).await, Err(MALFORMED));
        });
    }
}

#[test]
fn a_length_of_what_is_not_sent_is_no_length_of_a_body() {
    let head_only = Request::head("http://a.test/").body(()).unwrap();
    for (request, status) in [(head_only, OK), (get(), NOT_MODIFIED), (get(), &[0x89])] {
        for in_one in [true, false] {
            begun(async |mut peer, requests| {
                let responded = peer.hears(&requests, request.clone(), 1).await;
                let block = head(status, "content-length", "1000");
                let flags = if in_one { WHOLE } else { END_HEADERS };
                peer.say(&frame(HEADERS, flags, 1, &block)).await;
                if !in_one {
                    peer.say(&frame(DATA, END, 1, &[])).await;
                }
                let mut response = soon(responded).await.unwrap();
                assert_eq!(response.headers()["content-length"], "1000");
                assert_eq!(length(&mut response).await, Ok(0));
                peer.still_answers(&requests, 3).await;
            });
        }
    }
}

/// RFC 9110, 6.4.1: who passes it on by HTTP/1 would have it taken for the next response.
#[test]
fn a_body_where_there_can_be_none_is_an_error() {
    let head_only = Request::head("http://a.test/").body(()).unwrap();
    for (request, status) in [(head_only, OK), (get(), NOT_MODIFIED)] {
        begun(async |mut peer, requests| {
            let responded = peer.hears(&requests, request, 1).await;
            peer.say(&frame(HEADERS, END_HEADERS, 1, status)).await;
            let mut response = soon(responded).await.unwrap();
            peer.say(&frame(DATA, END, 1, b"body")).await;
            assert_eq!(length(&mut response).await, Err(MALFORMED));
        });
    }
}

#[test]
fn a_response_that_is_whole_stays_so_when_no_more_of_the_request_is_wanted() {
    begun(async |mut peer, requests| {
        let (responded, mut sending) = requests.send(&get()).unwrap();
        assert_eq!(peer.next().await.0, HEADERS);
        let whole = [
            frame(HEADERS, END_HEADERS, 1, OK),
            frame(DATA, END, 1, b"body"),
            reset(1, Reason::NO_ERROR),
        ];
        peer.say(&whole.concat()).await;
        assert_eq!(peer.answers().await, []);
        let mut data = Bytes::from_static(b"more");
        let sent = soon(poll_fn(|cx| sending.poll_send(&mut data, true, cx))).await;
        assert_eq!(sent, Err(Error::Reset(Reason::NO_ERROR, By::Them)));
        let mut response = soon(responded).await.unwrap();
        assert_eq!(length(&mut response).await, Ok(4));
        let trailers = soon(poll_fn(|cx| response.body_mut().poll_trailers(cx))).await;
        assert_eq!(trailers, Ok(None));
    });
}

#[test]
fn a_body_that_is_cut_off_gives_what_has_come_and_then_the_error() {
    let cuts = [
        (
            Some(Reason::NO_ERROR),
            Error::Reset(Reason::NO_ERROR, By::Them),
        ),
        (None, Error::Io(io::ErrorKind::UnexpectedEof)),
    ];
    for (reason, error) in cuts {
        begun(async |mut peer, requests| {
            let answered = peer.hears(&requests, get(), 1).await;
            let unanswered = peer.hears(&requests, get(), 3).await;
            peer.say(&frame(HEADERS, END_HEADERS, 1, OK)).await;
            let mut response = soon(answered).await.unwrap();
            peer.say(&frame(DATA, 0, 1, b"body")).await;
            match reason {
                Some(reason) => {
                    peer.say(&[reset(1, reason), reset(3, reason)].concat())
                        .await
                }
                None => drop(peer),
            }
            let failed = soon(unanswered).await.unwrap_err();
            assert!(failed == error && !failed.is_unprocessed(), "{failed}");
            let data = soon(poll_fn(|cx| response.body_mut().poll_data(cx))).await;
            assert_eq!(data, Some(Ok(Bytes::from_static(b"body"))));
            assert_eq!(length(&mut response).await, Err(error));
            assert_eq!(requests.is_closed(), reason.is_none());
        });
    }
}

#[test]
fn what_a_farewell_does_not_name_was_not_looked_at_and_the_rest_goes_on() {
    begun(async |mut peer, requests| {
        let mut seen = Vec::new();
        for stream in [1, 3] {
            seen.push(peer.hears(&requests, get(), stream).await);
        }
        let unseen = peer.hears(&requests, get(), 5).await;
        // The first says only that there will be another.
        for last in [(1 << 31) - 1, 3] {
            peer.say(&go_away(last)).await;
            assert_eq!(peer.answers().await, []);
            assert!(requests.is_closed());
        }
        let error = soon(unseen).await.unwrap_err();
        assert_eq!(error, Error::GoAway(Reason::NO_ERROR, By::Them));
        assert!(error.is_unprocessed());
        assert_eq!(requests.send_whole(&get()).unwrap_err(), NO_MORE);
        for (stream, responded) in [1, 3].into_iter().zip(seen) {
            assert!(!peer.driven.is_finished());
            peer.say(&frame(HEADERS, WHOLE, stream, OK)).await;
            assert!(soon(responded).await.is_ok());
        }
        assert_eq!(soon(peer.driven).await.unwrap(), Ok(()));
    });
}

#[test]
fn what_nobody_reads_is_no_room_for_more() {
    begun(async |mut peer, requests| {
        let responded = peer.hears(&requests, get(), 1).await;
        peer.say(&frame(HEADERS, END_HEADERS, 1, OK)).await;
        let mut response = soon(responded).await.unwrap();
        for _ in 0..STREAM / LONGEST {
            peer.say(&frame(DATA, 0, 1, &[0; LONGEST])).await;
        }
        let mut taken = 0;
        while taken < STREAM {
            let data = soon(poll_fn(|cx| response.body_mut().poll_data(cx))).await;
            taken += data.unwrap().unwrap().len();
        }
        // What was taken is not yet done with.
        let frames = peer.answers().await;
        assert_eq!(frames, []);
        response.body_mut().release(STREAM);
        let more = (STREAM as u32).to_be_bytes().to_vec();
        let measure = Frame(PING, 0, 0, b"measure\0".to_vec());
        assert_eq!(
            peer.answers().await,
            [Frame(WINDOW_UPDATE, 0, 1, more), measure]
        );
        // More than that breaks the stream.
        for _ in 0..STREAM / LONGEST {
            peer.say(&frame(DATA, 0, 1, &[0; LONGEST])).await;
        }
        peer.say(&frame(DATA, 0, 1, b"a")).await;
        let mut frames = peer.answers().await;
        frames.retain(|frame| frame.0 == RST_STREAM);
        let reason = u32::from(Reason::FLOW_CONTROL_ERROR).to_be_bytes();
        assert_eq!(frames, [Frame(RST_STREAM, 0, 1, reason.into())]);
        peer.still_answers(&requests, 3).await;
    });
}

#[test]
fn a_response_that_nobody_waits_for_is_cancelled() {
    begun(async |mut peer, requests| {
        drop(peer.hears(&requests, get(), 1).await);
        peer.resets(1, Reason::CANCEL).await;
        // It was on its way.
        peer.say(&frame(HEADERS, END_HEADERS, 1, OK)).await;
        peer.say(&frame(DATA, END, 1, b"body")).await;
        assert_eq!(peer.answers().await, []);
        peer.still_answers(&requests, 3).await;
    });
}

#[test]
fn a_response_that_nobody_waits_for_is_cancelled_before_its_request_is_sent() {
    begun(async |mut peer, requests| {
        let (responded, mut sending) = requests.send(&get()).unwrap();
        assert_eq!(peer.next().await.0, HEADERS);
        drop(responded);
        peer.resets(1, Reason::CANCEL).await;
        // Who wants no response need not send the request, either.
        let sent = soon(poll_fn(|cx| sending.poll_send(&mut Bytes::new(), true, cx))).await;
        assert_eq!(sent, Err(Error::Reset(Reason::CANCEL, By::Us)));
    });
}

#[test]
fn a_client_whose_requests_are_gone_and_answered_says_goodbye() {
    begun(async |mut peer, requests| {
        let responded = peer.hears(&requests, get(), 1).await;
        drop(requests);
        assert_eq!(peer.answers().await, []);
        peer.say(&frame(HEADERS, WHOLE, 1, OK)).await;
        assert!(soon(responded).await.is_ok());
        assert_eq!(peer.next().await, Frame(GOAWAY, 0, 0, vec![0; 8]));
        assert_eq!(peer.read().await, None);
        assert_eq!(soon(peer.driven).await.unwrap(), Ok(()));
    });
}

#[test]
fn a_server_whose_every_response_is_malformed_is_given_up() {
    /// As many as [`Settings`](outrigger_http2::Settings) let be by default.
    const MOST: u32 = 100;
    begun(async |mut peer, requests| {
        let malformed = |stream| frame(HEADERS, WHOLE, stream, &head(OK, "a b", "c"));
        for number in 0..MOST {
            let stream = 1 + 2 * number;
            let _responded = peer.hears(&requests, get(), stream).await;
            peer.say(&malformed(stream)).await;
            peer.resets(stream, Reason::PROTOCOL_ERROR).await;
        }
        let last = 1 + 2 * MOST;
        let _responded = peer.hears(&requests, get(), last).await;
        peer.say(&malformed(last)).await;
        peer.ends_by(Reason::ENHANCE_YOUR_CALM).await;
    });
}
