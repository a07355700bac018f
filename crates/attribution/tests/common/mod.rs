//! What the integration tests share.
#![allow(dead_code, reason = "each test binary uses its part")]

use attribution::{Comparison, Heuristic, Model};

/// A small deterministic generator: SplitMix64 (Steele, Lea and Flood 2014).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// Uniform on (0, 1).
    pub(crate) fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (((z ^ (z >> 31)) >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    /// Standard normal, by Box and Muller.
    pub(crate) fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (2.0 * std::f64::consts::PI * self.uniform()).cos()
    }

    /// Uniform on 0..n.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.uniform() * n as f64) as usize
    }
}

/// Every model that needs no ages.
pub(crate) fn untimed() -> Vec<Model> {
    let heuristics = [
        Heuristic::First,
        Heuristic::Last,
        Heuristic::LastNonDirect { direct: vec![0] },
        Heuristic::Linear,
        Heuristic::U,
        Heuristic::W,
        Heuristic::PositionDecay,
    ];
    let others = [
        Model::ShapleyOfSubsets,
        Model::Markov { order: 1 },
        Model::Markov { order: 2 },
        Model::Markov { order: 3 },
        Model::Comparison(Comparison::RateOfSet),
        Model::Comparison(Comparison::RateOfSequence),
        Model::Comparison(Comparison::LeaveOneTouchOut),
    ];
    heuristics
        .into_iter()
        .map(Model::Heuristic)
        .chain(others)
        .collect()
}
