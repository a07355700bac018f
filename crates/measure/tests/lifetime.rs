//! Lifetime value end to end: small purchases counted by hand, a simulated test of a treatment, and two published
//! customer bases.
//!
//! The numbers expected of the published data were computed apart from this code, by `lifetimes` 0.11.3 on the same
//! split.

use std::fmt::Write as _;
use std::path::Path;

use catalog::{Catalog, LoadError};
use lake::Lake;
use measure::audience::lifetime::{GroupValue, LifeUnit};
use measure::audience::{LifetimeFinding, lifetime};
use measure::{MeasureError, Reason};
use tempfile::TempDir;

#[path = "lifetime/acquisition.rs"]
mod acquisition;
#[path = "lifetime/alike.rs"]
mod alike;
#[path = "lifetime/customer_values.rs"]
mod customer_values;
#[path = "lifetime/days.rs"]
mod days;
#[path = "lifetime/orders.rs"]
mod orders;

const SETTINGS: &str = "name: Test\nmargin: 0.5\ndiscount_rate: 0.1\n";
const FACT: &str = "{ kind: source, name: rows, path: rows.csv, types: { id: VARCHAR, day: DATE } }\n---\n\
                    { kind: fact, name: purchases, source: rows, customer: id, time: day }\n---\n";

fn catalog(folder: &Path, settings: &str, documents: &str) -> Catalog {
    let files = [
        ("touchstone.yaml".into(), settings.to_owned()),
        ("catalog/test.yaml".into(), documents.to_owned()),
    ];
    Catalog::from_sources(folder, files, &|name| std::env::var(name).ok())
        .unwrap_or_else(|error| panic!("{error}"))
}

fn of_catalog(catalog: &Catalog) -> Result<LifetimeFinding, MeasureError> {
    let mut lake = Lake::open(catalog, None)?;
    let document = catalog.lifetimes().next().unwrap();
    lifetime(catalog, &mut lake, document)
}

/// A project with these files, settings and documents.
fn project(
    files: &[(&str, &str)],
    settings: &str,
    documents: &str,
) -> Result<LifetimeFinding, MeasureError> {
    let folder = TempDir::new().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    of_catalog(&catalog(folder.path(), settings, documents))
}

/// A lifetime of the file `rows.csv` with these keys.
fn measured(rows: &str, keys: &str) -> Result<LifetimeFinding, MeasureError> {
    let documents = format!("{FACT}kind: lifetime\nname: test\nfact: purchases\n{keys}");
    project(&[("rows.csv", rows)], SETTINGS, &documents)
}

fn near(found: f64, expected: f64, tolerance: f64) {
    assert!(
        (found - expected).abs() <= tolerance * expected.abs().max(1e-12),
        "{found} is not {expected}"
    );
}

const SMALL: &str = "id,day,ordering,amount,country\n\
    a,2024-01-01,o1,10,DE\na,2024-01-11,o2,20,DE\na,2024-01-11,o3,5,DE\na,2024-01-20,o2,-8,DE\n\
    b,2024-01-05,o4,7,FR\nb,2024-02-20,o5,30,FR\nb,2024-03-01,o6,-4,FR\nc,2024-02-01,o7,0,FR\n\
    d,2024-03-15,o8,9,DE\n,2024-01-02,o9,5,DE\ne,,o10,5,DE\ne,2024-03-31,o11,12,FR\n";

#[test]
fn orders_are_netted_and_what_does_not_count_is_said() {
    let finding = measured(SMALL, "spend: amount\norder: ordering\n").unwrap();
    let extent = &finding.extent;
    assert_eq!(
        (extent.rows, extent.customers, extent.without_repeat),
        (12, 4, 2)
    );
    // Two orders of a on one day are one purchase; the return of o2 lies on its day.
    assert_eq!(extent.repeat_purchases, 2);
    assert_eq!(extent.returns_netted, 1);
    near(extent.unmatched_returns, -4.0, 1e-12);
    assert_eq!(
        (extent.first_day.as_deref(), extent.last_day.as_deref()),
        (Some("2024-01-01"), Some("2024-03-31"))
    );
    let left: Vec<(&str, u64)> = extent
        .left_out
        .iter()
        .map(|left| (left.reason.as_str(), left.number))
        .collect();
    assert_eq!(
        left,
        [
            ("orders of which nothing remains", 1),
            (
                "orders below zero: returns of which no purchase is known",
                1
            ),
            ("rows without a customer", 1),
            ("rows without a usable time", 1),
        ]
    );
    // January: a brought 10 + 20 + 5 - 8 in the first month, b 7 and then 30; half of it is margin, for two customers.
    // b was seen for 87 days, two full months.
    let january = &finding.cohorts[0];
    assert_eq!((january.month.as_str(), january.customers), ("2024-01", 2));
    assert_eq!(january.by_age, [Some(8.5), Some(7.5)]);
    let march = &finding.cohorts[1];
    assert_eq!((march.month.as_str(), march.customers), ("2024-03", 2));
    assert_eq!(march.by_age, [None, None]);
    let average = finding
        .baselines
        .iter()
        .find(|rule| rule.rule == "historic-average")
        .unwrap();
    near(
        average.value.unwrap(),
        0.5 * (27.0 + 37.0 + 9.0 + 12.0) / 4.0,
        1e-12,
    );
}

#[test]
fn orders_that_were_given_back_are_no_purchases() {
    // In binary 3 x 10.10 - 30.30 and 19.99 - 10 - 9.99 leave some 1e-15, above and below zero.
    let rows = "id,day,ordering,amount\n\
        a,2024-01-01,o1,10.10\na,2024-01-01,o1,10.10\na,2024-01-01,o1,10.10\na,2024-01-09,o1,-30.30\n\
        b,2024-01-02,o2,19.99\nb,2024-01-12,o2,-10\nb,2024-01-13,o2,-9.99\n\
        c,2024-01-03,o3,0.02\nc,2024-01-04,o3,-0.01\n";
    let finding = measured(rows, "spend: amount\norder: ordering\n").unwrap();
    assert_eq!(finding.extent.customers, 1);
    near(finding.extent.unmatched_returns, 0.0, 0.0);
    let left = &finding.extent.left_out;
    let left: Vec<(&str, u64)> = left
        .iter()
        .map(|left| (left.reason.as_str(), left.number))
        .collect();
    assert_eq!(left, [("orders of which nothing remains", 2)]);
}

#[test]
fn several_days_far_ahead_are_told_of() {
    let rows = "id,day,amount\na,2024-01-01,5\nb,2024-02-01,5\na,2024-03-01,5\nb,2099-01-01,5\nc,2099-01-05,5\n";
    let finding = measured(rows, "spend: amount\n").unwrap();
    let told = finding.checks.iter().any(|check| {
        check
            .message
            .contains("nobody bought between 2024-03-01 and 2099-01-01")
    });
    assert!(told, "{:?}", finding.checks);
}

#[test]
fn customers_count_between_two_days() {
    let finding = measured(
        SMALL,
        "spend: amount\nfrom: 2024-01-02\nuntil: 2024-02-20\n",
    )
    .unwrap();
    // a had bought before; without `order` the return of a is below zero on its day, and c has bought nothing.
    assert_eq!(finding.extent.customers, 1);
    assert_eq!(finding.extent.repeat_purchases, 0);
    let left = &finding.extent.left_out;
    let number = |reason: &str| {
        let left = left.iter().find(|left| left.reason.contains(reason));
        left.map_or(0, |left| left.number)
    };
    assert_eq!(number("bought before the first day"), 1);
    assert_eq!(number("after the last day"), 2);
    assert_eq!(number("below zero"), 2);
    // Of one customer without a repeat purchase no model says anything.
    assert_eq!(finding.refusal.unwrap().reason, Reason::TooLittleData);
}

#[test]
fn what_cannot_be_measured_is_refused() {
    let never = "id,day,amount\na,2024-01-01,5\nb,2024-02-01,6\nc,2024-03-01,7\n";
    let finding = measured(never, "spend: amount\n").unwrap();
    assert_eq!(finding.refusal.unwrap().reason, Reason::TooLittleData);
    assert!(finding.value.is_none());

    let nobody = "id,day,amount\na,2024-01-01,0\n";
    let finding = measured(nobody, "spend: amount\n").unwrap();
    assert_eq!((finding.extent.customers, finding.value), (0, None));

    let foreign = "id,day,amount,currency\na,2024-01-01,5,USD\nb,2024-02-01,6,EUR\n";
    let error = measured(foreign, "spend: amount\ncurrency: currency\n").unwrap_err();
    assert!(
        error
            .to_string()
            .contains("1 rows are not in the project's currency, USD, but in EUR"),
        "{error}"
    );

    let error = measured(SMALL, "spend: amount\nby: [contry]\n").unwrap_err();
    assert!(
        error.to_string().contains("did you mean `country`"),
        "{error}"
    );
    let error = measured(SMALL, "spend: country\n").unwrap_err();
    assert!(error.to_string().contains("not a number"), "{error}");
}

#[test]
fn a_date_far_from_all_others_is_noticed() {
    let rows = format!("{SMALL}f,2034-01-01,o12,5,DE\n");
    let finding = measured(&rows, "spend: amount\n").unwrap();
    let said = finding
        .checks
        .iter()
        .any(|check| check.message.contains("if a date is wrong"));
    assert!(said, "{:?}", finding.checks);
}

/// Whether a check of the finding says this.
fn says(finding: &LifetimeFinding, what: &str) -> bool {
    let mut checks = finding.checks.iter();
    checks.any(|check| check.message.contains(what))
}

#[test]
fn rows_that_are_there_twice_are_told_of() {
    const ALIKE: &str = "are equal to another one in all columns";
    let keys = "spend: amount\norder: ordering\n";
    assert!(!says(&measured(SMALL, keys).unwrap(), ALIKE));
    let rows = format!("{SMALL}b,2024-02-20,o5,30,FR\nb,2024-02-20,o5,30,FR\n");
    let finding = measured(&rows, keys).unwrap();
    // Two more rows than there should be, of fourteen.
    assert!(
        says(
            &finding,
            &format!("2 rows (14.29 %) of `purchases` {ALIKE}")
        ),
        "{:?}",
        finding.checks
    );
    let contracts = "id,day,end,fee\na,2024-01-01,,5\na,2024-01-01,,5\nb,2024-01-15,2024-03-15,5\n";
    let keys = "spend: fee\ncontracts: { end: end, period: 1 month, as_of: 2024-07-01 }\n";
    let finding = measured(contracts, keys).unwrap();
    assert!(says(
        &finding,
        &format!("1 rows (33.33 %) of `purchases` {ALIKE}")
    ));
}

#[test]
fn a_customer_is_not_mixed_from_two_rows_and_costs_are_not_below_zero() {
    let crm = "id,channel,cost\na,x,50\na,y,-5\nb,x,-2\nc,y,8\nc,y,8\nd,y,\n";
    let documents = format!(
        "{FACT}{{ kind: source, name: crm, path: crm.csv, types: {{ id: VARCHAR }} }}\n---\n\
         kind: lifetime\nname: test\nfact: purchases\nspend: amount\norder: ordering\nby: [channel]\n\
         customers: {{ source: crm, customer: id }}\nacquisition: {{ cost: cost, channel: channel }}\n"
    );
    let files = [("rows.csv", SMALL), ("crm.csv", crm)];
    let finding = project(&files, SETTINGS, &documents).unwrap();
    // Of a, the row of x counts, with its cost. Those of b and d are unknown, and c has bought nothing, at a cost of 8.
    let all = &finding.acquisition[0];
    assert_eq!((all.customers, all.cost), (1, Some(58.0)));
    assert!(says(&finding, "1 customers have several rows in `crm`"));
    assert!(says(&finding, "less than nothing in 2 rows of `crm`"));
}

#[test]
fn a_customer_alone_says_nothing_of_how_sure_a_value_is() {
    let rows =
        "id,day,amount\na,2024-01-01,10\na,2024-02-01,20\na,2024-03-01,10\nb,2024-05-01,10\n";
    let finding = measured(rows, "spend: amount\n").unwrap();
    assert!(finding.value.is_none() && finding.new_customer.is_none());
    assert_eq!(finding.refusal.unwrap().reason, Reason::TooLittleData);
    // No model's value stands beside the refusal; what is known by now does.
    assert!(finding.models.iter().all(|model| model.future.is_none()));
    let average = &finding.baselines[0];
    assert_eq!(average.rule, "historic-average");
    near(average.value.unwrap(), 0.5 * (40.0 + 10.0) / 2.0, 1e-12);
}

#[test]
fn without_purchases_there_are_no_days() {
    let rows = "id,day,amount\na,2024-01-01,-10\nb,2024-02-01,-20\n";
    for (rows, keys) in [
        (rows, "spend: amount\n"),
        (SMALL, "spend: amount\nuntil: 2020-01-01\n"),
    ] {
        let finding = measured(rows, keys).unwrap();
        let extent = &finding.extent;
        assert_eq!((extent.customers, &extent.first_day), (0, &None));
        assert_eq!((&extent.last_day, &extent.data_end), (&None, &None));
        assert!(finding.refusal.is_some());
    }
}

/// The codes of the mistakes in a lifetime with these keys, sorted.
fn mistakes(keys: &str) -> Vec<&'static str> {
    let documents =
        format!("{FACT}{{ kind: fact, name: untimed, source: rows, customer: id }}\n---\n{keys}");
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
    let with = |keys: &str| mistakes(&format!("kind: lifetime\nname: test\n{keys}"));
    assert!(with("fact: purchases\nspend: amount\n").is_empty());
    assert_eq!(with("fact: orders\n"), ["unknown-name"]);
    assert_eq!(with("fact: untimed\n"), ["needs-time"]);
    assert_eq!(with("fact: purchases\nhorizon: 0 days\n"), ["out-of-range"]);
    assert_eq!(
        with("fact: purchases\nspend: a\nmargin: 1.5\n"),
        ["out-of-range"]
    );
    assert_eq!(with("fact: purchases\nfrom: soon\n"), ["wrong-type"]);
    assert_eq!(
        with("fact: purchases\nfrom: 2024-02-01\nuntil: 2024-02-01\n"),
        ["out-of-range"]
    );
    assert_eq!(with("fact: purchases\nmargin: 0.2\n"), ["misplaced-key"]);
    assert_eq!(
        with("fact: purchases\nspend: a\nacquisition: { cost: c }\n"),
        ["missing-key"]
    );
    assert_eq!(with("fact: purchases\neffect: stops\n"), ["misplaced-key"]);
    assert_eq!(
        with("fact: purchases\nexperiment: none\n"),
        ["unknown-name"]
    );
    assert_eq!(with("fact: purchases\nby: [a, a]\n"), ["duplicate-value"]);
    assert_eq!(
        with("fact: purchases\naudiences: [loyl]\n"),
        ["unknown-name"]
    );
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
}

/// Purchases, assignments and what is known of customers who were acquired in the first weeks of 2023, half of whom buy
/// more often from then on.
fn simulated(customers: usize, factor: f64) -> [String; 3] {
    let mut random = Random(7);
    let mut rows = "id,day,amount\n".to_owned();
    let mut assigned = "id,arm,at\n".to_owned();
    let mut known = "id,country,cost,source\n".to_owned();
    let date = |day: i64| {
        let first = jiff::civil::date(2023, 1, 1);
        first.checked_add(jiff::Span::new().days(day)).unwrap()
    };
    for id in 0..customers {
        let arm = usize::from(random.next() < 0.5);
        let begin = (random.next() * 60.0) as i64;
        // Gamma(2) rates and hazards around one purchase in 25 days and a life of 200 days.
        let spread =
            |random: &mut Random| (random.exponential(1.0) + random.exponential(1.0)) / 2.0;
        let rate = spread(&mut random) / 25.0 * if arm == 1 { factor } else { 1.0 };
        let hazard = spread(&mut random) / 200.0;
        let life = random.exponential(hazard);
        let scale = 20.0 * (0.5 + random.next());
        let mut time = 0.0;
        while time < life && begin as f64 + time < 365.0 {
            let amount = scale * (0.5 + random.next());
            writeln!(rows, "{id},{},{amount:.2}", date(begin + time as i64)).unwrap();
            time += random.exponential(rate);
        }
        writeln!(assigned, "{id},{},{}", ["old", "new"][arm], date(begin)).unwrap();
        let (country, source) = (["DE", "FR"][id % 2], ["search", "friend", "shop"][id % 3]);
        writeln!(known, "{id},{country},{},{source}", 5 + 5 * (id % 3)).unwrap();
    }
    [rows, assigned, known]
}

fn simulated_project(threads: u32, effect: &str) -> LifetimeFinding {
    let horizon = format!("horizon: 2 years\neffect: {effect}\n");
    simulated_with(threads, &horizon, "")
}

/// With these keys of the lifetime, and more rows of assignment.
fn simulated_with(threads: u32, keys: &str, more: &str) -> LifetimeFinding {
    let [rows, assigned, known] = simulated(3000, 1.5);
    let assigned = assigned + more;
    let documents = format!(
        "{FACT}{{ kind: source, name: known, path: known.csv, types: {{ id: VARCHAR }} }}\n---\n\
         {{ kind: source, name: assigned, path: assigned.csv, types: {{ id: VARCHAR, at: DATE }} }}\n---\n\
         {{ kind: metric, name: revenue, fact: purchases, aggregate: sum, value: amount, unit: money }}\n---\n\
         kind: experiment\nname: welcome\nassignment: {{ source: assigned, customer: id, arm: arm, time: at }}\n\
         arms:\n- {{ name: old, role: generic }}\n- {{ name: new, role: personalized }}\n\
         metrics: {{ primary: revenue }}\n---\n\
         kind: lifetime\nname: test\nfact: purchases\nspend: amount\nby: [country]\n\
         customers: {{ source: known, customer: id }}\nacquisition: {{ cost: cost, channel: source }}\n\
         experiment: welcome\n{keys}"
    );
    let settings = format!("{SETTINGS}engine: {{ threads: {threads} }}\n");
    let files = [
        ("rows.csv", rows.as_str()),
        ("assigned.csv", assigned.as_str()),
        ("known.csv", known.as_str()),
    ];
    project(&files, &settings, &documents).unwrap()
}

#[test]
fn a_treatment_that_makes_customers_buy_more_often_is_found() {
    let finding = simulated_project(2, "stays-on");
    let value = finding.value.as_ref().unwrap();
    assert_eq!(value.customers, 3000);
    assert!(value.future.low < value.future.estimate && value.future.estimate < value.future.high);

    // Audiences and cohorts are the customers, split: their values add up.
    let total = value.future.estimate * 3000.0;
    let sum = |groups: &[measure::audience::lifetime::GroupValue]| -> f64 {
        let each = groups
            .iter()
            .map(|group| group.future.estimate * group.customers as f64);
        each.sum()
    };
    near(sum(&finding.by[0].values), total, 1e-9);
    near(sum(&finding.channels), total, 1e-9);
    let cohorts: Vec<_> = finding
        .cohorts
        .iter()
        .filter_map(|cohort| cohort.value.clone())
        .collect();
    near(sum(&cohorts), total, 1e-9);
    let past: f64 = cohorts
        .iter()
        .map(|cohort| cohort.past * cohort.customers as f64)
        .sum();
    near(past, value.past * 3000.0, 1e-9);

    let test = finding.back_test.as_ref().unwrap();
    let best = finding.model.as_deref().unwrap();
    let forecast = test
        .forecasts
        .iter()
        .find(|forecast| forecast.by == best)
        .unwrap();
    assert!(forecast.relative_error.unwrap().abs() < 0.1, "{forecast:?}");

    // Costs are 5, 10, 15 by channel.
    let all = &finding.acquisition[0];
    near(all.cost.unwrap(), 10.0, 1e-12);
    near(
        all.value_over_cost.unwrap().estimate,
        (value.past + value.future.estimate) / 10.0,
        1e-12,
    );
    let shop = finding
        .acquisition
        .iter()
        .find(|found| found.group == "shop")
        .unwrap();
    near(shop.cost.unwrap(), 15.0, 1e-12);
    let payback = shop.payback.unwrap();
    assert!(payback.low.unwrap() <= payback.months.unwrap());
    assert!(payback.months.unwrap() <= payback.high.unwrap());
    // The first purchase counts from day 0 on.
    let first = &shop.curve[0];
    assert!(
        first.months == 0.0 && first.brought.estimate > 0.0,
        "{first:?}"
    );

    let arm = &finding.incremental.as_ref().unwrap().arms[0];
    assert_eq!(arm.customers.arm + arm.customers.against, 3000);
    assert_eq!((arm.existing.arm, arm.never_bought.arm), (0, 0));
    let rate = arm.rate.unwrap();
    assert!(
        (rate.estimate - 1.5_f64.ln()).abs() < 3.0 * rate.se,
        "{rate:?}"
    );
    assert!(rate.se < 0.1);
    let measured = arm.in_process.as_ref().unwrap();
    near(
        measured.difference.estimate,
        measured.mean.arm - measured.mean.against,
        1e-12,
    );
    let stays = arm.stays_on.unwrap();
    assert_eq!(arm.counts, Some(stays.total.amount));
    near(
        stays.window.amount.estimate
            + stays.to_twelve_months.amount.estimate
            + stays.beyond.amount.estimate,
        stays.total.amount.estimate,
        1e-9,
    );
    near(
        stays.total.often.estimate + stays.total.longer.estimate + stays.total.more.estimate,
        stays.total.amount.estimate,
        1e-9,
    );
    // The model's value of the window is what was measured there.
    let error = stays.window.amount.estimate - measured.difference.estimate;
    assert!(error.abs() < 3.0 * measured.difference.se, "{error}");
    assert!(stays.total.amount.low > 0.0);
    let stops = arm.stops.unwrap();
    assert!(stops.total.estimate < stays.total.amount.estimate);
    let zero = |placebo: &&measure::audience::lifetime::Placebo| {
        placebo.total.low <= 0.0 && placebo.total.high >= 0.0
    };
    assert_eq!(arm.placebo.len(), 4);
    assert!(
        arm.placebo.iter().filter(zero).count() >= 3,
        "{:?}",
        arm.placebo
    );
}

#[test]
fn a_horizon_within_the_window_is_refused_once_and_later_arms_are_counted() {
    let both = "0,old,2023-12-01\n0,new,2023-12-01\n1,old,2023-12-01\n1,new,2023-12-01\n";
    let finding = simulated_with(2, "horizon: 6 months\n", both);
    let incremental = finding.incremental.as_ref().unwrap();
    let mut left_out = incremental.left_out.iter();
    let later = left_out.find(|left| left.reason.contains("count in their first"));
    assert_eq!(later.unwrap().number, 2);
    let arm = &incremental.arms[0];
    let [refusal] = &arm.refusals[..] else {
        panic!("{:?}", arm.refusals);
    };
    assert!(
        refusal
            .message
            .contains("the horizon of 183 days ends within the 36")
            && refusal.message.contains("use a longer one"),
        "{refusal:?}"
    );
    assert!(arm.measured.is_some() && arm.stays_on.is_none() && arm.stops.is_none());
}

#[test]
fn audiences_are_customers_who_may_be_in_several() {
    let [rows, _, known] = simulated(1500, 1.0);
    let documents = format!(
        "{FACT}{{ kind: source, name: known, path: known.csv, types: {{ id: VARCHAR }} }}\n---\n\
         {{ kind: audience, name: germans, source: known, customer: id, where: country = 'DE' }}\n---\n\
         kind: audience\nname: everybody\ncustomer: member\n\
         sql: SELECT id AS member FROM known UNION ALL SELECT 'nobody' UNION ALL SELECT 'none' UNION ALL SELECT NULL\n\
         ---\n{{ kind: audience, name: strangers, source: known, customer: country }}\n---\n\
         kind: lifetime\nname: test\nfact: purchases\nspend: amount\nhorizon: 2 years\nby: [country]\n\
         customers: {{ source: known, customer: id }}\nmodel: pareto-nbd\nfrom: 2023-01-15\n\
         audiences: [germans, everybody, strangers]\n"
    );
    let files = [("rows.csv", rows.as_str()), ("known.csv", known.as_str())];
    let finding = project(&files, SETTINGS, &documents).unwrap();
    let [germans, everybody, strangers] = &finding.audiences[..] else {
        panic!("{:?}", finding.audiences);
    };
    // What a column says, an audience says with the same numbers.
    let same = |audience: &GroupValue, group: &GroupValue| {
        assert_eq!(audience.customers, group.customers);
        let pairs = [
            (audience.past, group.past),
            (audience.alive, group.alive),
            (audience.future.estimate, group.future.estimate),
            (audience.future.se, group.future.se),
            (audience.future.low, group.future.low),
        ];
        for (found, expected) in pairs {
            near(found, expected, 1e-9);
        }
    };
    let values = finding.by[0].values.iter();
    let country = values.clone().find(|value| value.group == "DE").unwrap();
    same(germans.value.as_ref().unwrap(), country);
    // Everybody is all customers, but as an audience that is compared with others: who is in it counts.
    let (audience, all) = (&everybody.value, &finding.value);
    let (audience, all) = (audience.as_ref().unwrap(), all.as_ref().unwrap());
    assert_eq!(audience.customers, all.customers);
    near(audience.future.estimate, all.future.estimate, 1e-9);
    assert!(audience.future.low < all.future.low && audience.future.high > all.future.high);
    // Half of those who first bought before the first day are German.
    let early = finding.extent.left_out[0].number;
    assert!(early > 100, "{:?}", finding.extent.left_out);
    assert_eq!((everybody.never_bought, everybody.not_counted), (2, early));
    let counting = germans.value.as_ref().unwrap().customers;
    assert_eq!(germans.not_counted + counting, 750);
    assert_eq!((&strangers.value, strangers.never_bought), (&None, 2));

    // Hazards are Gamma(2, 400 days): a life of 400 days on average.
    let life = finding.mean_life.unwrap();
    assert_eq!(life.unit, LifeUnit::Days);
    let low = life.low.unwrap();
    assert!(low > 100.0 && low < 400.0, "{life:?}");
    assert!(life.high.is_none_or(|high| high > 400.0), "{life:?}");
    assert_eq!(life.high.is_none(), finding.unbounded.is_some());
}

#[test]
fn threads_do_not_show_and_the_declared_effect_counts() {
    let one = simulated_project(1, "stops");
    let arm = &one.incremental.as_ref().unwrap().arms[0];
    assert_eq!(arm.counts, arm.stops.map(|value| value.total));
    let two = simulated_project(4, "stops");
    let json = |finding: &LifetimeFinding| {
        let mut finding = finding.clone();
        // Settings are part of the definitions.
        finding.provenance.definitions.clear();
        serde_json::to_string(&finding).unwrap()
    };
    assert_eq!(json(&one), json(&two));
}

/// The catalog of a published customer base as `examples/` declares it, with another text in place of one of its own.
#[expect(
    clippy::print_stderr,
    reason = "whoever runs the tests must see that this one did not"
)]
fn example(name: &str, replaced: (&str, &str)) -> Option<LifetimeFinding> {
    if std::env::var_os("TOUCHSTONE_TEST_DATA").is_none() {
        eprintln!("skipped: TOUCHSTONE_TEST_DATA does not name the folder of the test data");
        return None;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../examples")
        .join(name);
    let read = |path: String| std::fs::read_to_string(root.join(path)).unwrap();
    let documents = read(format!("catalog/{name}.yaml")).replace(replaced.0, replaced.1);
    // The tests of timing do without discounting.
    let rate = if replaced.1.is_empty() && name == "cdnow" {
        "discount_rate: 0 #"
    } else {
        "discount_rate:"
    };
    let settings = read("touchstone.yaml".to_owned()).replace("discount_rate:", rate);
    // Elsewhere than in the example, so that nothing is written there.
    let folder = TempDir::new().unwrap();
    let catalog = catalog(folder.path(), &settings, &documents);
    Some(of_catalog(&catalog).unwrap())
}

fn parameters(finding: &LifetimeFinding, model: &str) -> Vec<f64> {
    let model = finding
        .models
        .iter()
        .find(|found| found.model == model)
        .unwrap();
    model
        .parameters
        .iter()
        .map(|parameter| parameter.value)
        .collect()
}

fn forecasts(finding: &LifetimeFinding, expected: &[(&str, f64, f64)]) {
    let test = finding.back_test.as_ref().unwrap();
    for (by, forecast, error) in expected {
        let found = test.forecasts.iter().find(|found| found.by == *by).unwrap();
        near(found.forecast, *forecast, 1e-3);
        near(found.mean_absolute_error, *error, 1e-3);
    }
}

#[test]
fn cdnow_gives_the_published_parameters() {
    // Purchases of nothing are purchases, too, where spend is not asked.
    let Some(finding) = example("cdnow", ("spend: dollars\n", "")) else {
        return;
    };
    assert_eq!(finding.extent.customers, 23_570);
    assert_eq!(finding.extent.repeat_purchases, 24_337);
    let expected = [
        ("bg-nbd", [0.251_624, 4.788_945, 0.723_433, 2.161_087]),
        ("mbg-nbd", [0.637_140, 7.310_290, 0.807_474, 1.228_394]),
        ("pareto-nbd", [0.597_409, 11.585_433, 0.522_186, 8.828_147]),
    ];
    for (model, expected) in expected {
        for (found, expected) in parameters(&finding, model).iter().zip(expected) {
            near(*found, expected, 1e-3);
        }
    }
    let test = finding.back_test.as_ref().unwrap();
    assert_eq!((test.days, test.actual), (273, 19_684));
    let expected = [
        ("bg-nbd", 16_873.74, 0.818_742),
        ("mbg-nbd", 15_933.60, 0.794_536),
        ("pareto-nbd", 17_153.31, 0.793_768),
        ("rate-per-customer", 29_010.65, 1.038_054),
    ];
    forecasts(&finding, &expected);
    assert_eq!(finding.unbounded.unwrap().reason, Reason::UnboundedLifetime);
}

#[test]
fn cdnow_has_a_value() {
    let all = ("until: 1997-10-01", "until: 1997-10-01\nmodel: pareto-nbd");
    let Some(finding) = example("cdnow", all) else {
        return;
    };
    let spend = finding.spend.as_ref().unwrap();
    for (parameter, expected) in spend.parameters.iter().zip([6.275, 3.624, 14.98]) {
        near(parameter.value, expected, 0.01);
    }
    let value = finding.value.as_ref().unwrap();
    assert!(value.future.low > 0.0 && value.future.high > value.future.low);
    // Of one model there is no band.
    assert_eq!(finding.band, None);
    assert!(finding.distribution.unwrap().top_tenth > 0.3);
}

#[test]
fn online_retail_shows_no_attrition() {
    let Some(finding) = example("online-retail", ("", "")) else {
        return;
    };
    assert_eq!(finding.extent.customers, 2_960);
    assert_eq!(finding.extent.repeat_purchases, 5_016);
    let model = finding
        .models
        .iter()
        .find(|model| model.model == "pareto-nbd")
        .unwrap();
    assert!(model.sees_no_attrition);
    near(model.parameters[0].value, 0.744_2, 1e-3);
    near(model.parameters[1].value, 9.047, 1e-3);
    near(model.log_likelihood.unwrap(), -15_325.455, 1e-6);
    let expected = [
        ("pareto-nbd", 5_634.81, 1.366_540),
        ("rate-per-customer", 5_230.42, 1.436_037),
    ];
    forecasts(&finding, &expected);
    assert_eq!(finding.back_test.as_ref().unwrap().actual, 6_426);
    // A value within the horizon, and what is beyond on its own.
    let value = finding.value.as_ref().unwrap();
    // How much attrition there may be was found; the lower end is not above that without any.
    let future = value.future;
    let (down, up) = (future.estimate / future.low, future.high / future.estimate);
    assert!(down >= up * (1.0 - 1e-12), "{future:?}");
    let warned = finding
        .checks
        .iter()
        .any(|check| check.message.contains("how much attrition there may be"));
    assert!(!warned, "{:?}", finding.checks);
    assert_eq!(finding.mean_life, None);
    assert!(value.alive > 1.0 - 1e-9);
    assert!(value.future.estimate > 0.0 && finding.tail.unwrap() > 0.0);
    assert_eq!(finding.unbounded.unwrap().reason, Reason::UnboundedLifetime);
    assert!(finding.extent.unmatched_returns < 0.0);
}

#[test]
fn what_exceeds_the_memory_spills() {
    // A million orders of 100,000 customers; a name of a country is too long to lie in a group itself.
    const ORDERS: &str = "{ kind: fact, name: purchases, customer: id, time: day, sql: \"SELECT i % 100000 AS id, \
         DATE '2024-01-01' + CAST((i % 100000) % 50 + (i // 100000) * 7 + (i * 7919) % 6 AS INTEGER) AS day, \
         10.0 + i % 4 AS amount, 'one of the countries of the world: ' || i % 3 AS country \
         FROM range(1000000) AS numbers(i)\" }\n---\n\
         kind: lifetime\nname: test\nfact: purchases\nspend: amount\nmodel: bg-nbd\nby: [country]\n";
    let found = |memory: &str| {
        let settings = format!("{SETTINGS}engine: {{ memory: {memory}, threads: 2 }}\n");
        project(&[], &settings, ORDERS).unwrap()
    };
    let (small, large) = (found("80MB"), found("2GB"));
    assert_eq!(small.extent.customers, 100_000);
    assert_eq!(small.extent.rows, 1_000_000);
    let countries = &small.by[0].values;
    assert!(
        countries
            .iter()
            .all(|country| (33_333..=33_334).contains(&country.customers))
    );
    assert_eq!(
        serde_json::to_value(&small.by).unwrap(),
        serde_json::to_value(&large.by).unwrap()
    );
    assert_eq!(small.value, large.value);
    assert_eq!(small.back_test, large.back_test);
}
