//! A bounded run of every fuzz target: its seeds, and changes of them that are the same in every run.

#![allow(clippy::print_stderr, reason = "a failing test prints its input")]

mod seeds;

use std::path::Path;

/// A small generator of numbers, the same in every run.
struct Random(u64);

impl Random {
    /// Returns a number below `end`, which is not zero.
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % end
    }
}

/// Pieces that change the meaning of what is around them.
const PIECES: [&[u8]; 16] = [
    b"\0",
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b"\n",
    b"\x1b[2J",
    b"\xc2\x9b",
    b"\xe2\x80\xae",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    b"18446744073709551616",
    b"-1e400",
    b"\\ud800",
];

/// Returns one of the seeds with a few changes.
fn changed(seeds: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut bytes = seeds[random.below(seeds.len())].clone();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len() + 1);
        let end = at + random.below((bytes.len() - at).min(64) + 1);
        match random.below(6) {
            0 if at < bytes.len() => bytes[at] = random.below(256) as u8,
            1 => drop(bytes.splice(at..end, [])),
            2 => drop(bytes.splice(at..at, PIECES[random.below(PIECES.len())].iter().copied())),
            3 => bytes.extend_from_within(at..end),
            4 => bytes.truncate(at),
            _ => {
                let other = &seeds[random.below(seeds.len())];
                bytes.truncate(at);
                bytes.extend(&other[random.below(other.len() + 1)..]);
            }
        }
    }
    bytes
}

/// How much longer each run is than usual: for long runs without a nightly toolchain.
const TIMES: &str = "AGNO_TOP_FUZZ_TIMES";

/// Runs a target with its seeds and so many changes of them. The input of a failure is printed.
fn run(target: fn(&[u8]), seeds: &[Vec<u8>], changes: usize) {
    struct Shown<'a>(&'a [u8]);
    impl Drop for Shown<'_> {
        fn drop(&mut self) {
            if std::thread::panicking() {
                eprintln!("input: {}", self.0.escape_ascii());
            }
        }
    }
    assert!(!seeds.is_empty());
    let changes = changes * std::env::var(TIMES).map_or(1, |times| times.parse::<usize>().unwrap());
    let mut random = Random(0x5eed);
    let inputs = seeds.iter().cloned().chain(std::iter::once_with(Vec::new)).collect::<Vec<_>>();
    for input in inputs.into_iter().chain((0..changes).map(|_| changed(seeds, &mut random))) {
        let shown = Shown(&input);
        target(shown.0);
    }
}

#[test]
fn otlp() {
    run(super::otlp, &seeds::otlp(), 3_000);
}

#[test]
fn file() {
    run(super::file, &seeds::file(), 4_000);
}

#[test]
fn row() {
    run(super::row, &seeds::row(), 10_000);
}

#[test]
fn clickhouse() {
    run(super::clickhouse, &seeds::clickhouse(), 5_000);
}

#[test]
fn agentos() {
    run(super::agentos, &seeds::agentos(), 4_000);
}

#[test]
fn configuration() {
    run(super::configuration, &seeds::configuration(), 200);
}

#[test]
fn filter() {
    run(super::filter, &seeds::filter(), 10_000);
}

#[test]
fn views() {
    run(super::views, &seeds::views(), 12);
}

#[test]
fn every_view_tab_and_window_is_drawn() {
    let drawn = super::views::walk(&seeds::views()[0]);
    let views = crate::tui::app::View::ALL.map(|(_, name)| name);
    let tabs = crate::tui::app::Tab::ALL.map(|(_, name)| name);
    let left_out: Vec<_> = views.iter().chain(&tabs).chain(&super::views::WINDOWS).filter(|name| !drawn.contains(*name)).collect();
    assert!(left_out.is_empty(), "{left_out:?}");
}

#[test]
#[ignore = "writes the seeds to fuzz/corpus, for cargo fuzz"]
fn write_seeds() {
    let corpora = [
        ("otlp", seeds::otlp()),
        ("file", seeds::file()),
        ("row", seeds::row()),
        ("clickhouse", seeds::clickhouse()),
        ("agentos", seeds::agentos()),
        ("configuration", seeds::configuration()),
        ("filter", seeds::filter()),
        ("views", seeds::views()),
    ];
    for (target, seeds) in corpora {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
        std::fs::create_dir_all(&folder).unwrap();
        for (number, seed) in seeds.iter().enumerate() {
            std::fs::write(folder.join(format!("seed-{number:03}")), seed).unwrap();
        }
    }
}
