//! What a customer does over time: a lifetime, Poisson processes whose rates are piecewise constant, and their expectations.

use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Exp1};

use crate::calendar::{Calendar, END};
use crate::population::Customer;

/// Factors on a customer's order rate, order value, browsing and hazard of leaving.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Factors {
    pub(crate) orders: f64,
    pub(crate) value: f64,
    pub(crate) visits: f64,
    pub(crate) attrition: f64,
}

impl Factors {
    pub(crate) const ONE: Self = Self {
        orders: 1.0,
        value: 1.0,
        visits: 1.0,
        attrition: 1.0,
    };

    fn times(self, other: Self) -> Self {
        Self {
            orders: self.orders * other.orders,
            value: self.value * other.value,
            visits: self.visits * other.visits,
            attrition: self.attrition * other.attrition,
        }
    }
}

/// An effect at work on a customer from one time to another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Active {
    /// The experiment that it comes from; none for what was rolled out.
    pub(crate) experiment: Option<usize>,
    pub(crate) from: f64,
    pub(crate) to: f64,
    pub(crate) factors: Factors,
}

/// A stretch of time in which all effects are constant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Piece {
    pub(crate) from: f64,
    pub(crate) to: f64,
    pub(crate) factors: Factors,
}

/// Cuts the time from `from` to `to` where effects begin or end. Effects at work together multiply.
pub(crate) fn pieces(actives: &[Active], from: f64, to: f64) -> Vec<Piece> {
    if from >= to {
        return Vec::new();
    }
    let mut cuts: Vec<f64> = actives
        .iter()
        .flat_map(|a| [a.from, a.to])
        .filter(|&t| from < t && t < to)
        .collect();
    cuts.push(from);
    cuts.push(to);
    cuts.sort_unstable_by(f64::total_cmp);
    cuts.dedup();
    cuts.windows(2)
        .map(|pair| {
            let (from, to) = (pair[0], pair[1]);
            let factors = actives
                .iter()
                .filter(|a| a.from <= from && to <= a.to)
                .fold(Factors::ONE, |product, a| product.times(a.factors));
            Piece { from, to, factors }
        })
        .collect()
}

/// When the customer leaves: the effects have by then used up the lifetime, at the rate of their factor on the hazard.
pub(crate) fn death(customer: &Customer, actives: &[Active]) -> f64 {
    let at_work: Vec<Active> = actives
        .iter()
        .filter(|active| active.factors.attrition != 1.0)
        .copied()
        .collect();
    let (mut died, mut left) = (customer.joined, customer.lifetime);
    for piece in pieces(&at_work, customer.joined, f64::INFINITY) {
        let used = left.min((piece.to - piece.from) * piece.factors.attrition);
        died += used / piece.factors.attrition;
        left -= used;
    }
    died
}

/// From when to when a customer who leaves at `died` is alive within the data; empty where the end is not after the start.
pub(crate) fn alive(customer: &Customer, died: f64) -> (f64, f64) {
    (customer.joined.max(0.0), died.min(END))
}

/// What a customer is expected to do in a stretch of time, given the latent parameters and the lifetime.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Expected {
    pub(crate) orders: f64,
    pub(crate) revenue: f64,
    pub(crate) visits: f64,
}

impl Expected {
    /// The probability of at least one order: orders are a Poisson process.
    pub(crate) fn conversion(&self) -> f64 {
        -(-self.orders).exp_m1()
    }
}

/// Expectations under `actives` from `from` to `to`, as far as the customer is alive then.
pub(crate) fn expected(
    calendar: &Calendar,
    customer: &Customer,
    actives: &[Active],
    from: f64,
    to: f64,
) -> Expected {
    let (born, died) = alive(customer, death(customer, actives));
    let mut total = Expected::default();
    for piece in pieces(actives, from.max(born), to.min(died)) {
        let exposure = calendar.integral(piece.to) - calendar.integral(piece.from);
        let orders = customer.purchase_rate * piece.factors.orders * exposure;
        total.orders += orders;
        total.revenue += orders * customer.order_value * piece.factors.value;
        total.visits += orders + customer.visit_rate * piece.factors.visits * exposure;
    }
    total
}

/// Calls `event` with the times of a Poisson process that in each piece has the rate `rate(piece)` times the calendar's
/// factor. Exact: unit exponential gaps are mapped through the inverse of the cumulative rate.
pub(crate) fn poisson(
    calendar: &Calendar,
    generator: &mut ChaCha8Rng,
    pieces: &[Piece],
    rate: impl Fn(&Piece) -> f64,
    mut event: impl FnMut(f64, &Piece),
) {
    let mut gap: f64 = Exp1.sample(generator);
    for piece in pieces {
        let rate = rate(piece);
        if rate <= 0.0 {
            continue;
        }
        let mut reached = calendar.integral(piece.from);
        let end = calendar.integral(piece.to);
        while reached + gap / rate < end {
            reached += gap / rate;
            event(calendar.time_of(reached), piece);
            gap = Exp1.sample(generator);
        }
        gap -= (end - reached) * rate;
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::Date;

    use super::*;
    use crate::population::{Population, Sampler};
    use crate::stream::{Purpose, stream};

    fn active(from: f64, to: f64, orders: f64) -> Active {
        Active {
            experiment: None,
            from,
            to,
            factors: Factors {
                orders,
                value: 1.1,
                ..Factors::ONE
            },
        }
    }

    #[test]
    fn overlapping_effects_multiply() {
        let actives = [active(10.0, 38.0, 2.0), active(20.0, 48.0, 3.0)];
        let cut: Vec<(f64, f64, f64)> = pieces(&actives, 15.0, 60.0)
            .iter()
            .map(|p| (p.from, p.to, p.factors.orders))
            .collect();
        assert_eq!(
            cut,
            [
                (15.0, 20.0, 2.0),
                (20.0, 38.0, 6.0),
                (38.0, 48.0, 3.0),
                (48.0, 60.0, 1.0)
            ]
        );
        assert!(pieces(&actives, 5.0, 5.0).is_empty());
    }

    #[test]
    fn simulated_counts_have_the_expected_mean_and_variance() {
        let calendar = Calendar::new(Date::constant(2024, 1, 1));
        let mut customer = Sampler::new(3, Population::default()).customer(0);
        (customer.joined, customer.lifetime) = (-10.0, 310.0);
        customer.purchase_rate = 0.1;
        let actives = [active(10.0, 38.0, 2.0), active(20.0, 48.0, 0.5)];
        let expected = expected(&calendar, &customer, &actives, 12.0, 60.0);

        let (runs, mut sum, mut squares, mut without) = (5_000, 0.0, 0.0, 0.0);
        for run in 0..runs {
            let mut generator = stream(5, Purpose::Orders, run);
            let mut orders = 0.0;
            poisson(
                &calendar,
                &mut generator,
                &pieces(&actives, 0.0, 300.0),
                |p| 0.1 * p.factors.orders,
                |time, piece| {
                    assert!(piece.from <= time && time <= piece.to);
                    orders += f64::from(u8::from((12.0..60.0).contains(&time)));
                },
            );
            sum += orders;
            squares += orders * orders;
            without += f64::from(u8::from(orders == 0.0));
        }
        let n = runs as f64;
        let (mean, error) = (sum / n, (expected.orders / n).sqrt());
        assert!(
            (mean - expected.orders).abs() < 4.0 * error,
            "{mean} against {}",
            expected.orders
        );
        assert!(((squares / n - mean * mean) / expected.orders - 1.0).abs() < 0.1);
        assert!((1.0 - without / n - expected.conversion()).abs() < 4.0 * (0.25 / n).sqrt());
    }
}
