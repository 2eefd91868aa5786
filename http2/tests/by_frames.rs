//! The server's side against hand-made frames: what RFC 9113 demands, and what nobody sends in good faith.
#![allow(clippy::unwrap_used, missing_docs)]

mod frames;

use frames::{client::*, *};
use std::future::poll_fn;

use bytes::Bytes;
use http::Response;
use outrigger_http2::{By, Error, Reason, Settings};

#[test]
fn a_server_says_what_it_allows_and_acknowledges_what_it_is_allowed() {
    raw(Settings::default(), usize::MAX, async |mut peer| {
        let said = peer.next().await;
        let expected = [
            &[0, 3, 0, 0, 0, 100][..],
            &[0, 4, 0, 4, 0, 0],
            &[0, 6, 0, 1, 0, 0],
        ];
        assert_eq!(said, Frame(SETTINGS, 0, 0, expected.concat()));
        let wider = ((CONNECTION - WINDOW) as u32).to_be_bytes();
        assert_eq!(peer.next().await, Frame(WINDOW_UPDATE, 0, 0, wider.into()));
        // Settings and frames that nobody knows mean nothing.
        peer.say(&setting(0x99, 1)).await;
        assert_eq!(peer.next().await, Frame(SETTINGS, ACK, 0, vec![]));
        peer.say(&frame(UNKNOWN, 0xff, 7, &[1; LONGEST])).await;
        peer.serves(1).await;
    });
}

#[test]
fn whatever_comes_before_settings_ends_the_connection() {
    let ping = frame(PING, 0, 0, &[0; 8]);
    let acknowledged = frame(SETTINGS, ACK, 0, &[]);
    let data = frame(DATA, 0, 1, b"a");
    let unknown = frame(UNKNOWN, 0, 0, &[]);
    for first in [ping, acknowledged, data, get(1), update(0, 1), unknown] {
        raw(Settings::default(), usize::MAX, async |mut peer| {
            peer.say(&first).await;
            peer.ends_by(Reason::PROTOCOL_ERROR).await;
        });
    }
}

#[test]
fn a_frame_that_is_too_long_ends_the_connection() {
    // Without its payload: nobody waits for that.
    let beginning = frame(UNKNOWN, 0, 0, &[0; LONGEST + 1])[..9].to_vec();
    all_end(&[beginning], Reason::FRAME_SIZE_ERROR);
}

#[test]
fn frames_where_they_do_not_belong_end_the_connection() {
    let misplaced = [
        frame(DATA, 0, 0, b"a"),
        frame(HEADERS, WHOLE, 0, GET),
        frame(PRIORITY, 0, 0, &[0; 5]),
        cancel(0),
        frame(SETTINGS, 0, 1, &[]),
        frame(PING, 0, 1, &[0; 8]),
        frame(GOAWAY, 0, 1, &[0; 8]),
        frame(CONTINUATION, END_HEADERS, 1, GET),
        frame(PUSH_PROMISE, END_HEADERS, 1, &[0, 0, 0, 2, 0x82]),
        // Of streams that have not begun.
        frame(DATA, 0, 3, b"a"),
        cancel(3),
        update(3, 1),
    ];
    all_end(&misplaced, Reason::PROTOCOL_ERROR);
}

#[test]
fn frames_of_lengths_that_they_can_not_have_end_the_connection() {
    let odd = [
        frame(RST_STREAM, 0, 1, &[0; 3]),
        frame(SETTINGS, 0, 0, &[0; 5]),
        frame(SETTINGS, ACK, 0, &[0; 6]),
        frame(PING, 0, 0, &[0; 7]),
        frame(GOAWAY, 0, 0, &[0; 7]),
        frame(WINDOW_UPDATE, 0, 1, &[0; 5]),
        frame(DATA, PADDED, 1, &[]),
    ];
    all_end(&odd, Reason::FRAME_SIZE_ERROR);
}

#[test]
fn a_stream_of_an_even_number_ends_the_connection() {
    all_end(&[get(2)], Reason::PROTOCOL_ERROR);
}

/// RFC 9113, 5.1.1: it is closed by that.
#[test]
fn a_stream_that_was_passed_over_ends_the_connection() {
    all_end(&[[get(5), get(3)].concat()], Reason::STREAM_CLOSED);
}

#[test]
fn a_stream_that_begins_again_ends_the_connection() {
    begun(async |mut peer| {
        peer.serves(1).await;
        peer.say(&get(1)).await;
        peer.ends_by(Reason::STREAM_CLOSED).await;
    });
}

#[test]
fn trailers_that_are_not_the_end_or_name_a_path_break_their_stream() {
    let trailers = [
        frame(HEADERS, END_HEADERS, 1, &line(0, "a", "b")),
        frame(HEADERS, WHOLE, 1, &GET[2..]),
    ];
    for trailers in trailers {
        begun(async |mut peer| {
            peer.say(&post(1)).await;
            let _held = peer.request().await;
            peer.say(&trailers).await;
            peer.resets(1, Reason::PROTOCOL_ERROR).await;
            peer.serves(3).await;
        });
    }
}

#[test]
fn data_after_the_end_breaks_its_stream() {
    begun(async |mut peer| {
        peer.say(&get(1)).await;
        let _held = peer.request().await;
        peer.say(&frame(DATA, 0, 1, b"a")).await;
        peer.resets(1, Reason::STREAM_CLOSED).await;
        peer.serves(3).await;
    });
}

#[test]
fn a_content_length_that_lies_breaks_its_stream() {
    let bodies = [(&b"four"[..], 0), (b"tw", END), (b"", END), (b"four", END)];
    for (body, flags) in bodies {
        begun(async |mut peer| {
            let block = head(POST, "content-length", "3");
            peer.say(&frame(HEADERS, END_HEADERS, 1, &block)).await;
            let (mut request, _responding) = peer.request().await;
            peer.say(&frame(DATA, flags, 1, body)).await;
            peer.resets(1, Reason::PROTOCOL_ERROR).await;
            let seen = poll_fn(|cx| request.body_mut().poll_data(cx)).await;
            let error = Error::Reset(Reason::PROTOCOL_ERROR, By::Us);
            assert_eq!(seen, Some(Err(error)));
        });
    }
    begun(async |mut peer| {
        let block = head(POST, "content-length", "3");
        peer.say(&frame(HEADERS, WHOLE, 1, &block)).await;
        peer.resets(1, Reason::PROTOCOL_ERROR).await;
    });
}

#[test]
fn padding_is_no_data_and_counts_for_the_window() {
    begun(async |mut peer| {
        let padded = [&[3], GET, &[0; 3]].concat();
        peer.say(&frame(HEADERS, END_HEADERS | PADDED, 1, &padded))
            .await;
        let (mut request, _responding) = peer.request().await;
        peer.say(&frame(DATA, PADDED, 1, b"\x02data\0\0")).await;
        let data = poll_fn(|cx| request.body_mut().poll_data(cx)).await;
        assert_eq!(data, Some(Ok(Bytes::from_static(b"data"))));
        request.body_mut().release(4);
        // Nothing but padding, as much as both windows hold.
        let mut frames = Vec::new();
        for _ in 0..CONNECTION / 256 {
            peer.say(&frame(DATA, PADDED, 1, &[&[255][..], &[0; 255]].concat()))
                .await;
            frames.extend(peer.answers().await);
        }
        for stream in [0, 1] {
            let updates = frames
                .iter()
                .filter(|frame| (frame.0, frame.2) == (WINDOW_UPDATE, stream));
            let given: u32 = updates.map(Frame::number).sum();
            assert!(given as usize >= CONNECTION / 2, "{stream}: {given}");
        }
        peer.say(&frame(DATA, PADDED | END, 1, b"\x02\0\0")).await;
        let data = soon(poll_fn(|cx| request.body_mut().poll_data(cx))).await;
        assert_eq!(data, None);
    });
    let too_long = [
        frame(DATA, PADDED, 1, b"\x05data"),
        frame(HEADERS, WHOLE | PADDED, 3, &[&[4], GET].concat()),
    ];
    all_end(&too_long, Reason::PROTOCOL_ERROR);
}

#[test]
fn a_head_comes_in_as_many_pieces_as_it_likes_up_to_64() {
    for pieces in [3, 64, 65] {
        begun(async |mut peer| {
            peer.say(&frame(HEADERS, END, 1, &GET[..1])).await;
            peer.say(&frame(CONTINUATION, 0, 1, &GET[1..2])).await;
            for _ in 3..pieces {
                peer.say(&frame(CONTINUATION, 0, 1, &[])).await;
            }
            peer.say(&frame(CONTINUATION, END_HEADERS, 1, &GET[2..]))
                .await;
            if pieces > 64 {
                return peer.ends_by(Reason::ENHANCE_YOUR_CALM).await;
            }
            let (request, _) = peer.request().await;
            assert_eq!(request.uri().path(), "/");
            assert!(request.body().is_end_stream());
        });
    }
}

#[test]
fn nothing_may_come_between_the_pieces_of_a_head() {
    let begun = frame(HEADERS, END, 3, GET);
    let between = [
        frame(PING, 0, 0, &[0; 8]),
        frame(UNKNOWN, 0, 3, &[]),
        frame(DATA, 0, 1, b"a"),
        frame(CONTINUATION, END_HEADERS, 1, &[]),
        get(5),
    ];
    let between = between.map(|frame| [&begun[..], &frame].concat());
    all_end(&between, Reason::PROTOCOL_ERROR);
}

#[test]
fn a_head_that_is_too_large_is_answered_with_431() {
    let settings = Settings {
        max_header_list: 1_000,
        ..Settings::default()
    };
    with(settings, usize::MAX, async |mut peer| {
        let block = head(GET, "a", &"b".repeat(2_000));
        let answer = Frame(HEADERS, WHOLE, 1, b"\x08\x03431".to_vec());
        peer.say(&frame(HEADERS, WHOLE, 1, &block)).await;
        assert_eq!(peer.answers().await, [answer]);
        // The client need not send the rest of what nobody will read.
        peer.say(&frame(HEADERS, END_HEADERS, 3, &block)).await;
        let answer = Frame(HEADERS, WHOLE, 3, b"\x08\x03431".to_vec());
        let reset = Frame(RST_STREAM, 0, 3, vec![0; 4]);
        peer.say(&frame(DATA, END, 3, b"a")).await;
        assert_eq!(peer.answers().await, [answer, reset]);
        assert!(peer.arrived.is_empty());
        peer.serves(5).await;
    });
}

#[test]
fn a_head_of_which_a_byte_stands_for_much_ends_the_connection() {
    let settings = Settings {
        max_header_list: 1_000,
        ..Settings::default()
    };
    with(settings, usize::MAX, async |mut peer| {
        let bomb = [GET, &line(0x40, "a", &"b".repeat(900)), &[0xbe; 5]].concat();
        peer.say(&frame(HEADERS, WHOLE, 1, &bomb)).await;
        peer.ends_by(Reason::ENHANCE_YOUR_CALM).await;
    });
}

#[test]
fn what_is_no_header_block_ends_the_connection() {
    let blocks: [&[u8]; 3] = [&[0x80], &[0xbe], &[0x3f, 0xe2, 0x1f]];
    let blocks = blocks.map(|block| frame(HEADERS, WHOLE, 3, block));
    all_end(&blocks, Reason::COMPRESSION_ERROR);
}

#[test]
fn more_streams_than_there_may_be_are_refused_until_one_has_ended() {
    let settings = Settings {
        max_streams: 2,
        ..Settings::default()
    };
    with(settings, usize::MAX, async |mut peer| {
        peer.say(&[get(1), get(3), post(5)].concat()).await;
        // This was on its way.
        peer.say(&frame(DATA, END, 5, b"a")).await;
        peer.resets(5, Reason::REFUSED_STREAM).await;
        let (_, first) = peer.request().await;
        let _second = peer.request().await;
        assert!(peer.arrived.is_empty());
        first.send_whole(Response::new(())).unwrap();
        assert_eq!(peer.next().await.2, 1);
        peer.serves(7).await;
    });
}

#[test]
fn a_request_that_is_taken_back_at_once_is_never_handed_out() {
    begun(async |mut peer| {
        peer.say(&[get(1), cancel(1)].concat()).await;
        assert_eq!(peer.answers().await, []);
        assert!(peer.arrived.is_empty());
        peer.serves(3).await;
    });
}

#[test]
fn who_takes_back_more_than_100_requests_at_once_is_sent_away() {
    begun(async |mut peer| {
        let hasty = |number: u32| [get(2 * number + 1), cancel(2 * number + 1)].concat();
        peer.say(&(0..100).flat_map(hasty).collect::<Vec<_>>())
            .await;
        assert_eq!(peer.answers().await, []);
        peer.serves(201).await;
        // The one that was served is one more that may be.
        peer.say(&(101..103).flat_map(hasty).collect::<Vec<_>>())
            .await;
        peer.ends_by(Reason::ENHANCE_YOUR_CALM).await;
    });
}

/// Sends these, and then some that nobody may send too many of.
fn are_malformed(blocks: &[Vec<u8>]) {
    let max_broken_streams = blocks.len() as u32;
    let settings = Settings {
        max_broken_streams,
        ..Settings::default()
    };
    with(settings, usize::MAX, async |mut peer| {
        let mut stream = 1;
        for block in blocks {
            peer.say(&frame(HEADERS, WHOLE, stream, block)).await;
            peer.resets(stream, Reason::PROTOCOL_ERROR).await;
            assert!(peer.arrived.is_empty(), "{block:?}");
            stream += 2;
        }
        let fine = head(GET, "te", "trailers");
        peer.say(&frame(HEADERS, WHOLE, stream, &fine)).await;
        peer.request().await;
        peer.say(&frame(HEADERS, WHOLE, stream + 2, &blocks[0]))
            .await;
        peer.ends_by(Reason::ENHANCE_YOUR_CALM).await;
    });
}

#[test]
fn a_malformed_request_breaks_its_stream_and_too_many_the_connection() {
    are_malformed(&[
        head(GET, "A", "b"),
        head(GET, "a b", "b"),
        head(GET, "", "b"),
        head(GET, "a", "b\r\nc: d"),
        head(GET, "connection", "close"),
        head(GET, "transfer-encoding", "chunked"),
        head(GET, "te", "gzip"),
        head(GET, ":unknown", "b"),
        head(GET, "content-length", "+1"),
        head(GET, ":path", "/"),
        head(&GET[..2], ":path", ""),
        head(&GET[..2], ":path", "no-slash"),
        [
            head(GET, "content-length", "0"),
            line(0, "content-length", "0"),
        ]
        .concat(),
        [head(&GET[..2], "a", "b"), vec![0x84]].concat(),
        GET[..2].to_vec(),
        GET[1..].to_vec(),
        [0x82, 0x84].to_vec(),
        [GET, &[0x88]].concat(),
        vec![],
    ]);
}

#[test]
fn a_request_that_is_served_makes_up_for_a_malformed_one() {
    let settings = Settings {
        max_broken_streams: 1,
        ..Settings::default()
    };
    with(settings, usize::MAX, async |mut peer| {
        let malformed = |stream| frame(HEADERS, WHOLE, stream, &head(GET, "a b", "c"));
        for stream in [1, 5, 9] {
            peer.say(&malformed(stream)).await;
            peer.resets(stream, Reason::PROTOCOL_ERROR).await;
            peer.serves(stream + 2).await;
        }
        peer.say(&malformed(13)).await;
        peer.resets(13, Reason::PROTOCOL_ERROR).await;
        peer.say(&malformed(15)).await;
        peer.ends_by(Reason::ENHANCE_YOUR_CALM).await;
    });
}

/// RFC 9113, 8.3.1.
#[test]
fn a_path_that_is_but_a_query_is_malformed() {
    are_malformed(&[head(&GET[..2], ":path", "?a=b")]);
}
