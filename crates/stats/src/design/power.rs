//! Power, minimum detectable effect and required customers.

use super::error::{DesignError, check};
use super::noncentral_t::noncentral_t_upper;
use crate::lift::satterthwaite;
use crate::{root, tail};

/// The side or sides on which a test rejects its null hypothesis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sides {
    /// Either; alpha is split evenly. Power counts both sides.
    Two,
    /// Only when the treated arm has more, as in a test of non-inferiority of a
    /// metric that should be large. All of alpha is on this side.
    Greater,
    /// Only when the treated arm has less.
    Less,
}

/// The distribution that the test statistic is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reference {
    /// Welch's t test: a noncentral t with the Welch-Satterthwaite degrees of freedom
    /// at the expected variances.
    StudentT,
    /// A normal distribution with each arm's variance under the effect.
    Normal,
    /// The score test of two shares: a normal distribution, with the variance of the
    /// common share where the test rejects and of each arm's share for the power
    /// (Fleiss, Levin and Paik, "Statistical methods for rates and proportions", 3rd
    /// ed., eq. 4.14 without its continuity correction).
    Score,
}

/// An effect, or a null hypothesis, of treated against control.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Effect {
    /// Treated minus control.
    Absolute(f64),
    /// `(treated - control) / |control|`; 0.1 is ten per cent more.
    Relative(f64),
}

/// What is measured on a customer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Outcome {
    /// A number with a mean. A ratio metric is one too, with the variances of its
    /// linearised value.
    Mean {
        /// Expected mean of the control arm.
        control: f64,
        /// Variance between customers of the control arm.
        control_variance: f64,
        /// Variance between customers of the treated arm.
        treated_variance: f64,
    },
    /// Yes or no. Each arm has the variance `p (1 - p)` of its own share under the
    /// effect.
    Share {
        /// Expected share of the control arm, 0 to 1.
        control: f64,
    },
}

/// The shares of an experiment's customers in the two arms compared. With more arms
/// they add up to less than one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Split {
    /// Share in the treated arm.
    pub treated: f64,
    /// Share in the control arm.
    pub control: f64,
}

/// Customers randomized in clusters: households, shops, postcodes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Clustering {
    /// Mean customers in a cluster.
    pub size: f64,
    /// Coefficient of variation of the sizes: their standard deviation over their mean.
    pub size_variation: f64,
    /// Intracluster correlation: the share of the variance that lies between clusters.
    /// A negative one is taken for zero.
    pub icc: f64,
}

impl Clustering {
    /// By what factor the variance of a mean exceeds that of customers randomized one
    /// by one: `1 + ((1 + cv^2) m - 1) icc` (Kish 1965; with varying sizes Eldridge,
    /// Ashby and Kerry, International Journal of Epidemiology 35, 2006).
    pub fn design_effect(&self) -> f64 {
        let size = (1.0 + self.size_variation * self.size_variation) * self.size;
        1.0 + (size - 1.0).max(0.0) * self.icc.max(0.0)
    }
}

/// A test of a treated against a control arm that is to be held, or is running.
///
/// It covers every test that becomes a [`Contrast`](crate::Contrast): the difference
/// `treated - w control - d` has the expectation zero under the null hypothesis, the
/// variance
///
/// `F (v_t / n_t + w^2 v_c / n_c)`,   `F = (1 - R^2) design effect * inflation`,
///
/// and is rejected beyond the critical value of `alpha`. The null hypothesis "no
/// effect" has `w = 1, d = 0`; an absolute margin is d; a relative margin `m` is `w =
/// 1 + m`, as in Fieller's test. Relative effects need no method of their own: the
/// intervals invert one test, so that a relative effect is detected exactly when the
/// absolute one is.
///
/// Several arms against one control, or several metrics, are designed by the part of
/// alpha that each comparison gets: `alpha / k` for Bonferroni, or the level that
/// belongs to Dunnett's critical value.
///
/// ```
/// use stats::design::{Design, Effect, Outcome};
///
/// let design = Design::new(Outcome::Share { control: 0.045 });
/// let customers = design.required_customers(Effect::Relative(0.1), 0.8).unwrap();
/// assert!((69_000.0..71_000.0).contains(&customers));
/// let power = design.power(Effect::Relative(0.1), customers).unwrap();
/// assert!((power - 0.8).abs() < 1e-9);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Design {
    /// What is measured.
    pub outcome: Outcome,
    /// How customers are split.
    pub split: Split,
    /// Probability of rejecting a true null hypothesis.
    pub alpha: f64,
    /// Where the test rejects.
    pub sides: Sides,
    /// What its statistic is held against.
    pub reference: Reference,
    /// The effect that the null hypothesis states. Zero for superiority. For
    /// non-inferiority it is the margin: `Relative(-0.02)` with [`Sides::Greater`]
    /// shows that no more than two per cent are lost.
    pub null: Effect,
    /// Share of the variance that covariates explain, 0 to below 1.
    pub r_squared: f64,
    /// Set when clusters of customers are randomized. The degrees of freedom then
    /// count clusters.
    pub clustering: Option<Clustering>,
    /// By what factor a sequential plan needs more customers at its end than a test
    /// with one look (Jennison and Turnbull, "Group sequential methods", section
    /// 2.3); 1 for one look.
    pub inflation: f64,
}

/// The smallest effect detected with a given power.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DetectableEffect {
    /// Treated minus control.
    pub absolute: f64,
    /// The same over the size of the control; none when that is zero.
    pub relative: Option<f64>,
}

/// What a test can tell with so many customers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CurvePoint {
    /// Customers of the whole experiment.
    pub customers: f64,
    /// Power against the effect asked about.
    pub power: f64,
    /// Smallest effect detected with the power asked for; none when no share can be
    /// so large.
    pub detectable: Option<DetectableEffect>,
}

impl Design {
    /// A two-sided t test of no effect at `alpha = 0.05`, with half of the customers
    /// in each arm.
    pub fn new(outcome: Outcome) -> Self {
        Design {
            outcome,
            split: Split {
                treated: 0.5,
                control: 0.5,
            },
            alpha: 0.05,
            sides: Sides::Two,
            reference: Reference::StudentT,
            null: Effect::Absolute(0.0),
            r_squared: 0.0,
            clustering: None,
            inflation: 1.0,
        }
    }

    /// The probability that the null hypothesis is rejected when the effect is
    /// `effect` and the experiment has so many customers in all its arms.
    pub fn power(&self, effect: Effect, customers: f64) -> Result<f64, DesignError> {
        self.check()?;
        check("number of customers", customers, customers.is_finite())?;
        let needed = self.fewest_customers();
        if customers < needed {
            return Err(DesignError::TooFew { needed });
        }
        let treated = self.treated(effect)?;
        self.check_treated(treated)?;
        Ok(self.power_at(treated, customers))
    }

    /// The smallest effect whose power is `power`: an increase, or a decrease for
    /// [`Sides::Less`]. It is counted from the control, not from the null hypothesis.
    pub fn minimum_detectable_effect(
        &self,
        power: f64,
        customers: f64,
    ) -> Result<DetectableEffect, DesignError> {
        self.check()?;
        self.check_power(power)?;
        check("number of customers", customers, customers.is_finite())?;
        let needed = self.fewest_customers();
        if customers < needed {
            return Err(DesignError::TooFew { needed });
        }
        let (control, null) = (self.control(), self.treated(self.null)?);
        self.check_treated(null)?;
        let sign = if self.sides == Sides::Less { -1.0 } else { 1.0 };
        let most = match (self.outcome, self.sides) {
            (Outcome::Mean { .. }, _) => f64::INFINITY,
            (Outcome::Share { .. }, Sides::Less) => null,
            (Outcome::Share { .. }, _) => 1.0 - null,
        };
        let lacking = |distance: f64| self.power_at(null + sign * distance, customers) - power;
        let mut distance = (4.0 * self.standard_error(null, customers)).min(most);
        if distance == 0.0 {
            distance = most.min(control.abs().max(1.0));
        }
        while lacking(distance) < 0.0 {
            if distance >= most || distance == f64::INFINITY {
                return Err(DesignError::Undetectable { power });
            }
            distance = (2.0 * distance).min(most);
        }
        let distance = root::bracketed(lacking, 0.0, distance);
        let absolute = null + sign * distance - control;
        Ok(DetectableEffect {
            absolute,
            relative: (control != 0.0).then(|| absolute / control.abs()),
        })
    }

    /// The customers, over all arms of the experiment, with which `effect` is detected
    /// with probability `power`: to be rounded up. At least two units an arm.
    pub fn required_customers(&self, effect: Effect, power: f64) -> Result<f64, DesignError> {
        /// More customers than there will ever be.
        const MOST: f64 = 1e15;
        self.check()?;
        self.check_power(power)?;
        let treated = self.treated(effect)?;
        self.check_treated(treated)?;
        let fewest = self.fewest_customers();
        if self.power_at(treated, fewest) >= power {
            return Ok(fewest);
        }
        let lacking = |ln_customers: f64| self.power_at(treated, ln_customers.exp()) - power;
        let mut enough = 2.0 * fewest;
        while lacking(enough.ln()) < 0.0 {
            enough *= 4.0;
            if enough > MOST {
                return Err(DesignError::Unreachable);
            }
        }
        Ok(root::bracketed(lacking, fewest.ln(), enough.ln()).exp())
    }

    /// Days until `effect` is detected with probability `power`, when `customers` have
    /// been counted and so many new ones come a day; zero when there are enough.
    ///
    /// Conditional on the plan and on the variance seen so far (put it into the
    /// outcome), not on the effect seen so far: what is left to do must not depend on
    /// how the race stands.
    pub fn days_left(
        &self,
        effect: Effect,
        power: f64,
        customers: f64,
        customers_a_day: f64,
    ) -> Result<f64, DesignError> {
        check("number of customers", customers, customers >= 0.0)?;
        let valid = customers_a_day.is_finite() && customers_a_day >= 0.0;
        check("number of customers a day", customers_a_day, valid)?;
        let missing = self.required_customers(effect, power)? - customers;
        if missing <= 0.0 {
            Ok(0.0)
        } else if customers_a_day == 0.0 {
            Err(DesignError::NoTraffic)
        } else {
            Ok(missing / customers_a_day)
        }
    }

    /// Power against `effect`, and the effect detected with probability `power`, for
    /// each number of customers: with the unique customers by the end of each week,
    /// which grow ever more slowly, the question of how many weeks a test should run.
    pub fn curve(
        &self,
        effect: Effect,
        power: f64,
        customers: &[f64],
    ) -> Result<Vec<CurvePoint>, DesignError> {
        let point = |&customers: &f64| {
            Ok(CurvePoint {
                customers,
                power: self.power(effect, customers)?,
                detectable: match self.minimum_detectable_effect(power, customers) {
                    Ok(effect) => Some(effect),
                    Err(DesignError::Undetectable { .. }) => None,
                    Err(error) => return Err(error),
                },
            })
        };
        customers.iter().map(point).collect()
    }

    fn control(&self) -> f64 {
        match self.outcome {
            Outcome::Mean { control, .. } | Outcome::Share { control } => control,
        }
    }

    /// The treated arm's value under an effect.
    fn treated(&self, effect: Effect) -> Result<f64, DesignError> {
        let control = self.control();
        let difference = match effect {
            Effect::Absolute(difference) => difference,
            Effect::Relative(_) if control == 0.0 => return Err(DesignError::ZeroBaseline),
            Effect::Relative(relative) => relative * control.abs(),
        };
        check("effect", difference, difference.is_finite())?;
        Ok(control + difference)
    }

    /// The variance of a customer in each arm, treated first, with every factor.
    fn variances(&self, treated: f64) -> (f64, f64) {
        let clustered = self.clustering.map_or(1.0, |c| c.design_effect());
        let factor = (1.0 - self.r_squared) * clustered * self.inflation;
        let (treated, control) = match self.outcome {
            Outcome::Mean {
                control_variance,
                treated_variance,
                ..
            } => (treated_variance, control_variance),
            Outcome::Share { control } => (treated * (1.0 - treated), control * (1.0 - control)),
        };
        (factor * treated, factor * control)
    }

    /// The weight of the control in the difference that is tested, squared.
    fn squared_weight(&self) -> f64 {
        match self.null {
            Effect::Absolute(_) => 1.0,
            Effect::Relative(margin) => (1.0 + margin * self.control().signum()).powi(2),
        }
    }

    /// The standard error of the difference that is tested.
    fn standard_error(&self, treated: f64, customers: f64) -> f64 {
        let (treated, control) = self.variances(treated);
        let (n_treated, n_control) = self.sizes(customers);
        (treated / n_treated + self.squared_weight() * control / n_control).sqrt()
    }

    fn sizes(&self, customers: f64) -> (f64, f64) {
        (
            customers * self.split.treated,
            customers * self.split.control,
        )
    }

    /// Customers with whom each arm has two units.
    fn fewest_customers(&self) -> f64 {
        let size = self.clustering.map_or(1.0, |c| c.size);
        2.0 * size / self.split.treated.min(self.split.control)
    }

    /// The power when the treated arm has this value, all inputs being valid.
    fn power_at(&self, treated: f64, customers: f64) -> f64 {
        let (variance, control_variance) = self.variances(treated);
        let (n_treated, n_control) = self.sizes(customers);
        let parts = [
            variance / n_treated,
            self.squared_weight() * control_variance / n_control,
        ];
        let se = (parts[0] + parts[1]).sqrt();
        let df = match self.reference {
            Reference::StudentT => {
                let size = self.clustering.map_or(1.0, |c| c.size);
                satterthwaite(&[
                    (parts[0], n_treated / size - 1.0),
                    (parts[1], n_control / size - 1.0),
                ])
            }
            Reference::Normal | Reference::Score => f64::INFINITY,
        };
        let critical = match self.sides {
            Sides::Two => tail::student_t_critical(self.alpha, df),
            Sides::Greater | Sides::Less => -tail::student_t_quantile(self.alpha, df),
        };
        // The score test rejects by the standard error under its null hypothesis.
        let threshold = match self.reference {
            Reference::StudentT | Reference::Normal => critical * se,
            Reference::Score => critical * self.null_standard_error(treated, customers),
        };
        let null = match self.null {
            Effect::Absolute(margin) => self.control() + margin,
            Effect::Relative(margin) => self.control() + margin * self.control().abs(),
        };
        let distance = treated - null;
        let beyond = |distance: f64| {
            if se > 0.0 {
                noncentral_t_upper(threshold / se, df, distance / se)
            } else {
                f64::from(u8::from(distance > threshold))
            }
        };
        match self.sides {
            Sides::Two => beyond(distance) + beyond(-distance),
            Sides::Greater => beyond(distance),
            Sides::Less => beyond(-distance),
        }
    }

    /// The standard error of a difference of two shares that are the same: what the
    /// arms have together.
    fn null_standard_error(&self, treated: f64, customers: f64) -> f64 {
        let (n_treated, n_control) = self.sizes(customers);
        let together = (n_treated * treated + n_control * self.control()) / (n_treated + n_control);
        let (variance, _) = self.variances(together);
        (variance / n_treated + variance / n_control).sqrt()
    }

    fn check(&self) -> Result<(), DesignError> {
        let positive = |value: f64| value.is_finite() && value > 0.0;
        let not_negative = |value: f64| value.is_finite() && value >= 0.0;
        let level = |value: f64| value > 0.0 && value < 1.0;
        match self.outcome {
            Outcome::Mean {
                control,
                control_variance,
                treated_variance,
            } => {
                check("mean of the control", control, control.is_finite())?;
                let valid = not_negative(control_variance);
                check("variance of the control", control_variance, valid)?;
                let valid = not_negative(treated_variance);
                check("variance of the treated", treated_variance, valid)?;
            }
            Outcome::Share { control } => {
                let valid = (0.0..=1.0).contains(&control);
                check("share of the control", control, valid)?;
            }
        }
        let Split { treated, control } = self.split;
        check("share of customers treated", treated, positive(treated))?;
        check("share of customers in control", control, positive(control))?;
        let together = treated + control;
        check("sum of the arms' shares", together, together < 1.0 + 1e-9)?;
        check("level alpha", self.alpha, level(self.alpha))?;
        let valid = self.r_squared >= 0.0 && self.r_squared < 1.0;
        check("share of variance explained", self.r_squared, valid)?;
        check("inflation factor", self.inflation, positive(self.inflation))?;
        if let Some(clusters) = self.clustering {
            let valid = clusters.size.is_finite() && clusters.size >= 1.0;
            check("size of a cluster", clusters.size, valid)?;
            let variation = clusters.size_variation;
            let valid = not_negative(variation);
            check("variation of the cluster sizes", variation, valid)?;
            let valid = (-1.0..=1.0).contains(&clusters.icc);
            check("intracluster correlation", clusters.icc, valid)?;
        }
        self.treated(self.null)?;
        if self.reference == Reference::Score {
            let shares = matches!(self.outcome, Outcome::Share { .. });
            let no_effect = matches!(self.null, Effect::Absolute(0.0) | Effect::Relative(0.0));
            if !(shares && no_effect) {
                return Err(DesignError::NotAScoreTest);
            }
        }
        Ok(())
    }

    fn check_treated(&self, treated: f64) -> Result<(), DesignError> {
        match self.outcome {
            Outcome::Share { .. } if !(0.0..=1.0).contains(&treated) => {
                Err(DesignError::ImpossibleShare { share: treated })
            }
            _ => Ok(()),
        }
    }

    /// Power below alpha is had by any test.
    fn check_power(&self, power: f64) -> Result<(), DesignError> {
        check("power", power, power > self.alpha && power < 1.0)
    }
}
