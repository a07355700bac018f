//! What is wrong with purchases, or worth knowing, before any model.

use catalog::Lifetime;
use clv::FitError;

use super::LifetimeCheck;
use super::days::Gap;
use super::measured::Measured;
use super::purchases::{Purchases, day};
use crate::audience::{READ_ONCE, Severity, of_duplicates};
use crate::{Reason, Refusal};

/// That intervals say nothing of attrition that is not visible.
pub(super) fn without_limit(error: &FitError) -> LifetimeCheck {
    LifetimeCheck {
        severity: Severity::Warning,
        message: format!(
            "how much attrition there may be could not be found ({error}): intervals take it that nobody leaves"
        ),
    }
}

/// The fewest customers with a repeat purchase, or contracts that were up for renewal, of whom values are given. Errors are
/// the sandwich's, a sum of one square for each customer: of no more customers than the four parameters it is singular, and
/// some error looks like none.
const FEWEST_AGAIN: u64 = 5;
/// The fewest of them whose intervals are to be relied on: with four parameters the sandwich's variances come out too small
/// by some 4 in the number of customers, 13 % here.
const FEW_AGAIN: u64 = 30;

/// Why there are no values of so few who tell something: customers who bought again, contracts that were up for renewal.
pub(super) fn too_few(number: u64, who: &str) -> Option<Refusal> {
    (number < FEWEST_AGAIN).then(|| {
        let message = format!(
            "{who}: {number}; how sure a value is cannot be said of fewer than {FEWEST_AGAIN}"
        );
        Refusal::new(Reason::TooLittleData, message)
    })
}

/// That intervals are not to be relied on with so few of them.
pub(super) fn few(number: u64, who: &str) -> Option<LifetimeCheck> {
    (number < FEW_AGAIN).then(|| LifetimeCheck {
        severity: Severity::Warning,
        message: format!(
            "{who}: only {number}; errors are those of large samples, and intervals of fewer than {FEW_AGAIN} are too narrow"
        ),
    })
}

/// Who tells when customers buy.
pub(super) const AGAIN: &str = "customers who bought again";
/// Who tells how long contracts last.
pub(super) const DUE: &str = "contracts that have been up for renewal";

/// What is wrong with the rows of the fact and of the source of customers.
pub(super) fn of_rows(lifetime: &Lifetime, purchases: &Purchases) -> Vec<LifetimeCheck> {
    let mut checks = Vec::new();
    let mut say = |severity, message| checks.push(LifetimeCheck { severity, message });
    let repeated = purchases.repeated;
    if repeated > 0 {
        let share = repeated as f64 / purchases.rows.max(1) as f64;
        // Two purchases of a day may well be alike where nothing tells them apart.
        let is_told =
            !purchases.whole_days || lifetime.order.is_some() || lifetime.contracts.is_some();
        let severity = match is_told {
            true => of_duplicates(repeated, purchases.rows),
            false => Severity::Notice,
        };
        say(
            severity,
            format!(
                "{repeated} rows ({:.2} %) of `{}` are equal to another one in all columns, and count as often as they are \
                 there: {READ_ONCE}",
                100.0 * share,
                lifetime.fact
            ),
        );
    }
    if purchases.orders.all > 0 {
        for (severity, message) in of_orders(purchases) {
            say(severity, message);
        }
    }
    let Some(customers) = &lifetime.customers else {
        return checks;
    };
    if purchases.ambiguous > 0 {
        say(
            Severity::Warning,
            format!(
                "{} customers have several rows in `{}` that say different things of them: the least of these rows counts; \
                 leave one row a customer in the source",
                purchases.ambiguous, customers.source
            ),
        );
    }
    if purchases.negative_costs > 0 {
        say(
            Severity::Warning,
            format!(
                "acquisition costs less than nothing in {} rows of `{}`: they count as customers whose cost is unknown",
                purchases.negative_costs, customers.source
            ),
        );
    }
    checks
}

/// The share of orders from which on it is no chance that these have each of their amounts an even number of times.
const MANY_DOUBLED: f64 = 0.05;

/// What is the matter with orders as the column that names them tells them apart.
fn of_orders(purchases: &Purchases) -> Vec<(Severity, String)> {
    let orders = purchases.orders;
    let share = |number: u64| {
        let percent = 100.0 * number as f64 / orders.all as f64;
        format!("{number} orders ({percent:.2} %)")
    };
    let mut found = Vec::new();
    if orders.of_several > 0 {
        found.push((
            of_duplicates(orders.of_several, orders.all),
            format!(
                "{} have rows of several customers: what each of them has in it counts as an order of that customer; if \
                 these are one customer under several ids, resolve the ids before",
                share(orders.of_several)
            ),
        ));
    }
    // Rows that are equal in all columns are told of above: each of them doubles one order at most.
    let at_once = orders.doubled - orders.doubled_later;
    let doubled = orders.doubled_later + at_once.saturating_sub(purchases.repeated);
    if doubled > 0 {
        // Some orders have two things of one price; that many do not.
        let severity = match doubled as f64 >= MANY_DOUBLED * orders.all as f64 {
            true => Severity::Warning,
            false => of_duplicates(orders.doubled_later, orders.all),
        };
        let at_least = match purchases.repeated {
            0 => "",
            _ => "at least ",
        };
        found.push((
            severity,
            format!(
                "{at_least}{} have each of their amounts an even number of times, {} of them at several times: they count as often as \
                 they are there; if rows were loaded again with other columns or dates, keep one of each, for example with \
                 `SELECT DISTINCT ON` in the fact's `sql`",
                share(doubled),
                orders.doubled_later
            ),
        ));
    }
    found
}

/// What gaps between days of purchase say of their dates; nothing of a late one where the document says that the data end
/// before it, and models see all until then. `has_until` says whether the end is declared.
fn of_gaps(purchases: &Purchases, has_until: bool) -> Vec<String> {
    let gaps = &purchases.gaps;
    let periods = purchases.periods.as_ref();
    // Where there are periods, a day stands for the one that it begins.
    let after = |number: i64| {
        let next = periods.and_then(|periods| periods.start_after(number));
        next.unwrap_or(number + 1)
    };
    let until = |number: i64| day(after(number) - 1);
    let (between, on, ends) = match periods {
        Some(_) => (
            "the first days of two periods with purchases",
            "the period that begins on ",
            "with the period that begins on",
        ),
        None => ("two purchases", "", "on"),
    };
    let compared = |gap: &Gap| {
        format!(
            "by {} days, where nowhere else more than {} lie between {between}",
            gap.after - gap.before,
            gap.longest_other
        )
    };
    let number = |gap: &Gap| match gap.beyond {
        1 => "1 purchase is".to_owned(),
        purchases => format!("{purchases} purchases are"),
    };
    let sees_all = has_until && purchases.half.is_some();
    let late = gaps.late.filter(|_| !sees_all).map(|gap| {
        let far = format!(
            "{} dated {} or later, after the others {}",
            number(&gap),
            day(gap.after),
            compared(&gap)
        );
        let end = day(purchases.data_end);
        if has_until {
            format!(
                "{far}: no forecast is held against them, and the back-test ends {ends} {end}; if a date is wrong, mend \
                 it or leave its row out"
            )
        } else {
            format!(
                "{far}: they do not count, and the data are taken to end {ends} {end}; if a date is wrong, mend it, or \
                 say `until: {}`{}; if all are right, say with `until` where the data end",
                day(after(gap.before)),
                match gap.before > purchases.data_end {
                    true => ", if the period before is over",
                    false => "",
                }
            )
        }
    });
    let early = gaps.early.map(|gap| {
        format!(
            "{} dated {} or earlier, before the others {}: the data are taken to begin on {after}, and whoever had bought \
             before does not count; if a date is wrong, mend it or leave its row out, or say `from: {after}`; if all are \
             right, say with `from` where the data begin",
            number(&gap),
            until(gap.before),
            compared(&gap),
            after = day(gap.after),
        )
    });
    let within = gaps.within.map(|gap| {
        format!(
            "nobody bought between {on}{} and {on}{}: if a date is wrong, leave its row out, or say with `from` or \
             `until` where the data begin or end; if purchases are missing there, models take their customers to have \
             been silent",
            day(gap.before),
            day(gap.after)
        )
    });
    [late, early, within].into_iter().flatten().collect()
}

impl Measured<'_> {
    /// What is wrong, or worth knowing, before any model.
    pub(super) fn checks(&self) -> Vec<LifetimeCheck> {
        let mut checks = of_rows(self.lifetime, &self.purchases);
        let mut warn = |message: String| {
            checks.push(LifetimeCheck {
                severity: Severity::Warning,
                message,
            });
        };
        let purchases = &self.purchases;
        let returned = -purchases.unmatched_returns;
        if purchases.gross > 0.0 && returned / purchases.gross > 0.005 {
            warn(format!(
                "returns of {returned:.0}, {:.1} % of what was bought, belong to no known purchase: values are before them",
                100.0 * returned / purchases.gross
            ));
        }
        if purchases.varying > 0 {
            warn(format!(
                "columns of `by` vary among the purchases of {} customers; the value of the first purchase counts",
                purchases.varying
            ));
        }
        let declared = self.lifetime.until.is_some();
        for message in of_gaps(purchases, declared) {
            warn(message);
        }
        let unobserved: u64 = (self.base.kept.iter())
            .filter(|row| row.age == 0)
            .map(|row| u64::from(row.customers))
            .sum();
        if unobserved > 0 {
            checks.push(LifetimeCheck {
                severity: Severity::Notice,
                message: format!(
                    "{unobserved} customers bought for the first time on the last day: they count, and say nothing of timing"
                ),
            });
        }
        checks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_customers_are_warned_of_and_fewer_are_refused() {
        assert!(too_few(4, AGAIN).is_some() && too_few(5, AGAIN).is_none());
        assert!(few(29, DUE).is_some() && few(30, DUE).is_none());
    }
}
