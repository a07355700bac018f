//! Moments of groups of customers: of an arm, in a stratum, with the same values missing.

use std::borrow::Cow;

use stats::moments::{CoMoments, Moments, MomentsError, Products};

use super::codes::Codes;

/// Rows of a group that are pushed at once: a push has a fixed cost for each product.
const PUSHED_AT_ONCE: usize = 256;

/// A group of customers whose moments are kept together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Group {
    pub(crate) arm: u8,
    pub(crate) stratum: u32,
    /// The values that are missing, a bit each.
    pub(crate) missing: u64,
}

impl Group {
    fn key(self) -> u128 {
        u128::from(self.missing) | u128::from(self.arm) << 64 | u128::from(self.stratum) << 72
    }
}

/// A group's moments, and its last rows, which are not in them yet: where groups are many, few rows of a chunk are in
/// each.
#[derive(Debug, Clone)]
struct Sums {
    group: Group,
    /// None until rows are pushed: a rare group takes no more memory than its rows.
    moments: Option<CoMoments>,
    /// Of each column the numbers of the rows that wait; where there are fewer of them than rows, the others are zero.
    waiting: Vec<Vec<f64>>,
    /// Rows that wait.
    rows: usize,
    /// The group's rows in the chunk at hand.
    members: Vec<u32>,
}

impl Sums {
    /// The numbers of the rows that wait, column by column.
    fn waiting(&self) -> Vec<Cow<'_, [f64]>> {
        static ZEROS: [f64; 4096] = [0.0; 4096];
        let whole = |numbers: &'_ Vec<f64>| {
            let mut whole = numbers.clone();
            whole.resize(self.rows, 0.0);
            whole
        };
        let columns = self.waiting.iter();
        columns
            .map(|numbers| match ZEROS.get(..self.rows) {
                _ if numbers.len() == self.rows => Cow::Borrowed(numbers.as_slice()),
                Some(zeros) if numbers.is_empty() => Cow::Borrowed(zeros),
                _ => Cow::Owned(whole(numbers)),
            })
            .collect()
    }

    /// Adds the rows that wait to moments.
    fn add_waiting(&self, total: &mut CoMoments) -> Result<(), MomentsError> {
        let waiting = self.waiting();
        let numbers: Vec<&[f64]> = waiting.iter().map(|numbers| &**numbers).collect();
        total.push(&numbers)
    }

    fn push(&mut self, products: &Products) -> Result<(), MomentsError> {
        let mut moments = self
            .moments
            .take()
            .unwrap_or_else(|| CoMoments::new(products));
        self.add_waiting(&mut moments)?;
        self.moments = Some(moments);
        self.waiting.iter_mut().for_each(Vec::clear);
        self.rows = 0;
        Ok(())
    }

    /// Adds the moments to others.
    fn add_to(&self, total: &mut CoMoments) -> Result<(), MomentsError> {
        if let Some(moments) = &self.moments {
            total.merge(moments)?;
        }
        self.add_waiting(total)
    }
}

/// The moments of all groups.
#[derive(Debug, Clone)]
pub(crate) struct Groups {
    products: Products,
    sums: Vec<Sums>,
    places: Codes,
    /// The places of the groups with rows in the chunk at hand.
    touched: Vec<usize>,
}

impl Groups {
    pub(crate) fn new(products: &Products) -> Self {
        Self {
            products: products.clone(),
            sums: Vec::new(),
            places: Codes::new(),
            touched: Vec::new(),
        }
    }

    fn place(&mut self, group: Group) -> usize {
        let key = group.key();
        if let Some(place) = self.places.get(key) {
            return place as usize;
        }
        let place = self.sums.len();
        self.sums.push(Sums {
            group,
            moments: None,
            waiting: vec![Vec::new(); self.products.columns()],
            rows: 0,
            members: Vec::new(),
        });
        self.places.insert(key, place as u32);
        place
    }

    /// Says that a row of the chunk at hand is in a group.
    pub(crate) fn note(&mut self, group: Group, row: u32) {
        let place = self.place(group);
        let members = &mut self.sums[place].members;
        if members.is_empty() {
            self.touched.push(place);
        }
        members.push(row);
    }

    /// Takes the numbers of the rows that were noted: `gather` appends those of some rows in a column, of which not all
    /// are zero.
    pub(crate) fn take(
        &mut self,
        is_zero: impl Fn(usize) -> bool,
        gather: impl Fn(usize, &[u32], &mut Vec<f64>),
    ) -> Result<(), MomentsError> {
        // Column after column, so that a column is in the first-level cache for all groups.
        for column in (0..self.products.columns()).filter(|&column| !is_zero(column)) {
            for &place in &self.touched {
                let sums = &mut self.sums[place];
                let numbers = &mut sums.waiting[column];
                numbers.resize(sums.rows, 0.0);
                gather(column, &sums.members, numbers);
            }
        }
        for place in self.touched.drain(..) {
            let sums = &mut self.sums[place];
            sums.rows += sums.members.len();
            sums.members.clear();
            if sums.rows >= PUSHED_AT_ONCE {
                sums.push(&self.products)?;
            }
        }
        Ok(())
    }

    /// Adds other groups, whose stratum `k` is `strata[k]` here.
    pub(crate) fn merge(&mut self, other: &Self, strata: &[u32]) -> Result<(), MomentsError> {
        for theirs in &other.sums {
            let stratum = strata
                .get(theirs.group.stratum as usize)
                .copied()
                .unwrap_or_default();
            let place = self.place(Group {
                stratum,
                ..theirs.group
            });
            let mine = &mut self.sums[place];
            let total = mine
                .moments
                .get_or_insert_with(|| CoMoments::new(&self.products));
            theirs.add_to(total)?;
        }
        Ok(())
    }

    /// Puts the customers of all strata into the first one.
    pub(crate) fn forget_strata(&mut self) -> Result<(), MomentsError> {
        let before = std::mem::replace(self, Self::new(&self.products));
        self.merge(&before, &[])
    }

    /// The moments of an arm's customers, of some strata or of all, who have all of the values in `needed`.
    pub(crate) fn moments(
        &self,
        arm: usize,
        strata: Option<&[u32]>,
        needed: u64,
    ) -> Result<Moments, MomentsError> {
        let mut all = CoMoments::new(&self.products);
        for sums in &self.sums {
            let group = sums.group;
            let is_asked = strata.is_none_or(|strata| strata.contains(&group.stratum));
            if usize::from(group.arm) == arm && is_asked && group.missing & needed == 0 {
                sums.add_to(&mut all)?;
            }
        }
        Ok(all.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of one column: the number is the row's.
    fn take(groups: &mut Groups) {
        groups
            .take(
                |_| false,
                |_, rows, numbers| numbers.extend(rows.iter().map(|&row| f64::from(row))),
            )
            .unwrap();
    }

    fn group(arm: u8, stratum: u32, missing: u64) -> Group {
        Group {
            arm,
            stratum,
            missing,
        }
    }

    fn sum(groups: &Groups, arm: usize, strata: Option<&[u32]>, needed: u64) -> f64 {
        groups.moments(arm, strata, needed).unwrap().sum(0)
    }

    #[test]
    fn rows_wait_for_others_of_their_group_and_are_counted_all_the_same() {
        let products = Products::new(1, |_, _| false);
        let mut groups = Groups::new(&products);
        for row in 0..1000 {
            groups.note(group((row % 2) as u8, row % 3, u64::from(row % 5)), row);
            take(&mut groups);
        }
        let expected = |keep: fn(u32) -> bool| {
            let rows = (0..1000).filter(|&row| keep(row));
            rows.map(f64::from).sum::<f64>()
        };
        assert_eq!(sum(&groups, 0, None, 0), expected(|row| row % 2 == 0));
        let some = expected(|row| row % 2 == 1 && row % 3 == 2 && (row % 5) & 1 == 0);
        assert_eq!(sum(&groups, 1, Some(&[2]), 1), some);

        let mut merged = Groups::new(&products);
        merged.merge(&groups, &[7, 8, 9]).unwrap();
        assert_eq!(sum(&merged, 1, Some(&[9]), 1), some);
        assert_eq!(sum(&merged, 1, Some(&[2]), 1), 0.0);
        groups.forget_strata().unwrap();
        assert_eq!(sum(&groups, 0, Some(&[0]), 0), expected(|row| row % 2 == 0));
    }
}
