//! Two independent exact posteriors compared, by quadrature.
//!
//! Everything is read off one integral, the chance that `Y` lies above a line `g(X)`
//! with its derivative and the mean excess,
//!
//! `P(Y > g(X)) = int f_X(x) S_Y(g(x)) dx`,
//! `E max(Y - X, 0) = int f_X(x) [int_x S_Y(y) dy] dx`,
//!
//! in the logit (of shares) or the logarithm (of rates) of the place on the line,
//! where the densities are log-concave and fall at least exponentially at both ends.
//! A sweep from the far end adds up `S_Y` and its integral panel by panel, positive
//! terms only, and with them the outer integral, so that nothing cancels and tails
//! keep their relative accuracy.

use super::Credible;
use crate::quadrature::{NODES, panel};
use crate::root;
use crate::special::ln_one_minus_exp;
use crate::tail::{self, TailProbability};

/// Which arm is better, and what a wrong choice costs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    /// `P(treated > control)`.
    pub chance_to_win: TailProbability,
    /// `E max(control - treated, 0)`: what shipping the treated arm loses, in the
    /// units of the metric.
    pub loss_of_shipping: f64,
    /// `E max(treated - control, 0)`: what staying with the control loses.
    pub loss_of_not_shipping: f64,
}

/// Where values live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Domain {
    /// Shares, between 0 and 1.
    Unit,
    /// Rates, above 0.
    Positive,
}

/// A value on the way.
pub(super) struct Place {
    pub(super) value: f64,
    /// One minus the value of a share; 1 for a rate.
    pub(super) rest: f64,
    /// Derivative of the value along the way over `value * rest`.
    stretch: f64,
}

/// A distribution with `kernel = density * value * rest`, and the first two
/// derivatives of its logarithm in the logit or logarithm of the value.
pub(super) trait Exact {
    const DOMAIN: Domain;
    fn mean(&self) -> f64;
    fn variance(&self) -> f64;
    fn ln_kernel(&self, at: &Place) -> f64;
    /// First derivative of `ln kernel`, zero at the mean.
    fn score(&self, at: &Place) -> f64;
    /// Second derivative of `ln kernel`, negated.
    fn information(&self, at: &Place) -> f64;

    fn at_mean(&self) -> Place {
        let value = self.mean();
        Place {
            value,
            rest: match Self::DOMAIN {
                Domain::Unit => 1.0 - value,
                Domain::Positive => 1.0,
            },
            stretch: 1.0,
        }
    }
}

/// The line `y = g(x)` inside the domain, as `x = x_scale w`, `y = y_offset + y_scale
/// w`, with `w` running through the domain.
pub(super) struct Line {
    pub(super) domain: Domain,
    pub(super) x_scale: f64,
    pub(super) y_offset: f64,
    pub(super) y_scale: f64,
}

impl Line {
    /// The two values, and the derivative of `y`, where the logit or logarithm of
    /// `w` is `s`.
    fn at(&self, s: f64) -> (Place, Place, f64) {
        let (w, v) = match self.domain {
            Domain::Unit => {
                let e = (-s.abs()).exp();
                let (large, small) = (1.0 / (1.0 + e), e / (1.0 + e));
                if s > 0.0 {
                    (large, small)
                } else {
                    (small, large)
                }
            }
            Domain::Positive => (s.exp(), 1.0),
        };
        let (x_rest, y_rest) = match self.domain {
            Domain::Unit => ((1.0 - self.x_scale) + self.x_scale * v, self.y_scale * v),
            Domain::Positive => (1.0, 1.0),
        };
        let x = Place {
            value: self.x_scale * w,
            rest: x_rest,
            stretch: v / x_rest,
        };
        let along = self.y_scale * w;
        let y = Place {
            value: self.y_offset + along,
            rest: y_rest,
            // The scale of y is one minus its offset, or 1.
            stretch: if self.y_offset == 0.0 {
                1.0
            } else {
                w / (self.y_offset + along)
            },
        };
        (x, y, along * v)
    }
}

/// `P(Y > g(X))` and what goes with it.
struct Exceedance {
    ln_p: f64,
    /// `E max(Y - X, 0)` on the line `y = x`.
    excess: f64,
    /// Density of `Y - X` where the line is, for a shift.
    density: f64,
    /// Density of `ln(Y / X)` where the line is, for a factor.
    ln_density: f64,
}

/// A fall of the logarithm after which what is left does not count.
const NEGLIGIBLE: f64 = 34.0;

/// Ends of the way.
const FARTHEST: f64 = 700.0;

/// The sweep along a line. The narrower distribution is the outer one, the tail of
/// the wider one is added up; where the narrower is `Y`, the sweep runs from below
/// and adds up `P(X < x)`.
struct Sweep<'a, D> {
    line: &'a Line,
    outer: &'a D,
    inner: &'a D,
    from_below: bool,
    ln_inner_peak: f64,
}

/// Marks on the way of a sweep, which goes from right to left.
struct Ends {
    /// Nothing is left of the integrand.
    left: f64,
    /// The integrand begins; to the right of it only the tail is added up.
    window: f64,
    /// The tail begins.
    right: f64,
    /// How steeply the tail falls where the integrand is largest.
    slope: f64,
}

impl<'a, D: Exact> Sweep<'a, D> {
    fn new(x: &'a D, y: &'a D, line: &'a Line) -> Self {
        let from_below = y.information(&y.at_mean()) > x.information(&x.at_mean());
        let (outer, inner) = if from_below { (y, x) } else { (x, y) };
        Sweep {
            line,
            outer,
            inner,
            from_below,
            ln_inner_peak: inner.ln_kernel(&inner.at_mean()),
        }
    }

    /// Places of the outer and the inner, and the derivative of y, at `u`; the
    /// sweep goes from large to small `u`.
    fn at(&self, u: f64) -> (Place, Place, f64) {
        if self.from_below {
            let (x, y, slope) = self.line.at(-u);
            (y, x, slope)
        } else {
            self.line.at(u)
        }
    }

    /// The logarithm of the tail of the inner, but for a slowly varying factor: 0
    /// before the mode, the fall from the peak after it.
    fn ln_inner_tail(&self, inner: &Place) -> f64 {
        let score = self.inner.score(inner);
        if (score < 0.0) == self.from_below {
            0.0
        } else {
            self.inner.ln_kernel(inner) - self.ln_inner_peak
        }
    }

    /// The logarithm of the integrand, but for the same factor.
    fn ln_integrand(&self, u: f64) -> f64 {
        let (outer, inner, _) = self.at(u);
        self.outer.ln_kernel(&outer) + outer.stretch.ln() + self.ln_inner_tail(&inner)
    }

    /// The first point found, going by growing steps, where a function is negligible
    /// against its value at the start.
    fn until_negligible(&self, ln_f: impl Fn(f64) -> f64, start: f64, first_step: f64) -> f64 {
        const GROWTH: f64 = 1.25;
        let floor = ln_f(start) - NEGLIGIBLE;
        let (mut u, mut step) = (start, first_step);
        while u.abs() < FARTHEST {
            u += step;
            step *= GROWTH;
            if ln_f(u) < floor {
                break;
            }
        }
        u.clamp(-FARTHEST, FARTHEST)
    }

    /// Where the sweep begins, turns to the outer integral, and ends.
    fn ends(&self) -> Ends {
        // Logits and logarithms of any values that can matter, and iterations that
        // find the peak among them to 1e-8.
        const WIDEST: f64 = 100.0;
        const ITERATIONS: usize = 50;
        let peak = root::peak(|u| self.ln_integrand(u), -WIDEST, WIDEST, ITERATIONS);
        let (outer, inner, _) = self.at(peak);
        let information = self.outer.information(&outer) * outer.stretch * outer.stretch;
        let step = (2.0 / information.sqrt()).min(2.0);
        let ln_tail = |u: f64| self.ln_inner_tail(&self.at(u).1);
        let window = self.until_negligible(|u| self.ln_integrand(u), peak, step);
        Ends {
            left: self.until_negligible(|u| self.ln_integrand(u), peak, -step),
            window,
            right: self.until_negligible(ln_tail, window, step),
            slope: (self.inner.score(&inner) * inner.stretch).abs(),
        }
    }

    /// The width of the panel that ends at `right`, in which 16 nodes follow the tail
    /// to 12 digits.
    fn width(&self, right: f64, ends: &Ends) -> f64 {
        // In standard deviations of the densities, in the distance of their
        // singularities, and in lengths over which the tail falls e-fold at the peak.
        const DEVIATIONS: f64 = 2.0;
        const DISTANCE: f64 = 2.5;
        const FALL: f64 = 4.0;
        const MOST_PANELS: f64 = 100_000.0;
        let information =
            |distribution: &D, at: &Place| distribution.information(at) * at.stretch * at.stretch;
        let (outer, inner, _) = self.at(right);
        let width = if right <= ends.window {
            let both = information(self.inner, &inner) + information(self.outer, &outer);
            (DEVIATIONS / both.sqrt()).min(FALL / ends.slope)
        } else {
            DEVIATIONS / information(self.inner, &inner).sqrt()
        };
        width
            .min(DISTANCE)
            .max((ends.right - ends.left) / MOST_PANELS)
    }

    /// Adds everything up.
    fn run(&self) -> Exceedance {
        let rule = panel();
        let ends = self.ends();
        // The tail of the inner at the right end of a panel and its integral over y,
        // both times exp(-ln_tail_scale).
        let (mut tail, mut tail_integral, mut ln_tail_scale) = (0.0, 0.0, f64::NEG_INFINITY);
        // Probability, excess and densities, all times exp(-ln_scale).
        let (mut sums, mut ln_scale) = ([0.0; 4], f64::NEG_INFINITY);
        let mut right = ends.right;
        while right > ends.left {
            let in_window = right <= ends.window;
            let end = if in_window { ends.left } else { ends.window };
            let left = (right - self.width(right, &ends)).max(end);
            let half = 0.5 * (right - left);

            let mut ln_outer = [f64::NEG_INFINITY; NODES];
            let mut ln_inner = [0.0; NODES];
            let mut slopes = [0.0; NODES];
            let mut values = [0.0; NODES];
            for i in 0..NODES {
                let (outer, inner, slope) = self.at(right - half * (1.0 - rule.nodes[i]));
                ln_inner[i] = self.inner.ln_kernel(&inner) + inner.stretch.ln();
                if in_window {
                    ln_outer[i] = self.outer.ln_kernel(&outer) + outer.stretch.ln();
                }
                slopes[i] = slope;
                values[i] = if self.from_below {
                    outer.value
                } else {
                    inner.value
                };
            }
            let largest = ln_inner.iter().copied().fold(ln_tail_scale, f64::max);
            let rescaled = (ln_tail_scale - largest).exp();
            if rescaled < 1.0 {
                tail *= rescaled;
                tail_integral *= rescaled;
                ln_tail_scale = largest;
            }
            let inner = ln_inner.map(|ln_f| (ln_f - ln_tail_scale).exp());
            let to_end = |i: usize, f: &[f64; NODES]| -> f64 {
                half * rule.to_end[i]
                    .iter()
                    .zip(f)
                    .map(|(w, f)| w * f)
                    .sum::<f64>()
            };
            let over_panel = |f: &[f64; NODES]| -> f64 {
                half * rule.weights.iter().zip(f).map(|(w, f)| w * f).sum::<f64>()
            };
            let tails: [f64; NODES] = std::array::from_fn(|i| tail + to_end(i, &inner));
            let along_y: [f64; NODES] = std::array::from_fn(|i| tails[i] * slopes[i]);
            if in_window {
                let ln_outer_scale = ln_outer.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let here = ln_outer_scale + ln_tail_scale;
                if here > ln_scale {
                    let rescaled = (ln_scale - here).exp();
                    sums = sums.map(|sum| sum * rescaled);
                    ln_scale = here;
                }
                let factor = (here - ln_scale).exp();
                let outer = ln_outer.map(|ln_f| factor * (ln_f - ln_outer_scale).exp());
                let joint = |i: usize| outer[i] * inner[i] / slopes[i];
                sums[0] += over_panel(&std::array::from_fn(|i| outer[i] * tails[i]));
                sums[1] += over_panel(&std::array::from_fn(|i| {
                    outer[i] * (tail_integral + to_end(i, &along_y))
                }));
                sums[2] += over_panel(&std::array::from_fn(joint));
                sums[3] += over_panel(&std::array::from_fn(|i| values[i] * joint(i)));
            }
            tail += over_panel(&inner);
            tail_integral += over_panel(&along_y);
            right = left;
        }
        let scaled = |sum: f64| (sum.ln() + ln_scale).exp();
        Exceedance {
            ln_p: (sums[0].ln() + ln_scale).min(0.0),
            excess: scaled(sums[1]),
            density: scaled(sums[2]),
            ln_density: scaled(sums[3]),
        }
    }
}

/// Chance to win and losses.
pub(super) fn compare<D: Exact>(treated: &D, control: &D) -> Comparison {
    let line = Line::shifted(0.0, D::DOMAIN);
    let difference = treated.mean() - control.mean();
    // The smaller of the two chances and of the two losses is added up, the larger
    // follows: losses differ by the difference of the means.
    if difference <= 0.0 {
        let win = Sweep::new(control, treated, &line).run();
        Comparison {
            chance_to_win: TailProbability::from_ln(win.ln_p),
            loss_of_shipping: win.excess - difference,
            loss_of_not_shipping: win.excess,
        }
    } else {
        let lose = Sweep::new(treated, control, &line).run();
        Comparison {
            chance_to_win: TailProbability::from_ln(ln_one_minus_exp(lose.ln_p)),
            loss_of_shipping: lose.excess,
            loss_of_not_shipping: lose.excess + difference,
        }
    }
}

/// The central interval of `treated - control`.
pub(super) fn difference<D: Exact>(treated: &D, control: &D, alpha: f64) -> Credible {
    let mean = treated.mean() - control.mean();
    let sd = (treated.variance() + control.variance()).sqrt();
    let bound = match D::DOMAIN {
        Domain::Unit => 1.0,
        Domain::Positive => f64::INFINITY,
    };
    let limits = Limits { mean, sd, bound };
    limits.at(alpha, |shift| {
        let line = Line::shifted(shift.abs(), D::DOMAIN);
        let beyond = if shift < 0.0 {
            Sweep::new(treated, control, &line).run()
        } else {
            Sweep::new(control, treated, &line).run()
        };
        (beyond.ln_p, beyond.density)
    })
}

/// The central interval of `treated / control`.
pub(super) fn ratio<D: Exact>(treated: &D, control: &D, alpha: f64) -> Credible {
    let relative = |arm: &D| arm.variance() / arm.mean() / arm.mean();
    let limits = Limits {
        mean: (treated.mean() / control.mean()).ln(),
        sd: (relative(treated) + relative(control)).sqrt(),
        bound: f64::INFINITY,
    };
    let ln_ratio = limits.at(alpha, |ln_factor| {
        let line = Line::scaled(ln_factor.abs().exp(), D::DOMAIN);
        let beyond = if ln_factor < 0.0 {
            Sweep::new(treated, control, &line).run()
        } else {
            Sweep::new(control, treated, &line).run()
        };
        (beyond.ln_p, beyond.ln_density)
    });
    Credible {
        low: ln_ratio.low.exp(),
        high: ln_ratio.high.exp(),
    }
}

/// Both quantiles of a distribution that is not far from normal.
struct Limits {
    mean: f64,
    sd: f64,
    bound: f64,
}

impl Limits {
    /// `beyond(x)` is `ln P(X < x)` for negative x, `ln P(X > x)` otherwise, with the
    /// density.
    fn at(&self, alpha: f64, beyond: impl Fn(f64) -> (f64, f64)) -> Credible {
        let z = tail::student_t_critical(alpha, f64::INFINITY);
        Credible {
            low: self.quantile(-z, &beyond),
            high: self.quantile(z, &beyond),
        }
    }

    /// Where the distribution function is that of the standard normal at `target`,
    /// by Newton's method on the normal scale, where it is nearly a straight line.
    fn quantile(&self, target: f64, beyond: impl Fn(f64) -> (f64, f64)) -> f64 {
        const ITERATIONS: usize = 200;
        // After these, every second step halves the range where it is known on both sides.
        const STRAIGHT: usize = 10;
        // The step after this one is some 1e-11 standard deviations.
        const CLOSE: f64 = 1e-5;
        // Standard deviations: where the density is next to nothing, a step would lead out of all numbers.
        const LONGEST: f64 = 4.0;
        let (mut low, mut high) = (-self.bound, self.bound);
        let mut x = self.mean + target * self.sd;
        if x.abs() >= self.bound {
            x = 0.5 * (self.mean + self.bound.copysign(x));
        }
        for iteration in 0..ITERATIONS {
            let (ln_p, density) = beyond(x);
            let z = tail::normal_quantile(ln_p.exp());
            let z = if x < 0.0 { z } else { -z };
            if z > target {
                high = x;
            } else {
                low = x;
            }
            let ln_normal_density = -0.5 * z * z - 0.5 * (2.0 * std::f64::consts::PI).ln();
            let longest = LONGEST * self.sd;
            let step = (target - z) * ln_normal_density.exp() / density;
            let step = step.clamp(-longest, longest);
            let proposed = x + step;
            if step.abs() <= CLOSE * self.sd && proposed > low.min(x) && proposed < high.max(x) {
                return proposed;
            }
            let is_straight = iteration < STRAIGHT || iteration % 2 == 0;
            let is_between = low.is_finite() && high.is_finite();
            x = if proposed > low && proposed < high && (is_straight || !is_between) {
                proposed
            } else if is_between {
                0.5 * (low + high)
            } else {
                0.5 * (x + self.mean)
            };
            if high - low <= f64::EPSILON * x.abs() {
                break;
            }
        }
        x
    }
}
