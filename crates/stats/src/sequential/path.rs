//! The distribution of a Brownian motion among paths that have not been stopped.

use crate::quadrature::{NODES, panel};

/// Positions `B(t)` of the paths alive at information fraction t, as point masses:
/// the nodes of a quadrature, so that sums over them are integrals. After Armitage,
/// McPherson and Rowe, JRSS A 132 (1969), and Jennison and Turnbull, "Group
/// Sequential Methods" (2000), chapter 19.
#[derive(Debug, Clone)]
pub(super) struct Alive {
    drift: f64,
    pub(super) fraction: f64,
    /// Ascending positions and their masses.
    pub(super) points: Vec<(f64, f64)>,
}

/// Where paths go on at a look: `z = B(t) / sqrt(t)` between `low` and `high` and not
/// between `-inner` and `inner`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Region {
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) inner: f64,
}

impl Region {
    /// `|z| < critical`.
    pub(super) fn within(critical: f64) -> Self {
        Region {
            low: -critical,
            high: critical,
            inner: 0.0,
        }
    }
}

/// Standard deviations from the mean beyond which no path is followed.
const REACH: f64 = 10.0;

/// Standard deviations beyond which no single step leads.
const STEP_REACH: f64 = REACH + 1.0;

impl Alive {
    /// At the start, where all paths are at 0.
    pub(super) fn start(drift: f64) -> Self {
        Alive {
            drift,
            fraction: 0.0,
            points: vec![(0.0, 1.0)],
        }
    }

    /// `P(alive, Z > z)` at a later fraction.
    pub(super) fn above(&self, fraction: f64, z: f64) -> f64 {
        let (shift, sd) = self.step(fraction);
        let position = z * fraction.sqrt() - shift;
        self.near_the_top(position, sd)
            .map(|(s, mass)| mass * normal_upper_p((position - s) / sd))
            .sum()
    }

    /// The points from which a step may lead beyond a position.
    pub(super) fn near_the_top(&self, position: f64, sd: f64) -> impl Iterator<Item = (f64, f64)> {
        let lowest = position - STEP_REACH * sd;
        let points = self.points.iter().rev().copied();
        points.take_while(move |&(s, _)| s >= lowest)
    }

    /// Mean and standard deviation of the way to a later fraction.
    pub(super) fn step(&self, fraction: f64) -> (f64, f64) {
        let time = fraction - self.fraction;
        (self.drift * time, time.sqrt())
    }

    /// The paths that are alive after a look at a later fraction, in points fit to
    /// go on to the fraction `next`.
    pub(super) fn after(&self, fraction: f64, region: Region, next: f64) -> Self {
        // What is integrated is a density smoothed over one step times a normal kernel
        // of the next: both together vary on this scale, and sixteen nodes integrate
        // seven of it to 1e-9.
        const SCALES_A_PANEL: f64 = 7.0;
        let (shift, sd) = self.step(fraction);
        let scale = sd / (1.0 + (fraction - self.fraction) / (next - fraction)).sqrt();
        let root = fraction.sqrt();
        let mean = self.drift * fraction;
        let low = (region.low * root).max(mean - REACH * root);
        let high = (region.high * root).min(mean + REACH * root);
        let inner = region.inner * root;
        // Without a drift and between symmetric bounds one half mirrors the other.
        let symmetric = self.drift == 0.0 && low == -high;
        let parts = match (symmetric, inner > 0.0) {
            (true, _) => [(0.0, 0.0), (inner, high)],
            (false, true) => [(low, high.min(-inner)), (low.max(inner), high)],
            (false, false) => [(0.0, 0.0), (low, high)],
        };
        let rule = panel();
        let mut points = Vec::new();
        for (a, b) in parts {
            if b <= a {
                continue;
            }
            let panels = ((b - a) / (SCALES_A_PANEL * scale)).ceil();
            let half = 0.5 * (b - a) / panels;
            for i in 0..panels as usize {
                let middle = a + half * (2 * i + 1) as f64;
                for node in 0..NODES {
                    let s = middle + half * rule.nodes[node];
                    let density = self.density(s - shift, sd);
                    points.push((s, half * rule.weights[node] * density));
                }
            }
        }
        if symmetric {
            let mirrored = points.iter().rev().map(|&(s, mass)| (-s, mass));
            points = mirrored.chain(points.iter().copied()).collect();
        }
        Alive {
            drift: self.drift,
            fraction,
            points,
        }
    }

    /// Density of the positions moved by a normal step of mean zero.
    fn density(&self, position: f64, sd: f64) -> f64 {
        let reach = STEP_REACH * sd;
        let first = self.points.partition_point(|p| p.0 < position - reach);
        let sum: f64 = self.points[first..]
            .iter()
            .take_while(|p| p.0 <= position + reach)
            .map(|&(s, mass)| {
                let z = (position - s) / sd;
                mass * (-0.5 * z * z).exp()
            })
            .sum();
        sum / (sd * (2.0 * std::f64::consts::PI).sqrt())
    }
}

/// `P(Z > z)` alone.
pub(super) fn normal_upper_p(z: f64) -> f64 {
    0.5 * libm::erfc(z * std::f64::consts::FRAC_1_SQRT_2)
}
