//! What tests can do to records, and what an association makes of it.

mod pair;

use pair::{CLIENT, KEY, Pair, SERVER};
use twinproof_dtls::{Fate, Forgery, Place, Trick};

/// Sends data that a trick is done to, and `others` after it.
fn played(trick: Trick, others: u32) -> Pair {
    let mut pair = Pair::psk(b"device", KEY);
    pair.send(CLIENT, b"first");
    pair.sides[CLIENT].perform(trick);
    pair.send(CLIENT, b"second");
    for _ in 0..others {
        pair.send(CLIENT, b"other");
    }
    pair.send(CLIENT, b"last");
    pair.send(SERVER, b"still here");
    assert_eq!(pair.said[CLIENT].data, [b"still here"], "{trick:?}");
    assert_eq!(pair.said[SERVER].ended().len(), 0, "{trick:?}");
    assert_eq!(pair.said[SERVER].data.last().unwrap(), b"last", "{trick:?}");
    pair
}

fn how_often(pair: &Pair, data: &[u8]) -> usize {
    pair.said[SERVER].data.iter().filter(|d| *d == data).count()
}

#[test]
fn a_bit_that_was_flipped_costs_the_record_and_nothing_else() {
    for place in [Place::Sequence, Place::Content, Place::Tag] {
        let pair = played(Trick::Flip(place), 1);
        assert_eq!(how_often(&pair, b"second"), 0);
        let said = &pair.said[SERVER];
        assert_eq!(
            said.fates(Fate::Unauthentic) + said.fates(Fate::Replayed),
            1
        );
    }
}

#[test]
fn what_comes_twice_counts_once() {
    for after in [0, 1, 63, 64, 100] {
        let pair = played(Trick::Replay { after }, 100);
        assert_eq!(how_often(&pair, b"second"), 1, "{after}");
        assert_eq!(pair.said[SERVER].fates(Fate::Replayed), 1, "{after}");
    }
}

#[test]
fn what_comes_late_counts_within_the_window() {
    for (until, counts) in [(0, 1), (1, 1), (63, 1), (64, 0), (100, 0)] {
        let pair = played(Trick::HoldBack { until }, 100);
        assert_eq!(how_often(&pair, b"second"), counts, "{until}");
    }
}

#[test]
fn an_old_epoch_and_an_old_number_count_for_nothing() {
    let old = played(Trick::OldEpoch, 1);
    assert_eq!(how_often(&old, b"second"), 0);
    assert_eq!(old.said[SERVER].fates(Fate::OfAnotherEpoch), 1);
    let again = played(Trick::OldSequence, 1);
    assert_eq!(how_often(&again, b"second"), 1);
    assert_eq!(again.said[SERVER].fates(Fate::Replayed), 1);
}

#[test]
fn forgeries_have_the_numbers_they_are_given() {
    let mut pair = Pair::psk(b"device", KEY);
    let forgery = |epoch, sequence| Forgery {
        content_type: 23,
        epoch,
        sequence,
        plain: b"forged".to_vec(),
    };
    let to = pair::server_address();
    assert!(
        !pair.sides[CLIENT].forge(to, &forgery(1, None)),
        "there are no keys yet"
    );
    pair.send(CLIENT, b"first");
    for (epoch, sequence) in [(1, Some(40)), (2, Some(41)), (1, None), (1, Some(40))] {
        assert!(pair.sides[CLIENT].forge(to, &forgery(epoch, sequence)));
    }
    pair.settle();
    let came: Vec<_> = pair.said[SERVER].records.iter().rev().take(4).collect();
    let came: Vec<_> = came
        .iter()
        .rev()
        .map(|(_, h, f)| (h.epoch, h.sequence, f.unwrap()))
        .collect();
    // The number after the first data's: what was forged under one of its own has used up none but a nonce.
    let next = came[2].1;
    assert_eq!(
        came,
        [
            (1, 40, Fate::Taken),
            (2, 41, Fate::OfAnotherEpoch),
            (1, next, Fate::Taken),
            (1, 40, Fate::Replayed),
        ]
    );
    assert_eq!(how_often(&pair, b"forged"), 2);
}
