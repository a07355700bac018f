//! What a treatment adds to lifetime value, beyond one number: whether it fades, a second opinion from earlier customers,
//! adjustment for what was known before, and a comparison where nobody was randomized. Simulated companies whose truth is
//! known.

use std::fmt::Write as _;
use std::path::Path;

use catalog::{Catalog, LoadError};
use lake::Lake;
use measure::Reason;
use measure::audience::lifetime::{
    FadingFinding, IncrementalArm, LifetimeFinding, RolloutFinding, Supposed,
};
use measure::audience::{Says, lifetime};
use stats::random::SplitMix64;
use tempfile::TempDir;

const SETTINGS: &str = "name: Test\nmargin: 0.5\ndiscount_rate: 0.1\n";
const SOURCES: &str = "{ kind: source, name: rows, path: rows.csv, types: { id: VARCHAR, day: DATE } }\n---\n\
    { kind: fact, name: purchases, source: rows, customer: id, time: day }\n---\n\
    { kind: source, name: known, path: known.csv, types: { id: VARCHAR, since: DATE } }\n---\n\
    { kind: source, name: assigned, path: assigned.csv, types: { id: VARCHAR, at: DATE } }\n---\n\
    { kind: metric, name: revenue, fact: purchases, aggregate: sum, value: amount, unit: money }\n---\n";
const EXPERIMENT: &str = "kind: experiment\nname: welcome\n\
    assignment: { source: assigned, customer: id, arm: arm, time: at }\n\
    arms:\n- { name: old, role: generic }\n- { name: new, role: personalized }\nmetrics: { primary: revenue }\n---\n";
/// Two years from 2022-01-01 on.
const END: f64 = 730.0;

fn date(day: f64) -> jiff::civil::Date {
    let first = jiff::civil::date(2022, 1, 1);
    let days = jiff::Span::new().days(day.floor() as i64);
    first.checked_add(days).unwrap()
}

/// Three files as they are written.
struct Company {
    random: SplitMix64,
    rows: String,
    assigned: String,
    known: String,
    customers: u32,
}

/// A customer who buys and leaves.
struct Life {
    begin: f64,
    /// Purchases a day, and how long the customer stays.
    rate: f64,
    life: f64,
    /// Mean of an order.
    order: f64,
}

impl Company {
    fn new(seed: u64) -> Self {
        Self {
            random: SplitMix64::new(seed),
            rows: "id,day,amount\n".to_owned(),
            assigned: "id,arm,at\n".to_owned(),
            known: "id,since,region\n".to_owned(),
            customers: 0,
        }
    }

    fn exponential(&mut self, rate: f64) -> f64 {
        -self.random.uniform().ln() / rate
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.random.uniform()
    }

    /// Gamma(2) rates around one purchase in 25 days, Gamma(2) hazards around a life of `days`.
    fn life(&mut self, begin: f64, days: f64) -> Life {
        let mut spread = || 0.5 * (self.exponential(1.0) + self.exponential(1.0));
        let (rate, hazard) = (spread() / 25.0, spread() / days);
        Life {
            begin,
            rate,
            life: self.exponential(hazard),
            order: 20.0 * self.between(0.5, 1.5),
        }
    }

    /// Writes the purchases of a life. At a time since the beginning the rate is multiplied by `factor`, which is at most
    /// 2; `amount` gives what an order of a size on a day brings.
    fn live(
        &mut self,
        life: &Life,
        factor: impl Fn(f64) -> f64,
        mut amount: impl FnMut(f64, f64) -> f64,
    ) -> u32 {
        let id = self.customers;
        self.customers += 1;
        let mut time = 0.0;
        while time < life.life && life.begin + time < END {
            if time == 0.0 || 2.0 * self.random.uniform() < factor(time) {
                let size = life.order * self.between(0.5, 1.5);
                let day = life.begin + time;
                let brought = amount(day, size);
                writeln!(self.rows, "{id},{},{brought:.2}", date(day)).unwrap();
            }
            time += self.exponential(2.0 * life.rate);
        }
        id
    }

    fn assign(&mut self, id: u32, treated: bool, day: f64) {
        let arm = if treated { "new" } else { "old" };
        writeln!(self.assigned, "{id},{arm},{}", date(day)).unwrap();
    }

    fn measured(&self, keys: &str) -> LifetimeFinding {
        self.measured_by(&format!("{SOURCES}{EXPERIMENT}"), keys)
    }

    fn measured_by(&self, documents: &str, keys: &str) -> LifetimeFinding {
        let folder = TempDir::new().unwrap();
        let files = [
            ("rows.csv", &self.rows),
            ("assigned.csv", &self.assigned),
            ("known.csv", &self.known),
        ];
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let documents = format!(
            "{documents}kind: lifetime\nname: test\nfact: purchases\nspend: amount\nhorizon: 3 years\n{keys}"
        );
        let catalog = catalog(folder.path(), &documents).unwrap_or_else(|error| panic!("{error}"));
        let mut lake = Lake::open(&catalog, None).unwrap();
        let document = catalog.lifetimes().next().unwrap();
        lifetime(&catalog, &mut lake, document).unwrap()
    }

    fn arm(&self) -> IncrementalArm {
        let finding = self.measured("experiment: welcome\n");
        finding.incremental.unwrap().arms.remove(0)
    }
}

fn catalog(folder: &Path, documents: &str) -> Result<Catalog, LoadError> {
    let files = [
        ("touchstone.yaml".into(), SETTINGS.to_owned()),
        ("catalog/test.yaml".into(), documents.to_owned()),
    ];
    Catalog::from_sources(folder, files, &|_| None)
}

/// Customers of 2022, and customers who were acquired in the first half of 2023 and randomized then.
fn acquired(seed: u64, factor: impl Fn(f64) -> f64 + Copy, like_before: bool) -> Company {
    let mut company = Company::new(seed);
    for _ in 0..3000 {
        let begin = company.between(0.0, 365.0);
        let mut life = company.life(begin, 250.0);
        if !like_before {
            life.rate *= 0.25;
        }
        company.live(&life, |_| 1.0, |_, size| size);
    }
    for _ in 0..3000 {
        let begin = company.between(365.0, 545.0);
        let life = company.life(begin, 250.0);
        let treated = company.random.uniform() < 0.5;
        let change = |time| if treated { factor(time) } else { 1.0 };
        let id = company.live(&life, change, |_, size| size);
        company.assign(id, treated, begin);
    }
    company
}

fn pace(fading: &FadingFinding, supposed: Supposed) -> Option<f64> {
    let pace = fading.paces.iter().find(|pace| pace.supposed == supposed);
    pace.map(|pace| pace.total.estimate)
}

fn near(found: f64, expected: f64, tolerance: f64) {
    let error = (found - expected).abs();
    assert!(
        error <= tolerance * expected.abs(),
        "{found} is not {expected}"
    );
}

#[test]
fn a_lasting_effect_does_not_fade_and_earlier_customers_agree() {
    let arm = acquired(11, |_| 1.4, true).arm();
    let fading = arm.fading.as_ref().unwrap();
    println!("{fading:#?}\n{:#?}\n{:#?}", arm.surrogate, arm.stops);
    assert!(fading.refusals.is_empty(), "{:?}", fading.refusals);
    // Half of the customers of half a year have been seen for nine months.
    assert!(
        (8..=9).contains(&fading.months.len()),
        "{}",
        fading.months.len()
    );
    let change = fading.change.unwrap();
    assert_eq!(change.says, Says::NoChangeFound);
    let error = change.mean.estimate - 1.4_f64.ln();
    assert!(error.abs() < 3.0 * change.mean.se, "{change:?}");
    let first = &fading.months[0];
    near(
        1.0 + first.effect.estimate,
        first.mean.arm / first.mean.against,
        1e-9,
    );
    // Customers were acquired in six months, each of which has been seen for three.
    assert_eq!((fading.cohort_months, fading.cohorts.len()), (3, 6));
    assert_eq!(fading.by_cohort.unwrap().says, Says::NoChangeFound);
    // The longer effects last, the more they are worth; for good they are worth what stays on is.
    let [last, end] = [Supposed::Last, Supposed::End].map(|s| pace(fading, s).unwrap());
    assert!(end < 0.7 * last, "{end} of {last}");
    if arm.model.as_deref() == Some("pareto-nbd") {
        near(last, arm.stays_on.unwrap().total.amount.estimate, 1e-6);
    }

    let surrogate = arm.surrogate.as_ref().unwrap();
    assert_eq!(surrogate.refusal, None);
    assert_eq!(
        surrogate.customers.arm + surrogate.customers.against,
        fading.customers.arm + fading.customers.against
    );
    // Three quarters of the customers of 2022 who were seen for ten months were acquired after the first of its quarters.
    assert!(
        (19..=21).contains(&surrogate.months),
        "{}",
        surrogate.months
    );
    assert!(surrogate.earlier >= 700, "{}", surrogate.earlier);
    assert!(surrogate.r2.unwrap() > 0.3);
    assert!(
        surrogate
            .comparability
            .iter()
            .all(|outcome| outcome.apart.unwrap().abs() < 0.15)
    );
    let drift = surrogate.drift.unwrap();
    assert!(
        drift.error.estimate.abs() < 3.0 * drift.error.se,
        "{drift:?}"
    );
    // Who buys more because of the treatment is taken for one who always does.
    let (effect, modelled) = (surrogate.effect.unwrap(), surrogate.modelled.unwrap());
    assert!(
        modelled.stops.estimate < modelled.stays_on.estimate,
        "{modelled:?}"
    );
    assert!(modelled.stops.estimate < effect.estimate, "{modelled:?}");
    assert_eq!(surrogate.agrees, Some(true));
    // All bought on the day of assignment, which is measured and begins the process.
    let (measured, in_process) = (arm.measured.as_ref().unwrap(), arm.in_process.unwrap());
    assert!(
        measured.mean.against > in_process.mean.against + 9.0,
        "{measured:?}"
    );
    near(arm.shares.unwrap().new.unwrap().p_value, 1.0, 1e-9);
    // Nobody had bought before: there is nothing to adjust for.
    assert_eq!(arm.measured.unwrap().adjusted, None);
}

#[test]
fn an_effect_that_fades_is_worth_less() {
    // Twice as many purchases at first, half of which is lost every 60 days.
    let arm = acquired(12, |time: f64| 1.0 + (-time / 60.0).exp2(), true).arm();
    let fading = arm.fading.as_ref().unwrap();
    println!("{fading:#?}");
    let change = fading.change.unwrap();
    assert_eq!(change.says, Says::Fading);
    assert!(change.p_value < 0.001 && change.a_month.high < 0.0);
    assert!(fading.months[0].effect.low > fading.months[6].effect.estimate);
    // It fades with the time of treatment, and not from cohort to cohort.
    assert_eq!(fading.by_cohort.unwrap().says, Says::NoChangeFound);
    let paces = [
        Supposed::Last,
        Supposed::FadeAsEstimated,
        Supposed::FadeAsFastAsDataAllow,
        Supposed::End,
    ];
    let totals = paces.map(|supposed| pace(fading, supposed).unwrap());
    assert!(totals.is_sorted_by(|a, b| a > b), "{totals:?}");
    assert!(totals[1] < 0.8 * totals[0], "{totals:?}");
    let estimated = fading
        .paces
        .iter()
        .find(|pace| pace.supposed == Supposed::FadeAsEstimated);
    let half_life = estimated.unwrap().half_life.unwrap();
    assert!((1.0..6.0).contains(&half_life), "{half_life}");
}

#[test]
fn earlier_customers_of_another_kind_give_no_second_opinion() {
    let arm = acquired(13, |_| 1.4, false).arm();
    let surrogate = arm.surrogate.unwrap();
    let refusal = surrogate.refusal.unwrap();
    assert_eq!(refusal.reason, Reason::UnfitData);
    assert!(
        refusal.message.contains("standard deviations apart"),
        "{}",
        refusal.message
    );
    assert_eq!((surrogate.effect, surrogate.modelled), (None, None));
}

#[test]
fn what_customers_brought_before_makes_the_measured_difference_surer() {
    let mut company = Company::new(24);
    for _ in 0..3000 {
        let begin = company.between(0.0, 365.0);
        let life = company.life(begin, 2000.0);
        let treated = company.random.uniform() < 0.5;
        let change = |time| {
            if treated && begin + time > 500.0 {
                1.2
            } else {
                1.0
            }
        };
        let id = company.live(&life, change, |_, size| size);
        company.assign(id, treated, 500.0);
    }
    let arm = company.arm();
    let measured = arm.measured.as_ref().unwrap();
    let adjusted = measured.adjusted.as_ref().unwrap();
    assert_eq!(arm.existing.arm + arm.existing.against, 3000);
    assert!(adjusted.variance_reduction > 0.3, "{adjusted:?}");
    let in_process = arm.in_process.as_ref().unwrap().adjusted.as_ref().unwrap();
    assert!(in_process.variance_reduction > 0.3, "{in_process:?}");
    let ratio = (adjusted.difference.se / measured.difference.se).powi(2);
    near(1.0 - ratio, adjusted.variance_reduction, 1e-9);
    // A fifth of 230 days at one purchase of 20 in 25 days, of customers who have not left: at t days with a probability
    // of (4000 / (4000 + t))^2, which is 0.816 on average over these days and those of the first purchases; half is margin.
    let expected = 0.2 * 0.5 * 20.0 * 230.0 / 25.0 * 0.816;
    let error = adjusted.difference.estimate - expected;
    assert!(
        error.abs() < 3.0 * adjusted.difference.se,
        "{adjusted:?} of {expected}"
    );
    // What stops is what was measured, adjusted, and what is left of it.
    let stops = arm.stops.unwrap();
    near(
        stops.total.estimate - stops.to_twelve_months.estimate - stops.beyond.estimate,
        arm.in_process.unwrap().decides().estimate,
        1e-9,
    );
    // Nobody bought for the first time in the experiment.
    let surrogate = arm.surrogate.unwrap();
    assert_eq!(surrogate.refusal.unwrap().reason, Reason::TooLittleData);
}

#[test]
fn a_treatment_that_wins_light_buyers_is_measured_and_no_lives_are_compared() {
    let mut company = Company::new(21);
    // Margin that customers of each arm brought, their number, and what the buyers brought whom the treatment won.
    let (mut brought, mut number, mut won) = ([0.0; 2], [0.0; 2], 0.0);
    for _ in 0..8000 {
        let assigned = company.between(400.0, 500.0);
        let treated = company.random.uniform() < 0.5;
        let draw = company.random.uniform();
        let is_won = (0.2..0.3).contains(&draw);
        let mut margin = 0.0;
        let id = if draw < 0.2 || treated && is_won {
            let begin = company.between(assigned, assigned + 60.0);
            let mut life = company.life(begin, 250.0);
            life.rate *= if is_won { 0.05 } else { 1.0 };
            company.live(
                &life,
                |_| 1.0,
                |_, size| {
                    margin += 0.5 * size;
                    size
                },
            )
        } else {
            company.customers += 1;
            company.customers - 1
        };
        company.assign(id, treated, assigned);
        number[usize::from(treated)] += 1.0;
        brought[usize::from(treated)] += margin;
        won += if is_won { margin } else { 0.0 };
    }
    let finding = company.measured("experiment: welcome\n");
    let arm = &finding.incremental.as_ref().unwrap().arms[0];
    println!("{:?} {:?} {:?}", arm.shares, arm.measured, arm.refusals);
    let shares = arm.shares.unwrap();
    assert!(shares.all.p_value < 1e-9 && shares.new == Some(shares.all));
    near(shares.all.share.arm, 0.3, 0.1);
    // All assigned customers count, with their first purchases.
    let measured = arm.measured.as_ref().unwrap();
    near(measured.mean.arm, brought[1] / number[1], 1e-4);
    near(measured.mean.against, brought[0] / number[0], 1e-4);
    let (truth, found) = (won / number[1], measured.difference);
    assert!(
        (found.estimate - truth).abs() < 3.0 * found.se,
        "{found:?} of {truth}"
    );
    assert!(arm.stays_on.is_none() && arm.stops.is_none() && arm.counts.is_none());
    assert!(arm.in_process.is_none() && arm.fading.is_none() && arm.surrogate.is_none());
    let [refusal] = arm.refusals.as_slice() else {
        panic!("{:?}", arm.refusals)
    };
    assert_eq!(refusal.reason, Reason::UnfitData);
    assert!(
        refusal.message.contains("decides who buys"),
        "{}",
        refusal.message
    );
    let warned = |check: &measure::audience::lifetime::LifetimeCheck| {
        check.message.contains("`new` of `welcome`") && check.message.contains("decides who buys")
    };
    assert!(finding.checks.iter().any(warned), "{:?}", finding.checks);
}

#[test]
fn arms_that_were_not_split_as_declared_and_clusters_are_not_compared() {
    let mut company = Company::new(22);
    for _ in 0..1000 {
        let treated = company.random.uniform() < 0.6;
        let begin = company.between(365.0, 545.0);
        let life = company.life(begin, 250.0);
        let id = company.live(&life, |_| 1.0, |_, size| size);
        company.assign(id, treated, begin);
    }
    let refused = |arm: IncrementalArm| {
        assert!(arm.customers.arm > 500 && arm.customers.against > 300);
        assert!(arm.measured.is_none() && arm.stays_on.is_none() && arm.counts.is_none());
        assert_eq!(arm.refusals.len(), 1, "{:?}", arm.refusals);
        arm.refusals[0].clone()
    };
    assert_eq!(refused(company.arm()).reason, Reason::SampleRatioMismatch);
    let lines = company.assigned.lines().enumerate();
    let in_shops = lines.map(|(i, line)| match i {
        0 => format!("{line},shop\n"),
        _ => format!("{line},s{}\n", i / 20),
    });
    company.assigned = in_shops.collect();
    let clustered = EXPERIMENT.replace("time: at }", "time: at, cluster: shop }");
    let found = company.measured_by(&format!("{SOURCES}{clustered}"), "experiment: welcome\n");
    let refusal = refused(found.incremental.unwrap().arms.remove(0));
    assert_eq!(refusal.reason, Reason::UnfitData);
    assert!(
        refusal.message.contains("clusters (`shop`)"),
        "{}",
        refusal.message
    );
}

#[test]
fn the_day_of_assignment_counts_from_its_moment_and_who_is_left_out_is_counted() {
    let experiment = EXPERIMENT.replace("metrics:", "several_arms: exclude\nmetrics:");
    let company = |with_times: bool, keys: &str| {
        let at = |day: &str, hour: u32| match with_times {
            true => format!("2022-{day} {hour:02}:00:00"),
            false => format!("2022-{day}"),
        };
        let mut company = Company::new(23);
        for id in 0..80 {
            let arm = if id % 2 == 0 { "new" } else { "old" };
            writeln!(company.assigned, "{id},{arm},{}", at("06-01", 12)).unwrap();
            writeln!(company.rows, "{id},{},{}", at("01-01", 1), 5 + id % 7).unwrap();
            // Of each arm half buy on the day, before and after the moment; those of the new one for more.
            if id % 4 < 2 {
                let after = if id % 2 == 0 { 40 } else { 20 };
                writeln!(company.rows, "{id},{},10", at("06-01", 9)).unwrap();
                writeln!(company.rows, "{id},{},{after}", at("06-01", 15)).unwrap();
            }
        }
        writeln!(company.rows, "1000,{},1", at("08-01", 1)).unwrap();
        for arm in ["new", "old"] {
            writeln!(company.assigned, "100,{arm},{}", at("06-01", 12)).unwrap();
        }
        writeln!(company.assigned, "101,other,{}", at("06-01", 12)).unwrap();
        writeln!(company.assigned, "102,new,").unwrap();
        writeln!(company.assigned, "103,old,{}", at("09-01", 12)).unwrap();
        let sources = match with_times {
            true => SOURCES
                .replace("day: DATE", "day: TIMESTAMP")
                .replace("at: DATE", "at: TIMESTAMP"),
            false => SOURCES.to_owned(),
        };
        let keys = format!("experiment: welcome\n{keys}");
        let found = company.measured_by(&format!("{sources}{experiment}"), &keys);
        found.incremental.unwrap()
    };
    // Rows of a day are one order where none is declared.
    let whole_day = (12.5, 7.5);
    for (with_times, keys, mean) in [
        (true, "order: day\n", (10.0, 5.0)),
        (true, "", whole_day),
        (false, "", whole_day),
    ] {
        let found = company(with_times, keys);
        println!(
            "{:?} {:?} {:?}",
            found.left_out, found.arms[0].measured, found.arms[0].refusals
        );
        let measured = found.arms[0].measured.as_ref().unwrap();
        assert_eq!((measured.mean.arm, measured.mean.against), mean);
        near(measured.days, 61.0, 1e-12);
        let number = |words: &str| {
            let left = found
                .left_out
                .iter()
                .find(|left| left.reason.contains(words));
            left.map_or(0, |left| left.number)
        };
        assert_eq!(number("in several arms"), 1);
        assert_eq!(number("in no declared arm"), 1);
        assert_eq!(number("without a time"), 1);
        assert_eq!(number("after the last day"), 1);
        assert_eq!(number("on the day of assignment"), 40);
    }
}

/// Customers of the first half of 2022 in thirty regions, ten of which were switched on at the start of 2023 and ten three
/// months later: orders are `factor` as large from then on. Before it, those of regions that will be switched on change by
/// `drift` a year. Gives the company and the margin that the treatment brought per treated customer.
fn regions(seed: u64, factor: f64, drift: f64) -> (Company, f64) {
    let mut company = Company::new(seed);
    let shocks: Vec<f64> = (0..30 * 24).map(|_| company.between(0.8, 1.2)).collect();
    let (mut extra, mut treated) = (0.0, 0.0);
    for number in 0..3000 {
        let region = number % 30;
        let since = [Some(365.0), Some(455.0), None][region % 3];
        let begin = company.between(0.0, 180.0);
        let life = company.life(begin, 1000.0);
        treated += f64::from(u8::from(since.is_some()));
        let id = company.live(
            &life,
            |_| 1.0,
            |day, size| {
                let month = ((day / 30.5) as usize).min(23);
                let mut size = size * shocks[24 * region + month];
                if let Some(since) = since {
                    size *= 1.0 + drift * day / 365.0;
                    if day >= since {
                        extra += 0.5 * size * (factor - 1.0);
                        size *= factor;
                    }
                }
                size
            },
        );
        let since = since.map_or(String::new(), |since| date(since).to_string());
        writeln!(company.known, "{id},{since},r{region}").unwrap();
    }
    (company, extra / treated)
}

fn rolled_out(company: &Company, keys: &str) -> RolloutFinding {
    let keys = format!(
        "customers: {{ source: known, customer: id }}\nrollout: {{ since: since{keys} }}\n"
    );
    company.measured(&keys).rollout.unwrap()
}

#[test]
fn a_rollout_without_randomization_is_compared_with_who_is_not_treated_yet() {
    let (company, truth) = regions(15, 1.5, 0.0);
    let found = rolled_out(&company, "");
    println!("{truth} {found:#?}");
    assert_eq!((found.grade.as_str(), found.clusters), ("C", None));
    assert_eq!(
        (found.first_month.as_str(), found.last_month.as_str()),
        ("2022-07", "2023-12")
    );
    let cohorts: Vec<_> = found
        .cohorts
        .iter()
        .map(|c| (c.since.as_deref(), c.customers))
        .collect();
    assert_eq!(
        cohorts,
        [
            (Some("2023-01"), 1000),
            (Some("2023-04"), 1000),
            (None, 1000)
        ]
    );
    assert_eq!(found.refusal, None);
    let so_far = found.so_far.unwrap();
    assert!(
        (so_far.estimate - truth).abs() < 3.0 * so_far.se,
        "{so_far:?} of {truth}"
    );
    assert!(so_far.se < 0.2 * truth, "{so_far:?} of {truth}");
    // Twelve months and nine.
    near(found.months_treated.unwrap(), 10.5, 1e-12);
    near(
        so_far.estimate,
        10.5 * found.a_month.unwrap().estimate,
        1e-9,
    );
    // Before the treatment six months and nine; the last one is the base.
    let months: Vec<i64> = found.by_month.iter().map(|month| month.month).collect();
    assert_eq!(
        (months[0], months.contains(&-1), months.last()),
        (-9, false, Some(&11))
    );
    assert_eq!(found.before.unwrap().months, 8);

    // Regions share shocks: by region it is less sure, and still right.
    let clustered = rolled_out(&company, ", cluster: region, controls: never-treated");
    println!("{clustered:#?}");
    assert_eq!(clustered.clusters, Some(30));
    let by_region = clustered.so_far.unwrap();
    assert!(by_region.df.is_some_and(|df| df == 27.0), "{by_region:?}");
    assert!(
        (by_region.estimate - truth).abs() < 3.0 * by_region.se,
        "{by_region:?} of {truth}"
    );

    let (company, _) = regions(16, 1.0, 0.0);
    let nothing = rolled_out(&company, ", cluster: region").so_far.unwrap();
    assert!(nothing.low < 0.0 && nothing.high > 0.0, "{nothing:?}");
}

#[test]
fn a_rollout_to_customers_who_moved_otherwise_is_refused() {
    let (company, _) = regions(17, 1.0, 1.0);
    let found = rolled_out(&company, "");
    println!("{found:#?}");
    let refusal = found.refusal.unwrap();
    assert_eq!(refusal.reason, Reason::UnfitData);
    assert_eq!((found.so_far, found.a_month), (None, None));
    let before = found.before.unwrap();
    assert!(
        before.p_value < 0.05 && before.trend.low > 0.0,
        "{before:?}"
    );
    // Less the trend there is nothing.
    let less = before.a_month_less_trend;
    assert!(less.low < 0.0 && less.high > 0.0, "{less:?}");

    // A day that nobody's treatment began on.
    let (mut company, _) = regions(18, 1.0, 0.0);
    company.known = company
        .known
        .replace("2023-01-01", "")
        .replace("2023-04-01", "");
    let refusal = rolled_out(&company, "").refusal.unwrap();
    assert!(
        refusal.message.contains("nobody's treatment began"),
        "{}",
        refusal.message
    );
}

#[test]
fn a_rollout_is_checked() {
    let mistakes = |keys: &str| {
        let documents = format!("{SOURCES}kind: lifetime\nname: test\nfact: purchases\n{keys}");
        match catalog(Path::new("."), &documents) {
            Err(LoadError::Invalid(diagnostics)) => {
                diagnostics.errors().map(|error| error.code).collect()
            }
            _ => Vec::new(),
        }
    };
    let customers = "customers: { source: known, customer: id }\n";
    let rollout = "rollout: { since: since }\n";
    assert!(mistakes(&format!("{customers}{rollout}")).is_empty());
    assert_eq!(mistakes(rollout), ["missing-key"]);
    assert_eq!(
        mistakes(&format!("{customers}rollout: {{ cluster: region }}\n")),
        ["missing-key"]
    );
    let controls = "rollout: { since: since, controls: all }\n";
    assert_eq!(
        mistakes(&format!("{customers}{controls}")),
        ["unknown-value"]
    );
}
