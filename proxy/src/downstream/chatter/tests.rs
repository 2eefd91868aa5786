//! What a well-behaved client says is let be, whatever it is; a flood ends, in whatever pieces it comes.

use proptest::prelude::*;

use super::*;

const WINDOW_UPDATE: u8 = 8;

fn frame(kind: u8, flags: u8, length: usize) -> Vec<u8> {
    let mut bytes = (length as u32).to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags, 0, 0, 0, 1]);
    bytes.resize(HEAD + length, 0);
    bytes
}

/// After its preface.
fn begun() -> Chatter {
    let mut chatter = Chatter::new(0);
    chatter.hear(&[0; PREFACE], 0).unwrap();
    chatter
}

/// How many of them are let pass.
fn passes(chatter: &mut Chatter, frame: &[u8], now: u64) -> u32 {
    (0..MOST)
        .find(|_| chatter.hear(frame, now).is_err())
        .unwrap()
}

#[test]
fn a_flood_ends_after_a_burst_and_sooner_if_it_is_answered() {
    for (kind, flags, length, most) in [
        (PING, 0, 8, BURST / ANSWERED),
        (SETTINGS, 0, 0, BURST / ANSWERED),
        (PING, FLAG, 8, BURST),
        (WINDOW_UPDATE, 0, 4, BURST),
        (DATA, 0, 0, BURST),
        // Of no kind that there is.
        (77, 0, 5, BURST),
    ] {
        assert_eq!(passes(&mut begun(), &frame(kind, flags, length), 0), most);
    }
}

#[test]
fn time_brings_back_a_burst_and_no_more() {
    let mut chatter = begun();
    let mut after = |now| {
        chatter.pass(now);
        std::mem::take(&mut chatter.allowance)
    };
    assert_eq!(after(0), BURST);
    assert_eq!(after(MICROS), A_SECOND as u32);
    assert_eq!(after(3600 * MICROS), BURST);
    // However often it is asked, in however short a time.
    let in_steps = (1..=1_000).map(|step| after(3600 * MICROS + step * 1_000));
    assert_eq!(in_steps.sum::<u32>(), A_SECOND as u32);
}

#[test]
fn what_is_sent_pays_for_windows_and_pings_of_the_shortest_messages() {
    let mut chatter = begun();
    let (update, ping) = (frame(WINDOW_UPDATE, 0, 4), frame(PING, 0, 8));
    for _ in 0..100_000 {
        // A message of 20 bytes in a DATA frame, and the answer to the PING.
        chatter.sent(HEAD + 20);
        chatter.sent(HEAD + 8);
        chatter.hear(&update, 0).unwrap();
        chatter.hear(&update, 0).unwrap();
        chatter.hear(&ping, 0).unwrap();
    }
}

#[test]
fn a_large_download_pays_for_all_its_windows_at_once() {
    let mut chatter = begun();
    for _ in 0..256 {
        chatter.sent(16 << 10);
    }
    assert!(passes(&mut chatter, &frame(WINDOW_UPDATE, 0, 4), 0) > 2 * 256);
}

#[test]
fn the_answers_to_pings_do_not_pay_for_them() {
    let mut chatter = begun();
    let ping = frame(PING, 0, 8);
    let answered = (0..10 * BURST).find(|_| {
        chatter.sent(HEAD + 8);
        chatter.hear(&ping, 0).is_err()
    });
    assert!(answered.is_some_and(|answered| answered <= 2 * BURST));
}

#[test]
fn requests_and_bodies_cost_nothing() {
    let mut chatter = begun();
    for _ in 0..100_000 {
        chatter.hear(&frame(HEADERS, 5, 50), 0).unwrap();
        chatter.hear(&frame(DATA, 0, 1), 0).unwrap();
        chatter.hear(&frame(DATA, FLAG, 0), 0).unwrap();
    }
}

proptest! {
    #[test]
    fn in_whatever_pieces_it_comes_the_same_is_too_much(
        frames in prop::collection::vec((0u8..10, 0u8..2, 0usize..40), 0..200),
        pieces in prop::collection::vec(1usize..60, 1..20),
    ) {
        let mut bytes = vec![0; PREFACE];
        for (kind, flags, length) in frames {
            bytes.extend(frame(kind, flags, length));
        }
        let (mut whole, mut pieced) = (Chatter::new(0), Chatter::new(0));
        let expected = whole.hear(&bytes, 0);
        let mut rest = &bytes[..];
        let mut outcome = Ok(());
        for length in pieces.iter().cycle() {
            if rest.is_empty() || outcome.is_err() {
                break;
            }
            let (piece, after) = rest.split_at((*length).min(rest.len()));
            outcome = pieced.hear(piece, 0);
            rest = after;
        }
        prop_assert_eq!(outcome, expected);
        prop_assert_eq!(pieced.allowance, whole.allowance);
    }
}
