//! What a purchase brings, before margin: the Gamma-Gamma model, fitted to customers' mean spend on repeat purchases.

use clv::{FitError, GammaGamma, GammaGammaFit, InfiniteMeanSpend, Prediction, SpendTable};

use super::base::Base;
use super::finding::{LifetimeCheck, LifetimeFinding, Parameter, SpendFinding};
use super::fit::{STEP, per_customer};
use super::measured::Measured;
use super::{ALPHA, refusal_of};
use crate::audience::Severity;
use crate::{Reason, Refusal};

/// Correlations of spend with the number of purchases beyond which the model of spend is doubtful.
const DOUBTFUL_CORRELATION: f64 = 0.3;

/// What a purchase brings, before margin.
pub(super) enum Spend {
    /// Purchases are counted.
    Counted,
    /// All mean spends are the same.
    Same(f64),
    Varies(Box<GammaGammaFit>),
}

/// The spend on repeat purchases of customers.
pub(super) fn spend_table(base: &Base) -> Result<SpendTable, FitError> {
    let mut table = SpendTable::new(base.known().columns.len());
    for row in base.kept.iter().filter(|row| row.frequency > 0) {
        let purchases = f64::from(row.frequency);
        table.add_mean(
            purchases,
            row.spend / purchases,
            base.covariates(row),
            f64::from(row.customers),
        )?;
    }
    Ok(table)
}

impl Spend {
    /// From the spend on repeat purchases.
    pub(super) fn new(table: &SpendTable) -> Result<Self, FitError> {
        let mut means = table.rows().map(|row| row.mean);
        if let Some(first) = means.next()
            && means.all(|mean| (mean / first - 1.0).abs() <= 1e-12)
        {
            return Ok(Self::Same(first));
        }
        Ok(Self::Varies(Box::new(GammaGammaFit::new(table)?)))
    }

    /// The parameters moved one by one by a small step in their logarithms, effects by the step itself, up and down, and
    /// their covariance.
    pub(super) fn moved(&self) -> Option<(Vec<[Self; 2]>, &[f64])> {
        let Self::Varies(fit) = self else {
            return None;
        };
        let at = |parameter: usize, step: f64| {
            let mut moved = fit.parameters.clone();
            let GammaGamma {
                p,
                q,
                gamma,
                effects,
            } = &mut moved;
            match parameter {
                0..3 => *[p, q, gamma][parameter] *= step.exp(),
                effect => effects[effect - 3] += step,
            }
            Self::Varies(Box::new(GammaGammaFit {
                parameters: moved,
                ..(**fit).clone()
            }))
        };
        let size = 3 + fit.parameters.effects.len();
        let moved = (0..size).map(|i| [at(i, STEP), at(i, -STEP)]).collect();
        Some((moved, &fit.covariance))
    }

    /// Expected spend per purchase of a customer, given the number of repeat purchases and what they sum to.
    pub(super) fn conditional(
        &self,
        purchases: f64,
        sum: f64,
        covariates: &[f64],
    ) -> Result<f64, InfiniteMeanSpend> {
        match self {
            Self::Counted => Ok(1.0),
            Self::Same(mean) => Ok(*mean),
            Self::Varies(fit) => {
                let mean = if purchases > 0.0 {
                    sum / purchases
                } else {
                    0.0
                };
                fit.parameters.conditional_mean(purchases, mean, covariates)
            }
        }
    }

    /// Something that follows from spend, with its standard error by the delta method over the parameters of spend.
    pub(super) fn prediction(
        &self,
        of: impl Fn(&Self) -> Result<f64, InfiniteMeanSpend>,
    ) -> Result<Prediction, InfiniteMeanSpend> {
        let mut variance = 0.0;
        if let Some((moved, covariance)) = self.moved() {
            variance = clv::quadratic(covariance, &slopes(&moved, &of)?);
        }
        Ok(Prediction {
            value: of(self)?,
            standard_error: variance.max(0.0).sqrt(),
        })
    }
}

/// The slopes in each parameter of something that follows from spend, by the models with that parameter moved up and down.
pub(super) fn slopes(
    moved: &[[Spend; 2]],
    of: impl Fn(&Spend) -> Result<f64, InfiniteMeanSpend>,
) -> Result<Vec<f64>, InfiniteMeanSpend> {
    let slope = |[up, down]: &[Spend; 2]| Ok((of(up)? - of(down)?) / (2.0 * STEP));
    moved.iter().map(slope).collect()
}

impl Spend {
    /// The effect of a covariate on the logarithm of spend, with its standard error; none where spend has no model.
    pub(super) fn effect(&self, covariate: usize) -> Option<(f64, f64)> {
        let Self::Varies(fit) = self else {
            return None;
        };
        let effects = &fit.parameters.effects;
        let place = 3 + covariate;
        let variance = fit.covariance[place * (3 + effects.len()) + place];
        Some((effects[covariate], variance.max(0.0).sqrt()))
    }

    /// Expected spend of a first-time buyer, over customers by their covariates.
    fn mean(&self, patterns: &[(&[f64], f64)]) -> Result<Prediction, InfiniteMeanSpend> {
        let customers: f64 = patterns.iter().map(|(_, customers)| customers).sum();
        self.prediction(|spend| {
            let each = patterns.iter();
            each.map(|(covariates, n)| Ok(n / customers * spend.conditional(0.0, 0.0, covariates)?))
                .sum()
        })
    }
}

impl Measured<'_> {
    /// The model of spend, with what the finding says of it.
    pub(super) fn spend(&self, finding: &mut LifetimeFinding) -> Option<Spend> {
        if self.lifetime.spend.is_none() {
            return Some(Spend::Counted);
        }
        let mut said = SpendFinding {
            parameters: Vec::new(),
            log_likelihood: None,
            customers: 0,
            mean: None,
            correlation: None,
            refusal: None,
        };
        let spend = spend_table(&self.base).and_then(|table| {
            said.customers = table.customers() as u64;
            said.correlation = table.correlation_with_frequency();
            Spend::new(&table)
        });
        if let Ok(Spend::Varies(fit)) = &spend {
            let GammaGamma { p, q, gamma, .. } = fit.parameters;
            let named = [("p", p), ("q", q), ("gamma", gamma)];
            said.parameters = Parameter::of_logarithms(named, &fit.covariance);
            said.log_likelihood = Some(fit.log_likelihood);
        }
        match spend
            .as_ref()
            .map(|spend| spend.mean(&self.base.patterns()))
        {
            Ok(Ok(mean)) => said.mean = Some(per_customer(mean, 1.0, ALPHA)),
            Ok(Err(error)) => {
                said.refusal = Some(Refusal::new(Reason::UnfitData, error.to_string()));
            }
            Err(error) => said.refusal = Some(refusal_of(error)),
        }
        if let Some(correlation) = said.correlation.filter(|c| c.abs() > DOUBTFUL_CORRELATION) {
            finding.checks.push(LifetimeCheck {
                severity: Severity::Warning,
                message: format!(
                    "spend per purchase and the number of purchases go together (correlation {correlation:.2}); the \
                     model takes them to be independent, so that values of frequent buyers are off"
                ),
            });
        }
        let is_usable = said.refusal.is_none();
        finding.spend = Some(said);
        spend.ok().filter(|_| is_usable)
    }
}
