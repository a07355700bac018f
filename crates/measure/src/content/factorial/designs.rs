//! What designs of the same factors could say.

use attribution::factorial::Factorial;
use catalog::{Experiment, Factors};
use stats::fraction::{Components, Fraction, MOST_COMPONENTS, MOST_RUNS};
use stats::tail;

use super::cells::Design;
use super::finding::{Aliases, DesignOfCells, DesignOption, DetectableEffects};

/// Factors of an effect in a list of aliases, at most.
const MOST_TOGETHER: u32 = 2;

/// The name of an effect: its factors, with a cross between.
fn name(factors: &[&str], effect: u32) -> String {
    let on = (0..factors.len()).filter(|place| effect >> place & 1 == 1);
    let names: Vec<&str> = on.map(|place| factors[place]).collect();
    names.join(" × ")
}

/// Which combinations were run.
pub(super) fn of_cells(design: &Design) -> DesignOfCells {
    let cells = design.cells();
    let full = cells.is_full();
    let fraction = design.factorial().filter(|_| !full);
    DesignOfCells {
        run: cells.run().len() as u64,
        of: cells.grid().cells() as u64,
        assumed: (!full).then(|| cells.largest_interaction()),
        regular: fraction.map(Factorial::is_regular),
        resolution: fraction
            .filter(|f| f.is_regular())
            .and_then(Factorial::resolution),
        aliases: fraction.map(aliases_of).unwrap_or_default(),
    }
}

/// The effects of one and two factors that a fraction does not tell apart, each set of them once.
fn aliases_of(factorial: &Factorial) -> Vec<Aliases> {
    let short = |effect: &u32| (1..=MOST_TOGETHER).contains(&effect.count_ones());
    let mut effects: Vec<u32> = (1..=factorial.full_set()).filter(short).collect();
    effects.sort_by_key(|effect| (effect.count_ones(), *effect));
    let row = |effect: u32| {
        let aliases: Vec<u32> = factorial
            .aliases(effect)
            .into_iter()
            .filter(short)
            .collect();
        let first = aliases
            .iter()
            .all(|alias| (effect.count_ones(), effect) < (alias.count_ones(), *alias));
        (first && !aliases.is_empty()).then(|| Aliases {
            effect: factorial.name(effect),
            aliases: aliases
                .into_iter()
                .map(|alias| factorial.name(alias))
                .collect(),
        })
    };
    effects.into_iter().filter_map(row).collect()
}

/// All combinations and their regular fractions of minimum aberration; none where a factor has more than two levels.
pub(super) fn options(
    experiment: &Experiment,
    factors: &Factors<'_>,
    design: Option<&Design>,
    baseline: Option<f64>,
) -> Vec<DesignOption> {
    let count = factors.names.len();
    let two_levels = factors.levels.iter().all(|levels| levels.len() == 2);
    if !two_levels || count > MOST_COMPONENTS {
        return Vec::new();
    }
    let runs = (0..=count).map(|base| 1_usize << base);
    let fractions = runs
        .filter(|runs| *runs <= MOST_RUNS)
        .filter_map(|runs| Fraction::of_minimum_aberration(count, runs).ok());
    fractions
        .map(|fraction| DesignOption {
            runs: fraction.runs().len() as u64,
            of: 1 << count,
            present: fraction.runs().len() == factors.cells.len(),
            resolution: fraction.resolution(),
            aliases: aliases(&fraction, &factors.names),
            combinations: fraction
                .runs()
                .iter()
                .map(|run| combination(*run, factors))
                .collect(),
            detectable: design
                .and_then(|design| detectable(experiment, design, fraction.runs().len(), baseline)),
        })
        .collect()
}

fn aliases(fraction: &Fraction, factors: &[&str]) -> Vec<Aliases> {
    let row = |(effect, aliases): (Components, Vec<Components>)| {
        let order = |effect: Components| (effect.count_ones(), effect);
        let first = aliases.iter().all(|alias| order(effect) < order(*alias));
        (first && !aliases.is_empty()).then(|| Aliases {
            effect: name(factors, effect),
            aliases: aliases.iter().map(|alias| name(factors, *alias)).collect(),
        })
    };
    fraction
        .alias_table(MOST_TOGETHER)
        .into_iter()
        .filter_map(row)
        .collect()
}

fn combination(run: Components, factors: &Factors<'_>) -> Vec<String> {
    let level =
        |(place, levels): (usize, &Vec<String>)| levels[usize::from(run >> place & 1 == 1)].clone();
    factors.levels.iter().enumerate().map(level).collect()
}

/// With customers shared equally among so many combinations, N in all, and the variance σ² within them: standard errors
/// are 2σ/√N of a main effect, 4σ/√N of an interaction of two factors and σ√(2·runs/N) of one combination against
/// another; a fraction takes nothing from the first two. The effects found are (z(1 − α/2) + z(power)) times that.
fn detectable(
    experiment: &Experiment,
    design: &Design,
    runs: usize,
    baseline: Option<f64>,
) -> Option<DetectableEffects> {
    let run = design.cells().run();
    let (customers, squares) = run
        .iter()
        .fold((0, 0.0), |(customers, squares), (_, sample)| {
            (
                customers + sample.n,
                squares + sample.variance * (sample.n - 1) as f64,
            )
        });
    let within = squares / (customers as f64 - run.len() as f64);
    if !(within > 0.0 && within.is_finite()) {
        return None;
    }
    let plan = experiment.plan.clone().unwrap_or_default();
    let quantiles =
        tail::normal_quantile(1.0 - 0.5 * experiment.alpha) + tail::normal_quantile(plan.power);
    let n = customers as f64;
    let of = |squared: f64| quantiles * (squared * within / n).sqrt();
    let wanted = plan
        .minimum_effect
        .zip(baseline)
        .map(|(share, mean)| (share * mean).abs());
    let needed = |squared: f64| {
        let wanted = wanted.filter(|wanted| *wanted > 0.0)?;
        Some((squared * within * (quantiles / wanted).powi(2)).ceil() as u64)
    };
    Some(DetectableEffects {
        customers,
        power: plan.power,
        main: of(4.0),
        interaction: of(16.0),
        alone: of(2.0 * runs as f64),
        customers_for_main: needed(4.0),
        customers_for_interaction: needed(16.0),
    })
}
