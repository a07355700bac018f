//! What choosing a version by segment is worth, learned on one half of the customers and measured on the other.

use stats::Sample;
use stats::personalizing::value_of_personalizing;

use super::common::{Random, assert_rate};

/// Two halves of 200 customers a cell, with a standard deviation of 1.
fn halves(random: &mut Random, means: &[Vec<f64>]) -> Vec<Vec<[Sample; 2]>> {
    let mut half = |mean: f64| Sample {
        n: 200,
        mean: mean + random.normal() / 200f64.sqrt(),
        variance: 1.0,
    };
    means
        .iter()
        .map(|row| row.iter().map(|mean| [half(*mean), half(*mean)]).collect())
        .collect()
}

#[test]
fn choosing_by_segment_is_worth_nothing_where_versions_are_alike() {
    let mut random = Random(9);
    const ROUNDS: usize = 300;
    let (mut value, mut naive) = (0.0, 0.0);
    for _ in 0..ROUNDS {
        let cells = halves(&mut random, &vec![vec![1.0; 3]; 4]);
        let found = value_of_personalizing(&cells, 0.05).unwrap();
        value += found.value.map_or(0.0, |value| value.estimate) / ROUNDS as f64;
        naive += found.naive / ROUNDS as f64;
    }
    assert!(value.abs() < 0.01 && naive > 0.015, "{value} {naive}");
    // Every segment has a favourite by one: 1 - 1/2 of it with a common choice.
    let favourites: Vec<Vec<f64>> = (0..4)
        .map(|segment| vec![f64::from(1 - segment % 2), f64::from(segment % 2), 0.0])
        .collect();
    let cells = halves(&mut random, &favourites);
    let found = value_of_personalizing(&cells, 0.05).unwrap();
    let value = found.value.unwrap();
    assert!(value.low < 0.5 && 0.5 < value.high);
    assert_eq!(found.best_by_segment, [0, 1, 0, 1]);
    assert!(value_of_personalizing(&[], 0.05).is_err());
    // One version is by far the best in every segment: no difference was measured.
    let one = vec![vec![5.0, 0.0, 0.0]; 4];
    let found = value_of_personalizing(&halves(&mut random, &one), 0.05).unwrap();
    assert_eq!((found.value, found.naive, found.best), (None, 0.0, 0));
}

/// The truth is what the choices of each half are worth, which is known here: the mean of both. The larger variance
/// of the two ways would hold it in 98 to 99.5 % of cases, and that of independent ways in 86 to 93 %.
#[test]
fn intervals_of_choices_by_segment_hold_what_they_are_worth() {
    let mut random = Random(12);
    let se = 1.0 / 200f64.sqrt();
    for (segments, versions, spread) in [
        (2, 2, 0.0),
        (8, 2, 0.0),
        (40, 2, 0.0),
        (4, 3, 0.0),
        (4, 2, 1.0),
        (8, 4, 1.0),
        (8, 2, 4.0),
    ] {
        let (mut inside, mut seen) = (0, 0);
        for _ in 0..1_500 {
            let means: Vec<Vec<f64>> = (0..segments)
                .map(|_| {
                    (0..versions)
                        .map(|_| spread * se * random.normal())
                        .collect()
                })
                .collect();
            let cells = halves(&mut random, &means);
            let Some(value) = value_of_personalizing(&cells, 0.05).unwrap().value else {
                continue;
            };
            let truth = 0.5 * (worth(&cells, 0, &means) + worth(&cells, 1, &means));
            seen += 1;
            inside += u64::from(value.low <= truth && truth <= value.high);
        }
        let what = format!("{segments} segments, {versions} versions, spread {spread}");
        println!(
            "{what}: {:.1} % of {seen}",
            100.0 * inside as f64 / seen as f64
        );
        assert_rate(&what, inside, seen, 0.945, 0.98);
    }
}

/// What choices by the means of one half are truly worth, segments being of equal size.
fn worth(cells: &[Vec<[Sample; 2]>], half: usize, truth: &[Vec<f64>]) -> f64 {
    let versions = truth[0].len();
    let largest = |of: &dyn Fn(usize) -> f64| {
        let better = |best: usize, place: usize| if of(place) > of(best) { place } else { best };
        (0..versions).fold(0, better)
    };
    let best = largest(&|version| cells.iter().map(|row| row[version][half].mean).sum());
    let gains = cells
        .iter()
        .zip(truth)
        .map(|(row, truth)| truth[largest(&|version| row[version][half].mean)] - truth[best]);
    gains.sum::<f64>() / cells.len() as f64
}
