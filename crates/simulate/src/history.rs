//! One customer's two years: what they were assigned to, how long they stayed, what they did.

use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};

use crate::calendar::{Calendar, SECOND_YEAR};
use crate::company::{
    CATEGORIES, EXPERIMENTS, Effect, Experiment, Exposure, FACTOR_BOUNDS, HOLDOUT_SHARE, Schedule,
    WINDOW,
};
use crate::population::{Customer, Population, Sampler, pick};
use crate::process::{Active, Factors, Piece, alive, death, pieces, poisson};
use crate::stream::{ExperimentDraw, Purpose, stream};

/// Seconds between a visit or a first order and the exposure that it brings, in days: it is not itself counted after exposure.
const EXPOSURE_DELAY: f64 = 20.0 / 86_400.0;

/// The shares of faulty records among assignments.
const DUPLICATED: f64 = 0.005;
const TWO_ARMS: f64 = 0.003;
const NO_ENGAGEMENT: f64 = 0.01;
/// The share of exposed customers who have a second, later exposure on record.
const EXPOSED_AGAIN: f64 = 0.1;

/// A customer's part in one experiment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Enrolment {
    pub(crate) experiment: usize,
    pub(crate) arm: usize,
    pub(crate) assigned: f64,
    /// When the arm could first make a difference; none for those who were never exposed.
    pub(crate) exposed: Option<f64>,
    pub(crate) newbie: bool,
    /// The part of the response that no attribute explains, in standard deviations.
    pub(crate) individual: f64,
    pub(crate) faults: Faults,
}

impl Enrolment {
    /// Whether exposures are on record; they are not where assignment is exposure.
    pub(crate) fn has_exposure_records(&self) -> bool {
        EXPERIMENTS[self.experiment].exposure != Exposure::AtOnce
    }
}

/// What is wrong in the records of an assignment. The customer gets the arm of the enrolment all the same.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Faults {
    /// The assignment is on record twice.
    pub(crate) duplicated: bool,
    /// A second assignment to another arm, and when.
    pub(crate) second: Option<(usize, f64)>,
    /// The engagement score is missing.
    pub(crate) no_engagement: bool,
    /// A later exposure is on record as well, this many days after the first.
    pub(crate) exposed_again: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Order {
    pub(crate) time: f64,
    pub(crate) category: usize,
    pub(crate) cents: i64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Visit {
    pub(crate) time: f64,
    /// Position in [`crate::company::STAGES`].
    pub(crate) stage: usize,
}

/// Everything about one customer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct History {
    pub(crate) customer: Customer,
    pub(crate) held_out: bool,
    pub(crate) died: f64,
    /// Those on record: a held-out customer has none in the second year but those that last.
    pub(crate) enrolments: Vec<Enrolment>,
    /// The effects at work on the customer.
    pub(crate) actives: Vec<Active>,
    /// The effects on the customer in the second year, in the holdout and outside of it.
    pub(crate) programme: [Vec<Active>; 2],
    /// In order of time.
    pub(crate) orders: Vec<Order>,
    pub(crate) visits: Vec<Visit>,
}

/// Simulates customers, each on its own.
#[derive(Debug, Clone)]
pub(crate) struct Simulator {
    pub(crate) seed: u64,
    pub(crate) calendar: Calendar,
    sampler: Sampler,
}

impl Simulator {
    pub(crate) fn new(seed: u64, calendar: Calendar, population: Population) -> Self {
        Self {
            seed,
            calendar,
            sampler: Sampler::new(seed, population),
        }
    }

    pub(crate) fn history(&self, index: u64) -> History {
        let customer = self.sampler.customer(index);
        let held_out = stream(self.seed, Purpose::Holdout, index).random::<f64>() < HOLDOUT_SHARE;
        let enrol = |lasting: bool, browsing: &[f64]| -> Vec<Enrolment> {
            (0..EXPERIMENTS.len())
                .filter(|&experiment| EXPERIMENTS[experiment].lasts() == lasting)
                .filter_map(|experiment| self.enrolment(&customer, experiment, browsing))
                .collect()
        };

        // What lasts decides how long the customer stays, and that when they can visit.
        let mut enrolments = enrol(true, &[]);
        let lasting: Vec<Active> = effects(&customer, &enrolments).collect();
        let died = death(&customer, &lasting);
        let (born, gone) = alive(&customer, died);
        let browsing = self.browsing(&customer, born, gone);

        // What would happen outside the holdout, and then what does.
        let passing = enrol(false, &browsing);
        let mut actives: Vec<Active> = effects(&customer, &passing).collect();
        actives.extend(self.rolled_out(&customer));
        let with = |actives: &[Active], kept: fn(&Active) -> bool| -> Vec<Active> {
            let kept = actives.iter().copied().filter(kept);
            lasting.iter().copied().chain(kept).collect()
        };
        let outside = with(&actives, |active| active.from >= SECOND_YEAR);
        let actives = if held_out {
            enrolments.extend(passing.into_iter().filter(|e| e.assigned < SECOND_YEAR));
            with(&actives, |active| active.from < SECOND_YEAR)
        } else {
            enrolments.extend(passing);
            with(&actives, |_| true)
        };

        let pieces = pieces(&actives, born, gone);
        let orders = self.orders(&customer, &pieces);
        let visits = self.visits(&customer, &pieces, &browsing, &orders);
        let programme = [lasting, outside];
        History {
            customer,
            held_out,
            died,
            enrolments,
            actives,
            programme,
            orders,
            visits,
        }
    }

    /// The times of the visits that no experience changes.
    fn browsing(&self, customer: &Customer, born: f64, gone: f64) -> Vec<f64> {
        let mut generator = stream(self.seed, Purpose::Visits, customer.index);
        let mut times = Vec::new();
        let rate = |_: &Piece| customer.visit_rate;
        poisson(
            &self.calendar,
            &mut generator,
            &pieces(&[], born, gone),
            rate,
            |time, _| times.push(time),
        );
        times
    }

    fn enrolment(
        &self,
        customer: &Customer,
        position: usize,
        browsing: &[f64],
    ) -> Option<Enrolment> {
        let experiment = &EXPERIMENTS[position];
        let purpose = |draw| Purpose::Experiment {
            id: experiment.id,
            draw,
        };
        let mut generator = stream(
            self.seed,
            purpose(ExperimentDraw::Enrolment),
            customer.index,
        );
        if generator.random::<f64>() >= experiment.enrolled {
            return None;
        }
        let assigned = match experiment.schedule {
            Schedule::Between(from, to) => from + (to - from) * generator.random::<f64>(),
            Schedule::FromJoining if customer.joined < 0.0 => return None,
            Schedule::FromJoining => customer.joined + EXPOSURE_DELAY,
        };
        if assigned <= customer.joined {
            return None;
        }
        let arm = pick(&mut generator, experiment.arms.iter().map(|arm| arm.share));
        let exposed = match experiment.exposure {
            Exposure::AtOnce => Some(assigned),
            Exposure::FirstVisit { until } => {
                let first = browsing.partition_point(|&time| time <= assigned);
                browsing
                    .get(first)
                    .filter(|&&time| time < until)
                    .map(|time| time + EXPOSURE_DELAY)
            }
        };
        let mut generator = stream(self.seed, purpose(ExperimentDraw::Response), customer.index);
        Some(Enrolment {
            experiment: position,
            arm,
            assigned,
            exposed,
            newbie: customer.is_newbie(assigned),
            individual: StandardNormal.sample(&mut generator),
            faults: self.faults(customer, experiment, arm, assigned),
        })
    }

    fn faults(
        &self,
        customer: &Customer,
        experiment: &Experiment,
        arm: usize,
        assigned: f64,
    ) -> Faults {
        let purpose = Purpose::Experiment {
            id: experiment.id,
            draw: ExperimentDraw::Faults,
        };
        let mut generator = stream(self.seed, purpose, customer.index);
        let duplicated = generator.random::<f64>() < DUPLICATED;
        let two_arms = generator.random::<f64>() < TWO_ARMS;
        let no_engagement = generator.random::<f64>() < NO_ENGAGEMENT;
        let exposed_again =
            generator.random::<f64>() < EXPOSED_AGAIN && experiment.exposure != Exposure::AtOnce;
        let later = 1.0 + 9.0 * generator.random::<f64>();
        Faults {
            duplicated,
            second: two_arms.then(|| ((arm + 1) % experiment.arms.len(), assigned + later)),
            no_engagement,
            exposed_again: exposed_again.then_some(later),
        }
    }

    /// What everyone outside the holdout gets from the second year on, or from joining.
    fn rolled_out(&self, customer: &Customer) -> Vec<Active> {
        let from = SECOND_YEAR.max(customer.joined);
        let newbie = customer.is_newbie(from);
        EXPERIMENTS
            .iter()
            .filter(|experiment| experiment.rolled_out)
            .map(|experiment| {
                let purpose = Purpose::Experiment {
                    id: experiment.id,
                    draw: ExperimentDraw::Response,
                };
                let individual =
                    StandardNormal.sample(&mut stream(self.seed, purpose, customer.index));
                let factors = respond(&experiment.arms[1].effect, customer, newbie, individual);
                Active {
                    experiment: None,
                    from,
                    to: f64::INFINITY,
                    factors,
                }
            })
            .collect()
    }

    fn orders(&self, customer: &Customer, pieces: &[Piece]) -> Vec<Order> {
        let mut times = stream(self.seed, Purpose::Orders, customer.index);
        let mut baskets = stream(self.seed, Purpose::Baskets, customer.index);
        let mut orders = Vec::new();
        let mut order = |time: f64, value: f64| {
            let amount = customer.order_value * value * self.sampler.order_noise(&mut baskets);
            let category = pick(&mut baskets, CATEGORIES.map(|(_, share)| share));
            orders.push(Order {
                time,
                category,
                cents: ((amount * 100.0).round() as i64).max(1),
            });
        };
        // A customer is one by a first order; for those who joined earlier it lies before the data.
        if customer.joined >= 0.0 {
            order(customer.joined, 1.0);
        }
        let rate = |piece: &Piece| customer.purchase_rate * piece.factors.orders;
        poisson(&self.calendar, &mut times, pieces, rate, |time, piece| {
            order(time, piece.factors.value)
        });
        orders
    }

    fn visits(
        &self,
        customer: &Customer,
        pieces: &[Piece],
        browsing: &[f64],
        orders: &[Order],
    ) -> Vec<Visit> {
        let mut generator = stream(self.seed, Purpose::ExtraVisits, customer.index);
        let mut extra = Vec::new();
        let rate = |piece: &Piece| customer.visit_rate * (piece.factors.visits - 1.0);
        poisson(&self.calendar, &mut generator, pieces, rate, |time, _| {
            extra.push(time)
        });

        let mut visits: Vec<Visit> = browsing
            .iter()
            .chain(&extra)
            .map(|&time| {
                let first = if customer.is_newbie(time) { 0.5 } else { 0.1 };
                let stage = pick(
                    &mut generator,
                    [first, 0.6 - first / 2.0, 0.0, 0.4 - first / 2.0],
                );
                Visit { time, stage }
            })
            .chain(orders.iter().map(|order| Visit {
                time: order.time,
                stage: 2,
            }))
            .collect();
        visits.sort_by(|a, b| a.time.total_cmp(&b.time));
        visits
    }
}

/// The effects of the arms that a customer was assigned to.
fn effects(customer: &Customer, enrolments: &[Enrolment]) -> impl Iterator<Item = Active> {
    enrolments.iter().filter_map(|enrolment| {
        let from = enrolment.exposed?;
        let lasts = EXPERIMENTS[enrolment.experiment].lasts();
        Some(Active {
            experiment: Some(enrolment.experiment),
            from,
            to: if lasts { f64::INFINITY } else { from + WINDOW },
            factors: factors(customer, enrolment, enrolment.arm),
        })
    })
}

/// The factors of an arm of the enrolment's experiment on the customer.
pub(crate) fn factors(customer: &Customer, enrolment: &Enrolment, arm: usize) -> Factors {
    let effect = &EXPERIMENTS[enrolment.experiment].arms[arm].effect;
    respond(effect, customer, enrolment.newbie, enrolment.individual)
}

fn respond(effect: &Effect, customer: &Customer, newbie: bool, individual: f64) -> Factors {
    let response = &effect.orders;
    let change = response.mean
        + response.region[customer.region]
        + response.tier[customer.tier]
        + if newbie { response.newbie } else { 0.0 }
        + response.spread * individual;
    Factors {
        orders: (1.0 + change).clamp(FACTOR_BOUNDS.0, FACTOR_BOUNDS.1),
        value: 1.0 + effect.value,
        visits: 1.0 + effect.visits,
        attrition: 1.0 + effect.attrition,
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::Date;

    use super::*;
    use crate::calendar::END;
    use crate::process::expected;

    fn simulator(seed: u64) -> Simulator {
        Simulator::new(
            seed,
            Calendar::new(Date::constant(2024, 1, 1)),
            Population::default(),
        )
    }

    /// What the customer did from `from` to `to`: orders, revenue, visits, whether there was an order.
    fn observed(history: &History, from: f64, to: f64) -> [f64; 4] {
        let orders: Vec<&Order> = history
            .orders
            .iter()
            .filter(|o| from <= o.time && o.time < to)
            .collect();
        let visits = history
            .visits
            .iter()
            .filter(|v| from <= v.time && v.time < to)
            .count();
        let revenue = orders.iter().map(|o| o.cents).sum::<i64>() as f64 / 100.0;
        [
            orders.len() as f64,
            revenue,
            visits as f64,
            f64::from(u8::from(!orders.is_empty())),
        ]
    }

    /// The difference between what is done and what is expected, in every experiment and arm, is noise about zero.
    #[test]
    fn customers_do_what_is_expected_of_them() {
        // Eight arms at most, four measures.
        const CELLS: usize = 8 * 4;
        let simulator = simulator(5);
        let mut residuals: Vec<(f64, f64, f64)> =
            vec![(0.0, 0.0, 0.0); (EXPERIMENTS.len() + 1) * CELLS];
        for index in 0..3_000 {
            let history = simulator.history(index);
            let windows = history.enrolments.iter().filter_map(|e| {
                let exposed = e.exposed?;
                Some((e.experiment * CELLS + e.arm * 4, exposed, exposed + WINDOW))
            });
            let programme = (history.customer.joined < SECOND_YEAR).then(|| {
                (
                    EXPERIMENTS.len() * CELLS + usize::from(history.held_out) * 4,
                    SECOND_YEAR,
                    END,
                )
            });
            for (cell, from, to) in windows.chain(programme) {
                let e = expected(
                    &simulator.calendar,
                    &history.customer,
                    &history.actives,
                    from,
                    to,
                );
                let means = [e.orders, e.revenue, e.visits, e.conversion()];
                for (place, (seen, mean)) in observed(&history, from, to)
                    .into_iter()
                    .zip(means)
                    .enumerate()
                {
                    let (n, sum, squares) = &mut residuals[cell + place];
                    *n += 1.0;
                    *sum += seen - mean;
                    *squares += (seen - mean).powi(2);
                }
            }
        }
        let scores: Vec<f64> = residuals
            .iter()
            .filter(|(n, ..)| *n > 0.0)
            .map(|(_, sum, squares)| sum / squares.sqrt())
            .collect();
        assert_eq!(scores.len(), 42 * 4);
        assert!(scores.iter().all(|z| z.abs() < 4.5), "{scores:?}");
        // Mean square of 168 correlated scores with variance 1.
        let spread = scores.iter().map(|z| z * z).sum::<f64>() / scores.len() as f64;
        assert!((0.4..2.0).contains(&spread), "{spread}");
    }

    #[test]
    fn nothing_happens_before_joining_after_death_or_out_of_order() {
        let simulator = simulator(6);
        for index in 0..500 {
            let history = simulator.history(index);
            let (born, died) = alive(&history.customer, history.died);
            assert!(
                history
                    .orders
                    .windows(2)
                    .all(|pair| pair[0].time <= pair[1].time)
            );
            assert!(
                history
                    .orders
                    .iter()
                    .all(|o| born <= o.time && o.time <= died && o.cents > 0)
            );
            assert!(
                history
                    .visits
                    .iter()
                    .all(|v| born <= v.time && v.time <= died)
            );
            assert_eq!(
                history.visits.iter().filter(|v| v.stage == 2).count(),
                history.orders.len()
            );
            for enrolment in &history.enrolments {
                assert!(enrolment.assigned > history.customer.joined);
                assert!(
                    enrolment
                        .exposed
                        .is_none_or(|exposed| exposed >= enrolment.assigned)
                );
            }
        }
    }

    #[test]
    fn the_holdout_gets_nothing_in_the_second_year() {
        let simulator = simulator(7);
        let histories: Vec<History> = (0..1_500).map(|index| simulator.history(index)).collect();
        let held_out: Vec<&History> = histories.iter().filter(|h| h.held_out).collect();
        assert!((45..110).contains(&held_out.len()));
        let lasts = |experiment: Option<usize>| experiment.is_some_and(|e| EXPERIMENTS[e].lasts());
        for history in held_out {
            let mut actives = history.actives.iter();
            assert!(actives.all(|a| a.to <= SECOND_YEAR || lasts(a.experiment)));
            let mut enrolments = history.enrolments.iter();
            assert!(enrolments.all(|e| e.assigned < SECOND_YEAR || lasts(Some(e.experiment))));
            let [holdout, programme] = &history.programme;
            assert!(holdout.iter().all(|a| lasts(a.experiment)));
            assert!(programme.len() >= holdout.len() + 2);
        }
        assert!(
            histories
                .iter()
                .filter(|h| !h.held_out)
                .all(|h| h.programme[1].iter().all(|a| h.actives.contains(a)))
        );
    }

    #[test]
    fn who_is_welcomed_stays_longer_by_the_hazard() {
        let simulator = simulator(8);
        let (mut welcomed, mut stretched) = (0, 0);
        for index in 0..1_500 {
            let history = simulator.history(index);
            let mut enrolments = history.enrolments.iter();
            let welcome = enrolments.find(|e| EXPERIMENTS[e.experiment].lasts());
            let customer = &history.customer;
            assert_eq!(welcome.is_some(), customer.joined >= 0.0);
            let lived = history.died - customer.joined;
            if welcome.is_some_and(|e| e.arm == 1) {
                let before = EXPOSURE_DELAY.min(customer.lifetime);
                let expected = before + (customer.lifetime - before) / 0.8;
                assert!((lived - expected).abs() < 1e-9 * expected.max(1.0));
                welcomed += 1;
                stretched += u32::from(lived > customer.lifetime);
            } else {
                assert!((lived - customer.lifetime).abs() < 1e-9 * lived.max(1.0));
            }
        }
        assert!(
            welcomed > 200 && stretched == welcomed,
            "{stretched} of {welcomed}"
        );
    }
}
