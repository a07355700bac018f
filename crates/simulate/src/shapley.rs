//! How three changes share what they do together.

/// How many changes there are.
pub(crate) const CHANGES: usize = 3;

/// The Shapley values of three changes: what each adds, on average over the six orders in which they can be switched on.
/// `value` is that of a set of changes, a bit each. A change comes first or last in two orders each, and after either one
/// of the others alone in one. The three sum to the value of all less that of none.
pub(crate) fn shapley(value: impl Fn(usize) -> f64) -> [f64; CHANGES] {
    let share = |change: usize| -> f64 {
        let own = 1 << change;
        (0..1_usize << CHANGES)
            .filter(|others| others & own == 0)
            .map(|others| {
                let weight = if others.count_ones() == 1 { 6.0 } else { 3.0 };
                (value(others | own) - value(others)) / weight
            })
            .sum()
    };
    [share(0), share(1), share(2)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_means_over_the_six_orders() {
        let values = [1.0, 2.0, 4.0, 9.0, 3.0, 5.0, 10.0, 20.0];
        let found = shapley(|changes| values[changes]);
        let mut sums = [0.0; CHANGES];
        for order in [
            [0, 1, 2],
            [0, 2, 1],
            [1, 0, 2],
            [1, 2, 0],
            [2, 0, 1],
            [2, 1, 0],
        ] {
            let mut on: usize = 0;
            for change in order {
                sums[change] += (values[on | 1 << change] - values[on]) / 6.0;
                on |= 1 << change;
            }
        }
        for (share, sum) in found.into_iter().zip(sums) {
            assert!((share - sum).abs() < 1e-12);
        }
        assert!((sums.iter().sum::<f64>() - 19.0).abs() < 1e-12);
    }
}
