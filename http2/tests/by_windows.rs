//! The server's side against hand-made frames: windows, turns, and the end.
#![allow(clippy::unwrap_used, missing_docs)]

mod frames;

use frames::{client::*, *};
use std::time::Duration;

use http::{HeaderMap, Response};
use outrigger_http2::{Reason, Settings};
use tokio::{io::AsyncWriteExt as _, time::timeout};

#[test]
fn a_stream_is_sent_what_its_window_has_room_for() {
    begun(async |mut peer| {
        peer.say(&initial_window(0)).await;
        assert_eq!(peer.next().await.1, ACK);
        let sent = peer.ask(1, 10).await;
        assert_eq!(peer.answers().await, []);
        peer.say(&update(1, 4)).await;
        assert_eq!(sizes(&peer.answers().await), [(0, 4)]);
        peer.say(&initial_window(3)).await;
        assert_eq!(sizes(&peer.answers().await), [(ACK, 0), (0, 3)]);
        // Three below zero.
        peer.say(&initial_window(0)).await;
        assert_eq!(sizes(&peer.answers().await), [(ACK, 0)]);
        peer.say(&update(1, 3)).await;
        assert_eq!(peer.answers().await, []);
        peer.say(&initial_window(1)).await;
        assert_eq!(sizes(&peer.answers().await), [(ACK, 0), (0, 1)]);
        peer.say(&update(1, 100)).await;
        assert_eq!(sizes(&peer.answers().await), [(END, 2)]);
        assert_eq!(sent.await.unwrap(), Ok(()));
    });
}

/// Has `N` streams that wait for nothing but the connection.
fn in_line<const N: usize>(test: impl AsyncFnOnce(Peer, [u32; N])) {
    begun(async |mut peer| {
        peer.say(&initial_window(HIGHEST)).await;
        assert_eq!(peer.next().await.1, ACK);
        let streams = std::array::from_fn(|at| 2 * at as u32 + 1);
        for stream in streams {
            peer.ask(stream, 1_000_000).await;
            if stream == 1 {
                peer.shares([1], WINDOW).await;
            }
        }
        assert_eq!(peer.answers().await, []);
        test(peer, streams).await;
    });
}

async fn is_shared_fairly<const N: usize>(mut peer: Peer, streams: [u32; N]) {
    for granted in [20_000, 100, LONGEST, 50_000] {
        let mut shares = [0; N];
        for _ in 0..4 * N {
            peer.say(&update(0, granted as u32)).await;
            let more = peer.shares(streams, granted).await;
            shares = std::array::from_fn(|at| shares[at] + more[at]);
        }
        let most = *shares.iter().max().unwrap();
        let least = *shares.iter().min().unwrap();
        // A turn is a frame's worth, however small the pieces are that it comes in.
        let all_had_one = 4 * N * granted >= 2 * N * LONGEST;
        assert!(
            most - least <= 3 * LONGEST && (least > 0 || !all_had_one),
            "{granted}: {shares:?}"
        );
    }
}

#[test]
fn several_streams_share_the_connection_in_turns() {
    in_line(is_shared_fairly::<3>);
    in_line(is_shared_fairly::<7>);
}

#[test]
fn of_two_streams_that_share_the_connection_none_starves() {
    in_line(is_shared_fairly::<2>);
}

#[test]
fn a_stream_that_is_reset_while_it_waits_passes_its_turn_on() {
    in_line(async |mut peer, streams: [u32; 4]| {
        // While it stands in line, and when it is its turn.
        peer.say(&cancel(3)).await;
        assert_eq!(peer.answers().await, []);
        peer.say(&[update(0, 10), cancel(1)].concat()).await;
        assert_eq!(peer.shares(streams, 10).await, [0, 0, 10, 0]);
        peer.say(&update(0, LONGEST as u32)).await;
        let rest = LONGEST - 10;
        assert_eq!(peer.shares(streams, LONGEST).await, [0, 0, rest, 10]);
    });
}

#[test]
fn who_has_nothing_to_send_after_all_passes_its_turn_on() {
    begun(async |mut peer| {
        peer.say(&initial_window(HIGHEST)).await;
        assert_eq!(peer.next().await.1, ACK);
        peer.ask(1, 1_000_000).await;
        peer.shares([1], WINDOW).await;
        peer.say(&get(3)).await;
        let (_, responding) = peer.request().await;
        let mut sending = responding.send(Response::new(())).unwrap();
        assert_eq!(peer.next().await.2, 3);
        // It stands in line behind the first, gives its data up, and is kept.
        assert!(
            timeout(Duration::ZERO, send(&mut sending, 10, false))
                .await
                .is_err()
        );
        sending.send_trailers(&HeaderMap::new()).unwrap();
        assert_eq!(peer.next().await.0, HEADERS);
        for _ in 0..3 {
            peer.say(&update(0, 10)).await;
            assert_eq!(peer.shares([1, 3], 10).await, [10, 0]);
        }
    });
}

#[test]
fn a_window_that_is_too_wide_or_no_wider_is_an_error_of_what_has_it() {
    let too_wide = [update(0, HIGHEST), initial_window(HIGHEST + 1)];
    all_end(&too_wide, Reason::FLOW_CONTROL_ERROR);
    let by_settings = [update(1, 1), initial_window(HIGHEST)].concat();
    all_end(&[by_settings], Reason::FLOW_CONTROL_ERROR);
    all_end(&[update(0, 0)], Reason::PROTOCOL_ERROR);
    for (more, reason) in [
        (HIGHEST, Reason::FLOW_CONTROL_ERROR),
        (0, Reason::PROTOCOL_ERROR),
    ] {
        begun(async |mut peer| {
            peer.say(&[get(1), update(1, more)].concat()).await;
            peer.resets(1, reason).await;
            peer.serves(3).await;
        });
    }
}

#[test]
fn the_window_of_a_stream_that_has_ended_is_nobodys() {
    begun(async |mut peer| {
        peer.say(&[get(1), update(1, 1)].concat()).await;
        let (_held, responding) = peer.request().await;
        responding.send_whole(Response::new(())).unwrap();
        assert_eq!(peer.next().await.2, 1);
        peer.say(&initial_window(HIGHEST)).await;
        assert_eq!(peer.next().await.1, ACK);
        peer.serves(3).await;
    });
}

#[test]
fn more_data_than_a_window_has_room_for_is_an_error_of_what_has_it() {
    begun(async |mut peer| {
        peer.say(&post(1)).await;
        let _held = peer.request().await;
        peer.say_data(1, STREAM).await;
        let measured = peer.answers().await;
        assert!(measured.iter().all(|frame| frame.0 == PING), "{measured:?}");
        peer.say_data(1, 1).await;
        peer.resets(1, Reason::FLOW_CONTROL_ERROR).await;
        peer.serves(3).await;
    });
    begun(async |mut peer| {
        let mut held = Vec::new();
        for stream in [1, 3, 5, 7] {
            peer.say(&post(stream)).await;
            held.push(peer.request().await);
            peer.say_data(stream, STREAM).await;
        }
        peer.say(&[post(9), frame(DATA, 0, 9, b"a")].concat()).await;
        peer.ends_by(Reason::FLOW_CONTROL_ERROR).await;
    });
}

#[test]
fn what_nobody_reads_of_a_stream_that_is_reset_is_given_back_to_the_connection() {
    begun(async |mut peer| {
        for stream in [1, 3, 5] {
            peer.say(&post(stream)).await;
            peer.say_data(stream, CONNECTION / 6 + 1).await;
            let (request, responding) = peer.request().await;
            peer.answers().await;
            drop(responding);
            drop(request);
        }
        let mut frames = peer.answers().await;
        frames.retain(|frame| frame.0 == WINDOW_UPDATE && frame.2 == 0);
        assert_eq!(frames.len(), 1);
    });
}

#[test]
fn a_large_head_of_a_response_is_sent_in_pieces() {
    begun(async |mut peer| {
        peer.say(&get(1)).await;
        let (_, responding) = peer.request().await;
        let value = "b".repeat(40_000);
        let response = Response::builder().header("a", &value).body(()).unwrap();
        responding.send_whole(response).unwrap();
        let mut block = Vec::new();
        for (kind, flags) in [
            (HEADERS, END),
            (CONTINUATION, 0),
            (CONTINUATION, END_HEADERS),
        ] {
            let piece = peer.next().await;
            assert_eq!((piece.0, piece.1, piece.2), (kind, flags, 1));
            assert!(flags == END_HEADERS || piece.3.len() == LONGEST);
            block.extend(piece.3);
        }
        assert_eq!(block, head(&[0x88], "a", &value));
        peer.serves(3).await;
    });
}

#[test]
fn a_server_that_shuts_down_answers_what_was_on_its_way_and_ends() {
    with(Settings::default(), 1, async |mut peer| {
        peer.say(&get(1)).await;
        let (_, first) = peer.request().await;
        let farewell = [HIGHEST.to_be_bytes(), [0; 4]].concat();
        assert_eq!(peer.next().await, Frame(GOAWAY, 0, 0, farewell));
        let Frame(PING, 0, 0, payload) = peer.next().await else {
            panic!()
        };
        peer.say(&[get(3), frame(PING, ACK, 0, &payload), get(5)].concat())
            .await;
        let (_, second) = peer.request().await;
        let last = [3_u32.to_be_bytes(), [0; 4]].concat();
        assert_eq!(peer.answers().await, [Frame(GOAWAY, 0, 0, last)]);
        assert!(peer.arrived.is_empty());
        for (stream, responding) in [(3, second), (1, first)] {
            assert!(!peer.served.is_finished());
            responding.send_whole(Response::new(())).unwrap();
            assert_eq!(peer.next().await.2, stream);
        }
        assert_eq!(peer.read().await, None);
        assert_eq!(peer.served.await.unwrap(), Ok(()));
    });
}

#[test]
fn who_reads_no_answers_is_not_read() {
    for flood in [frame(PING, 0, 0, &[0; 8]), frame(SETTINGS, 0, 0, &[])] {
        begun(async |mut peer| {
            let many = flood.repeat(100);
            let mut sent = 0;
            let stuck = loop {
                match timeout(Duration::from_secs(1), peer.io.write_all(&many)).await {
                    Ok(written) => written.unwrap(),
                    Err(_) => break sent,
                }
                sent += many.len();
            };
            // What the pipe holds both ways, what was read, and what is to be written.
            assert!(stuck < 1024 * 1024, "{stuck}");
            assert!(!peer.served.is_finished());
        });
    }
}

#[test]
fn a_table_of_no_size_keeps_nothing() {
    for (size, kinds) in [(4096, [0x00, 0x40, 0xbe]), (0, [0; 3])] {
        begun(async |mut peer| {
            peer.say(&setting(1, size)).await;
            assert_eq!(peer.next().await.1, ACK);
            let mut told = if size == 0 {
                vec![0x20, 0x88]
            } else {
                vec![0x88]
            };
            for (at, kind) in kinds.into_iter().enumerate() {
                peer.say(&get(2 * at as u32 + 1)).await;
                let (_, responding) = peer.request().await;
                let response = Response::builder().header("x-a", "b").body(());
                responding.send_whole(response.unwrap()).unwrap();
                let block = peer.next().await.3;
                let expected = match kind {
                    0xbe => vec![0xbe],
                    first => line(first, "x-a", "b"),
                };
                assert_eq!(block, [&told[..], &expected].concat());
                told = vec![0x88];
            }
        });
    }
}
