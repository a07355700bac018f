//! Gradient-boosted regression trees: an outcome predicted from features, by steps and
//! interactions that a line cannot follow.
//!
//! [`fit`] starts from the mean outcome and adds shallow trees, each fitted to what is
//! left and shrunk (J. H. Friedman, "Greedy function approximation: a gradient boosting
//! machine", Annals of Statistics 29, 2001), until a part of the rows that no tree has
//! seen is not predicted better any more. Features are cut into bins before, so that a
//! split is found by one pass over sums by bin, and a missing value goes the way that
//! suits it best at each split (T. Chen and C. Guestrin, "XGBoost", KDD 2016, sections
//! 3.2 and 3.4).
//!
//! The prediction is a means, not an estimate: used as a covariate it makes an interval
//! narrower the better it is, and wrong at no quality whatever, so long as no row is
//! predicted by a model that has seen it (cross-fitting). There is no randomness: the
//! same rows in the same order give the same model.

mod bins;
mod tree;

use bins::Binned;
use tree::{Grower, Limits};
pub use tree::{Node, Split};

/// How trees are grown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// The most trees.
    pub trees: usize,
    /// Splits from the root to a leaf, 1 to 6.
    pub depth: u32,
    /// The share of a tree's prediction that is added.
    pub shrinkage: f64,
    /// Bins of a feature, that of missing values among them, 3 to 256.
    pub bins: usize,
    /// The fewest rows in a leaf.
    pub smallest_leaf: usize,
    /// Of so many rows one is held out to say when to stop.
    pub held_out: usize,
    /// Trees that may pass without a better prediction of the rows held out.
    pub patience: usize,
}

impl Default for Settings {
    /// Up to 100 trees of depth 3, each shrunk to a tenth; 64 bins; leaves of 20 rows; a
    /// fifth of the rows held out; 10 trees of patience.
    fn default() -> Self {
        Settings {
            trees: 100,
            depth: 3,
            shrinkage: 0.1,
            bins: 64,
            smallest_leaf: 20,
            held_out: 5,
            patience: 10,
        }
    }
}

/// Why no model can be fitted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BoostingError {
    /// A feature with another number of rows than the outcome.
    #[error("feature {feature} has {found} rows where the outcome has {expected}")]
    RowCount {
        /// Its place among the features.
        feature: usize,
        /// Rows of the outcome.
        expected: usize,
        /// Rows of the feature.
        found: usize,
    },
    /// An outcome that is infinite or not a number.
    #[error("the outcome of row {row} is not a finite number")]
    NotFinite {
        /// The row.
        row: usize,
    },
    /// Fewer rows than one split and the rows held out need.
    #[error("{rows} rows are too few to learn from, at least {needed} are needed")]
    TooFewRows {
        /// Rows given.
        rows: usize,
        /// Rows that would be enough.
        needed: usize,
    },
    /// Settings outside their bounds.
    #[error("{what} is out of bounds")]
    Setting {
        /// Which setting.
        what: &'static str,
    },
}

/// A fitted model: `base` plus what each tree says.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// The mean outcome of the rows fitted.
    pub base: f64,
    /// The trees, whose leaves are shrunk already.
    pub trees: Vec<Node>,
}

impl Model {
    /// The prediction for a row of features, in their order; what is not finite is missing.
    #[must_use]
    pub fn predict(&self, row: &[f64]) -> f64 {
        // In the order of the trees, as written: another order could end in another last bit.
        self.trees
            .iter()
            .fold(self.base, |sum, tree| sum + tree.predict(row))
    }

    /// For each of `features` features the share of the squared error removed that its
    /// splits removed; zeros where there is no split.
    #[must_use]
    pub fn importance(&self, features: usize) -> Vec<f64> {
        let mut gains = vec![0.0; features];
        for tree in &self.trees {
            tree.add_gains(&mut gains);
        }
        let total: f64 = gains.iter().sum();
        if total > 0.0 {
            gains.iter_mut().for_each(|gain| *gain /= total);
        }
        gains
    }
}

/// Fits a model to `features`, a column each, and the outcome of their rows. A feature
/// that is not finite is missing.
///
/// Each `held_out`-th row says when to stop, so the order of the rows should not depend
/// on the outcome. Memory is a byte for each feature and row and a few
/// numbers a row, beside the input.
///
/// # Errors
///
/// [`BoostingError`].
///
/// ```
/// use stats::boosting::{Settings, fit};
///
/// // High in the middle alone: no line explains any of it.
/// let x: Vec<f64> = (0..1000).map(|i| f64::from(i * 619 % 1000)).collect();
/// let y: Vec<f64> = x.iter().map(|x| if (300.0..700.0).contains(x) { 5.0 } else { 1.0 }).collect();
/// let model = fit(&[x], &y, &Settings::default()).unwrap();
/// assert!((model.predict(&[500.0]) - 5.0).abs() < 0.1);
/// assert!((model.predict(&[100.0]) - 1.0).abs() < 0.1);
/// ```
pub fn fit(
    features: &[Vec<f64>],
    outcome: &[f64],
    settings: &Settings,
) -> Result<Model, BoostingError> {
    check(features, outcome, settings)?;
    let is_held_out = |row: usize| row % settings.held_out == settings.held_out - 1;
    let (held, seen): (Vec<usize>, Vec<usize>) =
        (0..outcome.len()).partition(|&row| is_held_out(row));
    let binned: Vec<Binned> = features
        .iter()
        .map(|feature| Binned::new(feature, settings.bins))
        .collect();
    let codes = |rows: &[usize]| -> Vec<Vec<u8>> {
        let of = |(binned, feature): (&Binned, &Vec<f64>)| {
            rows.iter().map(|&row| binned.code(feature[row])).collect()
        };
        binned.iter().zip(features).map(of).collect()
    };
    let (seen_codes, held_codes) = (codes(&seen), codes(&held));

    let base = seen.iter().map(|&row| outcome[row]).sum::<f64>() / seen.len() as f64;
    let residuals =
        |rows: &[usize]| -> Vec<f64> { rows.iter().map(|&row| outcome[row] - base).collect() };
    let (mut left, mut left_of_held) = (residuals(&seen), residuals(&held));
    let squares = |residuals: &[f64]| residuals.iter().map(|r| r * r).sum::<f64>();

    let limits = Limits {
        depth: settings.depth,
        smallest_leaf: settings.smallest_leaf,
        shrinkage: settings.shrinkage,
    };
    let mut grower = Grower::new(&seen_codes, &binned, limits);
    let mut trees = Vec::new();
    let (mut fewest_squares, mut kept) = (squares(&left_of_held), 0);
    while trees.len() < settings.trees {
        let Some(grown) = grower.grow(&mut left) else {
            break;
        };
        grown.take_from(&held_codes, &mut left_of_held);
        trees.push(grown.into_node(&binned));
        let squares = squares(&left_of_held);
        if squares < fewest_squares {
            (fewest_squares, kept) = (squares, trees.len());
        } else if trees.len() - kept >= settings.patience {
            break;
        }
    }
    trees.truncate(kept);
    Ok(Model { base, trees })
}

fn check(features: &[Vec<f64>], outcome: &[f64], settings: &Settings) -> Result<(), BoostingError> {
    let bounds = [
        ("depth", (1..=6).contains(&settings.depth)),
        (
            "shrinkage",
            settings.shrinkage > 0.0 && settings.shrinkage <= 1.0,
        ),
        ("bins", (3..=256).contains(&settings.bins)),
        ("smallest_leaf", settings.smallest_leaf >= 1),
        ("held_out", settings.held_out >= 2),
        ("patience", settings.patience >= 1),
    ];
    if let Some((what, _)) = bounds.into_iter().find(|(_, holds)| !holds) {
        return Err(BoostingError::Setting { what });
    }
    let expected = outcome.len();
    if let Some((feature, column)) = features
        .iter()
        .enumerate()
        .find(|(_, column)| column.len() != expected)
    {
        return Err(BoostingError::RowCount {
            feature,
            expected,
            found: column.len(),
        });
    }
    if let Some(row) = outcome.iter().position(|value| !value.is_finite()) {
        return Err(BoostingError::NotFinite { row });
    }
    // Two leaves of the smallest size among the rows that are not held out.
    let needed = (2 * settings.smallest_leaf * settings.held_out).div_ceil(settings.held_out - 1);
    if expected < needed {
        return Err(BoostingError::TooFewRows {
            rows: expected,
            needed,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
