//! What customers are worth: all of them, groups, a new one.
//!
//! The value of all customers is that of these customers. Groups are compared with each other, so that their intervals also
//! count the chance of which customers each of them got.

use stats::tail::normal_quantile;

use super::base::Kept;
use super::cohorts::{Cohort, deviation, month_of};
use super::fit::NEW;
use super::life::life;
use super::measured::{Chosen, Measured};
use super::spend::Spend;
use super::states::states;
use super::value::{self, Future, Group};
use super::{Audiences, Band, GroupValue, LifetimeFinding, NewCustomer, cohorts, days};
use crate::audience::Estimate;

/// What a group of customers is worth, as it is compared with others.
#[derive(Debug, Clone)]
pub(super) struct Worth {
    pub(super) value: GroupValue,
    /// Past and future value together.
    pub(super) total: Estimate,
}

/// What the customers are worth whose acquisition cost is known; nothing where there are no values.
#[derive(Default)]
pub(super) struct Worths {
    pub(super) all: Option<Worth>,
    pub(super) channels: Vec<Worth>,
    pub(super) cohorts: Vec<Worth>,
}

impl Worths {
    /// Puts channels and cohorts into a finding.
    pub(super) fn show(&self, finding: &mut LifetimeFinding) {
        finding.channels = values_of(&self.channels);
        for cohort in &mut finding.cohorts {
            let mut of_months = self.cohorts.iter();
            let worth = of_months.find(|worth| worth.value.group == cohort.month);
            cohort.value = worth.map(|worth| worth.value.clone());
        }
    }
}

/// What the first purchases of some customers sum to, and their squares.
#[derive(Debug, Clone, Copy, Default)]
struct First {
    sum: f64,
    squares: f64,
}

impl First {
    fn add(&mut self, cohort: &Cohort) {
        self.sum += cohort.first;
        self.squares += cohort.first_squares;
    }

    /// The standard deviation of one of so many.
    fn deviation(&self, customers: f64) -> f64 {
        deviation(customers, self.sum, self.squares)
    }
}

impl Measured<'_> {
    /// Values of all customers, of groups, and of a new customer; and of those whose acquisition cost is known.
    pub(super) fn values(
        &self,
        finding: &mut LifetimeFinding,
        chosen: &Chosen<'_>,
        all: &Group,
    ) -> Result<Worths, clv::InfiniteMeanSpend> {
        let Chosen {
            histories,
            fitted,
            spend,
            expected,
            ..
        } = chosen;
        let terms = &self.terms;
        let (future, lowest) = self.future(chosen, all)?;
        let future = future.per_customer(lowest, all.customers, terms.alpha);
        let first: f64 = self.cohorts.iter().map(|cohort| cohort.first).sum();
        finding.value = Some(all.value(String::new(), first, expected, future, terms));
        if terms.discount > 0.0 {
            let forever = value::purchases(histories, fitted, terms.discount, f64::INFINITY);
            let forever = all.total(&self.base, &forever, spend, terms.margin)?;
            let tail = forever / all.customers - future.estimate;
            finding.tail = tail.is_finite().then_some(tail);
        }
        (finding.mean_life, finding.unbounded) = life(fitted, &histories.table);
        let by_models = finding.models.iter().filter_map(|model| model.future);
        let band = by_models.fold(None, |band: Option<Band>, future| {
            let value = future;
            let (low, high) = band.map_or((value, value), |band| (band.low, band.high));
            Some(Band {
                low: low.min(value),
                high: high.max(value),
            })
        });
        finding.band = band.filter(|_| finding.models.len() > 1);
        finding.new_customer = Some(self.new_customer(chosen, first / all.customers)?);
        finding.states = Some(states(
            &self.base,
            expected,
            self.lifetime.opportunities.map(days),
        ));
        finding.distribution = Some(value::distribution(&self.base, expected, spend, terms)?);
        for (column, name) in self.lifetime.by.iter().enumerate() {
            let values = self.by_column(chosen, column, |_| true)?;
            finding.by.push(Audiences {
                column: name.clone(),
                values: values.into_iter().map(|worth| worth.value).collect(),
            });
        }
        for (audience, said) in self.audiences.iter().zip(&mut finding.audiences) {
            if audience.kept.is_empty() {
                continue;
            }
            let group = Group::of(&self.base, &audience.kept);
            let first = First {
                sum: audience.first,
                ..First::default()
            };
            let worth = self.worth(chosen, said.audience.clone(), &group, first)?;
            said.value = Some(worth.value);
        }
        let worths = self.worths(chosen, |_| true)?;
        worths.show(finding);
        let costed = &self.purchases.costed;
        if costed.iter().all(|costed| *costed) {
            return Ok(worths);
        }
        self.worths(chosen, |cell| costed[cell as usize])
    }

    /// All customers of cells, and these by channel and by the month of the first purchase.
    fn worths(
        &self,
        chosen: &Chosen<'_>,
        counts: impl Fn(u32) -> bool,
    ) -> Result<Worths, clv::InfiniteMeanSpend> {
        let months = cohorts::months(&self.cohorts);
        let place = |month: i64| months.binary_search(&month).ok();
        let names = months.iter().map(|month| cohorts::month_name(*month));
        let all = self.groups(
            chosen,
            vec![String::new()],
            |row| counts(row.cell).then_some(0),
            |cohort| counts(cohort.cell).then_some(0),
        )?;
        let cohorts = self.groups(
            chosen,
            names.collect(),
            |row| {
                let month = || month_of(self.base.end - i64::from(row.age));
                counts(row.cell).then(month).and_then(place)
            },
            |cohort| counts(cohort.cell).then_some(cohort.month).and_then(place),
        )?;
        let channels = match self.purchases.channel {
            Some(channel) => self.by_column(chosen, channel, counts)?,
            None => Vec::new(),
        };
        Ok(Worths {
            all: all.into_iter().next(),
            channels,
            cohorts,
        })
    }

    /// The customers of cells by a column, the largest group first.
    fn by_column(
        &self,
        chosen: &Chosen<'_>,
        column: usize,
        counts: impl Fn(u32) -> bool,
    ) -> Result<Vec<Worth>, clv::InfiniteMeanSpend> {
        let (names, cells) = self.purchases.by_value(column);
        let place = |cell: u32| counts(cell).then(|| cells[cell as usize]);
        let mut values = self.groups(
            chosen,
            names,
            |row| place(row.cell),
            |cohort| place(cohort.cell),
        )?;
        values.sort_by(|a, b| {
            let key = |worth: &Worth| std::cmp::Reverse(worth.value.customers);
            key(a)
                .cmp(&key(b))
                .then_with(|| a.value.group.cmp(&b.value.group))
        });
        Ok(values)
    }

    /// Groups of customers by name, given the number of the group in which a row and a cohort are, if they are in one;
    /// without those that nobody is in.
    fn groups(
        &self,
        chosen: &Chosen<'_>,
        names: Vec<String>,
        of_row: impl Fn(&Kept) -> Option<usize>,
        of_cohort: impl Fn(&Cohort) -> Option<usize>,
    ) -> Result<Vec<Worth>, clv::InfiniteMeanSpend> {
        let groups = Group::split(&self.base, names.len(), of_row);
        let mut first = vec![First::default(); names.len()];
        for cohort in &self.cohorts {
            if let Some(number) = of_cohort(cohort) {
                first[number].add(cohort);
            }
        }
        let each = names.into_iter().zip(groups.iter().zip(first));
        each.filter(|(_, (group, _))| group.customers > 0.0)
            .map(|(name, (group, first))| self.worth(chosen, name, group, first))
            .collect()
    }

    /// What a group is worth. Its customers are taken to be drawn from those whom such a group gets: the variance of a mean
    /// over them counts beside what is not known of the parameters, as if the two were independent. What first and later
    /// purchases bring is taken to go together fully, which makes the interval of their sum as wide as it can be.
    fn worth(
        &self,
        chosen: &Chosen<'_>,
        name: String,
        group: &Group,
        first: First,
    ) -> Result<Worth, clv::InfiniteMeanSpend> {
        let (expected, terms) = (&chosen.expected, &self.terms);
        let n = group.customers;
        let spread = group.spread(&self.base, expected, &chosen.spend, terms.margin)?;
        let (these, lowest) = self.future(chosen, group)?;
        let like_these = Future {
            by_chance: spread.future * n.sqrt(),
            ..these
        };
        let future = like_these.per_customer(lowest, n, terms.alpha);
        let value = group.value(name, first.sum, expected, future, terms);
        let chance = (spread.total + terms.margin * first.deviation(n)) / n.sqrt();
        let these = these.per_customer(lowest, n, terms.alpha);
        let total = total(value.past, these, chance, terms.alpha);
        Ok(Worth { value, total })
    }

    /// Future value of a group, and the lowest where no attrition is visible.
    fn future(
        &self,
        chosen: &Chosen<'_>,
        group: &Group,
    ) -> Result<(Future, Option<f64>), clv::InfiniteMeanSpend> {
        let Chosen {
            fitted,
            spend,
            expected,
            limits,
            ..
        } = chosen;
        let (base, terms) = (&self.base, &self.terms);
        let future = group.future(base, fitted, expected, spend, terms)?;
        let totals = limits
            .iter()
            .map(|limit| group.total(base, &limit.discounted, spend, terms.margin));
        Ok((future, lowest(totals)?))
    }

    /// A customer like those who are known, when they first bought: the mean over their covariates.
    fn new_customer(
        &self,
        chosen: &Chosen<'_>,
        first: f64,
    ) -> Result<NewCustomer, clv::InfiniteMeanSpend> {
        let (terms, fitted) = (&self.terms, chosen.fitted);
        let patterns = self.base.patterns();
        let customers: f64 = patterns.iter().map(|(_, customers)| customers).sum();
        let covariance = fitted.covariance();
        let mut slopes = vec![0.0; covariance.len().isqrt()];
        let mut expected = 0.0;
        let mut discounted = Vec::new();
        for (covariates, n) in &patterns {
            let share = n / customers;
            let of_new = |discount| fitted.expectation(&NEW, covariates, discount, terms.horizon);
            expected += share * of_new(0.0).purchases;
            let new = of_new(terms.discount);
            discounted.push(share * new.purchases);
            let weight = share * chosen.spend.conditional(0.0, 0.0, covariates)?;
            fitted.add_slopes(
                &mut slopes,
                new.slopes.map(|slope| weight * slope),
                covariates,
            );
        }
        let total = |discounted: &[f64], spend: &Spend| -> Result<f64, clv::InfiniteMeanSpend> {
            let each = patterns.iter().zip(discounted);
            each.map(|((covariates, _), purchases)| {
                Ok(terms.margin * purchases * spend.conditional(0.0, 0.0, covariates)?)
            })
            .sum()
        };
        let by_spend = chosen.spend.prediction(|spend| total(&discounted, spend))?;
        let by_timing = clv::quadratic(&covariance, &slopes).max(0.0).sqrt();
        let margin = terms.margin;
        let repeat = Future {
            value: by_spend.value,
            by_timing: margin * by_timing,
            by_spend: by_spend.standard_error,
            by_chance: 0.0,
        };
        let totals = chosen.limits.iter().map(|limit| {
            let of_new = patterns
                .iter()
                .map(|(covariates, n)| n / customers * limit.purchases_of_new(covariates, terms));
            total(&of_new.collect::<Vec<f64>>(), &chosen.spend)
        });
        let lowest = lowest(totals)?;
        let repeat = repeat.per_customer(lowest, 1.0, terms.alpha);
        let first = margin * first;
        Ok(NewCustomer {
            first_purchase: first,
            expected_purchases: expected,
            value: Estimate {
                estimate: first + repeat.estimate,
                low: first + repeat.low,
                high: first + repeat.high,
                ..repeat
            },
        })
    }
}

/// Past and future value together, given the future value of these customers, and the standard error that the chance of who
/// they are leaves in the sum.
pub(super) fn total(past: f64, future: Estimate, chance: f64, alpha: f64) -> Estimate {
    let reach = normal_quantile(1.0 - 0.5 * alpha) * chance;
    let estimate = past + future.estimate;
    Estimate {
        estimate,
        se: future.se.hypot(chance),
        low: estimate - (future.estimate - future.low).hypot(reach),
        high: estimate + (future.high - future.estimate).hypot(reach),
        df: None,
    }
}

/// What groups are worth, without what is compared with their costs.
pub(super) fn values_of(worths: &[Worth]) -> Vec<GroupValue> {
    worths.iter().map(|worth| worth.value.clone()).collect()
}

/// The lowest of some values; none of none.
fn lowest<E>(values: impl Iterator<Item = Result<f64, E>>) -> Result<Option<f64>, E> {
    let mut lowest: Option<f64> = None;
    for value in values {
        let value = value?;
        lowest = Some(lowest.map_or(value, |lowest| lowest.min(value)));
    }
    Ok(lowest)
}
