//! One regression tree, grown level by level from sums by bin.

use super::bins::Binned;

/// A tree.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// What is added to the prediction.
    Leaf(f64),
    /// Two trees.
    Split(Box<Split>),
}

/// A split of the rows in two.
#[derive(Debug, Clone, PartialEq)]
pub struct Split {
    /// The feature's place.
    pub feature: usize,
    /// Rows of at most this value go left.
    pub threshold: f64,
    /// Whether rows without a value go left.
    pub missing_left: bool,
    /// The squared error that it removes from the rows fitted.
    pub gain: f64,
    /// The tree for rows that go left.
    pub left: Node,
    /// The tree for the others.
    pub right: Node,
}

impl Node {
    pub(super) fn predict(&self, row: &[f64]) -> f64 {
        let mut node = self;
        loop {
            let split = match node {
                Self::Leaf(value) => return *value,
                Self::Split(split) => split,
            };
            let value = row.get(split.feature).copied().unwrap_or(f64::NAN);
            let goes_left = if value.is_finite() {
                value <= split.threshold
            } else {
                split.missing_left
            };
            node = if goes_left { &split.left } else { &split.right };
        }
    }

    pub(super) fn add_gains(&self, gains: &mut [f64]) {
        if let Self::Split(split) = self {
            if let Some(gain) = gains.get_mut(split.feature) {
                *gain += split.gain;
            }
            split.left.add_gains(gains);
            split.right.add_gains(gains);
        }
    }
}

/// What bounds a tree.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub(super) depth: u32,
    pub(super) smallest_leaf: usize,
    pub(super) shrinkage: f64,
}

/// The rows and the sum of what is left of them.
#[derive(Clone, Copy, Default)]
struct Part {
    rows: f64,
    sum: f64,
}

impl Part {
    fn and(self, other: Self) -> Self {
        Part {
            rows: self.rows + other.rows,
            sum: self.sum + other.sum,
        }
    }

    fn without(self, other: Self) -> Self {
        Part {
            rows: self.rows - other.rows,
            sum: self.sum - other.sum,
        }
    }

    /// What its own mean takes from the squares of its rows.
    fn explained(self) -> f64 {
        self.sum * self.sum / self.rows
    }
}

/// A split by bins: bins up to `bin` go left.
#[derive(Clone, Copy)]
struct Rule {
    feature: usize,
    bin: u8,
    missing_left: bool,
    gain: f64,
}

impl Rule {
    fn goes_left(self, code: u8, missing: u8) -> bool {
        if code == missing {
            self.missing_left
        } else {
            code <= self.bin
        }
    }
}

/// A tree of bins. Node `i` has the children `2 i + 1` and `2 i + 2`.
pub(super) struct Grown {
    rules: Vec<Option<Rule>>,
    leaves: Vec<f64>,
    missing: Vec<u8>,
}

impl Grown {
    /// Takes the tree's prediction from what is left of rows.
    pub(super) fn take_from(&self, codes: &[Vec<u8>], left: &mut [f64]) {
        for (row, left) in left.iter_mut().enumerate() {
            let mut node = 0;
            while let Some(rule) = self.rules[node] {
                let code = codes[rule.feature][row];
                let goes_left = rule.goes_left(code, self.missing[rule.feature]);
                node = 2 * node + if goes_left { 1 } else { 2 };
            }
            *left -= self.leaves[node];
        }
    }

    /// The tree by values instead of bins.
    pub(super) fn into_node(self, binned: &[Binned]) -> Node {
        self.node(0, binned)
    }

    fn node(&self, at: usize, binned: &[Binned]) -> Node {
        match self.rules[at] {
            None => Node::Leaf(self.leaves[at]),
            Some(rule) => Node::Split(Box::new(Split {
                feature: rule.feature,
                threshold: binned[rule.feature].edges[usize::from(rule.bin)],
                missing_left: rule.missing_left,
                gain: rule.gain,
                left: self.node(2 * at + 1, binned),
                right: self.node(2 * at + 2, binned),
            })),
        }
    }
}

/// Share of the squares left that a split must remove at least: less is rounding.
const LEAST_GAIN: f64 = 1e-12;

/// Grows trees on the same rows.
pub(super) struct Grower<'a> {
    codes: &'a [Vec<u8>],
    /// Bins of each feature, that of missing values aside.
    bins: Vec<usize>,
    missing: Vec<u8>,
    limits: Limits,
    /// The node of each row.
    nodes: Vec<u16>,
    /// Sums by node of a level and bin, of one feature.
    sums: Vec<Part>,
}

/// Room for all bins.
const WIDTH: usize = 256;

impl<'a> Grower<'a> {
    pub(super) fn new(codes: &'a [Vec<u8>], binned: &[Binned], limits: Limits) -> Self {
        Grower {
            codes,
            bins: binned.iter().map(|binned| binned.edges.len()).collect(),
            missing: binned.iter().map(Binned::missing).collect(),
            limits,
            nodes: Vec::new(),
            sums: vec![Part::default(); WIDTH << (limits.depth - 1)],
        }
    }

    /// Fits a tree to what is left of the rows and takes its prediction from it; none
    /// where no split removes anything.
    pub(super) fn grow(&mut self, left: &mut [f64]) -> Option<Grown> {
        let all = (1 << (self.limits.depth + 1)) - 1;
        let mut rules: Vec<Option<Rule>> = vec![None; all];
        let mut parts = vec![Part::default(); all];
        parts[0] = Part {
            rows: left.len() as f64,
            sum: left.iter().sum(),
        };
        let least = LEAST_GAIN * left.iter().map(|value| value * value).sum::<f64>();
        self.nodes.clear();
        self.nodes.resize(left.len(), 0);
        for level in 0..self.limits.depth {
            let first = (1 << level) - 1;
            let of_level = first..2 * first + 1;
            for feature in 0..self.codes.len() {
                self.sum_up(feature, first, of_level.len(), left);
                for node in of_level.clone() {
                    let sums = &self.sums[(node - first) * WIDTH..][..WIDTH];
                    let best = rules[node].map_or(least, |rule| rule.gain);
                    if let Some(rule) = self.best_rule(feature, sums, parts[node], best) {
                        rules[node] = Some(rule);
                    }
                }
            }
            if rules[of_level].iter().all(Option::is_none) {
                break;
            }
            self.descend(&rules, left, &mut parts);
        }
        rules[0]?;
        let leaves: Vec<f64> = parts
            .iter()
            .map(|part| {
                if part.rows > 0.0 {
                    self.limits.shrinkage * part.sum / part.rows
                } else {
                    0.0
                }
            })
            .collect();
        for (left, &node) in left.iter_mut().zip(&self.nodes) {
            *left -= leaves[usize::from(node)];
        }
        Some(Grown {
            rules,
            leaves,
            missing: self.missing.clone(),
        })
    }

    /// Sums up what is left by bin, for the nodes of a level that begins at `first`.
    fn sum_up(&mut self, feature: usize, first: usize, nodes: usize, left: &[f64]) {
        self.sums[..nodes * WIDTH].fill(Part::default());
        let rows = self.nodes.iter().zip(&self.codes[feature]).zip(left);
        for ((&node, &code), &value) in rows {
            // Rows of nodes above are in leaves already.
            if let Some(node) = usize::from(node).checked_sub(first) {
                let part = &mut self.sums[node * WIDTH + usize::from(code)];
                part.rows += 1.0;
                part.sum += value;
            }
        }
    }

    /// The split of a feature that removes most squares, where it removes more than `best`.
    fn best_rule(&self, feature: usize, sums: &[Part], all: Part, best: f64) -> Option<Rule> {
        let smallest = self.limits.smallest_leaf as f64;
        if all.rows < 2.0 * smallest {
            return None;
        }
        let missing = sums[self.bins[feature]];
        let (mut rule, mut best) = (None, best);
        let mut lower = Part::default();
        // After the last bin, what goes right are the missing values.
        for (bin, part) in sums[..self.bins[feature]].iter().enumerate() {
            lower = lower.and(*part);
            for missing_left in [true, false] {
                let left = if missing_left {
                    lower.and(missing)
                } else {
                    lower
                };
                let right = all.without(left);
                if left.rows < smallest || right.rows < smallest {
                    continue;
                }
                let gain = left.explained() + right.explained() - all.explained();
                if gain > best {
                    best = gain;
                    // Where none is missing, those to come go with the many.
                    let missing_left = if missing.rows > 0.0 {
                        missing_left
                    } else {
                        left.rows >= right.rows
                    };
                    rule = Some(Rule {
                        feature,
                        // At most 255 bins of values.
                        bin: bin as u8,
                        missing_left,
                        gain,
                    });
                }
            }
        }
        rule
    }

    /// Moves rows to the children of the nodes that are split, and sums these up.
    fn descend(&mut self, rules: &[Option<Rule>], left: &[f64], parts: &mut [Part]) {
        for (row, (node, &value)) in self.nodes.iter_mut().zip(left).enumerate() {
            let at = usize::from(*node);
            let Some(rule) = rules[at] else { continue };
            let code = self.codes[rule.feature][row];
            let goes_left = rule.goes_left(code, self.missing[rule.feature]);
            let child = 2 * at + if goes_left { 1 } else { 2 };
            parts[child].rows += 1.0;
            parts[child].sum += value;
            // At most 127 nodes.
            *node = child as u16;
        }
    }
}
