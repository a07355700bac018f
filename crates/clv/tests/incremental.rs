//! Incremental lifetime value against companies whose truth is known: customers of two
//! arms, one year of data or less, value over ten years.

#[path = "common/simulated.rs"]
mod simulated;

use clv::discount::Discount;
use clv::incremental::{
    ArmHistory, Horizon, Measured, Refusal, Settings, SpendArms, StaysOn, TimingArms, Uncertainty,
    Window, stays_on, stops,
};
use clv::{BgNbd, Customer, CustomerColumns, CustomerTable, Estimation, ParetoNbd, TimingModel};
use simulated::Simulation;

const TRUTH: ParetoNbd = ParetoNbd {
    r: 0.55,
    alpha: 10.58,
    s: 0.61,
    beta: 60.0,
};
const RATE_EFFECT: f64 = 0.06;
const HAZARD_EFFECT: f64 = -0.25;
const TEN_YEARS: f64 = 520.0;
const CUSTOMERS_PER_ARM: usize = 10_000;

/// A test in weeks: customers acquired over half a year and watched to its end.
struct Test {
    histories: Vec<ArmHistory>,
    measured: Measured,
}

impl Test {
    /// Customers of a world, treated for as long as they are watched: `customer` gives
    /// one of an age, treated or not. With twins, each customer lives once in each arm by
    /// the same random numbers: means over tests are then those of independent customers,
    /// with less noise, while intervals would be too wide.
    fn of_world(
        seed: u64,
        per_arm: usize,
        twins: bool,
        customer: impl Fn(&mut Simulation, bool, f64) -> Customer,
    ) -> Self {
        let mut simulation = Simulation::new(seed);
        let mut histories: Vec<ArmHistory> = (0..2 * per_arm)
            .map(|i| {
                let treated = i % 2 == 1;
                if twins {
                    simulation = Simulation::new(seed << 32 | (i / 2) as u64);
                }
                // Acquired on the first day of a week.
                let age = simulation.uniform(26.0, 52.0).floor();
                ArmHistory {
                    customer: customer(&mut simulation, treated, age),
                    treated,
                    customers: 1.0,
                }
            })
            .collect();
        let key = |history: &ArmHistory| {
            (
                history.treated,
                history.customer.age,
                history.customer.recency,
            )
        };
        histories.sort_by(|a, b| key(a).partial_cmp(&key(b)).expect("numbers"));
        histories.dedup_by(|next, merged| {
            let same = key(next) == key(merged);
            merged.customers += f64::from(u8::from(same)) * next.customers;
            same
        });
        let moments = |arm: bool| {
            let orders = || {
                let of_arm = histories.iter().filter(move |h| h.treated == arm);
                of_arm.map(|h| (f64::from(h.customer.frequency), h.customers))
            };
            let n = per_arm as f64;
            let mean = orders().map(|(x, customers)| customers * x).sum::<f64>() / n;
            let squares: f64 = orders()
                .map(|(x, customers)| customers * (x - mean).powi(2))
                .sum();
            (mean, squares / (n * (n - 1.0)))
        };
        let (generic, treated) = (moments(false), moments(true));
        Test {
            measured: Measured {
                difference: treated.0 - generic.0,
                standard_error: (generic.1 + treated.1).sqrt(),
            },
            histories,
        }
    }

    /// The Pareto/NBD world.
    fn new(seed: u64, per_arm: usize, twins: bool) -> Self {
        let worlds = [TRUTH, treated_truth()].map(|world| world.parameters());
        Test::of_world(seed, per_arm, twins, |simulation, treated, age| {
            simulation.pareto(worlds[usize::from(treated)], age)
        })
    }

    fn table(&self) -> CustomerTable {
        let customers = || self.histories.iter().map(|history| history.customer);
        let frequency: Vec<u32> = customers().map(|c| c.frequency).collect();
        let recency: Vec<f64> = customers().map(|c| c.recency).collect();
        let age: Vec<f64> = customers().map(|c| c.age).collect();
        let count: Vec<f64> = self.histories.iter().map(|h| h.customers).collect();
        let arm = |history: &ArmHistory| f64::from(u8::from(history.treated));
        let treated: Vec<f64> = self.histories.iter().map(arm).collect();
        CustomerTable::new(&CustomerColumns {
            frequency: &frequency,
            recency: &recency,
            age: &age,
            count: Some(&count),
            covariates: &[&treated],
            ..CustomerColumns::default()
        })
        .expect("a table")
    }

    fn arms(&self) -> TimingArms<ParetoNbd> {
        let table = self.table();
        let fit = ParetoNbd::fit_with(&table, &Estimation::all(&table)).expect("a fit");
        TimingArms::from_fit(&fit, 0, 7.0).expect("effects")
    }

    /// How long customers were watched.
    fn windows(&self) -> Vec<Window> {
        let mut windows: Vec<Window> = Vec::new();
        for history in &self.histories {
            let days = 7.0 * history.customer.age;
            match windows.iter_mut().find(|window| window.days == days) {
                Some(window) => window.customers += history.customers,
                None => windows.push(Window {
                    days,
                    customers: history.customers,
                }),
            }
        }
        windows
    }
}

fn settings() -> Settings {
    Settings {
        horizon: Horizon::Days(7.0 * TEN_YEARS),
        discount: Discount::NONE,
        uncertainty: Uncertainty::Delta,
        alpha: 0.05,
    }
}

fn treated_truth() -> ParetoNbd {
    TRUTH.shifted(RATE_EFFECT, HAZARD_EFFECT)
}

fn truth_stays_on() -> f64 {
    treated_truth().expected_transactions_of_new(TEN_YEARS)
        - TRUTH.expected_transactions_of_new(TEN_YEARS)
}

/// Orders in the test, and after it from customers who are as alive as the treatment
/// left them, and otherwise as all others: `P(alive at T)` of the treated and of the
/// generic hazard differ customer by customer, integrated over both distributions by
/// quantiles of a long simulation.
fn truth_stops() -> f64 {
    let mut simulation = Simulation::new(99);
    const N: usize = 400_000;
    let orders = |rate: f64, hazard: f64, time: f64| rate * -(-hazard * time).exp_m1() / hazard;
    let total: f64 = (0..N)
        .map(|i| {
            let rate = TRUTH.r / TRUTH.alpha;
            let hazard = simulation.gamma(TRUTH.s, TRUTH.beta).max(1e-12);
            let age = (26.0 + 26.0 * (i as f64 + 0.5) / N as f64).floor();
            let value = |rate_effect: f64, hazard_effect: f64| {
                let treated_hazard = hazard * hazard_effect.exp();
                orders(rate * rate_effect.exp(), treated_hazard, age)
                    + (-treated_hazard * age).exp() * orders(rate, hazard, TEN_YEARS - age)
            };
            value(RATE_EFFECT, HAZARD_EFFECT) - value(0.0, 0.0)
        })
        .sum();
    total / N as f64
}

fn measure_stays_on(test: &Test, settings: &Settings) -> StaysOn {
    let arms = test.arms();
    stays_on(
        &arms,
        &SpendArms::fixed(1.0),
        &test.windows(),
        Some(test.measured),
        settings,
    )
    .expect("a value")
}

/// The read-out in common use: one model that knows no arms, its predictions averaged by
/// arm.
fn pooled(test: &Test) -> f64 {
    let model = ParetoNbd::fit(&test.table()).expect("a fit").model;
    let n = test.histories.iter().map(|h| h.customers).sum::<f64>() / 2.0;
    let signed = |history: &ArmHistory| {
        let customer = &history.customer;
        let value = f64::from(customer.frequency)
            + model.expected_transactions(customer, TEN_YEARS - customer.age);
        let sign = if history.treated { 1.0 } else { -1.0 };
        sign * history.customers * value
    };
    test.histories.iter().map(signed).sum::<f64>() / n
}

#[test]
fn recovers_both_estimands() {
    const TESTS: u64 = 4;
    let (mut on, mut off, mut common) = (0.0, 0.0, 0.0);
    for seed in 0..TESTS {
        let test = Test::new(1000 + seed, CUSTOMERS_PER_ARM, true);
        let arms = test.arms();
        let windows = &test.windows();
        let spend = SpendArms::fixed(1.0);
        on += stays_on(&arms, &spend, windows, None, &settings())
            .expect("a value")
            .total
            .amount
            .value;
        off += stops(&arms, &spend, &test.histories, test.measured, &settings())
            .expect("a value")
            .total
            .value;
        common += pooled(&test);
    }
    let n = TESTS as f64;
    let (stays, stopped) = (truth_stays_on(), truth_stops());
    assert!((stays - 1.9568).abs() < 0.01, "{stays}");
    assert!((stopped - 0.3896).abs() < 0.01, "{stopped}");
    assert!((on / n / stays - 1.0).abs() < 0.10, "{} of {stays}", on / n);
    assert!(
        (off / n / stopped - 1.0).abs() < 0.10,
        "{} of {stopped}",
        off / n
    );
    // The common read-out answers neither question.
    assert!(
        common / n < 0.7 * stays && common / n > 1.8 * stopped,
        "{}",
        common / n
    );
}

/// A world in which customers leave after a purchase: the treatment changes the rate and
/// one shape of the probability to leave.
#[test]
fn recovers_the_value_in_a_beta_geometric_world() {
    const TESTS: u64 = 4;
    const PER_ARM: usize = 30_000;
    let worlds = [
        [0.5, 8.0, 0.35, 9.0],
        [0.5, 8.0 * (-0.06f64).exp(), 0.35 * (-0.2f64).exp(), 9.0],
    ];
    let ten_years = worlds.map(|[r, alpha, a, b]| {
        let world = BgNbd::new(r, alpha, a, b).expect("a model");
        world.expected_transactions_of_new(TEN_YEARS)
    });
    let truth = ten_years[1] - ten_years[0];
    assert!((truth - 2.772_585).abs() < 1e-5, "{truth}");
    let mean = (0..TESTS)
        .map(|seed| {
            let test = Test::of_world(300 + seed, PER_ARM, true, |simulation, treated, age| {
                simulation.beta_geometric(worlds[usize::from(treated)], age)
            });
            let table = test.table();
            let fit = BgNbd::fit_with(&table, 1, &Estimation::all(&table)).expect("a fit");
            let arms = TimingArms::from_fit(&fit, 0, 7.0).expect("effects");
            let windows = &test.windows();
            let found = stays_on(&arms, &SpendArms::fixed(1.0), windows, None, &settings());
            found.expect("a value").total.amount.value / TESTS as f64
        })
        .sum::<f64>();
    assert!((mean / truth - 1.0).abs() < 0.10, "{mean} of {truth}");
}

#[test]
#[ignore = "minutes: how often 95 % intervals cover the truth"]
fn coverage_of_intervals() {
    const TESTS: u64 = 150;
    let (stays, stopped) = (truth_stays_on(), truth_stops());
    let mut covered = [0; 3];
    let (mut sums, mut squares, mut errors) = ([0.0; 3], [0.0; 3], [0.0; 3]);
    for seed in 0..TESTS {
        let test = Test::new(5000 + seed, CUSTOMERS_PER_ARM, false);
        let arms = test.arms();
        let windows = &test.windows();
        let spend = SpendArms::fixed(1.0);
        let drawn = Settings {
            uncertainty: Uncertainty::Draws { seed },
            ..settings()
        };
        let on = |settings: &Settings| {
            let value = stays_on(&arms, &spend, windows, None, settings);
            value.expect("a value").total.amount
        };
        let off = stops(&arms, &spend, &test.histories, test.measured, &settings())
            .expect("a value")
            .total;
        let found = [
            (on(&settings()), stays),
            (on(&drawn), stays),
            (off, stopped),
        ];
        for (i, (amount, truth)) in found.into_iter().enumerate() {
            covered[i] += u32::from(amount.low <= truth && truth <= amount.high);
            sums[i] += amount.value - truth;
            squares[i] += (amount.value - truth).powi(2);
            errors[i] += amount.standard_error;
        }
    }
    let n = TESTS as f64;
    let names = ["stays on, delta", "stays on, draws", "stops, delta"];
    for (i, name) in names.into_iter().enumerate() {
        let rate = f64::from(covered[i]) / n;
        println!(
            "{name}: coverage {rate:.3}, bias {:.3}, root mean square error {:.3}, mean standard error {:.3}",
            sums[i] / n,
            (squares[i] / n).sqrt(),
            errors[i] / n,
        );
        assert!((0.90..=0.98).contains(&rate), "{name}: {rate}");
    }
}

fn arms(shape: f64, scale: f64) -> TimingArms<ParetoNbd> {
    let mut covariance = vec![0.0; 36];
    for (i, se) in [0.05f64, 0.05, 0.1, 0.15, 0.02, 0.06]
        .into_iter()
        .enumerate()
    {
        covariance[7 * i] = se * se;
    }
    let generic = ParetoNbd::new(0.55, 74.0, shape, scale).expect("a model");
    TimingArms::new(generic, 0.06, -0.25, &covariance, 1.0).expect("arms")
}

fn spend() -> SpendArms {
    SpendArms {
        generic: 12.0,
        effect: 0.03,
        covariance: [1e-4, -2e-5, -2e-5, 1e-4],
    }
}

const YEAR: [Window; 2] = [
    Window {
        days: 182.0,
        customers: 3.0,
    },
    Window {
        days: 364.0,
        customers: 1.0,
    },
];

#[test]
fn periods_and_parts_sum_to_the_whole() {
    let discounted = Settings {
        discount: Discount::annual(0.1).expect("a rate"),
        ..settings()
    };
    for settings in [settings(), discounted] {
        let found =
            stays_on(&arms(0.61, 420.0), &spend(), &YEAR, None, &settings).expect("a value");
        let periods = [found.window, found.to_twelve_months, found.beyond];
        let sum: f64 = periods.iter().map(|period| period.amount.value).sum();
        assert!((sum / found.total.amount.value - 1.0).abs() < 1e-12);
        for increment in periods.into_iter().chain([found.total]) {
            let split = increment.split;
            let parts = split.often.value + split.longer.value + split.more.value;
            assert!((parts / increment.amount.value - 1.0).abs() < 1e-12);
            assert!(increment.amount.low < increment.amount.value);
            assert!(increment.amount.value < increment.amount.high);
        }
        let share = 1.0 - found.window.amount.value / found.total.amount.value;
        assert_eq!(found.extrapolated, Some(share));
        assert!(share > 0.5);
        assert_eq!(found.tail.is_some(), settings.discount != Discount::NONE);
    }
}

#[test]
fn split_is_the_average_over_the_six_orders() {
    let arms = arms(0.61, 420.0);
    let spend = spend();
    let found = stays_on(&arms, &spend, &YEAR, None, &settings()).expect("a value");
    let value = |often: bool, longer: bool, more: bool| {
        let on = |flag: bool, effect: f64| if flag { effect } else { 0.0 };
        let model = arms.generic.shifted(on(often, 0.06), on(longer, -0.25));
        let worth = 12.0 * on(more, 0.03).exp();
        worth * model.expected_transactions_of_new(7.0 * TEN_YEARS)
    };
    let mut parts = [0.0; 3];
    for order in [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ] {
        let mut on = [false; 3];
        for effect in order {
            let before = value(on[0], on[1], on[2]);
            on[effect] = true;
            parts[effect] += (value(on[0], on[1], on[2]) - before) / 6.0;
        }
    }
    let split = found.total.split;
    for (part, amount) in parts
        .into_iter()
        .zip([split.often, split.longer, split.more])
    {
        assert!((amount.value / part - 1.0).abs() < 1e-12);
    }
}

#[test]
fn without_effects_there_is_no_increment() {
    let mut none = arms(0.61, 420.0);
    none.rate_effect = 0.0;
    none.attrition_effect = 0.0;
    let found =
        stays_on(&none, &SpendArms::fixed(12.0), &YEAR, None, &settings()).expect("a value");
    assert_eq!(found.total.amount.value, 0.0);
    assert!(found.total.amount.standard_error > 0.0);
    assert_eq!(found.total.split.more.value, 0.0);
    assert_eq!(found.extrapolated, None);
}

#[test]
fn draws_agree_with_the_delta_method_where_it_is_linear() {
    let arms = arms(2.5, 900.0);
    let near = Settings {
        horizon: Horizon::Days(400.0),
        ..settings()
    };
    let drawn = Settings {
        uncertainty: Uncertainty::Draws { seed: 5 },
        ..near
    };
    let delta = stays_on(&arms, &spend(), &YEAR, None, &near)
        .expect("a value")
        .total
        .amount;
    let of_draws = || {
        stays_on(&arms, &spend(), &YEAR, None, &drawn)
            .expect("a value")
            .total
            .amount
    };
    let draws = of_draws();
    assert_eq!(draws, of_draws());
    assert_eq!(draws.value, delta.value);
    assert!((draws.standard_error / delta.standard_error - 1.0).abs() < 0.08);
    assert!((draws.low - delta.low).abs() < 0.3 * delta.standard_error);
    assert!((draws.high - delta.high).abs() < 0.3 * delta.standard_error);
}

#[test]
fn the_unit_of_time_does_not_matter() {
    let days = arms(0.61, 420.0);
    let mut covariance = vec![0.0; 36];
    for (i, se) in [0.05f64, 0.05, 0.1, 0.15, 0.02, 0.06]
        .into_iter()
        .enumerate()
    {
        covariance[7 * i] = se * se;
    }
    let generic = ParetoNbd::new(0.55, 74.0 / 7.0, 0.61, 60.0).expect("a model");
    let weeks = TimingArms::new(generic, 0.06, -0.25, &covariance, 7.0).expect("arms");
    let of = |settings: &Settings| {
        [
            stays_on(&days, &spend(), &YEAR, None, settings)
                .expect("a value")
                .total
                .amount,
            stays_on(&weeks, &spend(), &YEAR, None, settings)
                .expect("a value")
                .total
                .amount,
        ]
    };
    let discounted = Settings {
        discount: Discount::annual(0.1).expect("a rate"),
        ..settings()
    };
    for settings in [settings(), discounted] {
        let [in_days, in_weeks] = of(&settings);
        assert!((in_days.value / in_weeks.value - 1.0).abs() < 1e-9);
        assert!((in_days.standard_error / in_weeks.standard_error - 1.0).abs() < 1e-6);
    }
}

#[test]
fn an_unbounded_lifetime_is_refused() {
    let lifetime = Settings {
        horizon: Horizon::Lifetime,
        discount: Discount::annual(0.1).expect("a rate"),
        ..settings()
    };
    let refused = stays_on(&arms(0.61, 420.0), &spend(), &YEAR, None, &lifetime);
    assert!(
        matches!(refused, Err(Refusal::UnboundedLifetime { .. })),
        "{refused:?}"
    );
    // Above one, but not surely so.
    let refused = stays_on(&arms(1.1, 420.0), &spend(), &YEAR, None, &lifetime);
    assert!(
        matches!(refused, Err(Refusal::UnboundedLifetime { .. })),
        "{refused:?}"
    );
    let bounded = stays_on(&arms(2.5, 900.0), &spend(), &YEAR, None, &lifetime).expect("a value");
    let long = Settings {
        horizon: Horizon::Days(1e6),
        ..lifetime
    };
    let long = stays_on(&arms(2.5, 900.0), &spend(), &YEAR, None, &long).expect("a value");
    assert!((long.total.amount.value / bounded.total.amount.value - 1.0).abs() < 1e-9);
    assert_eq!(bounded.tail, None);
}

#[test]
fn refusals_name_what_is_wrong() {
    let arms = arms(0.61, 420.0);
    let on = |windows: &[Window], settings: &Settings| {
        stays_on(&arms, &spend(), windows, None, settings).map(|found| found.total.amount.value)
    };
    let invalid = |found: Result<f64, Refusal>, what: &str| {
        let error = found.expect_err("a refusal").to_string();
        assert!(error.contains(what), "{error}");
    };
    invalid(on(&[], &settings()), "number of windows");
    let short = Settings {
        horizon: Horizon::Days(300.0),
        ..settings()
    };
    invalid(
        on(&YEAR, &short),
        "horizon of 300 days ends within the 364 days",
    );
    let endless = Settings {
        horizon: Horizon::Days(f64::NAN),
        ..settings()
    };
    invalid(on(&YEAR, &endless), "horizon cannot be NaN");
    let test = Test::new(1, 50, false);
    let one_arm: Vec<ArmHistory> = test
        .histories
        .iter()
        .filter(|h| h.treated)
        .copied()
        .collect();
    let refused = stops(&arms, &spend(), &one_arm, test.measured, &settings());
    assert_eq!(refused, Err(Refusal::EmptyArm { arm: "generic" }));
    assert!(TimingArms::new(arms.generic, 0.0, 0.0, &[1.0], 7.0).is_err());
}

#[test]
fn blocks_stand_beside_what_was_measured() {
    let test = Test::new(77, CUSTOMERS_PER_ARM, false);
    let found = measure_stays_on(&test, &settings());
    let measured = found.measured.expect("given");
    let gap = measured.difference - found.window.amount.value;
    assert!(gap.abs() < 4.0 * measured.standard_error, "{gap}");
    assert!(found.extrapolated > Some(0.8));
}
