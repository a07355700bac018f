//! Designs of multivariate tests: which combinations of components to run, when not all
//! are.
//!
//! With k components of two versions each there are `2^k` combinations. A regular fraction
//! `2^(k - p)` runs one in `2^p` of them: p components are set to products of others, and
//! for that some effects cannot be told apart (they are *aliased*). Which ones is known
//! before the test, and [`Fraction::aliases`] says it.

/// A set of components: bit i stands for component i.
pub type Components = u32;

/// Components that can be crossed at most.
pub const MOST_COMPONENTS: usize = 12;

/// Combinations that are run at most.
pub const MOST_RUNS: usize = 128;

/// Designs that are compared at most before the search ends with the best so far.
const MOST_DESIGNS: usize = 400_000;

/// Why there is no design.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FractionError {
    /// No components, or too many.
    #[error("a design has 1 to {MOST_COMPONENTS} components, and not {components}")]
    ComponentCount {
        /// How many are asked for.
        components: usize,
    },
    /// A number of runs that is no power of two, or that is too small or too large.
    #[error(
        "{runs} runs cannot hold {components} components: a power of two is needed, at least {least} and at most {most}"
    )]
    RunCount {
        /// How many are asked for.
        runs: usize,
        /// Components.
        components: usize,
        /// The smallest number that would do.
        least: usize,
        /// The largest number that makes sense.
        most: usize,
    },
}

/// A regular two-level design.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fraction {
    components: usize,
    /// The products of components that are the same in all runs, ascending.
    words: Vec<Components>,
    runs: Vec<Components>,
}

impl Fraction {
    /// The design of minimum aberration with so many components and runs: of the largest
    /// resolution, and of those the one with the fewest words of that length, then of the
    /// next (A. Fries and W. Hunter, "Minimum aberration 2^(k-p) designs", Technometrics
    /// 22, 1980). All components off (generic) is one of the runs where every word of the
    /// defining relation has an even number of components; the signs of words are those
    /// for which it always is one.
    ///
    /// # Errors
    ///
    /// [`FractionError`]. Runs are a power of two, more than the components, and at most
    /// `2^components`.
    ///
    /// ```
    /// use stats::fraction::Fraction;
    ///
    /// // Five components in 16 runs instead of 32: main effects and interactions of pairs
    /// // are all told apart.
    /// let design = Fraction::of_minimum_aberration(5, 16).unwrap();
    /// assert_eq!(design.resolution(), Some(5));
    /// assert_eq!(design.runs().len(), 16);
    /// ```
    pub fn of_minimum_aberration(components: usize, runs: usize) -> Result<Self, FractionError> {
        if !(1..=MOST_COMPONENTS).contains(&components) {
            return Err(FractionError::ComponentCount { components });
        }
        let least = (components + 1).next_power_of_two();
        let most = (1 << components).min(MOST_RUNS.max(least));
        if !runs.is_power_of_two() || !(least..=most).contains(&runs) {
            return Err(FractionError::RunCount {
                runs,
                components,
                least,
                most,
            });
        }
        let base = runs.trailing_zeros() as usize;
        let generators = best_generators(components, base);
        Ok(Self::of_words(components, words(&generators)))
    }

    fn of_words(components: usize, mut words: Vec<Components>) -> Self {
        words.sort_unstable();
        // Component levels are coded 0 and 1; a word holds where an even number of its
        // components is on, which is so where all are off.
        let is_even =
            |word: &Components, run: Components| (word & run).count_ones().is_multiple_of(2);
        let holds = |run: Components| words.iter().all(|word| is_even(word, run));
        let runs = (0..1 << components).filter(|run| holds(*run)).collect();
        Fraction {
            components,
            words,
            runs,
        }
    }

    /// The combinations to run: sets of the components that are on, ascending.
    pub fn runs(&self) -> &[Components] {
        &self.runs
    }

    /// The products of components that are constant: none for the full factorial.
    pub fn words(&self) -> &[Components] {
        &self.words
    }

    /// The length of the shortest word; none for the full factorial. With III main effects
    /// are aliased with interactions of pairs, with IV only pairs with pairs, with V not
    /// even those.
    pub fn resolution(&self) -> Option<u32> {
        self.words.iter().map(|word| word.count_ones()).min()
    }

    /// The effects that cannot be told from that of a set of components, by the number of
    /// components.
    pub fn aliases(&self, effect: Components) -> Vec<Components> {
        let mut aliases: Vec<Components> = self.words.iter().map(|word| word ^ effect).collect();
        aliases.sort_unstable_by_key(|alias| (alias.count_ones(), *alias));
        aliases
    }

    /// The alias table up to interactions of so many components: each main effect and
    /// interaction with those that it cannot be told from.
    pub fn alias_table(&self, up_to: u32) -> Vec<(Components, Vec<Components>)> {
        let short = |effect: &Components| (1..=up_to).contains(&effect.count_ones());
        let mut effects: Vec<Components> = (1..1 << self.components).filter(short).collect();
        effects.sort_unstable_by_key(|effect| (effect.count_ones(), *effect));
        let row = |effect| {
            let aliases = self.aliases(effect).into_iter().filter(short).collect();
            (effect, aliases)
        };
        effects.into_iter().map(row).collect()
    }
}

/// The words of the defining relation that generators span.
fn words(generators: &[Components]) -> Vec<Components> {
    let mut words = vec![0];
    for generator in generators {
        let more: Vec<Components> = words.iter().map(|word| word ^ generator).collect();
        words.extend(more);
    }
    words.retain(|word| *word != 0);
    words
}

/// How many words there are of each length: the design is better whose first differing
/// number is smaller.
fn lengths(words: &[Components]) -> [u32; MOST_COMPONENTS + 1] {
    let mut lengths = [0; MOST_COMPONENTS + 1];
    for word in words {
        lengths[word.count_ones() as usize] += 1;
    }
    lengths
}

/// The generators of the design of minimum aberration, by looking at every choice of
/// columns for the components beyond the base ones, as long as there are not too many.
fn best_generators(components: usize, base: usize) -> Vec<Components> {
    let added = components - base;
    if added == 0 {
        return Vec::new();
    }
    // Longest products first, which the best designs are made of.
    let mut columns: Vec<Components> = (1..1 << base)
        .filter(|column: &Components| column.count_ones() >= 2)
        .collect();
    columns.sort_unstable_by_key(|column| (std::cmp::Reverse(column.count_ones()), *column));
    let generators = |chosen: &[usize]| -> Vec<Components> {
        let word = |(i, place): (usize, &usize)| columns[*place] | 1 << (base + i);
        chosen.iter().enumerate().map(word).collect()
    };
    let mut chosen: Vec<usize> = (0..added).collect();
    let mut best = generators(&chosen);
    let mut fewest = lengths(&words(&best));
    for _ in 0..MOST_DESIGNS {
        if !next_choice(&mut chosen, columns.len()) {
            break;
        }
        let candidate = generators(&chosen);
        let count = lengths(&words(&candidate));
        if count < fewest {
            (best, fewest) = (candidate, count);
        }
    }
    best
}

/// The next choice of places below `n` in lexicographic order; whether there is one.
fn next_choice(chosen: &mut [usize], n: usize) -> bool {
    let size = chosen.len();
    let Some(i) = (0..size).rev().find(|i| chosen[*i] < n - size + i) else {
        return false;
    };
    chosen[i] += 1;
    for j in i + 1..size {
        chosen[j] = chosen[j - 1] + 1;
    }
    true
}
