//! Sums up the query's rows as they come: counts, and co-moments for each arm, stratum and segment.

use std::collections::BTreeMap;

use lake::{Chunk, Nulls, WrongColumn};
use stats::moments::{Moments, MomentsError, Products};

use super::cells::{CellLayout, Cells, Rows};
use super::codes::{Codes, Dictionary, NotEncoded, TooManyValues, Value};
use super::daily::DailyCounts;
use super::groups::{Group, Groups};
use super::history::Days;
use super::plan::{MadeOf, Plan};
use super::query::{Query, status};

/// Strata beyond which they are too many to adjust for.
pub(crate) const MOST_STRATA: usize = 256;

/// Where the query's columns are and which products of them are wanted.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    has_assignments: bool,
    has_exposure: bool,
    has_open: bool,
    leaves_open_out: bool,
    /// The place of each value's cut among the co-moments' columns.
    cut_of: Vec<Option<usize>>,
    /// Columns by which customers are told apart: segments, and strata behind them.
    classes: usize,
    /// Segments, and the trigger behind them: the classes whose cells are summed up.
    segments: usize,
    /// Which of the classes are strata.
    strata: Vec<usize>,
    values: usize,
    cuts: usize,
    covariates: usize,
    arms: usize,
    /// Values, cuts, covariates, and for each covariate whether it is missing.
    all: Products,
    pub(crate) cells: CellLayout,
    /// No customers yet by the day of exposure.
    days: Option<Days>,
}

impl Layout {
    pub(crate) fn new(plan: &Plan<'_>, query: &Query) -> Self {
        let values = plan.values.len();
        let mut cuts = 0;
        let cut_of: Vec<Option<usize>> = plan
            .values
            .iter()
            .map(|value| {
                value.metric?.cap.as_ref()?;
                cuts += 1;
                Some(values + cuts - 1)
            })
            .collect();
        let covariates = plan.covariates.len();
        let ratios: Vec<(usize, usize)> = plan
            .metrics
            .iter()
            .filter_map(|compared| match compared.made_of {
                MadeOf::Ratio {
                    numerator,
                    denominator,
                } => Some((numerator, denominator)),
                MadeOf::Value(_) => None,
            })
            .collect();
        let is_ratio = |i: usize, j: usize| ratios.contains(&(i, j));
        let is_cut = |i: usize, j: usize| cut_of.get(i).copied().flatten() == Some(j);
        let first_covariate = values + cuts;
        let columns = first_covariate + 2 * covariates;
        // Of each covariate the column itself and the one that says where it is missing.
        let covariate = |i: usize| i.checked_sub(first_covariate).map(|i| i % covariates);
        let adjusts = |covariate: usize, value: usize| {
            plan.metrics.iter().any(|compared| {
                compared.made_of.bits() & 1 << value != 0
                    && plan.covariates[covariate].is_for(compared.metric)
            })
        };
        let meet =
            |a: usize, b: usize| (0..values).any(|value| adjusts(a, value) && adjusts(b, value));
        Self {
            has_assignments: query.has_assignments,
            has_exposure: query.has_exposure,
            has_open: !query.horizons.is_empty(),
            leaves_open_out: plan.leaves_immature_out(),
            classes: plan.classes.len(),
            segments: (plan.experiment.segments.len() + usize::from(plan.trigger.is_some()))
                .min(plan.classes.len()),
            strata: plan.strata.clone(),
            values,
            cuts,
            covariates,
            arms: plan.experiment.arms.len(),
            all: Products::new(columns, |i, j| match (covariate(i), covariate(j)) {
                (Some(a), Some(b)) => meet(a, b),
                (None, Some(known)) => i < values && adjusts(known, i),
                _ => is_ratio(i, j) || is_cut(i, j),
            }),
            cells: CellLayout::new(plan),
            cut_of: cut_of.clone(),
            days: None,
        }
    }

    /// The same with customers by the day of exposure, where a plan looks at them.
    pub(crate) fn with_days(mut self, plan: &Plan<'_>) -> Self {
        if self.has_exposure {
            self.days = Days::new(plan, &self);
        }
        self
    }

    /// The columns of co-moments, and which products of them are wanted.
    pub(crate) fn products(&self) -> &Products {
        &self.all
    }

    /// The number of the query's columns.
    pub(crate) fn query_columns(&self) -> usize {
        let fixed = 2
            + 2 * usize::from(self.has_assignments)
            + usize::from(self.has_exposure)
            + usize::from(self.has_open);
        fixed + self.classes + self.values + self.cuts + self.covariates
    }

    /// The place of a value's cut among the co-moments' columns; none of a value without a cap.
    pub(crate) fn cut_of(&self, value: usize) -> Option<usize> {
        self.cut_of.get(value).copied().flatten()
    }

    /// The place of a covariate among the co-moments' columns.
    pub(crate) fn covariate(&self, number: usize) -> usize {
        self.values + self.cuts + number
    }

    /// The place of the column that says where a covariate is missing.
    pub(crate) fn covariate_missing(&self, number: usize) -> usize {
        self.covariate(number) + self.covariates
    }
}

/// The values of a column by which customers are told apart; `None` once there are too many.
type Class = Option<Dictionary>;

/// The combinations of values that are strata, each with a number: its place.
#[derive(Debug, Clone)]
struct Strata {
    /// The numbers of the values in each class.
    members: Vec<Vec<u32>>,
    numbers: Codes,
}

impl Strata {
    fn new() -> Self {
        Self {
            members: Vec::new(),
            numbers: Codes::new(),
        }
    }

    /// The number of a combination; none where there are too many.
    fn number(&mut self, values: impl Iterator<Item = u32> + Clone) -> Option<u32> {
        // A class has at most 1000 values, and the catalog allows no more strata columns than fit.
        let key = values
            .clone()
            .fold(0_u128, |key, value| key << 10 | u128::from(value));
        if let Some(number) = self.numbers.get(key) {
            return Some(number);
        }
        if self.members.len() == MOST_STRATA {
            return None;
        }
        let number = self.members.len() as u32;
        self.members.push(values.collect());
        self.numbers.insert(key, number);
        Some(number)
    }
}

/// What the rows seen so far add up to. Tallies of parts merge to that of the whole, bit for bit.
pub(crate) struct Tally {
    groups: Groups,
    classes: Vec<Class>,
    /// None where there are too many, and where none are asked for.
    strata: Option<Strata>,
    cells: Cells,
    /// By the day of exposure, where a plan looks at them.
    pub(crate) days: Option<Days>,
    /// Customers by status and arm; the last arm is "none".
    statuses: Vec<[u64; status::NUMBER]>,
    pub(crate) several_arms: u64,
    pub(crate) repeated_rows: u64,
    pub(crate) rows_without_customer: u64,
    /// First and last exposure.
    pub(crate) exposures: Option<(i64, i64)>,
    /// By the day of exposure, or of assignment where no exposure is declared.
    pub(crate) daily: DailyCounts,
    open: ByValues,
    not_finite: ByValues,
    /// Of each covariate, the customers whose number is not finite: they count as without one.
    pub(crate) covariates_not_finite: Vec<u64>,
    counted: Counted,
}

/// Customers of an arm by which of their values (a bit each) something is the matter with.
#[derive(Debug, Clone, Default)]
struct ByValues(BTreeMap<(u8, u64), u64>);

impl ByValues {
    fn add(&mut self, arm: u8, values: u64, customers: u64) {
        if values != 0 {
            *self.0.entry((arm, values)).or_default() += customers;
        }
    }

    fn merge(&mut self, other: Self) {
        for ((arm, values), customers) in other.0 {
            self.add(arm, values, customers);
        }
    }

    /// Customers of an arm with any of the values.
    fn of(&self, arm: usize, any: u64) -> u64 {
        let counts = self.0.iter();
        counts
            .filter(|((of, values), _)| usize::from(*of) == arm && values & any != 0)
            .map(|(_, customers)| customers)
            .sum()
    }
}

/// The rows of a chunk that count.
#[derive(Debug, Default)]
struct Counted {
    rows: Vec<u32>,
    arms: Vec<u8>,
    /// Of each class, the numbers of their values.
    codes: Vec<Vec<u32>>,
    strata: Vec<u32>,
}

impl Tally {
    pub(crate) fn new(layout: &Layout) -> Self {
        Self {
            groups: Groups::new(&layout.all),
            classes: vec![Some(Dictionary::new()); layout.classes],
            strata: (!layout.strata.is_empty()).then(Strata::new),
            cells: Cells::new(&layout.cells, layout.segments),
            days: layout.days.clone(),
            statuses: vec![[0; status::NUMBER]; layout.arms + 1],
            several_arms: 0,
            repeated_rows: 0,
            rows_without_customer: 0,
            exposures: None,
            daily: DailyCounts::new(layout.arms),
            open: ByValues::default(),
            not_finite: ByValues::default(),
            covariates_not_finite: vec![0; layout.covariates],
            counted: Counted {
                codes: vec![Vec::new(); layout.classes],
                ..Counted::default()
            },
        }
    }

    /// Adds a chunk of the query's rows.
    pub(crate) fn add(&mut self, layout: &Layout, chunk: &Chunk<'_>) -> Result<(), TallyError> {
        let statuses: &[u8] = chunk.values(0)?;
        let arms: &[u8] = chunk.values(1)?;
        let no_arm = chunk.nulls(1)?;
        let mut next = 2;
        if layout.has_assignments {
            self.count_assignments(chunk.values(next)?, chunk.values(next + 1)?, statuses);
            next += 2;
        }
        let mut exposures = None;
        if layout.has_exposure {
            let (times, nulls) = (chunk.values(next)?, chunk.nulls(next)?);
            self.note_exposures(times, nulls, statuses, arms);
            exposures = Some((times, nulls));
            next += 1;
        }
        let open: Option<&[u64]> = if layout.has_open {
            next += 1;
            Some(chunk.values(next - 1)?)
        } else {
            None
        };
        let columns = Columns::new(layout, chunk, next + layout.classes)?;
        let left_out = open.filter(|_| layout.leaves_open_out);
        let missing = columns.missing_values(layout.values, left_out);
        self.count(statuses, arms, no_arm, layout.arms);
        self.note_unfit(layout, open, &columns);
        self.encode(layout, chunk, next)?;
        self.add_to_groups(missing.as_deref(), &columns)?;
        self.add_to_cells(layout, (missing.as_deref(), open), &columns)?;
        if let (Some(days), Some(exposures)) = (&mut self.days, exposures) {
            let Counted { rows, arms, .. } = &self.counted;
            let mut numbers = vec![Vec::new(); layout.all.columns()];
            for column in days.columns() {
                columns.gather(column, rows, &mut numbers[column]);
            }
            days.add(rows, arms, missing.as_deref(), exposures, &numbers)?;
        }
        Ok(())
    }

    /// Counts the customers whose values are not mature or not finite.
    fn note_unfit(&mut self, layout: &Layout, open: Option<&[u64]>, columns: &Columns<'_>) {
        let Counted { rows, arms, .. } = &self.counted;
        if let Some(open) = open {
            for (&row, &arm) in rows.iter().zip(arms) {
                self.open.add(arm, open[row as usize], 1);
            }
        }
        if columns.numbers.iter().all(|column| column.unfit.is_none()) {
            return;
        }
        for (&row, &arm) in rows.iter().zip(arms) {
            let is_unfit = |column: &Column<'_>| {
                let unfit = column.unfit.as_ref();
                unfit.is_some_and(|unfit| unfit[row as usize])
            };
            let values = columns.numbers[..layout.values].iter().enumerate();
            let values = values
                .filter(|(_, column)| is_unfit(column))
                .fold(0, |bits, (value, _)| bits | 1 << value);
            self.not_finite.add(arm, values, 1);
            let covariates = &columns.numbers[layout.values + layout.cuts..];
            for (number, column) in self.covariates_not_finite.iter_mut().zip(covariates) {
                *number += u64::from(is_unfit(column));
            }
        }
    }

    /// Counts rows by their status, and notes those that count.
    fn count(&mut self, statuses: &[u8], arms: &[u8], no_arm: Option<Nulls<'_>>, none: usize) {
        self.counted.rows.clear();
        self.counted.arms.clear();
        for (row, (&status, &arm)) in statuses.iter().zip(arms).enumerate() {
            let has_arm = no_arm.is_none_or(|no_arm| !no_arm.is_null(row));
            let place = if has_arm { usize::from(arm) } else { none };
            self.statuses[place][usize::from(status)] += 1;
            if status == status::COUNTED {
                // A chunk has some thousand rows, so that a row's number fits.
                self.counted.rows.push(row as u32);
                self.counted.arms.push(arm);
            }
        }
    }

    /// Numbers the rows' values in the classes, and their strata.
    fn encode(
        &mut self,
        layout: &Layout,
        chunk: &Chunk<'_>,
        first: usize,
    ) -> Result<(), TallyError> {
        let Counted {
            rows,
            codes,
            strata,
            ..
        } = &mut self.counted;
        for (number, (class, codes)) in self.classes.iter_mut().zip(codes.iter_mut()).enumerate() {
            let Some(values) = class else {
                continue;
            };
            match values.encode(chunk, first + number, rows, codes) {
                Ok(()) => {}
                Err(NotEncoded::TooManyValues) => *class = None,
                Err(NotEncoded::Column(error)) => return Err(error.into()),
            }
        }
        strata.clear();
        strata.resize(rows.len(), 0);
        let is_known = |&class: &usize| self.classes[class].is_some();
        if !layout.strata.iter().all(is_known) {
            return Ok(self.forget_strata()?);
        }
        let Some(known) = &mut self.strata else {
            return Ok(());
        };
        for (row, stratum) in strata.iter_mut().enumerate() {
            let values = layout.strata.iter().map(|&class| codes[class][row]);
            let Some(number) = known.number(values) else {
                strata.fill(0);
                return Ok(self.forget_strata()?);
            };
            *stratum = number;
        }
        Ok(())
    }

    /// Gives up on strata, because they are too many.
    fn forget_strata(&mut self) -> Result<(), MomentsError> {
        match self.strata.take() {
            Some(_) => self.groups.forget_strata(),
            None => Ok(()),
        }
    }

    fn add_to_groups(
        &mut self,
        missing: Option<&[u64]>,
        columns: &Columns<'_>,
    ) -> Result<(), MomentsError> {
        let Counted {
            rows, arms, strata, ..
        } = &self.counted;
        for ((&row, &arm), &stratum) in rows.iter().zip(arms).zip(strata) {
            let group = Group {
                arm,
                stratum,
                missing: missing.map_or(0, |missing| missing[row as usize]),
            };
            self.groups.note(group, row);
        }
        self.groups.take(
            |column| columns.is_zero(column),
            |column, rows, numbers| columns.gather(column, rows, numbers),
        )
    }

    fn add_to_cells(
        &mut self,
        layout: &Layout,
        (missing, open): (Option<&[u64]>, Option<&[u64]>),
        columns: &Columns<'_>,
    ) -> Result<(), MomentsError> {
        if layout.segments == 0 || self.counted.rows.is_empty() {
            return Ok(());
        }
        let values: Vec<&[f64]> = columns.numbers[..layout.values]
            .iter()
            .map(|column| column.values)
            .collect();
        let rows = Rows {
            arms: &self.counted.arms,
            values: &values,
            rows: &self.counted.rows,
            missing,
            open,
        };
        let classes = self.classes.iter().zip(&self.counted.codes);
        let codes: Vec<_> = classes
            .take(layout.segments)
            .map(|(class, codes)| Some((codes.as_slice(), class.as_ref()?.values().len())))
            .collect();
        self.cells.add(&layout.cells, &rows, &codes)
    }

    fn count_assignments(&mut self, repeated: &[u64], several: &[bool], statuses: &[u8]) {
        for ((&repeated, &several), &status) in repeated.iter().zip(several).zip(statuses) {
            // The rows without a customer are one group of the query, which repeats nobody and is in no arm.
            if status == status::NO_CUSTOMER {
                self.rows_without_customer += repeated;
            } else {
                self.repeated_rows += repeated;
                self.several_arms += u64::from(several);
            }
        }
    }

    fn note_exposures(
        &mut self,
        times: &[i64],
        nulls: Option<Nulls<'_>>,
        statuses: &[u8],
        arms: &[u8],
    ) {
        for (row, (&time, &status)) in times.iter().zip(statuses).enumerate() {
            if status == status::COUNTED && nulls.is_none_or(|nulls| !nulls.is_null(row)) {
                let (first, last) = self.exposures.unwrap_or((time, time));
                self.exposures = Some((first.min(time), last.max(time)));
                self.daily.add(time, arms[row], 1);
            }
        }
    }

    /// Adds another tally of the same layout.
    pub(crate) fn merge(&mut self, layout: &Layout, mut other: Self) -> Result<(), MomentsError> {
        let mut numbers = vec![Vec::new(); layout.classes];
        for ((mine, theirs), numbers) in self
            .classes
            .iter_mut()
            .zip(&mut other.classes)
            .zip(&mut numbers)
        {
            let known = match (mine.as_mut(), theirs) {
                (Some(mine), Some(theirs)) => {
                    let values = theirs.values().iter().cloned();
                    values.map(|value| mine.number(value)).collect()
                }
                _ => Err(TooManyValues),
            };
            match known {
                Ok(known) => *numbers = known,
                Err(TooManyValues) => *mine = None,
            }
        }
        let strata = self.merge_strata(layout, &other, &numbers);
        if strata.is_none() {
            self.forget_strata()?;
            other.forget_strata()?;
        }
        self.groups
            .merge(&other.groups, &strata.unwrap_or_default())?;
        numbers.truncate(layout.segments);
        self.cells.merge(&layout.cells, other.cells, &numbers)?;
        if let (Some(mine), Some(theirs)) = (&mut self.days, other.days) {
            mine.merge(theirs)?;
        }
        for (mine, theirs) in self
            .statuses
            .iter_mut()
            .flatten()
            .zip(other.statuses.iter().flatten())
        {
            *mine += theirs;
        }
        self.several_arms += other.several_arms;
        self.repeated_rows += other.repeated_rows;
        self.rows_without_customer += other.rows_without_customer;
        let covariates = self.covariates_not_finite.iter_mut();
        for (mine, theirs) in covariates.zip(other.covariates_not_finite) {
            *mine += theirs;
        }
        self.open.merge(other.open);
        self.not_finite.merge(other.not_finite);
        self.daily.merge(other.daily);
        self.exposures = match (self.exposures, other.exposures) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (mine, theirs) => mine.or(theirs),
        };
        Ok(())
    }

    /// The numbers here of another tally's strata, whose classes' values have these numbers here; none where there are
    /// too many in both together, or no strata at all.
    fn merge_strata(
        &mut self,
        layout: &Layout,
        other: &Self,
        numbers: &[Vec<u32>],
    ) -> Option<Vec<u32>> {
        let theirs = other.strata.as_ref()?;
        let is_unknown = |&class: &usize| self.classes[class].is_none();
        if layout.strata.iter().any(is_unknown) {
            return None;
        }
        let mine = self.strata.as_mut()?;
        let number = |members: &Vec<u32>| {
            let classes = layout.strata.iter().zip(members);
            mine.number(classes.map(|(&class, &value)| numbers[class][value as usize]))
        };
        theirs.members.iter().map(number).collect()
    }

    /// Customers with a status, in all arms and none.
    pub(crate) fn with_status(&self, status: u8) -> u64 {
        self.statuses
            .iter()
            .map(|counts| counts[usize::from(status)])
            .sum()
    }

    /// Customers counted in an arm.
    pub(crate) fn customers(&self, arm: usize) -> u64 {
        self.statuses[arm][usize::from(status::COUNTED)]
    }

    /// The moments of an arm's customers who have all of the values in `needed`.
    pub(crate) fn moments(&self, arm: usize, needed: u64) -> Result<Moments, MomentsError> {
        self.groups.moments(arm, None, needed)
    }

    /// Customers of an arm of whom any of the values is not mature.
    pub(crate) fn not_matured(&self, arm: usize, values: u64) -> u64 {
        self.open.of(arm, values)
    }

    /// Customers of an arm of whom any of the values is there and no finite number.
    pub(crate) fn not_finite(&self, arm: usize, values: u64) -> u64 {
        self.not_finite.of(arm, values)
    }

    /// The same as [`Tally::moments`] in some strata.
    pub(crate) fn moments_in(
        &self,
        arm: usize,
        strata: &[u32],
        needed: u64,
    ) -> Result<Moments, MomentsError> {
        self.groups.moments(arm, Some(strata), needed)
    }

    /// The strata in the order of their values, with the numbers by which their moments are asked for; none where there
    /// are too many.
    pub(crate) fn strata(&self, layout: &Layout) -> Option<Vec<u32>> {
        let strata = self.strata.as_ref()?;
        let mut sorted = Vec::with_capacity(strata.members.len());
        for (number, members) in (0..).zip(&strata.members) {
            let values = layout.strata.iter().zip(members).map(|(&class, &value)| {
                let values = self.classes[class].as_ref()?.values();
                values.get(value as usize)
            });
            sorted.push((values.collect::<Option<Vec<&Value>>>()?, number));
        }
        sorted.sort_unstable();
        Some(sorted.into_iter().map(|(_, number)| number).collect())
    }

    /// A segment's values in their order, with the numbers by which their cells are asked for; none where there are too
    /// many.
    pub(crate) fn segment(&self, segment: usize) -> Option<Vec<(&Value, u32)>> {
        let values = self.classes.get(segment)?.as_ref()?.values();
        let mut sorted: Vec<(&Value, u32)> = values.iter().zip(0..).collect();
        sorted.sort_unstable();
        Some(sorted)
    }

    pub(crate) fn cells(&self) -> &Cells {
        &self.cells
    }
}

/// The numbers of a chunk, in the order of the co-moments' columns.
struct Columns<'c> {
    numbers: Vec<Column<'c>>,
    covariates: usize,
}

struct Column<'c> {
    values: &'c [f64],
    nulls: Option<Nulls<'c>>,
    /// Whether a row has a number that is not finite; none where all are finite.
    unfit: Option<Vec<bool>>,
}

impl Column<'_> {
    fn is_absent(&self, row: usize) -> bool {
        self.nulls.is_some_and(|nulls| nulls.is_null(row))
            || self.unfit.as_ref().is_some_and(|unfit| unfit[row])
    }

    fn is_whole(&self) -> bool {
        self.nulls.is_none() && self.unfit.is_none()
    }
}

/// Zero times a number is a zero; times an infinity or a NaN it is a NaN, which stays in a sum. Several sums at a time, so
/// that none waits for the one before.
fn all_finite(values: &[f64]) -> bool {
    let (groups, rest) = values.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for group in groups {
        for (sum, value) in sums.iter_mut().zip(group) {
            *sum += value * 0.0;
        }
    }
    !sums.iter().any(|sum| sum.is_nan()) && rest.iter().all(|value| value.is_finite())
}

impl<'c> Columns<'c> {
    fn new(layout: &Layout, chunk: &'c Chunk<'_>, first: usize) -> Result<Self, WrongColumn> {
        let number = layout.values + layout.cuts + layout.covariates;
        let column = |column| {
            let values: &[f64] = chunk.values(column)?;
            let nulls = chunk.nulls(column)?;
            // A row without a value may have any number.
            let is_null = |row| nulls.is_some_and(|nulls| nulls.is_null(row));
            let unfit = (!all_finite(values)).then(|| {
                let rows = values.iter().enumerate();
                rows.map(|(row, value)| !value.is_finite() && !is_null(row))
                    .collect::<Vec<bool>>()
            });
            Ok(Column {
                values,
                nulls,
                unfit: unfit.filter(|unfit| unfit.contains(&true)),
            })
        };
        Ok(Self {
            numbers: (first..first + number)
                .map(column)
                .collect::<Result<_, WrongColumn>>()?,
            covariates: layout.covariates,
        })
    }

    /// The covariate of which one of the co-moments' columns says where it is missing.
    fn behind(&self, column: usize) -> Option<&Column<'c>> {
        let covariate = column.checked_sub(self.numbers.len())?;
        self.numbers
            .get(self.numbers.len() - self.covariates + covariate)
    }

    /// Whether one of the co-moments' columns says of no row that a covariate is missing.
    fn is_zero(&self, column: usize) -> bool {
        self.behind(column).is_some_and(Column::is_whole)
    }

    /// Appends some rows' numbers in one of the co-moments' columns, 0 where there is none; the columns behind the
    /// numbers say where a covariate is missing.
    fn gather(&self, column: usize, rows: &[u32], numbers: &mut Vec<f64>) {
        let rows_of_chunk = rows.iter().map(|&row| row as usize);
        match self.numbers.get(column) {
            Some(column) if column.is_whole() => {
                numbers.extend(rows_of_chunk.map(|row| column.values[row]));
            }
            Some(column) => numbers.extend(rows_of_chunk.map(|row| match column.is_absent(row) {
                true => 0.0,
                false => column.values[row],
            })),
            None => {
                let column = self.behind(column);
                let is_absent =
                    rows_of_chunk.map(|row| column.is_some_and(|column| column.is_absent(row)));
                numbers.extend(is_absent.map(|is_absent| f64::from(u8::from(is_absent))));
            }
        }
    }

    /// For each row the values that are missing or are left out, a bit each; none where the chunk has none of these.
    fn missing_values(&self, values: usize, left_out: Option<&[u64]>) -> Option<Vec<u64>> {
        let mut missing = left_out
            .filter(|left_out| left_out.iter().any(|&bits| bits != 0))
            .map(<[u64]>::to_vec);
        for (value, column) in self.numbers[..values].iter().enumerate() {
            if column.is_whole() {
                continue;
            }
            let bits = missing.get_or_insert_with(|| vec![0; column.values.len()]);
            for (row, bits) in bits.iter_mut().enumerate() {
                *bits |= u64::from(column.is_absent(row)) << value;
            }
        }
        missing
    }
}

/// Why rows cannot be summed up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TallyError {
    #[error(transparent)]
    Moments(#[from] MomentsError),
    #[error(transparent)]
    Column(#[from] WrongColumn),
}
