//! Rows put together: the experiments, their arms, and the looks at each comparison.

use std::collections::{BTreeMap, BTreeSet};

use catalog::Summaries;
use stats::Counts;

use super::cell::{Cell, customers};
use super::reasons::{Refused, Why};
use super::rows::Row;
use crate::audience::Pair;

/// What the control of a row that holds a comparison is called.
const CONTROL: &str = "control";
/// All other arms together.
const OTHERS: &str = "others";

/// One experiment.
pub(super) struct Gathered {
    pub(super) name: String,
    /// The first period in which it ran: its place and its name.
    pub(super) period: Option<(i64, String)>,
    pub(super) in_several_periods: bool,
    /// Sizes of the arms at each time, by time.
    pub(super) sizes: Vec<SizesAt>,
    /// Why the sizes of its arms cannot be tested.
    pub(super) sizes_refused: Option<Refused>,
    /// Each arm's summary of each metric at the metric's last time, by arm.
    pub(super) at_end: BTreeMap<String, Vec<Result<Cell, Refused>>>,
    pub(super) series: Vec<Series>,
    /// Set where its arms cannot be compared at all.
    pub(super) refused: Option<Refused>,
}

/// Customers of each arm at one time.
pub(super) struct SizesAt {
    pub(super) time: String,
    pub(super) arms: BTreeMap<String, u64>,
}

/// The looks at one metric of one arm.
pub(super) struct Series {
    pub(super) metric: String,
    pub(super) arm: String,
    pub(super) against: String,
    /// By time.
    pub(super) looks: Vec<Look>,
}

/// One look.
pub(super) struct Look {
    pub(super) time: String,
    /// Customers that the experiment was planned for.
    pub(super) planned: Option<f64>,
    pub(super) pair: Result<Pair<Cell>, Refused>,
}

/// The rows of one experiment, which lie together.
pub(super) fn gather(name: &str, rows: &[Row], summaries: &Summaries) -> Gathered {
    let periods: BTreeSet<&(i64, String)> = rows
        .iter()
        .filter_map(|row| row.period.as_ref())
        .filter(|_| summaries.period.is_some())
        .collect();
    let table = Table::new(rows);
    let (sizes, sizes_refused) = table.sizes();
    let (series, refused) = match table.series(summaries) {
        Ok(series) => (series, None),
        Err(refused) => (Vec::new(), Some(refused)),
    };
    Gathered {
        name: name.to_owned(),
        period: periods.first().map(|period| (*period).clone()),
        in_several_periods: periods.len() > 1,
        at_end: table.at_end(),
        sizes,
        sizes_refused,
        series,
        refused,
    }
}

type Summary = Result<Cell, Refused>;

/// What the rows of one experiment say, by metric, arm and time.
struct Table<'r> {
    rows: &'r [Row],
    times: BTreeMap<i64, &'r str>,
    planned: BTreeMap<i64, f64>,
    cells: BTreeMap<&'r str, BTreeMap<&'r str, BTreeMap<i64, Summary>>>,
    /// The control of each arm, where rows hold comparisons.
    controls: BTreeMap<&'r str, BTreeMap<&'r str, BTreeMap<i64, Summary>>>,
}

impl<'r> Table<'r> {
    /// Rows without a name or a time are left out before.
    fn new(rows: &'r [Row]) -> Self {
        let mut table = Self {
            rows,
            times: BTreeMap::new(),
            planned: BTreeMap::new(),
            cells: BTreeMap::new(),
            controls: BTreeMap::new(),
        };
        for row in rows {
            let (Some(metric), Some(arm), Some((at, time))) = (&row.metric, &row.arm, &row.time)
            else {
                continue;
            };
            table.times.insert(*at, time);
            if let Some(planned) = row.planned {
                table.planned.insert(*at, planned);
            }
            let put = |into: &mut BTreeMap<_, BTreeMap<_, BTreeMap<_, _>>>, summary| {
                let of_arm: &mut BTreeMap<i64, Summary> = into
                    .entry(metric.as_str())
                    .or_default()
                    .entry(arm.as_str())
                    .or_default();
                if of_arm.contains_key(at) {
                    let message = format!("`{arm}` has several rows{}", of_time(time));
                    of_arm.insert(*at, Err(Refused::new(Why::Repeated, message)));
                } else {
                    of_arm.insert(*at, summary);
                }
            };
            put(&mut table.cells, Cell::read(&row.arm_numbers));
            if let Some(control) = &row.control {
                put(&mut table.controls, Cell::read(control));
            }
        }
        table
    }

    /// The sizes of arms at each time: the most customers that any metric counts.
    fn sizes(&self) -> (Vec<SizesAt>, Option<Refused>) {
        let mut at_times: BTreeMap<i64, BTreeMap<&str, u64>> = BTreeMap::new();
        // Of the control, beside each arm.
        let mut controls: BTreeMap<i64, BTreeMap<&str, u64>> = BTreeMap::new();
        let mut refused = None;
        let mut most =
            |sizes: &mut BTreeMap<i64, BTreeMap<&'r str, u64>>, at, arm, n| match customers(n) {
                Ok(n) => {
                    let size = sizes.entry(at).or_default().entry(arm).or_default();
                    *size = n.max(*size);
                }
                Err(reason) => refused = Some(reason),
            };
        for row in self.rows {
            let (Some(arm), Some((at, _))) = (&row.arm, &row.time) else {
                continue;
            };
            most(&mut at_times, *at, arm.as_str(), row.arm_numbers.n);
            if let Some(control) = &row.control {
                most(&mut controls, *at, arm.as_str(), control.n);
            }
        }
        for (at, beside) in controls {
            let different: BTreeSet<u64> = beside.values().copied().collect();
            if different.len() > 1 {
                let message = format!(
                    "the arms have controls of different sizes{}",
                    of_time(self.times.get(&at).copied().unwrap_or_default())
                );
                refused = Some(Refused::new(Why::Impossible, message));
            }
            let largest = different.last().copied().unwrap_or(0);
            at_times.entry(at).or_default().insert(CONTROL, largest);
        }
        let sizes = at_times.into_iter().map(|(at, arms)| SizesAt {
            time: self.time(at),
            arms: arms
                .into_iter()
                .map(|(arm, n)| (arm.to_owned(), n))
                .collect(),
        });
        (sizes.collect(), refused)
    }

    fn at_end(&self) -> BTreeMap<String, Vec<Summary>> {
        let of_metric = |(metric, arms): (&&str, &BTreeMap<&str, BTreeMap<i64, Summary>>)| {
            let last = arms
                .values()
                .filter_map(|of_arm| of_arm.keys().last())
                .max();
            let at = |of_arm: &BTreeMap<i64, Summary>| of_arm.get(last?).cloned();
            let mut cells: Vec<Summary> = arms.values().filter_map(at).collect();
            let control = self
                .controls
                .get(metric)
                .and_then(|arms| arms.values().next());
            cells.extend(control.and_then(at));
            ((*metric).to_owned(), cells)
        };
        self.cells.iter().map(of_metric).collect()
    }

    fn series(&self, summaries: &Summaries) -> Result<Vec<Series>, Refused> {
        let mut series = Vec::new();
        let reference = match summaries.reference {
            Some(_) => Some(self.reference()?),
            None => None,
        };
        for (metric, arms) in &self.cells {
            for (place, (arm, looks)) in arms.iter().enumerate() {
                let beside = self.controls.get(metric).and_then(|arms| arms.get(arm));
                let (against, looks) = if let Some(beside) = beside {
                    (CONTROL, self.looks(looks, |at| beside.get(&at).cloned()))
                } else if let Some(reference) = reference {
                    if *arm == reference {
                        continue;
                    }
                    let Some(beside) = arms.get(reference) else {
                        continue;
                    };
                    (reference, self.looks(looks, |at| beside.get(&at).cloned()))
                } else if arms.len() == 2 {
                    // Each against the other is one comparison, not two.
                    let Some((other, beside)) = arms.iter().next().filter(|_| place == 1) else {
                        continue;
                    };
                    (*other, self.looks(looks, |at| beside.get(&at).cloned()))
                } else {
                    (OTHERS, self.looks(looks, |at| others(arms, arm, at)))
                };
                if arms.len() > 1 || !self.controls.is_empty() {
                    series.push(Series {
                        metric: (*metric).to_owned(),
                        arm: (*arm).to_owned(),
                        against: against.to_owned(),
                        looks,
                    });
                }
            }
        }
        Ok(series)
    }

    /// The arm that the rows say others are compared with.
    fn reference(&self) -> Result<&'r str, Refused> {
        let named: BTreeSet<&str> = self
            .rows
            .iter()
            .filter(|row| row.is_reference)
            .filter_map(|row| row.arm.as_deref())
            .collect();
        let mut named = named.into_iter();
        match (named.next(), named.next()) {
            (Some(only), None) => Ok(only),
            (None, _) => Err(Refused::new(
                Why::NoReference,
                "no row meets the condition `reference`",
            )),
            (Some(first), Some(second)) => Err(Refused::new(
                Why::NoReference,
                format!("both `{first}` and `{second}` meet the condition `reference`"),
            )),
        }
    }

    /// The times at which an arm and what it is compared with have rows.
    fn looks(
        &self,
        arm: &BTreeMap<i64, Summary>,
        against: impl Fn(i64) -> Option<Summary>,
    ) -> Vec<Look> {
        let look = |(at, cell): (&i64, &Summary)| {
            let against = against(*at)?;
            let named = |side: &str, summary: &Summary| match summary {
                Ok(cell) => Ok(*cell),
                Err(refused) => Err(Refused::new(
                    refused.why,
                    format!("{side}: {}", refused.message),
                )),
            };
            let pair = named("arm", cell).and_then(|arm| {
                let against = named("compared with", &against)?;
                Ok(Pair { arm, against })
            });
            Some(Look {
                time: self.time(*at),
                planned: self.planned.get(at).copied(),
                pair,
            })
        };
        arm.iter().filter_map(look).collect()
    }

    fn time(&self, at: i64) -> String {
        self.times.get(&at).copied().unwrap_or_default().to_owned()
    }
}

/// All arms but one together; the rules of the catalog see to it that successes are counted.
fn others(arms: &BTreeMap<&str, BTreeMap<i64, Summary>>, arm: &str, at: i64) -> Option<Summary> {
    let mut sum = Counts { successes: 0, n: 0 };
    for (_, looks) in arms.iter().filter(|(name, _)| **name != arm) {
        match looks.get(&at)?.as_ref().map(Cell::counts) {
            Ok(Some(counts)) => {
                sum.successes += counts.successes;
                sum.n += counts.n;
            }
            Ok(None) => return None,
            Err(refused) => return Some(Err(refused.clone())),
        }
    }
    Some(Ok(Cell::of_counts(sum)))
}

/// ` at TIME`, or nothing where there is one time without a name.
pub(super) fn of_time(time: &str) -> String {
    if time.is_empty() {
        String::new()
    } else {
        format!(" at {time}")
    }
}
