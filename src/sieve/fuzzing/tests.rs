//! Seeds, and the committed corpus of the fuzz target.

use std::path::Path;

use super::*;

#[test]
fn generated() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let play = |seed, shown| {
        let mut random = Choices::of_seed(seed);
        Played::made_of(&mut random).play(random, shown);
    };
    if let Some(seed) = number("SIEVE_SEED") {
        return play(seed, Shown::Everything);
    }
    for seed in 0..number("SIEVE_SEEDS").unwrap_or(1_000) {
        let played = std::panic::catch_unwind(|| play(seed, Shown::Nothing));
        assert!(played.is_ok(), "SIEVE_SEED={seed}");
    }
}

/// It holds every crash that was ever found.
#[test]
fn corpus() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/sieve_interpreter");
    let mut inputs: Vec<_> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    inputs.sort();
    assert!(!inputs.is_empty());
    for input in inputs {
        println!("{}", input.display());
        let bytes = std::fs::read(&input).unwrap();
        // Cut and changed a little, they are new inputs.
        for part in [&bytes[..], &bytes[..bytes.len() / 2], &bytes[bytes.len() / 3..]] {
            interpreter(part);
        }
    }
}

/// A text is played, not only read: what is in it is done.
#[test]
fn texts_and_choices() {
    let dropped = b"\x01require \"include\"; include \"x\";\0discard;\0\0Subject: x\r\n\r\n";
    for input in [&b""[..], b"\0", b"\x01", b"\x01\0\0", b"\x02abc", dropped] {
        interpreter(input);
    }
    let choices = |bytes: &[u8]| {
        let mut choices = Choices::of_bytes(bytes);
        [choices.below(300), choices.below(10), choices.below(0)]
    };
    assert_eq!(choices(&[1, 2, 13, 7]), [258, 3, 0]);
    assert_ne!(choices(&[1, 2, 14, 7]), choices(&[1, 2, 13, 7]));
}
