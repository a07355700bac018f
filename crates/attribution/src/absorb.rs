//! Where an absorbing Markov chain ends, with some of its states closed.
//!
//! From a start the chain moves among transient states until it converts or ends in null. All
//! weights are counts of transitions; a state's probabilities are its counts over their sum. Only
//! additions, multiplications and divisions of counts occur, no subtraction, so that no digits
//! cancel (the state reduction of Grassmann, Taksar and Heyman, Operations Research 33, 1985).

/// Transitions of a chain, as counts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Flow {
    /// Transitions from the start to each state.
    pub(crate) start: Vec<f64>,
    /// Transitions between states, without any from a state to itself: from, to, count.
    pub(crate) moves: Vec<(u32, u32, f64)>,
    /// Conversions from each state.
    pub(crate) conversions: Vec<f64>,
    /// Their value.
    pub(crate) value: Vec<f64>,
    /// Ends without a conversion from each state.
    pub(crate) nulls: Vec<f64>,
}

/// Probability of conversion and expected value of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Yield {
    pub(crate) conversion: f64,
    pub(crate) value: f64,
}

/// The chain was not solved: a bound of the error of the probability of conversion.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Unsolved(pub(crate) f64);

impl Flow {
    fn states(&self) -> usize {
        self.start.len()
    }

    /// The yields with one state closed, for each state, and with none closed.
    ///
    /// Eliminates half of the states and goes on with the other half, in both ways: about 4/3 n³
    /// multiplications for all n chains together.
    pub(crate) fn each_state_closed(&self) -> (Yield, Vec<Yield>) {
        let states = self.states();
        let mut closed = vec![Yield::default(); states];
        let mut open = Yield::default();
        let all: Vec<usize> = (0..states).collect();
        closed_in_halves(Reduced::new(self), &all, &mut closed, &mut open);
        (open, closed)
    }

    /// The yield with some states closed, by elimination of all others: n³ / 3 to 2 n³ / 3
    /// multiplications.
    fn eliminated(&self, closed: &[bool]) -> Yield {
        let mut reduced = Reduced::new(self);
        let mut left: Vec<usize> = (0..self.states()).filter(|&s| !closed[s]).collect();
        let lost: Vec<usize> = (0..self.states()).filter(|&s| closed[s]).collect();
        while let Some(state) = left.pop() {
            reduced.eliminate(state, left.iter().chain(&lost).copied());
        }
        reduced.closing(&lost)
    }
}

/// The yields of the chains in which one of the states left is closed.
fn closed_in_halves(reduced: Reduced, left: &[usize], closed: &mut [Yield], open: &mut Yield) {
    match left {
        [] => *open = reduced.closing(&[]),
        &[state] => {
            closed[state] = reduced.closing(&[state]);
            // The same for every state, but for the last digits: kept of the first.
            if state == 0 {
                let mut reduced = reduced;
                reduced.eliminate(state, std::iter::empty());
                *open = reduced.closing(&[]);
            }
        }
        _ => {
            let (low, high) = left.split_at(left.len() / 2);
            for (stay, go) in [(low, high), (high, low)] {
                let mut reduced = reduced.clone();
                for (rest, &state) in go.iter().enumerate() {
                    let others = go[rest + 1..].iter().chain(stay).copied();
                    reduced.eliminate(state, others);
                }
                closed_in_halves(reduced, stay, closed, open);
            }
        }
    }
}

/// A chain some of whose states are eliminated: whoever passed through them goes straight on.
#[derive(Debug, Clone)]
struct Reduced {
    states: usize,
    /// One row for each state and a last one for the start; columns: the states, conversions,
    /// nulls, value.
    counts: Vec<f64>,
}

impl Reduced {
    fn new(flow: &Flow) -> Self {
        let states = flow.states();
        let width = states + 3;
        let mut counts = vec![0.0; (states + 1) * width];
        for &(from, to, count) in &flow.moves {
            counts[from as usize * width + to as usize] += count;
        }
        for state in 0..states {
            let ends = [
                flow.conversions[state],
                flow.nulls[state],
                flow.value[state],
            ];
            counts[state * width + states..][..3].copy_from_slice(&ends);
        }
        counts[states * width..][..states].copy_from_slice(&flow.start);
        Self { states, counts }
    }

    /// Eliminates a state; `others` are the states that are left, which it may go to.
    fn eliminate(&mut self, state: usize, others: impl Iterator<Item = usize> + Clone) {
        let width = self.states + 3;
        let row = self.counts[state * width..][..width].to_vec();
        let onward: f64 = others.clone().map(|to| row[to]).sum();
        let exits = onward + row[self.states] + row[self.states + 1];
        if exits == 0.0 {
            // Nobody comes here.
            return;
        }
        for from in others.clone().chain([self.states]) {
            let target = &mut self.counts[from * width..][..width];
            let passing = target[state] / exits;
            if passing == 0.0 {
                continue;
            }
            for to in others.clone().chain(self.states..width) {
                target[to] += passing * row[to];
            }
        }
    }

    /// The yield when whoever reaches one of these states is lost and all others are eliminated.
    fn closing(&self, lost: &[usize]) -> Yield {
        let start = &self.counts[self.states * (self.states + 3)..];
        let [conversions, nulls, value] = [0, 1, 2].map(|column| start[self.states + column]);
        let lost: f64 = lost.iter().map(|&state| start[state]).sum();
        let all = conversions + nulls + lost;
        match all > 0.0 {
            true => Yield {
                conversion: conversions / all,
                value: value / all,
            },
            false => Yield::default(),
        }
    }
}

/// A chain prepared for solving by sweeps.
///
/// The expected visits `f` of the states satisfy `f = s + Aᵀ f`. Symmetric Gauss-Seidel sweeps
/// approach them; the residual `r` bounds what is missing, for the probability of conversion from
/// any state is at most one: the error is at most `‖r‖₁`.
#[derive(Debug)]
pub(crate) struct Sweeps<'a> {
    flow: &'a Flow,
    /// Where the moves into each state end.
    ends: Vec<usize>,
    /// From which state, and with what probability there.
    into: Vec<(u32, f64)>,
    start: Vec<f64>,
    /// Conversions and value of a visit.
    yields: Vec<Yield>,
    /// Visits without closed states.
    visits: Vec<f64>,
    open: Yield,
}

/// Sweeps between checks of the residual.
const SWEEPS: usize = 4;
/// Multiplications spent on sweeps before elimination takes over.
const MOST_WORK: usize = 1 << 28;
/// States up to which elimination takes over.
const MOST_ELIMINATED: usize = 2000;
/// The error of the probability of conversion that is aimed at, relative to the probability of the
/// open chain.
const TOLERANCE: f64 = 1e-13;
/// The error that is accepted where rounding allows no better.
const ACCEPTED: f64 = 1e-10;

impl<'a> Sweeps<'a> {
    pub(crate) fn new(flow: &'a Flow) -> Result<Self, Unsolved> {
        let states = flow.states();
        let mut exits: Vec<f64> = (0..states)
            .map(|state| flow.conversions[state] + flow.nulls[state])
            .collect();
        let mut ends = vec![0; states];
        for &(from, to, count) in &flow.moves {
            exits[from as usize] += count;
            ends[to as usize] += 1;
        }
        let mut end = 0;
        for slot in &mut ends {
            end += *slot;
            *slot = end;
        }
        // Filled from the end of each state's part, so that the ends become beginnings.
        let mut into = vec![(0, 0.0); end];
        let mut next = ends.clone();
        for &(from, to, count) in flow.moves.iter().rev() {
            let slot = &mut next[to as usize];
            *slot -= 1;
            // A state that nobody visits has no exits and no moves.
            let exits = exits[from as usize];
            into[*slot] = (from, if exits > 0.0 { count / exits } else { 0.0 });
        }
        let starts: f64 = flow.start.iter().sum();
        let of_visit = |count: f64, state: usize| match exits[state] > 0.0 {
            true => count / exits[state],
            false => 0.0,
        };
        let yields = (0..states).map(|state| Yield {
            conversion: of_visit(flow.conversions[state], state),
            value: of_visit(flow.value[state], state),
        });
        let mut sweeps = Self {
            flow,
            ends,
            into,
            start: flow.start.iter().map(|count| count / starts).collect(),
            yields: yields.collect(),
            visits: Vec::new(),
            open: Yield::default(),
        };
        let none = vec![false; states];
        let (open, visits) = sweeps.solve(&none, sweeps.start.clone())?;
        sweeps.open = open;
        sweeps.visits = visits;
        Ok(sweeps)
    }

    /// The yield of the chain as it is.
    pub(crate) fn open(&self) -> Yield {
        self.open
    }

    /// The yield with some states closed.
    pub(crate) fn closed(&self, closed: &[bool]) -> Result<Yield, Unsolved> {
        let mut visits = self.visits.clone();
        for (visits, &closed) in visits.iter_mut().zip(closed) {
            if closed {
                *visits = 0.0;
            }
        }
        self.solve(closed, visits).map(|(found, _)| found)
    }

    /// Yield and visits; the visits given are improved until the error is small enough.
    fn solve(&self, closed: &[bool], mut visits: Vec<f64>) -> Result<(Yield, Vec<f64>), Unsolved> {
        let states = visits.len();
        let work = 2 * SWEEPS * (self.into.len() + states).max(1);
        let mut bound = f64::INFINITY;
        for _ in 0..(MOST_WORK / work).max(1) {
            for _ in 0..SWEEPS {
                for state in (0..states).chain((0..states).rev()) {
                    if !closed[state] {
                        visits[state] = self.arriving(state, &visits);
                    }
                }
            }
            let open = (0..states).filter(|&state| !closed[state]);
            bound = open
                .map(|state| (self.arriving(state, &visits) - visits[state]).abs())
                .sum();
            let found = self.yielded(&visits);
            let rounding = 4.0 * f64::EPSILON * visits.iter().sum::<f64>();
            let scale = found.conversion.max(self.open.conversion);
            if bound <= (TOLERANCE * scale).max(rounding.min(ACCEPTED * scale)) {
                return Ok((found, visits));
            }
        }
        match states <= MOST_ELIMINATED {
            true => Ok((self.flow.eliminated(closed), visits)),
            false => Err(Unsolved(bound)),
        }
    }

    fn arriving(&self, state: usize, visits: &[f64]) -> f64 {
        let begin = if state == 0 { 0 } else { self.ends[state - 1] };
        let into = &self.into[begin..self.ends[state]];
        let moved = into.iter().map(|&(from, p)| p * visits[from as usize]);
        self.start[state] + moved.sum::<f64>()
    }

    fn yielded(&self, visits: &[f64]) -> Yield {
        let mut sum = Yield::default();
        for (visits, of_visit) in visits.iter().zip(&self.yields) {
            sum.conversion += visits * of_visit.conversion;
            sum.value += visits * of_visit.value;
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A chain of five states with all kinds of moves.
    fn flow() -> Flow {
        Flow {
            start: vec![5.0, 0.0, 3.0, 1.0, 0.0],
            moves: vec![
                (0, 1, 4.0),
                (1, 2, 2.5),
                (2, 0, 3.0),
                (3, 4, 1.0),
                (4, 1, 0.5),
                (2, 3, 0.25),
            ],
            conversions: vec![1.0, 0.5, 0.0, 0.125, 0.25],
            value: vec![10.0, -3.0, 0.0, 4.0, 8.0],
            nulls: vec![3.0, 1.5, 2.0, 0.0, 0.5],
        }
    }

    fn assert_same(a: Yield, b: Yield) {
        assert!((a.conversion - b.conversion).abs() < 1e-14, "{a:?} {b:?}");
        assert!((a.value - b.value).abs() < 1e-13, "{a:?} {b:?}");
    }

    #[test]
    fn three_ways_agree() {
        let flow = flow();
        let (open, each) = flow.each_state_closed();
        let sweeps = Sweeps::new(&flow).unwrap();
        assert_same(open, sweeps.open());
        assert_same(open, flow.eliminated(&[false; 5]));
        for (state, &yielded) in each.iter().enumerate() {
            let mut closed = [false; 5];
            closed[state] = true;
            assert_same(yielded, sweeps.closed(&closed).unwrap());
            assert_same(yielded, flow.eliminated(&closed));
        }
    }

    #[test]
    fn closing_everything_yields_nothing() {
        let flow = flow();
        let all = [true; 5];
        assert_eq!(flow.eliminated(&all).conversion, 0.0);
        assert_eq!(
            Sweeps::new(&flow).unwrap().closed(&all).unwrap(),
            Yield::default()
        );
    }

    /// Two states with `steps` moves between them for each end.
    fn hardly_ending(steps: f64) -> Flow {
        Flow {
            start: vec![1.0, 0.0],
            moves: vec![(0, 1, steps), (1, 0, steps)],
            conversions: vec![0.0, 0.25],
            value: vec![0.0, 1.0],
            nulls: vec![0.75, 0.0],
        }
    }

    #[test]
    fn a_chain_that_hardly_ends_is_solved() {
        // From the first state p = s/(s + 3/4) q, from the second q = (1/4 + s p)/(s + 1/4).
        let exact = |s: f64| 0.25 * s / (s + 0.1875);
        for steps in [10.0, 1e4, 1e9] {
            let flow = hardly_ending(steps);
            let swept = Sweeps::new(&flow).unwrap().open().conversion;
            assert!((swept - exact(steps)).abs() < 1e-10, "{steps}: {swept}");
            let eliminated = flow.each_state_closed().0.conversion;
            assert!(
                (eliminated - exact(steps)).abs() < 1e-15,
                "{steps}: {eliminated}"
            );
        }
    }
}
