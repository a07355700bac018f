//! Purchases: models fitted to the customer base, and what they say.

use catalog::Lifetime;
use clv::{CustomerTable, Effect, FitError};
use lake::Lake;
use stats::tail::normal_quantile;

use super::acquisition;
use super::audiences::Members;
use super::base::{Base, Histories};
use super::checks::{AGAIN, few, too_few, without_limit};
use super::cohorts::{self, Ages, Cohort};
use super::customer_values::{self, ValuesFile};
use super::fit::{ALIKE, Fitted, Kind};
use super::purchases::Purchases;
use super::spend::Spend;
use super::value::{self, Expected, Group, Limit, Terms, in_units};
use super::worth::Worths;
use super::{
    ALPHA, BackTest, LifetimeCheck, LifetimeExtent, LifetimeFinding, TimingFinding, backtest, days,
    refusal_of,
};
use crate::audience::{Estimate, Severity};
use crate::error::MeasureError;
use crate::{Reason, Refusal};

/// What has been read.
pub(super) struct Measured<'a> {
    pub(super) lifetime: &'a Lifetime,
    pub(super) terms: Terms,
    pub(super) base: Base,
    pub(super) cohorts: Vec<Cohort>,
    pub(super) ages: Ages,
    pub(super) purchases: Purchases,
    pub(super) audiences: Vec<Members>,
    /// Where customers' values are written to.
    pub(super) values_file: Option<ValuesFile<'a>>,
}

/// The likeliest model, and what goes with it.
pub(super) struct Chosen<'f> {
    pub(super) histories: &'f Histories,
    pub(super) fitted: &'f Fitted,
    pub(super) spend: Spend,
    pub(super) expected: Expected,
    /// Where no attrition is visible.
    pub(super) limits: Vec<Limit>,
}

/// The models of a document.
pub(super) fn kinds(lifetime: &Lifetime) -> Vec<Kind> {
    let opportunity = lifetime.opportunities.map(|every| in_units(days(every)));
    Kind::all(lifetime.model, opportunity)
}

impl Measured<'_> {
    /// Counts customers and purchases.
    pub(super) fn count(&self, extent: &mut LifetimeExtent) {
        let rows = || self.base.kept.iter();
        let without = rows().filter(|row| row.frequency == 0);
        let repeats = rows().map(|row| u64::from(row.customers) * u64::from(row.frequency));
        extent.customers = self.base.customers();
        extent.without_repeat = without.map(|row| u64::from(row.customers)).sum();
        extent.repeat_purchases = repeats.sum();
    }

    /// Adds what was counted, what fitted models say, and what acquisition cost.
    pub(super) fn fill(
        &self,
        lake: &Lake,
        finding: &mut LifetimeFinding,
    ) -> Result<(), MeasureError> {
        let worths = self.model(lake, finding)?;
        if finding.refusal.is_some() {
            // What is refused is not said of single models either.
            for model in &mut finding.models {
                model.future = None;
            }
        }
        let read = (self.cohorts.as_slice(), &self.purchases);
        let view = (self.ages, self.terms.margin);
        acquisition::add(finding, self.lifetime, &worths, read, view);
        Ok(())
    }

    /// Fits models and adds what they say. Returns what is compared with the costs of acquisition.
    fn model(&self, lake: &Lake, finding: &mut LifetimeFinding) -> Result<Worths, MeasureError> {
        finding.checks = self.checks();
        let audiences = self.audiences.iter();
        finding.audiences = audiences.map(|members| members.counted.clone()).collect();
        let all = Group::split(&self.base, 1, |_| Some(0)).remove(0);
        let (end, margin) = (self.purchases.end, self.terms.margin);
        finding.cohorts = cohorts::finding(&self.cohorts, self.ages, end, margin);
        let histories = match self.base.all() {
            Ok(histories) => histories,
            Err(error) => {
                finding.refusal = Some(refusal_of(&error));
                self.baselines(finding, &all, &self.base);
                return Ok(Worths::default());
            }
        };
        let fits: Vec<(Kind, Result<Fitted, FitError>)> = kinds(self.lifetime)
            .into_iter()
            .map(|kind| (kind, kind.fit(&histories.table)))
            .collect();
        let fitted: Vec<(Kind, &Fitted)> = fits
            .iter()
            .filter_map(|(kind, fit)| Some((*kind, fit.as_ref().ok()?)))
            .collect();
        let (back_test, later) = self.back_test(lake, &histories, &fitted)?;
        finding.back_test = back_test;
        self.baselines(finding, &all, later.as_ref().unwrap_or(&self.base));
        let spend = self.spend(finding);
        // The first of equals, as they are listed.
        let best = fitted
            .iter()
            .rev()
            .max_by(|a, b| a.1.log_likelihood().total_cmp(&b.1.log_likelihood()));
        let best = best.map(|(kind, fit)| {
            let expected = Expected::new(&histories, fit, &self.terms);
            (*kind, *fit, expected)
        });
        for (kind, fit) in &fits {
            let mut said = timing(*kind, fit, &histories.table);
            if let (Some(spend), Ok(fit)) = (&spend, fit) {
                let total = |discounted: &[f64]| {
                    all.total(&self.base, discounted, spend, self.terms.margin)
                };
                let Terms {
                    discount, horizon, ..
                } = self.terms;
                let total = match &best {
                    Some((best, _, expected)) if best == kind => total(&expected.discounted),
                    _ => total(&value::purchases(&histories, fit, discount, horizon)),
                };
                said.future = total.ok().map(|total| total / all.customers);
            }
            finding.models.push(said);
        }
        finding.models.sort_by(|a, b| {
            let value = |model: &TimingFinding| model.log_likelihood.unwrap_or(f64::NEG_INFINITY);
            value(b).total_cmp(&value(a))
        });
        let Some((kind, best, expected)) = best else {
            let refused = finding.models.first();
            finding.refusal = refused.and_then(|model| model.refusal.clone());
            return Ok(Worths::default());
        };
        finding.model = Some(kind.name().to_owned());
        let again = finding.extent.customers - finding.extent.without_repeat;
        if let Some(refusal) = too_few(again, AGAIN) {
            finding.refusal = Some(refusal);
            return Ok(Worths::default());
        }
        finding.checks.extend(few(again, AGAIN));
        finding.checks.extend(alike(best));
        self.add_covariates(finding, best, spend.as_ref());
        let Some(spend) = spend else {
            let said = finding.spend.as_ref();
            finding.refusal = said.and_then(|spend| spend.refusal.clone());
            return Ok(Worths::default());
        };
        let mut limits = Vec::new();
        // Without attrition the models are one, and each may hide another attrition.
        let is_near = |fit: &Fitted| {
            best.sees_no_attrition() && best.log_likelihood() - fit.log_likelihood() < SAME
        };
        for (_, fit) in fitted.iter().filter(|(_, fit)| is_near(fit)) {
            match Limit::new(&histories, fit, &self.terms) {
                Ok(limit) => limits.extend(limit),
                Err(error) => finding.checks.push(without_limit(&error)),
            }
        }
        let chosen = Chosen {
            histories: &histories,
            fitted: best,
            spend,
            expected,
            limits,
        };
        match self.values(finding, &chosen, &all) {
            Ok(worths) => {
                if let Some(file) = self.values_file {
                    customer_values::write(lake, self, &chosen, file)?;
                }
                Ok(worths)
            }
            Err(error) => {
                finding.refusal = Some(Refusal::new(Reason::UnfitData, error.to_string()));
                Ok(Worths::default())
            }
        }
    }

    /// What covariates do to the chosen model of timing and to spend.
    fn add_covariates(
        &self,
        finding: &mut LifetimeFinding,
        fitted: &Fitted,
        spend: Option<&Spend>,
    ) {
        let known = self.base.known();
        let left_out = known.left_out.iter().map(|message| LifetimeCheck {
            severity: Severity::Warning,
            message: message.clone(),
        });
        finding.checks.extend(left_out);
        let [rate, attrition] = fitted.effects();
        for column in 0..known.columns.len() {
            let effect = |effects: &[Effect]| {
                let effect = effects.iter().find(|effect| effect.covariate == column)?;
                Some(factor(effect.value, effect.standard_error?))
            };
            let mut said = known.finding(column);
            (said.rate, said.attrition) = (effect(rate), effect(attrition));
            said.spend = spend
                .and_then(|spend| spend.effect(column))
                .map(|(g, se)| factor(g, se));
            finding.covariates.push(said);
        }
    }

    /// A back-test, and the customer base that it was made on where that is another one: where the data reach beyond
    /// `until` models are held against what is there, else they see half of the time.
    fn back_test(
        &self,
        lake: &Lake,
        histories: &Histories,
        fitted: &[(Kind, &Fitted)],
    ) -> Result<(Option<BackTest>, Option<Base>), MeasureError> {
        let Purchases {
            end,
            data_end,
            half,
            ..
        } = self.purchases;
        let Some(half) = half else {
            let back_test = backtest::back_test(&self.base, histories, fitted, data_end);
            return Ok((back_test, None));
        };
        let base = Base::read_half(lake, &self.lifetime.name, half, self.base.known())?;
        let Ok(histories) = base.all() else {
            return Ok((None, None));
        };
        let fits: Vec<(Kind, Fitted)> = kinds(self.lifetime)
            .into_iter()
            .filter_map(|kind| Some((kind, kind.fit(&histories.table).ok()?)))
            .collect();
        let fitted: Vec<(Kind, &Fitted)> = fits.iter().map(|(kind, fit)| (*kind, fit)).collect();
        let back_test = backtest::back_test(&base, &histories, &fitted, end);
        Ok((back_test, Some(base)))
    }
}

/// Likelihoods of models that are one, but for rounding.
const SAME: f64 = 1e-6;

/// What a model says of when customers buy.
fn timing(kind: Kind, fit: &Result<Fitted, FitError>, table: &CustomerTable) -> TimingFinding {
    let mut finding = TimingFinding::of(kind.name());
    match fit {
        Err(error) => finding.refusal = Some(refusal_of(error)),
        Ok(fitted) => {
            finding.parameters = fitted.parameters();
            finding.log_likelihood = Some(fitted.log_likelihood());
            finding.boundaries = fitted.boundaries().into_iter().map(str::to_owned).collect();
            finding.sees_no_attrition = fitted.sees_no_attrition();
            finding.attrition_p = fitted.attrition_p(table);
        }
    }
    finding
}

/// That intervals do not count how unlike customers may be in leaving.
fn alike(fitted: &Fitted) -> Option<LifetimeCheck> {
    fitted.boundaries().contains(&ALIKE).then(|| LifetimeCheck {
        severity: Severity::Warning,
        message: "the likeliest is that all customers are equally likely to leave, and intervals take it so: they are too \
                  narrow where customers are not alike, of which this window tells little"
            .to_owned(),
    })
}

/// What an effect on a logarithm multiplies.
fn factor(effect: f64, se: f64) -> Estimate {
    let reach = normal_quantile(1.0 - 0.5 * ALPHA) * se;
    Estimate {
        estimate: effect.exp(),
        se: effect.exp() * se,
        low: (effect - reach).exp(),
        high: (effect + reach).exp(),
        df: None,
    }
}
