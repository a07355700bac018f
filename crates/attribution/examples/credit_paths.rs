//! Credits channels with the journeys of a CSV file, on several threads, and says how long it took.
//!
//! `credit_paths FILE [THREADS]`: lines of `path,conversions,value,nulls` under a header, the path
//! as names between `>`.
#![allow(clippy::print_stdout, reason = "a program, not the library")]

use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::time::Instant;

use attribution::{Heuristic, JourneyBuilder, Model, PathPolicy, credit};

type Failure = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().ok_or("which file?")?;
    let threads: u64 = arguments.next().map_or(Ok(2), |threads| threads.parse())?;

    let begin = Instant::now();
    let size = File::open(&file)?.metadata()?.len();
    let part = |thread: u64| size * thread / threads;
    let builders = std::thread::scope(|scope| {
        let read = |thread| read(&file, part(thread), part(thread + 1));
        let readers: Vec<_> = (0..threads)
            .map(|thread| scope.spawn(move || read(thread)))
            .collect();
        let joined = readers.into_iter().map(|reader| match reader.join() {
            Ok(builder) => builder,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        joined.collect::<Result<Vec<_>, _>>()
    })?;
    let read = begin.elapsed();
    let mut builders = builders.into_iter();
    let mut builder = builders.next().ok_or("no threads")?;
    for other in builders {
        builder.merge(other)?;
    }
    let merged = begin.elapsed();
    let table = builder.finish();
    let finished = begin.elapsed();

    let models = [
        ("first", Model::Heuristic(Heuristic::First)),
        ("last", Model::Heuristic(Heuristic::Last)),
        ("linear", Model::Heuristic(Heuristic::Linear)),
        ("position", Model::Heuristic(Heuristic::U)),
        ("w", Model::Heuristic(Heuristic::W)),
        ("decay", Model::Heuristic(Heuristic::PositionDecay)),
        ("shapley", Model::ShapleyOfSubsets),
        ("markov", Model::Markov { order: 1 }),
    ];
    let (names, models): (Vec<_>, Vec<_>) = models.into_iter().unzip();
    let credits = credit(&table, &models)?;
    let credited = begin.elapsed();

    println!("channel\t{}", names.join("\t"));
    for (channel, name) in table.channels().iter().enumerate() {
        let row = credits
            .iter()
            .map(|model| format!("{:.4}", model.conversions[channel]));
        println!("{name}\t{}", row.collect::<Vec<_>>().join("\t"));
    }
    let (journeys, paths) = (table.journeys(), table.len());
    println!("{journeys} journeys on {paths} distinct paths");
    println!(
        "read {read:.2?}, merged {merged:.2?}, sorted {finished:.2?}, credited {credited:.2?}"
    );
    Ok(())
}

/// Reads the lines that begin after `from` and not after `to`; the header is one that begins at 0.
fn read(file: &str, from: u64, to: u64) -> Result<JourneyBuilder, Failure> {
    let mut builder = JourneyBuilder::new(PathPolicy::default());
    let mut reader = BufReader::with_capacity(1 << 20, File::open(file)?);
    reader.seek(SeekFrom::Start(from))?;
    let mut line = String::new();
    let mut place = from + reader.read_line(&mut line)? as u64;
    while place <= to {
        line.clear();
        match reader.read_line(&mut line)? {
            0 => break,
            length => place += length as u64,
        }
        let mut fields = line.trim_end().split(',');
        let mut field = || fields.next().ok_or("a line has fewer than four fields");
        let (path, conversions, value, nulls) = (field()?, field()?, field()?, field()?);
        builder.add_text(
            path,
            '>',
            conversions.parse()?,
            value.parse()?,
            nulls.parse()?,
        )?;
    }
    Ok(builder)
}
