//! What all benchmarks here share: batches timed by turns, allocations counted, a table printed.
//!
//! The rule: ours and the peers' work on the same bytes, in the same run, by turns, so that
//! whatever else the machine does hits all alike; the best batch counts. Behind `--` a benchmark takes
//!
//! - a word: only lines with that word;
//! - `--rounds N`: run ours N times and time nothing, for `valgrind --tool=callgrind`;
//! - a directory: messages to be read besides our own.

use std::hint::black_box;
use std::path::PathBuf;
use std::time::Instant;

/// Work that is done so many times in a row.
pub struct Task<'a>(Box<dyn FnMut(usize) + 'a>);

impl<'a> Task<'a> {
    /// Work on `input`, which must succeed: or we would time the error path.
    pub fn new(input: &'a [u8], mut run: impl FnMut(&'a [u8]) -> bool + 'a) -> Self {
        assert!(run(input), "{} is not read", input.get(..80).unwrap_or(input).escape_ascii());
        Self(Box::new(move |rounds| {
            for _ in 0..rounds {
                black_box(run(black_box(input)));
            }
        }))
    }

    /// Work on each of `inputs` in turn.
    pub fn on_all<T>(inputs: &'a [T], mut run: impl FnMut(&'a [u8]) -> bool + 'a) -> Self
    where
        T: AsRef<[u8]>,
    {
        for input in inputs {
            let input = input.as_ref();
            assert!(run(input), "{} is not read", input.get(..80).unwrap_or(input).escape_ascii());
        }
        Self(Box::new(move |rounds| {
            for _ in 0..rounds {
                for input in inputs {
                    black_box(run(black_box(input.as_ref())));
                }
            }
        }))
    }

    fn allocations(&mut self) -> u64 {
        allocation_counter::measure(|| (self.0)(1)).count_total
    }

    #[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
    fn seconds(&mut self, rounds: usize) -> f64 {
        let start = Instant::now();
        (self.0)(rounds);
        start.elapsed().as_secs_f64()
    }
}

/// What was asked for on the command line.
#[derive(Default)]
pub struct Asked {
    only: Option<String>,
    rounds: Option<usize>,
    /// Where more messages are.
    pub directory: Option<PathBuf>,
}

impl Asked {
    /// The arguments of this process.
    pub fn from_args() -> Self {
        let mut asked = Self::default();
        let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--rounds" => asked.rounds = args.next().and_then(|rounds| rounds.parse().ok()),
                path if PathBuf::from(path).is_dir() => asked.directory = Some(path.into()),
                word => asked.only = Some(word.to_owned()),
            }
        }
        asked
    }
}

/// Lines that are measured in the same way, beside the same peers.
pub struct Table<'a> {
    asked: &'a Asked,
    /// What is timed, told above the first line.
    about: Option<&'a str>,
    peers: &'a [&'a str],
}

/// Seconds of one run, and allocations.
#[derive(Clone, Copy)]
struct Cost {
    seconds: f64,
    allocations: f64,
}

impl<'a> Table<'a> {
    /// `about` says what is timed.
    pub fn new(asked: &'a Asked, about: &'a str, peers: &'a [&'a str]) -> Self {
        Self { asked, about: Some(about), peers }
    }

    /// A line: `input` read by us and, in the order of their names, by those peers that can.
    pub fn line(&mut self, name: &str, bytes: usize, ours: Task<'_>, peers: Vec<Option<Task<'_>>>) {
        self.mean(name, bytes, 1, ours, peers);
    }

    /// A line with the mean of `count` things that one run does on `bytes` in all.
    pub fn mean(
        &mut self,
        name: &str,
        bytes: usize,
        count: usize,
        mut ours: Task<'_>,
        peers: Vec<Option<Task<'_>>>,
    ) {
        if self.asked.only.as_ref().is_some_and(|only| !name.contains(only)) {
            return;
        }
        if let Some(rounds) = self.asked.rounds {
            return (ours.0)(rounds);
        }
        self.heading();
        let costs = measure(std::iter::once(Some(ours)).chain(peers).collect(), count);
        let (bytes, ours) = (bytes / count, costs[0].map_or(0.0, |cost| cost.seconds));
        print!("{name:<30}{bytes:>9} |");
        for (place, cost) in costs.iter().enumerate() {
            let Some(Cost { seconds, allocations }) = cost else {
                print!("{:>10} {:>7} {:>7} |", "-", "", "");
                continue;
            };
            print!("{:>10} {:>7} ", time(*seconds), count_of(*allocations));
            if place > 0 {
                print!("{:>6.1}x |", seconds / ours);
            } else if bytes > 0 {
                print!("{:>7.0} |", bytes as f64 / seconds / 1e6);
            } else {
                print!("{:>7} |", "");
            }
        }
        println!();
    }

    fn heading(&mut self) {
        let Some(about) = self.about.take() else { return };
        println!("\n{about}\n");
        print!("{:<39} |{:>26} |", "", "sora");
        for peer in self.peers {
            print!("{peer:>26} |");
        }
        print!("\n{:<30}{:>9} |{:>10} {:>7} {:>7} |", "", "bytes", "time", "allocs", "MB/s");
        for _ in self.peers {
            print!("{:>10} {:>7} {:>7} |", "time", "allocs", "times");
        }
        println!("\n{}", "-".repeat(68 + 28 * self.peers.len()));
    }
}

/// The best of many batches for each task, taken by turns.
fn measure(mut tasks: Vec<Option<Task<'_>>>, count: usize) -> Vec<Option<Cost>> {
    const BATCHES: usize = 60;
    const BATCH_SECONDS: f64 = 0.000_3;
    let mut best = vec![f64::MAX; tasks.len()];
    let mut spent = vec![0.0; tasks.len()];
    for _ in 0..BATCHES {
        for (place, task) in tasks.iter_mut().enumerate() {
            // Of what takes long, fewer batches do.
            let Some(task) = task.as_mut().filter(|_| spent[place] < 1.0) else { continue };
            let rounds = (BATCH_SECONDS / best[place].min(BATCH_SECONDS)).clamp(1.0, 1e6);
            let seconds = task.seconds(rounds as usize);
            spent[place] += seconds;
            best[place] = best[place].min(seconds / rounds.floor());
        }
    }
    let costs = tasks.iter_mut().zip(best).map(|(task, best)| {
        let allocations = task.as_mut()?.allocations() as f64 / count as f64;
        Some(Cost { seconds: best / count as f64, allocations })
    });
    costs.collect()
}

fn time(seconds: f64) -> String {
    let ns = seconds * 1e9;
    match ns {
        ..1e4 => format!("{ns:.1} ns"),
        ..1e7 => format!("{:.1} us", ns / 1e3),
        _ => format!("{:.1} ms", ns / 1e6),
    }
}

/// Whole numbers as such, means with a decimal.
fn count_of(number: f64) -> String {
    if number.fract() == 0.0 { format!("{number}") } else { format!("{number:.1}") }
}
