//! Blind mutation of a corpus: far weaker than coverage guidance, but it runs everywhere, in every test run.

use std::{fs, path::Path};

/// Feeds `target` each file of `corpus` and `count` mutations of them. A panic tells the seed; `OUTRIGGER_TESTS_SEED` sets it.
pub fn mutations(corpus: &Path, count: usize, target: impl Fn(&[u8])) {
    let mut seeds: Vec<Vec<u8>> = Vec::new();
    for entry in
        fs::read_dir(corpus).unwrap_or_else(|error| panic!("{}: {error}", corpus.display()))
    {
        seeds.push(fs::read(entry.unwrap().path()).unwrap());
    }
    assert!(!seeds.is_empty(), "{} is empty", corpus.display());
    // The order of a directory is the file system's; a seed must mean the same everywhere.
    seeds.sort();
    seeds.iter().for_each(|bytes| target(bytes));

    let seed = std::env::var("OUTRIGGER_TESTS_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("OUTRIGGER_TESTS_SEED={seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    for _ in 0..count {
        let mut bytes = seeds[rng.usize(..seeds.len())].clone();
        for _ in 0..rng.usize(1..6) {
            mutate(&mut bytes, &seeds, &mut rng);
        }
        target(&bytes);
    }
}

fn mutate(bytes: &mut Vec<u8>, seeds: &[Vec<u8>], rng: &mut fastrand::Rng) {
    let at = rng.usize(..=bytes.len());
    let end = (at + rng.usize(1..16)).min(bytes.len());
    match rng.u8(..5) {
        0 if at < bytes.len() => bytes[at] ^= 1 << rng.u8(..8),
        1 => bytes.insert(at, rng.u8(..)),
        2 => _ = bytes.drain(at..end),
        3 => {
            let again = bytes[at..end].to_vec();
            bytes.splice(at..at, again);
        }
        _ => {
            let other = &seeds[rng.usize(..seeds.len())];
            let from = rng.usize(..=other.len());
            let until = (from + rng.usize(1..32)).min(other.len());
            bytes.splice(at..at, other[from..until].iter().copied());
        }
    }
}
