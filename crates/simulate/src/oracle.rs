//! Gathers the truth while customers are simulated.

use crate::calendar::{Calendar, END, SECOND_YEAR};
use crate::company::{
    COST_BASIS, DEVICES, EXPERIMENTS, INITIATIVES, MARGIN, PROGRAMME, PROGRAMME_ARMS, Per, REGIONS,
    TIERS, WINDOW,
};
use crate::content::ContentSums;
use crate::history::{Enrolment, Faults, History, factors};
use crate::lifetime::LifetimeSums;
use crate::metrics::{
    AVERAGE_ORDER_VALUE, Measure, PROGRAMME_DAYS, PROGRAMME_METRICS, WINDOW_METRICS,
};
use crate::process::{Active, Expected, expected};
use crate::shapley::shapley;
use crate::touches::Touch;
use crate::truth::{
    ArmTruth, ContentTruth, CostTruth, EffectTruth, ExperimentTruth, FaultsTruth, InitiativeTruth,
    LifetimeTruth, SegmentTruth, ShareTruth,
};

/// The groups in which effects are gathered: everyone, then the values of each attribute.
const GROUPS: usize = 1 + REGIONS.len() + NEWBIE.len() + TIERS.len() + DEVICES.len();

/// The texts of the column `newbie`.
const NEWBIE: [&str; 2] = ["false", "true"];

/// Sums over customers of the expectation of each [`Measure`].
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Sums([f64; Measure::ALL.len()]);

impl Sums {
    fn add(&mut self, expected: &Expected) {
        for (sum, measure) in self.0.iter_mut().zip(Measure::ALL) {
            *sum += measure.expectation(expected);
        }
    }

    fn merge(&mut self, other: &Self) {
        for (sum, other) in self.0.iter_mut().zip(other.0) {
            *sum += other;
        }
    }

    fn get(&self, measure: Measure) -> f64 {
        self.0[measure as usize]
    }
}

/// What is gathered of one arm.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct ArmSums {
    assigned: u64,
    not_matured: u64,
    counted: u64,
    touches: u64,
    /// What the arm's customers paid within the window.
    cents: i64,
    /// Expectations of the customers who count in this arm, under this arm and under the reference.
    own: Sums,
    own_reference: Sums,
}

/// What is gathered of one experiment.
#[derive(Debug, Clone, PartialEq)]
struct ExperimentSums {
    arms: Vec<ArmSums>,
    /// By group: customers who count, and their expectations under each arm.
    groups: Vec<(u64, Vec<Sums>)>,
    faults: FaultsTruth,
}

/// The truth as far as it is gathered; parts of customers merge in a fixed order to the same numbers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Oracle {
    /// [`EXPERIMENTS`], then [`PROGRAMME`].
    experiments: Vec<ExperimentSums>,
    /// Of the experiments that last.
    lifetimes: Vec<LifetimeSums>,
    content: ContentSums,
}

impl ExperimentSums {
    fn new(arms: usize) -> Self {
        Self {
            arms: vec![ArmSums::default(); arms],
            groups: vec![(0, vec![Sums::default(); arms]); GROUPS],
            faults: FaultsTruth::default(),
        }
    }

    /// Adds a customer who counts in `arm` and belongs to `groups`, with what is expected under each arm.
    fn add(&mut self, arm: usize, groups: &[usize], under: &[Expected]) {
        let own = &mut self.arms[arm];
        own.counted += 1;
        own.own.add(&under[arm]);
        own.own_reference.add(&under[0]);
        for &group in groups {
            let (customers, arms) = &mut self.groups[group];
            *customers += 1;
            for (sums, expected) in arms.iter_mut().zip(under) {
                sums.add(expected);
            }
        }
    }

    fn merge(&mut self, other: &Self) {
        for (arm, other) in self.arms.iter_mut().zip(&other.arms) {
            arm.assigned += other.assigned;
            arm.not_matured += other.not_matured;
            arm.counted += other.counted;
            arm.touches += other.touches;
            arm.cents += other.cents;
            arm.own.merge(&other.own);
            arm.own_reference.merge(&other.own_reference);
        }
        for ((customers, sums), (more, other)) in self.groups.iter_mut().zip(&other.groups) {
            *customers += more;
            for (sums, other) in sums.iter_mut().zip(other) {
                sums.merge(other);
            }
        }
        let (faults, other) = (&mut self.faults, &other.faults);
        faults.duplicated_assignments += other.duplicated_assignments;
        faults.several_arms += other.several_arms;
        faults.missing_engagement += other.missing_engagement;
        faults.never_exposed += other.never_exposed;
        faults.repeated_exposures += other.repeated_exposures;
    }
}

impl Oracle {
    pub(crate) fn new() -> Self {
        let arms = EXPERIMENTS
            .iter()
            .map(|experiment| experiment.arms.len())
            .chain([PROGRAMME_ARMS.len()]);
        Self {
            experiments: arms.map(ExperimentSums::new).collect(),
            lifetimes: (0..EXPERIMENTS.len())
                .filter(|&experiment| EXPERIMENTS[experiment].lasts())
                .map(LifetimeSums::new)
                .collect(),
            content: ContentSums::new(),
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (sums, other) in self.experiments.iter_mut().zip(&other.experiments) {
            sums.merge(other);
        }
        for (sums, other) in self.lifetimes.iter_mut().zip(&other.lifetimes) {
            sums.merge(other);
        }
        self.content.merge(&other.content);
    }

    /// Adds one customer to every experiment that they are in.
    pub(crate) fn add(&mut self, calendar: &Calendar, history: &History) {
        for enrolment in &history.enrolments {
            self.add_enrolment(calendar, history, enrolment);
            let mut lifetimes = self.lifetimes.iter_mut();
            if let Some(sums) = lifetimes.find(|l| l.experiment() == enrolment.experiment) {
                sums.add(history, enrolment);
            }
        }
        if history.customer.joined < SECOND_YEAR {
            self.add_to_programme(calendar, history);
        }
    }

    /// Adds everything that a customer was shown, in order of time.
    pub(crate) fn add_touches(&mut self, touches: &[Touch<'_>]) {
        for touch in touches {
            self.experiments[touch.experiment].arms[touch.arm].touches += 1;
        }
        self.content.add(touches);
    }

    fn add_enrolment(&mut self, calendar: &Calendar, history: &History, enrolment: &Enrolment) {
        let sums = &mut self.experiments[enrolment.experiment];
        sums.arms[enrolment.arm].assigned += 1;
        let Faults {
            duplicated,
            second,
            no_engagement,
            exposed_again,
        } = enrolment.faults;
        sums.faults.duplicated_assignments += u64::from(duplicated);
        sums.faults.several_arms += u64::from(second.is_some());
        sums.faults.missing_engagement += u64::from(no_engagement);
        let Some(exposed) = enrolment.exposed else {
            sums.faults.never_exposed += 1;
            return;
        };
        sums.faults.repeated_exposures += u64::from(exposed_again.is_some());

        let until = exposed + WINDOW;
        if until > END {
            sums.arms[enrolment.arm].not_matured += 1;
            return;
        }
        let under: Vec<Expected> = (0..sums.arms.len())
            .map(|arm| {
                let actives = with_arm(history, enrolment, arm);
                expected(calendar, &history.customer, &actives, exposed, until)
            })
            .collect();
        sums.add(enrolment.arm, &groups(history, enrolment.newbie), &under);
        sums.arms[enrolment.arm].cents += history
            .orders
            .iter()
            .filter(|order| exposed <= order.time && order.time < until)
            .map(|order| order.cents)
            .sum::<i64>();
    }

    fn add_to_programme(&mut self, calendar: &Calendar, history: &History) {
        let sums = &mut self.experiments[EXPERIMENTS.len()];
        let arm = usize::from(!history.held_out);
        sums.arms[arm].assigned += 1;
        let until = SECOND_YEAR + PROGRAMME_DAYS;
        let under = history
            .programme
            .each_ref()
            .map(|actives| expected(calendar, &history.customer, actives, SECOND_YEAR, until));
        sums.add(
            arm,
            &groups(history, history.customer.is_newbie(SECOND_YEAR)),
            &under,
        );
    }

    pub(crate) fn experiments(&self) -> Vec<ExperimentTruth> {
        let declared = EXPERIMENTS
            .iter()
            .map(|e| {
                (
                    e.name,
                    e.arms.iter().map(|arm| arm.name).collect::<Vec<_>>(),
                    &WINDOW_METRICS[..],
                    e.arms[0].factors,
                )
            })
            .chain([(
                PROGRAMME,
                PROGRAMME_ARMS.to_vec(),
                &PROGRAMME_METRICS[..],
                &[][..],
            )]);
        self.experiments
            .iter()
            .zip(declared)
            .map(|(sums, (name, arms, metrics, factors))| ExperimentTruth {
                name: name.to_owned(),
                arms: sums
                    .arms
                    .iter()
                    .zip(&arms)
                    .map(|(sums, name)| ArmTruth {
                        name: (*name).to_owned(),
                        assigned: sums.assigned,
                        not_matured: sums.not_matured,
                        counted: sums.counted,
                    })
                    .collect(),
                effects: effects(&arms, metrics, &sums.groups[0], Some(&sums.arms)),
                segments: sums.groups[1..]
                    .iter()
                    .zip(group_names())
                    .map(|(group, (column, value))| SegmentTruth {
                        column: column.to_owned(),
                        value: value.to_owned(),
                        customers: group.0,
                        effects: effects(&arms, metrics, group, None),
                    })
                    .collect(),
                shares: shares(factors, metrics, &sums.groups[0]),
                faults: sums.faults,
            })
            .collect()
    }

    /// What is clicked on.
    pub(crate) fn content(&self) -> ContentTruth {
        self.content.truth()
    }

    /// What customers are worth in the arms of the experiments that last.
    pub(crate) fn lifetimes(&self) -> Vec<LifetimeTruth> {
        self.lifetimes.iter().map(LifetimeSums::truth).collect()
    }

    /// What each initiative brought and cost in the arm that showed it, in a company of `customers`.
    pub(crate) fn initiatives(&self, customers: u64) -> Vec<InitiativeTruth> {
        let shown = EXPERIMENTS
            .iter()
            .enumerate()
            .flat_map(|(position, experiment)| {
                experiment
                    .arms
                    .iter()
                    .enumerate()
                    .map(move |(arm, declared)| (position, experiment, arm, declared))
            });
        shown
            .filter_map(|(position, experiment, arm, declared)| {
                let initiative = INITIATIVES
                    .iter()
                    .find(|i| Some(i.name) == declared.initiative)?;
                let sums = &self.experiments[position].arms[arm];
                let costs: Vec<CostTruth> = initiative
                    .costs
                    .iter()
                    .map(|cost| CostTruth {
                        name: cost.name.to_owned(),
                        amount: amount(cost.per, sums, customers),
                    })
                    .collect();
                let revenue =
                    sums.own.get(Measure::Revenue) - sums.own_reference.get(Measure::Revenue);
                let increment = revenue * MARGIN;
                let cost: f64 = costs.iter().map(|cost| cost.amount).sum();
                let net = increment - cost;
                Some(InitiativeTruth {
                    name: initiative.name.to_owned(),
                    experiment: experiment.name.to_owned(),
                    arm: declared.name.to_owned(),
                    customers: sums.counted,
                    touches: sums.touches,
                    revenue,
                    increment,
                    costs,
                    cost,
                    net,
                    roi: (cost > 0.0).then(|| net / cost),
                })
            })
            .collect()
    }
}

/// A fixed cost in a company of `customers`, to the cent.
pub(crate) fn scaled(amount: f64, customers: u64) -> f64 {
    (amount * customers as f64 / COST_BASIS * 100.0).round() / 100.0
}

fn amount(per: Per, sums: &ArmSums, customers: u64) -> f64 {
    match per {
        Per::Once(amount) => scaled(amount, customers),
        Per::Month { amount, months } => scaled(amount, customers) * f64::from(months),
        Per::Customer(amount) => amount * (sums.counted + sums.not_matured) as f64,
        Per::Touch(amount) => amount * sums.touches as f64,
        Per::Revenue(share) => share * sums.cents as f64 / 100.0,
    }
}

/// The effects at work on the customer, had the enrolment been to `arm`.
pub(crate) fn with_arm(history: &History, enrolment: &Enrolment, arm: usize) -> Vec<Active> {
    let mut actives = history.actives.clone();
    for active in &mut actives {
        if active.experiment == Some(enrolment.experiment) {
            active.factors = factors(&history.customer, enrolment, arm);
        }
    }
    actives
}

/// The groups that a customer belongs to.
fn groups(history: &History, newbie: bool) -> [usize; 5] {
    let customer = &history.customer;
    let newbies = 1 + REGIONS.len();
    let tiers = newbies + NEWBIE.len();
    let devices = tiers + TIERS.len();
    [
        0,
        1 + customer.region,
        newbies + usize::from(newbie),
        tiers + customer.tier,
        devices + customer.device,
    ]
}

/// The column and the value of each group but the first, in the order of [`groups`].
fn group_names() -> impl Iterator<Item = (&'static str, &'static str)> {
    let named = |column: &'static str, values: &'static [&'static str]| {
        values.iter().map(move |v| (column, *v))
    };
    named("region", &REGIONS)
        .chain(named("newbie", &NEWBIE))
        .chain(named("loyalty_tier", &TIERS))
        .chain(named("device", &DEVICES))
}

/// What each of three factors contributes to the effect of the last arm, which has them all, against the first.
fn shares(
    factors: &[(&str, &str)],
    metrics: &[(&str, Measure)],
    (customers, under): &(u64, Vec<Sums>),
) -> Vec<ShareTruth> {
    let mut shares = Vec::new();
    let &[first, second, third] = factors else {
        return shares;
    };
    if *customers == 0 {
        return shares;
    }
    for &(metric, measure) in metrics {
        let means: Vec<f64> = under
            .iter()
            .map(|sums| sums.get(measure) / *customers as f64)
            .collect();
        let of_factors = shapley(|arm| means[arm]);
        for (share, (factor, _)) in of_factors.into_iter().zip([first, second, third]) {
            shares.push(ShareTruth {
                factor: factor.to_owned(),
                metric: metric.to_owned(),
                share,
            });
        }
    }
    shares
}

fn effects(
    arms: &[&str],
    metrics: &[(&str, Measure)],
    (customers, under): &(u64, Vec<Sums>),
    own: Option<&[ArmSums]>,
) -> Vec<EffectTruth> {
    let mut effects = Vec::new();
    if *customers == 0 {
        return effects;
    }
    let ratio = |sums: &Sums| sums.get(Measure::Revenue) / sums.get(Measure::Orders);
    for (arm, name) in arms.iter().enumerate().skip(1) {
        let mut push = |metric: &str, mean: f64, reference_mean: f64, total: Option<f64>| {
            let effect = mean - reference_mean;
            effects.push(EffectTruth {
                arm: (*name).to_owned(),
                reference: arms[0].to_owned(),
                metric: metric.to_owned(),
                mean,
                reference_mean,
                effect,
                relative: (reference_mean != 0.0).then(|| effect / reference_mean),
                total,
            });
        };
        for &(metric, measure) in metrics {
            let mean = |arm: usize| under[arm].get(measure) / *customers as f64;
            let total =
                own.map(|own| own[arm].own.get(measure) - own[arm].own_reference.get(measure));
            push(metric, mean(arm), mean(0), total);
        }
        // Where nobody is expected to order there is no mean order value.
        if metrics == WINDOW_METRICS && under[0].get(Measure::Orders) > 0.0 {
            push(
                AVERAGE_ORDER_VALUE,
                ratio(&under[arm]),
                ratio(&under[0]),
                None,
            );
        }
    }
    effects
}
