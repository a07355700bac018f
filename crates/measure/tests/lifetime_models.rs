//! Lifetime value of contracts, of customers who buy at opportunities, and with covariates, end to end.
//!
//! Contracts and donations are published tables; what is expected of them was computed apart from this code, with forty
//! digits (`reference_mpmath`).

use std::fmt::Write as _;
use std::path::Path;

use catalog::{Catalog, LoadError};
use lake::Lake;
use measure::audience::lifetime::GroupValue;
use measure::audience::{LifetimeFinding, lifetime};
use measure::{MeasureError, Reason};
use tempfile::TempDir;

const SETTINGS: &str = "name: Test\nmargin: 0.5\ndiscount_rate: 0.1\n";
const CONTRACTS: &str = "{ kind: source, name: rows, path: rows.csv, types: { id: VARCHAR, start: DATE, stop: DATE } }\n---\n\
                         { kind: fact, name: contracts, source: rows, customer: id, time: start }\n---\n\
                         kind: lifetime\nname: test\nfact: contracts\nspend: fee\n";
const PURCHASES: &str = "{ kind: source, name: rows, path: rows.csv, types: { id: VARCHAR, day: DATE } }\n---\n\
                         { kind: fact, name: purchases, source: rows, customer: id, time: day }\n---\n";

fn measured(
    files: &[(&str, &str)],
    settings: &str,
    documents: &str,
) -> Result<LifetimeFinding, MeasureError> {
    let folder = TempDir::new().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let files = [
        ("touchstone.yaml".into(), settings.to_owned()),
        ("catalog/test.yaml".into(), documents.to_owned()),
    ];
    let catalog = Catalog::from_sources(folder.path(), files, &|_| None)
        .unwrap_or_else(|error| panic!("{error}"));
    let mut lake = Lake::open(&catalog, None)?;
    let document = catalog.lifetimes().next().unwrap();
    lifetime(&catalog, &mut lake, document)
}

fn of_contracts(rows: &str, keys: &str) -> LifetimeFinding {
    measured(
        &[("rows.csv", rows)],
        SETTINGS,
        &format!("{CONTRACTS}{keys}"),
    )
    .unwrap()
}

/// Whether a check of the finding says this.
fn says(finding: &LifetimeFinding, what: &str) -> bool {
    let mut checks = finding.checks.iter();
    checks.any(|check| check.message.contains(what))
}

fn near(found: f64, expected: f64, tolerance: f64) {
    assert!(
        (found - expected).abs() <= tolerance * expected.abs().max(1e-12),
        "{found} is not {expected}"
    );
}

/// Contracts of a year each that began in 2000, by how many were left after each year.
fn cohort(survivors: &[u32]) -> String {
    let mut rows = "id,start,stop,fee\n".to_owned();
    let mut id = 0;
    let mut write = |contracts: u32, stop: String| {
        for _ in 0..contracts {
            id += 1;
            writeln!(rows, "{id},2000-01-01,{stop},10").unwrap();
        }
    };
    for (year, pair) in (2001..).zip(survivors.windows(2)) {
        write(pair[0] - pair[1], format!("{year}-01-01"));
    }
    write(survivors[survivors.len() - 1], String::new());
    rows
}

/// Fader and Hardie (2007), "How to project customer retention", table 1.
const REGULAR: [u32; 8] = [1000, 631, 468, 382, 326, 289, 262, 241];
const HIGH_END: [u32; 8] = [1000, 869, 743, 653, 593, 551, 517, 491];
const YEARLY: &str = "contracts: { end: stop, period: 1 year, as_of: 2007-01-02 }\n";

#[test]
fn contracts_give_the_published_parameters() {
    for (survivors, expected, ln) in [
        (REGULAR, [0.704_077_3, 1.182_043_0], -1_680.265_188_46),
        (HIGH_END, [0.668_088_4, 3.806_095_0], -1_611.158_147_39),
    ] {
        let finding = of_contracts(&cohort(&survivors), YEARLY);
        let model = &finding.models[0];
        assert_eq!(model.model, "sbg");
        for (parameter, expected) in model.parameters.iter().zip(expected) {
            near(parameter.value, expected, 1e-6);
        }
        near(model.log_likelihood.unwrap(), ln, 1e-10);
        let retention = finding.retention.as_ref().unwrap();
        assert_eq!(
            (retention.running, retention.ended, retention.known_to_end),
            (u64::from(survivors[7]), u64::from(1000 - survivors[7]), 0)
        );
        let observed: Vec<(u64, u64)> = retention
            .curve
            .iter()
            .filter(|point| point.due > 0)
            .map(|point| (point.due, point.renewed))
            .collect();
        let pairs = survivors
            .windows(2)
            .map(|pair| (pair[0].into(), pair[1].into()));
        assert_eq!(observed, pairs.collect::<Vec<_>>());
        let seventh = &retention.curve[6];
        near(
            seventh.surviving.unwrap(),
            f64::from(survivors[7]) / 1000.0,
            1e-12,
        );
        assert_eq!(
            (retention.curve[7].due, retention.curve[7].surviving),
            (0, None)
        );
        let [alpha, beta] = expected;
        near(
            seventh.modelled.unwrap().estimate,
            (beta + 6.0) / (alpha + beta + 6.0),
            1e-6,
        );
        let fitted = seventh.surviving_modelled.unwrap();
        let truth = seventh.surviving.unwrap();
        assert!(fitted.low < fitted.estimate && fitted.estimate < fitted.high);
        assert!(
            (fitted.estimate / truth - 1.0).abs() < 0.05,
            "{fitted:?} {truth}"
        );
    }
}

#[test]
fn contracts_have_a_value_and_a_back_test() {
    let finding = of_contracts(&cohort(&REGULAR), &format!("{YEARLY}horizon: 3 years\n"));
    let [alpha, beta] = [0.704_077_3, 1.182_043_0];
    let renewal = |n: f64| (beta + n - 1.0) / (alpha + beta + n - 1.0);
    // The next payments are due after 365 days, and then every 365.25; the ninth year is the eighth renewal.
    let (mut left, mut worth, mut payments) = (1.0, 0.0, 0.0);
    for number in 0..3 {
        left *= renewal(8.0 + f64::from(number));
        payments += left;
        let years = (365.0 + 365.25 * f64::from(number)) / 365.25;
        worth += left * 1.1_f64.powf(-years);
    }
    let value = finding.value.as_ref().unwrap();
    near(value.alive, 0.241, 1e-12);
    near(value.expected_purchases, 0.241 * payments, 1e-6);
    near(value.future.estimate, 0.5 * 10.0 * 0.241 * worth, 1e-6);
    assert!(value.future.low < value.future.estimate && value.future.estimate < value.future.high);
    // 1000 first payments, and all that were renewed.
    let renewals: u32 = REGULAR[1..].iter().sum();
    assert_eq!(finding.extent.repeat_purchases, u64::from(renewals));
    near(value.past, 5.0 * f64::from(1000 + renewals) / 1000.0, 1e-12);
    // A new contract: the first payment, and those after one and two years.
    let survival = |t: i32| (1..=t).map(|n| renewal(f64::from(n))).product::<f64>();
    let new = finding.new_customer.as_ref().unwrap();
    let later: f64 = (1..3).map(|t| survival(t) * 1.1_f64.powi(-t)).sum();
    near(new.value.estimate, 5.0 * (1.0 + later), 1e-6);
    assert!(finding.tail.unwrap() > 0.0);
    assert_eq!(
        finding.unbounded.as_ref().unwrap().reason,
        Reason::UnboundedLifetime
    );
    // Three renewals seen, four forecast: those who stay are those who leave late, which one rate for all cannot know.
    let test = finding.back_test.as_ref().unwrap();
    assert_eq!((test.customers, test.actual), (382, 326 + 289 + 262 + 241));
    let error = |by: &str| {
        let found = test.forecasts.iter().find(|forecast| forecast.by == by);
        found.unwrap().relative_error.unwrap()
    };
    assert!(error("sbg").abs() < 0.06, "{}", error("sbg"));
    assert!(
        error("constant-retention") < -0.2,
        "{}",
        error("constant-retention")
    );
    assert!(error("all-renew") > 0.3, "{}", error("all-renew"));
}

#[test]
fn a_contract_is_counted_by_its_calendar() {
    let rows = "id,start,stop,fee,country\n\
        a,2024-01-31,2024-04-15,10,DE\nb,2024-05-10,,20,FR\nc,2024-06-01,2024-06-20,30,DE\n\
        d,2024-03-01,2024-03-01,5,DE\n,2024-03-01,,5,DE\ne,2024-03-01,,-1,DE\nf,2024-07-01,,5,DE\ng,2024-03-01,,,DE\n\
        b,2024-06-05,2024-09-05,40,FR\n\
        h,2024-05-15,,1,IT\ni,2024-05-15,,1,IT\nj,2024-05-15,,1,IT\n";
    let keys = "contracts: { end: stop, period: 1 month, as_of: 2024-07-01 }\nby: [country]\nmargin: 1\n\
                horizon: 12 months\n";
    let finding = of_contracts(rows, keys);
    let left: Vec<(&str, u64)> = finding
        .extent
        .left_out
        .iter()
        .map(|left| (left.reason.as_str(), left.number))
        .collect();
    assert_eq!(
        left,
        [
            ("contracts without a customer", 1),
            ("contracts without an amount", 1),
            ("contracts that ended on the day they started, or before", 1),
            ("contracts of less than nothing", 1),
            ("contracts that start after the last day", 1),
        ]
    );
    // a paid on 31 January, 29 February and 31 March; b on 10 May and 10 June; c once; the second of b once; three more
    // twice.
    let extent = &finding.extent;
    assert_eq!(
        (extent.rows, extent.customers, extent.repeat_purchases),
        (12, 7, 6)
    );
    let retention = finding.retention.as_ref().unwrap();
    assert_eq!(
        (retention.running, retention.ended, retention.known_to_end),
        (6, 1, 2)
    );
    // The first renewal: a, b and three more were due and made it. The third: a was due and left.
    let due: Vec<(u64, u64)> = retention.curve[..3]
        .iter()
        .map(|point| (point.due, point.renewed))
        .collect();
    assert_eq!(due, [(5, 5), (1, 1), (1, 0)]);
    assert!(says(
        &finding,
        "contracts that have been up for renewal: only 5;"
    ));
    let january = &finding.cohorts[0];
    assert_eq!(
        january.by_age,
        [Some(10.0), Some(10.0), Some(10.0), Some(0.0), Some(0.0)]
    );
    // c pays no more; the second contract of b pays on 5 July and 5 August, five and 36 days from the last day, which is
    // five days and a mean month.
    let groups = &finding.by[0].values;
    let germany = groups.iter().find(|group| group.group == "DE").unwrap();
    assert_eq!((germany.customers, germany.future.estimate), (2, 0.0));
    near(germany.past, (30.0 + 30.0) / 2.0, 1e-12);
    assert!(says(&finding, "1 customers have had"));
}

#[test]
fn a_known_end_is_certain() {
    // Twenty contracts that leave, so that there is a model; one that runs on until September and not beyond.
    let mut rows = "id,start,stop,fee\nz,2024-06-05,2024-09-05,40\n".to_owned();
    for id in 0..20 {
        writeln!(rows, "{id},2024-01-01,2024-0{}-01,10", 2 + id % 4).unwrap();
    }
    let keys = "contracts: { end: stop, period: 1 month, as_of: 2024-07-01 }\nmargin: 1\nhorizon: 12 months\n";
    let finding = of_contracts(&rows, keys);
    let month = 365.25 / 12.0;
    let worth: f64 = [5.0, 5.0 + month]
        .iter()
        .map(|days| 40.0 * 1.1_f64.powf(-days / 365.25))
        .sum();
    near(finding.value.unwrap().future.estimate * 21.0, worth, 1e-9);
}

#[test]
fn contracts_of_which_none_has_ended_have_a_lower_end() {
    let finding = of_contracts(&cohort(&[100; 8]), &format!("{YEARLY}horizon: 3 years\n"));
    assert!(finding.models[0].sees_no_attrition);
    // Seven renewals of each were due: where one contract in 190 leaves at one, all are made in 2.5 % of samples.
    let renewal = 0.025_f64.powf(1.0 / 700.0);
    let worth = |renewal: f64| -> f64 {
        let each = (0..3).map(|number| {
            let years = (365.0 + 365.25 * f64::from(number)) / 365.25;
            renewal.powi(number + 1) * 1.1_f64.powf(-years)
        });
        0.5 * 10.0 * each.sum::<f64>()
    };
    let value = finding.value.unwrap().future;
    near(value.estimate, worth(1.0), 1e-6);
    near(value.low, worth(renewal), 1e-4);
    near(value.high, worth(1.0), 1e-6);
    let new = finding.new_customer.unwrap();
    assert!(new.value.low < new.value.estimate);
    let first = finding.retention.unwrap().curve[0].modelled.unwrap();
    near(1.0 - first.low, 1.0 - renewal, 0.01);
}

/// Contracts that began together, of two plans that were dealt out, at two prices.
fn plans() -> String {
    let mut rows = "id,start,stop,fee,plan\n".to_owned();
    for id in 0..80 {
        let stop = match id % 5 {
            0 => "2024-03-01",
            1 => "2024-05-01",
            _ => "",
        };
        let (fee, plan) = ([10, 30][usize::from(id % 3 == 0)], ["x", "y"][id % 2]);
        writeln!(rows, "{id},2024-01-01,{stop},{fee},{plan}").unwrap();
    }
    rows
}

#[test]
fn intervals_of_groups_of_contracts_count_which_contracts_they_got() {
    let keys = "contracts: { end: stop, period: 1 month, as_of: 2024-07-01 }\nby: [plan]\nmargin: 1\n\
                horizon: 12 months\n";
    let finding = of_contracts(&plans(), keys);
    let rows = plans();
    let running = |plan: &str| -> Vec<f64> {
        let cells = rows.lines().skip(1).map(|line| line.split(',').collect());
        let of_plan = cells.filter(|row: &Vec<&str>| plan.is_empty() || row[4] == plan);
        // One that has ended is worth nothing more.
        of_plan
            .map(|row| {
                if row[2].is_empty() {
                    row[3].parse().unwrap()
                } else {
                    0.0
                }
            })
            .collect()
    };
    // All running contracts have come equally far: their values are their prices times one number.
    let all = finding.value.as_ref().unwrap().future;
    let fees: f64 = running("").iter().sum();
    let (payments, error) = (all.estimate * 80.0 / fees, all.se * 80.0 / fees);
    assert!(payments > 5.0 && error > 0.0, "{payments} {error}");
    for group in &finding.by[0].values {
        let fees = running(&group.group);
        let n = fees.len() as f64;
        assert_eq!(n, 40.0);
        let mean = fees.iter().sum::<f64>() / n;
        let squares: f64 = fees.iter().map(|fee| (fee - mean).powi(2)).sum();
        let chance = payments * (squares / n / (n - 1.0)).sqrt();
        near(group.future.estimate, payments * mean, 1e-9);
        near(group.future.se, chance.hypot(error * mean), 1e-6);
        assert!(chance > error * mean, "{chance} {error}");
    }
}

#[test]
fn what_acquiring_a_customer_cost_counts_with_the_first_contract_that_counts() {
    // The first contract of a began before the first day.
    let rows = "id,start,stop,fee\na,2022-01-10,2022-06-10,10\na,2024-01-10,,10\nb,2024-01-15,,10\n\
                c,2024-01-20,2024-04-20,10\nd,2024-01-20,2024-05-20,10\ne,2024-01-20,,10\nf,2024-01-20,,10\n\
                f,2024-02-20,,10\n";
    let known = "id,cost\na,60\nb,60\nc,60\nd,60\ne,60\nf,60\n";
    let documents = format!(
        "{{ kind: source, name: known, path: known.csv, types: {{ id: VARCHAR }} }}\n---\n{CONTRACTS}\
         from: 2024-01-01\ncustomers: {{ source: known, customer: id }}\nacquisition: {{ cost: cost }}\n\
         contracts: {{ end: stop, period: 1 month, as_of: 2024-07-01 }}\n"
    );
    let files = [("rows.csv", rows), ("known.csv", known)];
    let finding = measured(&files, SETTINGS, &documents).unwrap();
    let all = &finding.acquisition[0];
    // Six customers of 60 each have seven contracts that count.
    assert_eq!(all.customers, 7);
    near(all.cost.unwrap(), 360.0 / 7.0, 1e-12);
    assert!(says(&finding, "with the first of those that count here"));
}

#[test]
fn contracts_that_say_nothing_are_refused() {
    // One of three has left: what it is worth to be one of them is known so far, and no more than that.
    let few = "id,start,stop,fee\na,2024-01-20,2024-03-20,10\nb,2024-02-25,,10\nc,2024-02-25,,10\n";
    let keys = "contracts: { end: stop, period: 1 month, as_of: 2024-07-01 }\n";
    let finding = of_contracts(few, keys);
    let refusal = finding.refusal.unwrap();
    assert_eq!(refusal.reason, Reason::TooLittleData);
    assert!(
        refusal.message.contains("up for renewal: 3;"),
        "{refusal:?}"
    );
    assert_eq!((finding.value, finding.models[0].future), (None, None));
    // Two payments, and twice five of which the last was on 25 June.
    let rule = &finding.baselines[0];
    assert_eq!(rule.rule, "historic-average");
    near(rule.value.unwrap(), 0.5 * (20.0 + 50.0 + 50.0) / 3.0, 1e-12);
    let young = "id,start,stop,fee\na,2024-06-20,,10\nb,2024-06-25,,10\n";
    let finding = of_contracts(young, keys);
    assert_eq!(finding.refusal.unwrap().reason, Reason::TooLittleData);
    assert!(finding.value.is_none());
    // Nobody has left: no attrition is visible, and a value within the horizon is given.
    let loyal = "id,start,stop,fee\na,2024-01-20,,10\nb,2024-02-25,,10\n";
    let finding = of_contracts(loyal, keys);
    assert!(finding.models[0].sees_no_attrition);
    // Limits are exact, however few there are.
    assert!(!says(&finding, "are too narrow"), "{:?}", finding.checks);
    assert_eq!(finding.unbounded.unwrap().reason, Reason::UnboundedLifetime);
    assert!(finding.value.unwrap().future.estimate > 0.0);
}

/// Donors of 1995 by repeat gifts and the last year of one, over six years (Fader, Hardie and Shang 2010).
const DONORS: [(u32, u32, u32); 22] = [
    (0, 0, 3464),
    (1, 1, 1091),
    (1, 2, 277),
    (1, 3, 129),
    (1, 4, 78),
    (1, 5, 119),
    (1, 6, 129),
    (2, 2, 613),
    (2, 3, 255),
    (2, 4, 155),
    (2, 5, 173),
    (2, 6, 234),
    (3, 3, 322),
    (3, 4, 181),
    (3, 5, 225),
    (3, 6, 357),
    (4, 4, 240),
    (4, 5, 284),
    (4, 6, 512),
    (5, 5, 335),
    (5, 6, 728),
    (6, 6, 1203),
];

/// Their gifts: two in the year of each, of which one is small, and one in a year that is not over.
fn gifts() -> String {
    let mut rows = "id,day,amount\n".to_owned();
    let mut id = 0;
    for (taken, last, donors) in DONORS {
        for _ in 0..donors {
            id += 1;
            let repeats = (1..taken).chain((taken > 0).then_some(last));
            for year in std::iter::once(0).chain(repeats) {
                writeln!(
                    rows,
                    "{id},{}-03-05,20\n{id},{}-11-30,5",
                    1995 + year,
                    1995 + year
                )
                .unwrap();
            }
        }
    }
    rows + "1,2002-02-01,20\n"
}

#[test]
fn donations_give_the_published_parameters() {
    let documents = format!(
        "{PURCHASES}kind: lifetime\nname: test\nfact: purchases\nspend: amount\nopportunities: 1 year\nhorizon: 10 years\n"
    );
    let finding = measured(&[("rows.csv", &gifts())], SETTINGS, &documents).unwrap();
    let model = &finding.models[0];
    assert_eq!((model.model.as_str(), finding.models.len()), ("bg-bb", 1));
    let expected = [1.203_522_4, 0.749_716_4, 0.656_718_2, 2.783_442_2];
    for (parameter, expected) in model.parameters.iter().zip(expected) {
        near(parameter.value, expected, 1e-6);
    }
    near(model.log_likelihood.unwrap(), -33_225.581_274_35, 1e-10);
    let extent = &finding.extent;
    assert_eq!((extent.customers, extent.without_repeat), (11_104, 3_464));
    assert_eq!(extent.last_day.as_deref(), Some("2001-01-01"));
    assert!(extent.left_out[0].reason.contains("not over") && extent.left_out[0].number == 1);
    // The vignette of BTYD: ten years of a new donor, and of one who gave in no year after the first.
    let new = finding.new_customer.as_ref().unwrap();
    near(new.expected_purchases, 3.179_805, 1e-4);
    let states = finding.states.as_ref().unwrap();
    let silent: Vec<_> = states.rows[0].cells.iter().flatten().collect();
    assert_eq!((silent.len(), silent[0].customers), (1, 3_464));
    // Columns are the years since the last gift: 1995 to 2001.
    assert_eq!(states.periods_from, [0, 1, 2, 3, 4, 5, 6]);
    let held = |column: usize| states.rows.iter().any(|row| row.cells[column].is_some());
    assert!((0..7).all(held), "{states:?}");
    near(silent[0].expected_purchases, 0.130_216_9, 1e-4);
    // The picture is the customers, split.
    let cells = || {
        states
            .rows
            .iter()
            .flat_map(|row| row.cells.iter().flatten())
    };
    assert_eq!(cells().map(|cell| cell.customers).sum::<u64>(), 11_104);
    let alive: f64 = cells().map(|cell| cell.alive * cell.customers as f64).sum();
    let value = finding.value.as_ref().unwrap();
    near(alive / 11_104.0, value.alive, 1e-9);
    // Every donor gives 25 in a year.
    near(
        value.future.estimate / 12.5,
        finding.models[0].future.unwrap() / 12.5,
        1e-12,
    );
    near(new.first_purchase, 12.5, 1e-12);
    assert!(value.future.low < value.future.estimate && value.future.estimate < value.future.high);
    // Ages are years: 25 in the first, and then less; half of it is margin.
    assert_eq!(finding.age_step.to_string(), "1 year");
    let by_age = &finding.cohorts[0].by_age;
    assert_eq!(by_age.len(), 7);
    near(by_age[0].unwrap(), 12.5, 1e-12);
    let in_2001: u32 = DONORS
        .iter()
        .filter(|(_, last, _)| *last == 6)
        .map(|(.., n)| n)
        .sum();
    near(
        by_age[6].unwrap(),
        12.5 * f64::from(in_2001) / 11_104.0,
        1e-12,
    );
    // Three years seen, three forecast; the number is that of another search of the same likelihood.
    let test = finding.back_test.as_ref().unwrap();
    let by_model = test
        .forecasts
        .iter()
        .find(|forecast| forecast.by == "bg-bb")
        .unwrap();
    assert_eq!(
        (test.seen_until.as_str(), test.actual),
        ("1998-01-01", 8_422)
    );
    near(by_model.forecast, 7_448.3, 3e-4);
}

/// A stream of numbers between 0 and 1.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    fn exponential(&mut self, rate: f64) -> f64 {
        -self.next().ln() / rate
    }

    /// Gamma with the shape 2 and the mean 1.
    fn gamma(&mut self) -> f64 {
        0.5 * (self.exponential(1.0) + self.exponential(1.0))
    }
}

/// Effects of being gold on the logarithms of rate, hazard and spend, and of ten years of age on the rate.
const GOLD: [f64; 3] = [0.4, -0.7, 0.3];
const TEN_YEARS: f64 = -0.2;

/// Purchases and attributes of customers from a Pareto/NBD world, in which what a purchase brings is Gamma-Gamma.
fn members(customers: usize) -> [String; 2] {
    let mut random = Random(11);
    let mut rows = "id,day,amount\n".to_owned();
    let mut known = "id,tier,age,country,cost\n".to_owned();
    let date = |day: f64| {
        let first = jiff::civil::date(2022, 1, 1);
        first
            .checked_add(jiff::Span::new().days(day as i64))
            .unwrap()
    };
    for id in 0..customers {
        let gold = f64::from(u8::from(random.next() < 0.4));
        let decades = (2.0 + 6.0 * random.next()).floor();
        let rate = random.gamma() / 30.0 * (GOLD[0] * gold + TEN_YEARS * (decades - 4.0)).exp();
        let hazard = random.gamma() / 250.0 * (GOLD[1] * gold).exp();
        // The scale of a customer's purchases: gamma over Gamma(4), purchases Gamma(2) over it.
        let over: f64 = (0..4).map(|_| random.exponential(1.0)).sum();
        let scale = 15.0 * (GOLD[2] * gold).exp() * 3.0 / over;
        let (begin, mut time) = (90.0 * random.next(), 0.0);
        let life = random.exponential(hazard);
        while time < life && begin + time < 730.0 {
            let amount = scale * random.gamma();
            writeln!(rows, "{id},{},{amount:.2}", date(begin + time)).unwrap();
            time += random.exponential(rate);
        }
        let tier = ["basic", "gold"][gold as usize];
        let age = if id % 50 == 0 {
            String::new()
        } else {
            format!("{}", 10.0 * decades)
        };
        writeln!(known, "{id},{tier},{age},{},20", ["DE", "FR"][id % 2]).unwrap();
    }
    [rows, known]
}

fn with_covariates(keys: &str) -> Result<LifetimeFinding, MeasureError> {
    let [rows, known] = members(4000);
    let documents = format!(
        "{PURCHASES}{{ kind: source, name: known, path: known.csv, types: {{ id: VARCHAR }} }}\n---\n\
         kind: lifetime\nname: test\nfact: purchases\nspend: amount\nuntil: 2023-12-01\nmodel: pareto-nbd\n\
         customers: {{ source: known, customer: id }}\nhorizon: 1 year\n{keys}"
    );
    measured(
        &[("rows.csv", &rows), ("known.csv", &known)],
        SETTINGS,
        &documents,
    )
}

#[test]
fn covariates_shift_timing_and_spend() {
    let finding = with_covariates(
        "covariates: [tier, age]\nby: [tier]\nacquisition: { cost: cost, channel: tier }\n",
    )
    .unwrap();
    let names: Vec<(&str, Option<&str>)> = finding
        .covariates
        .iter()
        .map(|covariate| (covariate.column.as_str(), covariate.level.as_deref()))
        .collect();
    assert_eq!(
        names,
        [
            ("tier", Some("gold")),
            ("age", None),
            ("age", Some("(none)"))
        ]
    );
    let [gold, age, _] = &finding.covariates[..] else {
        panic!("three covariates")
    };
    assert_eq!(gold.reference, "basic");
    let holds = |found: Option<measure::audience::Estimate>, truth: f64| {
        let found = found.unwrap();
        let z = (found.estimate.ln() - truth) / (found.se / found.estimate);
        assert!(z.abs() < 3.0, "{found:?} {truth}");
        assert!(found.low < found.estimate && found.estimate < found.high);
    };
    holds(gold.rate, GOLD[0]);
    holds(gold.attrition, GOLD[1]);
    holds(gold.spend, GOLD[2]);
    holds(age.rate, TEN_YEARS / 10.0);
    holds(age.attrition, 0.0);
    holds(age.spend, 0.0);
    // Customers who differ are worth different sums: each tier's forecast is its own.
    let of = |groups: &[GroupValue], name: &str| {
        groups
            .iter()
            .find(|group| group.group == name)
            .unwrap()
            .future
            .estimate
    };
    let tiers = &finding.by[0].values;
    assert!(of(tiers, "gold") > 1.5 * of(tiers, "basic"));
    let total = finding.value.as_ref().unwrap();
    let sum: f64 = tiers
        .iter()
        .map(|tier| tier.customers as f64 * tier.future.estimate)
        .sum();
    near(sum, total.customers as f64 * total.future.estimate, 1e-9);
    // The channel is a column of `by`: it is shown once.
    assert!(finding.channels.is_empty());
    let channels = finding
        .acquisition
        .iter()
        .filter(|found| found.of == "channel");
    assert_eq!(channels.count(), 2);

    // Without covariates the model is less likely, and its forecast for the tiers is nearer to each other.
    let without = with_covariates("by: [tier]\n").unwrap();
    let likelihood = |finding: &LifetimeFinding| finding.models[0].log_likelihood.unwrap();
    assert!(likelihood(&finding) > likelihood(&without) + 100.0);
    let ratio = |finding: &LifetimeFinding| {
        let tiers = &finding.by[0].values;
        of(tiers, "gold") / of(tiers, "basic")
    };
    assert!(ratio(&finding) > ratio(&without));
    let test = finding.back_test.as_ref().unwrap();
    let forecast = test
        .forecasts
        .iter()
        .find(|forecast| forecast.by == "pareto-nbd");
    assert!(forecast.unwrap().relative_error.unwrap().abs() < 0.1);
}

#[test]
fn covariates_that_cannot_be_used_are_refused_or_said() {
    let error = with_covariates("covariates: [teir]\n").unwrap_err();
    assert!(error.to_string().contains("did you mean `tier`"), "{error}");
    // All cost the same.
    let finding = with_covariates("covariates: [cost, tier]\n").unwrap();
    assert_eq!(finding.covariates.len(), 1);
    let said = finding
        .checks
        .iter()
        .any(|check| check.message.contains("`cost` is left out"));
    assert!(said, "{:?}", finding.checks);
}

/// The codes of the mistakes in a lifetime with these keys, sorted.
fn mistakes(keys: &str) -> Vec<&'static str> {
    let documents = format!("{PURCHASES}kind: lifetime\nname: test\nfact: purchases\n{keys}");
    let files = [
        ("touchstone.yaml".into(), SETTINGS.to_owned()),
        ("catalog/test.yaml".into(), documents),
    ];
    match Catalog::from_sources(Path::new("."), files, &|_| None) {
        Err(LoadError::Invalid(diagnostics)) => {
            let mut codes: Vec<_> = diagnostics.errors().map(|error| error.code).collect();
            codes.sort_unstable();
            codes
        }
        _ => Vec::new(),
    }
}

#[test]
fn the_catalog_is_checked() {
    let contract = |period: &str, as_of: &str| {
        format!("contracts: {{ end: stop, period: {period}, as_of: {as_of} }}\n")
    };
    let good = contract("1 month", "2024-07-01");
    assert!(mistakes(&good).is_empty());
    assert!(mistakes("opportunities: 1 year\nfrom: 2020-02-28\n").is_empty());
    assert_eq!(
        mistakes(&contract("0 months", "2024-07-01")),
        ["out-of-range"]
    );
    assert_eq!(
        mistakes(&contract("6 hours", "2024-07-01")),
        ["out-of-range"]
    );
    assert_eq!(mistakes(&contract("1 month", "soon")), ["wrong-type"]);
    assert_eq!(
        mistakes(&format!("{good}until: 2024-07-02\n")),
        ["out-of-range"]
    );
    assert_eq!(
        mistakes(&format!("{good}model: bg-nbd\n")),
        ["misplaced-key"]
    );
    assert_eq!(mistakes(&format!("{good}order: id\n")), ["misplaced-key"]);
    assert_eq!(
        mistakes(&format!("{good}opportunities: 1 year\n")),
        ["misplaced-key"]
    );
    assert_eq!(
        mistakes("opportunities: 1 month\nfrom: 2024-01-31\n"),
        ["out-of-range"]
    );
    assert_eq!(mistakes("opportunities: 12 hours\n"), ["out-of-range"]);
    assert_eq!(mistakes("covariates: [tier]\n"), ["missing-key"]);
    assert_eq!(
        mistakes("customers: { source: rows, customer: id }\ncovariates: [a, a]\n"),
        ["duplicate-value"]
    );
}
