//! What contracts are worth: all of them, groups, a new one.
//!
//! The value of all contracts is that of these contracts. Groups are compared with each other, so that their intervals also
//! count the chance of which contracts each of them got.

use super::model::{Followed, Renewals, Terms};
use super::read::Held;
use super::{Measured, number_of};
use crate::audience::Estimate;
use crate::audience::lifetime::cohorts::{self, month_name, month_of};
use crate::audience::lifetime::value::{Weighted, distribution_of};
use crate::audience::lifetime::worth::{Worth, Worths, total, values_of};
use crate::audience::lifetime::{ALPHA, Audiences, GroupValue, LifetimeFinding, NewCustomer};

/// A group of contracts.
struct Group {
    contracts: f64,
    /// The future value of these contracts, and of no others like them.
    these: Followed,
    worth: Worth,
}

impl Measured<'_> {
    /// Values of all contracts, of groups, and of a new contract; and of those whose acquisition cost is known.
    pub(super) fn values(&self, finding: &mut LifetimeFinding, fit: &Renewals) -> Worths {
        let rows = || self.held.rows.iter();
        let all = self.groups(vec![String::new()], |_| Some(0), fit);
        finding.value = all.into_iter().next().map(|group| {
            let future = group.these.per_customer(group.contracts, ALPHA);
            GroupValue {
                future,
                ..group.worth.value
            }
        });
        if self.terms.discount > 0.0 {
            let forever = Terms {
                horizon: f64::INFINITY,
                ..self.terms
            };
            let total = |terms: &Terms| fit.total(rows(), terms).prediction.value;
            let tail = (total(&forever) - total(&self.terms)) / number_of(rows());
            finding.tail = tail.is_finite().then_some(tail);
        }
        finding.new_customer = self.new_contract(fit);
        let each = rows().map(|row| Weighted {
            value: fit.value(row, &self.terms),
            customers: row.contracts,
        });
        finding.distribution = Some(distribution_of(each.collect()));
        for (place, name) in self.lifetime.by.iter().enumerate() {
            let values = self.by_column(place, &|_| true, fit);
            finding.by.push(Audiences {
                column: name.clone(),
                values: values_of(&values),
            });
        }
        let worths = self.worths(&|_| true, fit);
        worths.show(finding);
        let costed = &self.purchases.costed;
        if costed.iter().all(|costed| *costed) {
            return worths;
        }
        self.worths(&|row| costed[row.cell as usize], fit)
    }

    /// All contracts that count, and these by channel and by the month of their start.
    fn worths(&self, counts: &dyn Fn(&Held) -> bool, fit: &Renewals) -> Worths {
        let months = cohorts::months(&self.cohorts);
        let names = months.iter().map(|month| month_name(*month)).collect();
        let month = |row: &Held| {
            let place = || months.binary_search(&month_of(row.start)).ok();
            counts(row).then(place).flatten()
        };
        let all = self.groups(vec![String::new()], |row| counts(row).then_some(0), fit);
        let cohorts = self.groups(names, month, fit);
        let channel = self.purchases.channel;
        Worths {
            all: all.into_iter().next().map(|group| group.worth),
            channels: channel.map_or(Vec::new(), |channel| self.by_column(channel, counts, fit)),
            cohorts: cohorts.into_iter().map(|group| group.worth).collect(),
        }
    }

    /// The contracts that count by a column, the largest group first.
    fn by_column(
        &self,
        column: usize,
        counts: &dyn Fn(&Held) -> bool,
        fit: &Renewals,
    ) -> Vec<Worth> {
        let (names, of_cell) = self.purchases.by_value(column);
        let place = |row: &Held| counts(row).then(|| of_cell[row.cell as usize]);
        let groups = self.groups(names, place, fit).into_iter();
        let mut groups: Vec<Worth> = groups.map(|group| group.worth).collect();
        groups.sort_by(|a, b| {
            let (a, b) = (&a.value, &b.value);
            b.customers.cmp(&a.customers).then(a.group.cmp(&b.group))
        });
        groups
    }

    /// Groups of contracts by name, given the number of the group that a contract is in, if it is in one; without those
    /// that none is in.
    fn groups(
        &self,
        names: Vec<String>,
        of: impl Fn(&Held) -> Option<usize>,
        fit: &Renewals,
    ) -> Vec<Group> {
        let mut rows: Vec<Vec<&Held>> = vec![Vec::new(); names.len()];
        for row in &self.held.rows {
            if let Some(place) = of(row) {
                rows[place].push(row);
            }
        }
        let groups = names.into_iter().zip(rows);
        groups
            .filter(|(_, rows)| !rows.is_empty())
            .map(|(name, rows)| self.group(name, &rows, fit))
            .collect()
    }

    /// What a group of contracts is worth. They are taken to be drawn from those that such a group gets: the variance of a
    /// mean over them counts beside what is not known of the parameters.
    fn group(&self, name: String, rows: &[&Held], fit: &Renewals) -> Group {
        let numbers: Vec<f64> = rows.iter().map(|row| f64::from(row.contracts)).collect();
        let contracts: f64 = numbers.iter().sum();
        let mean = |of: &[f64]| {
            let each = numbers.iter().zip(of);
            each.map(|(number, value)| number * value).sum::<f64>() / contracts
        };
        let each = |of: &dyn Fn(&Held) -> f64| rows.iter().map(|row| of(row)).collect::<Vec<f64>>();
        // The standard error of a mean over contracts.
        let chance = |of: &[f64]| {
            let center = mean(of);
            let squares: Vec<f64> = of.iter().map(|value| (value - center).powi(2)).collect();
            (mean(&squares) / (contracts - 1.0).max(1.0)).sqrt()
        };
        let brought = each(&|row| self.terms.margin * f64::from(row.paid) * row.price);
        let worth = each(&|row| fit.value(row, &self.terms));
        let both: Vec<f64> = brought.iter().zip(&worth).map(|(a, b)| a + b).collect();
        let these = fit.total(rows.iter().copied(), &self.terms);
        let value = GroupValue {
            group: name,
            customers: contracts as u64,
            purchases: mean(&each(&|row| f64::from(row.renewals()))),
            past: mean(&brought),
            alive: mean(&each(&|row| f64::from(u8::from(!row.ended)))),
            expected_purchases: mean(&each(&|row| fit.expected(row, &self.terms))),
            future: these
                .with_chance(contracts * chance(&worth), ALPHA)
                .per_customer(contracts, ALPHA),
        };
        let future = these.per_customer(contracts, ALPHA);
        let total = total(value.past, future, chance(&both), ALPHA);
        Group {
            contracts,
            these,
            worth: Worth { value, total },
        }
    }

    /// A new contract at the mean price of those that are known.
    fn new_contract(&self, fit: &Renewals) -> Option<NewCustomer> {
        let rows = || self.held.rows.iter();
        let prices = rows()
            .map(|row| f64::from(row.contracts) * row.price)
            .sum::<f64>();
        let price = prices / number_of(rows());
        price.is_finite().then(|| {
            let renewals = fit.new_contract(&self.terms);
            let worth = self.terms.margin * price;
            let later = renewals.times(worth).per_customer(1.0, ALPHA);
            let undiscounted = Terms {
                discount: 0.0,
                ..self.terms
            };
            NewCustomer {
                first_purchase: worth,
                expected_purchases: fit.new_contract(&undiscounted).prediction.value,
                value: Estimate {
                    estimate: worth + later.estimate,
                    low: worth + later.low,
                    high: worth + later.high,
                    ..later
                },
            }
        })
    }
}
