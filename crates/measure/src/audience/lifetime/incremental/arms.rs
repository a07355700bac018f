//! One arm against the reference arm: fits, values, placebo.

use clv::incremental::{
    ArmHistory, Horizon, Measured, Refusal as NoValue, Settings, SpendArms, StaysOn, Stops,
    TimingArms, Uncertainty, Window, stays_on, stops,
};
use clv::{
    BgNbd, Customer, CustomerColumns, CustomerTable, Estimation, FitError, GammaGammaFit, MbgNbd,
    ParetoNbd, SpendTable, TimingFit, TimingModel,
};

use super::super::base::DAYS_PER_UNIT;
use super::super::{Band, refusal_of};
use super::measured::in_process;
use super::reading::Reading;
use super::surrogate::Modelled;
use super::{Context, IncrementalArm, Placebo};
use crate::audience::Estimate;
use crate::audience::replay::mix;
use crate::{Reason, Refusal};
use catalog::LifetimeEffect;

/// Customers with the same purchases since the beginning of their process, in days.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct History {
    pub(super) frequency: u32,
    pub(super) age: f64,
    pub(super) recency: f64,
    pub(super) spend: f64,
    /// Whether they had bought before they were assigned, and what that brought in the year before.
    pub(super) is_existing: bool,
    pub(super) prior: f64,
    pub(super) customers: f64,
}

/// Analyses of arms drawn at random.
const PLACEBOS: u64 = 4;
/// Windows of different lengths that are told apart; beyond that, neighbours are taken together at their mean length.
const MOST_WINDOWS: usize = 12;

/// The histories of an arm and of the reference arm.
pub(super) struct Arms<'a> {
    /// Whether treated, and the history.
    histories: Vec<(bool, History)>,
    context: &'a Context<'a>,
}

/// Why an arm has no value.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Fit(#[from] FitError),
    #[error(transparent)]
    Value(#[from] NoValue),
}

impl From<&Failed> for Refusal {
    fn from(failed: &Failed) -> Self {
        match failed {
            Failed::Fit(error) => refusal_of(error),
            Failed::Value(error) => {
                let reason = match error {
                    NoValue::UnboundedLifetime { .. } => Reason::UnboundedLifetime,
                    NoValue::EmptyArm { .. } | NoValue::NoEffect { .. } => Reason::TooLittleData,
                    _ => Reason::UnfitData,
                };
                Refusal::new(reason, error.to_string())
            }
        }
    }
}

/// A model in both arms, and what it says if the treatment stays on.
struct Fitted<M> {
    fit: TimingFit<M>,
    timing: TimingArms<M>,
    stays_on: StaysOn,
}

impl<'a> Arms<'a> {
    pub(super) fn new(
        treated: impl Iterator<Item = History>,
        reference: impl Iterator<Item = History>,
        context: &'a Context<'a>,
    ) -> Self {
        let treated = treated.map(|history| (true, history));
        Self {
            histories: treated
                .chain(reference.map(|history| (false, history)))
                .collect(),
            context,
        }
    }

    pub(super) fn histories(&self) -> &[(bool, History)] {
        &self.histories
    }

    /// Adds what is measured and modelled of the process to a finding.
    pub(super) fn measure(&self, finding: &mut IncrementalArm) {
        if let Err(failed) = self.fill(finding) {
            finding.refusals.push(Refusal::from(&failed));
        }
        finding.counts = match self.context.effect {
            LifetimeEffect::StaysOn => finding.stays_on.map(|value| value.total.amount),
            LifetimeEffect::Stops => finding.stops.map(|value| value.total),
        };
    }

    fn fill(&self, finding: &mut IncrementalArm) -> Result<(), Failed> {
        let measured = match in_process(&self.histories, self.context) {
            Ok(measured) => measured,
            Err(error) => {
                let refusal = Refusal::new(Reason::TooLittleData, error.to_string());
                finding.refusals.push(refusal);
                return Ok(());
            }
        };
        let difference = measured.decides();
        let window = Measured {
            difference: difference.estimate,
            standard_error: difference.se,
        };
        let reading = Reading {
            alpha: self.context.alpha,
            df: difference.df,
        };
        finding.in_process = Some(measured);
        let spend = self.spend()?;
        finding.spend = self.context.has_spend.then(|| {
            let se = spend.covariance[3].max(0.0).sqrt();
            self.estimate(spend.effect, se)
        });
        self.check_horizon()?;
        let table = self.table(|treated, _| treated)?;
        let estimation = Estimation::all(&table);
        let pareto = self.fitted(
            ParetoNbd::fit_with(&table, &estimation),
            &spend,
            Some(window),
        );
        let mbg = self.fitted(
            MbgNbd::fit_with(&table, 1, &estimation),
            &spend,
            Some(window),
        );
        let bg = self.fitted(
            BgNbd::fit_with(&table, 1, &estimation),
            &spend,
            Some(window),
        );
        let mut best = f64::NEG_INFINITY;
        self.take(finding, "pareto-nbd", &pareto, reading, &mut best);
        self.take(finding, "mbg-nbd", &mbg, reading, &mut best);
        self.take(finding, "bg-nbd", &bg, reading, &mut best);
        if let Ok(pareto) = &pareto {
            match self.stops(&pareto.timing, &spend, window, self.context.horizon_days) {
                Ok(value) => finding.stops = Some(reading.stops(&value)),
                Err(failed) => finding.refusals.push(Refusal::from(&failed)),
            }
            let days = finding.in_process.as_ref().map(|measured| measured.days);
            if let (Some(fading), Some(days)) = (&mut finding.fading, days) {
                fading.add_paces(&pareto.timing, &spend, days, &self.settings(), reading);
            }
            if let Some(surrogate) = &mut finding.surrogate
                && surrogate.effect.is_some()
                && let Some(modelled) =
                    self.within(pareto, &spend, window, surrogate.days(), reading)
            {
                surrogate.compare(modelled);
            }
        }
        finding.placebo = self.placebo(&spend, reading);
        Ok(())
    }

    /// What a purchase brings in both arms.
    fn spend(&self) -> Result<SpendArms, Failed> {
        if !self.context.has_spend {
            return Ok(SpendArms::fixed(1.0));
        }
        let mut table = SpendTable::new(1);
        let mut first = None;
        let mut varies = false;
        for (treated, history) in self.histories.iter().filter(|(_, h)| h.frequency > 0) {
            let purchases = f64::from(history.frequency);
            let mean = history.spend / purchases;
            varies |= *first.get_or_insert(mean) != mean;
            let z = f64::from(u8::from(*treated));
            table.add_mean(purchases, mean, &[z], history.customers)?;
        }
        match first {
            Some(mean) if !varies => Ok(SpendArms::fixed(self.context.margin * mean)),
            _ => {
                let fit = GammaGammaFit::new(&table)?;
                Ok(SpendArms::from_fit(&fit, 0, self.context.margin)?)
            }
        }
    }

    /// Customers as models see them; `is_treated` says it of a customer of a history, by a running number.
    fn table(&self, is_treated: impl Fn(bool, u64) -> bool) -> Result<CustomerTable, FitError> {
        let mut frequency = Vec::new();
        let mut columns: [Vec<f64>; 4] = Default::default();
        let mut number = 0;
        for (treated, history) in &self.histories {
            let mut counts = [0.0; 2];
            for _ in 0..history.customers as u64 {
                counts[usize::from(is_treated(*treated, number))] += 1.0;
                number += 1;
            }
            for (z, count) in counts
                .into_iter()
                .enumerate()
                .filter(|(_, count)| *count > 0.0)
            {
                frequency.push(history.frequency);
                columns[0].push(history.recency / DAYS_PER_UNIT);
                columns[1].push(history.age / DAYS_PER_UNIT);
                columns[2].push(count);
                columns[3].push(z as f64);
            }
        }
        let [recency, age, count, z] = &columns;
        CustomerTable::new(&CustomerColumns {
            frequency: &frequency,
            recency,
            age,
            count: Some(count),
            covariates: &[z],
            ..CustomerColumns::default()
        })
    }

    fn settings(&self) -> Settings {
        Settings {
            horizon: Horizon::Days(self.context.horizon_days),
            discount: self.context.discount,
            uncertainty: Uncertainty::Delta,
            alpha: self.context.alpha,
        }
    }

    /// Refuses a horizon that does not reach beyond what was observed: once, and not of each model.
    fn check_horizon(&self) -> Result<(), NoValue> {
        let windows = self.windows();
        let window = windows.iter().map(|window| window.days).fold(0.0, f64::max);
        let horizon = self.context.horizon_days;
        if horizon < window {
            return Err(NoValue::HorizonWithinWindow { horizon, window });
        }
        Ok(())
    }

    /// Times for which customers of both arms were observed.
    fn windows(&self) -> Vec<Window> {
        let mut ages: Vec<(f64, f64)> = self
            .histories
            .iter()
            .filter(|(_, history)| history.age > 0.0)
            .map(|(_, history)| (history.age, history.customers))
            .collect();
        ages.sort_by(|a, b| a.0.total_cmp(&b.0));
        let size = ages.len().div_ceil(MOST_WINDOWS).max(1);
        ages.chunks(size)
            .map(|near| {
                let customers: f64 = near.iter().map(|(_, customers)| customers).sum();
                let days: f64 = near.iter().map(|(age, customers)| age * customers).sum();
                Window {
                    days: days / customers,
                    customers,
                }
            })
            .collect()
    }

    fn fitted<M: TimingModel>(
        &self,
        fit: Result<TimingFit<M>, FitError>,
        spend: &SpendArms,
        measured: Option<Measured>,
    ) -> Result<Fitted<M>, Failed> {
        let fit = fit?.with_errors()?;
        let timing = TimingArms::from_fit(&fit, 0, DAYS_PER_UNIT)?;
        let settings = self.settings();
        let value = stays_on(&timing, spend, &self.windows(), measured, &settings)?;
        Ok(Fitted {
            fit,
            timing,
            stays_on: value,
        })
    }

    /// Takes what a model says: into the band, and as the finding where it is the likeliest so far.
    fn take<M: TimingModel>(
        &self,
        finding: &mut IncrementalArm,
        name: &str,
        fitted: &Result<Fitted<M>, Failed>,
        reading: Reading,
        best: &mut f64,
    ) {
        let fitted = match fitted {
            Ok(fitted) => fitted,
            Err(failed) => {
                let refusal = Refusal::from(failed);
                finding.refusals.push(Refusal {
                    message: format!("{name}: {}", refusal.message),
                    ..refusal
                });
                return;
            }
        };
        let total = fitted.stays_on.total.amount.value;
        let band = finding.band.get_or_insert(Band {
            low: total,
            high: total,
        });
        (band.low, band.high) = (band.low.min(total), band.high.max(total));
        if fitted.fit.log_likelihood <= *best {
            return;
        }
        *best = fitted.fit.log_likelihood;
        let effect = |effects: &[clv::Effect]| {
            let effect = effects.first()?;
            Some(self.estimate(effect.value, effect.standard_error?))
        };
        finding.model = Some(name.to_owned());
        finding.rate = effect(&fitted.fit.rate_effects);
        finding.attrition = effect(&fitted.fit.attrition_effects);
        finding.stays_on = Some(reading.stays_on(&fitted.stays_on));
    }

    fn stops(
        &self,
        timing: &TimingArms<ParetoNbd>,
        spend: &SpendArms,
        measured: Measured,
        horizon_days: f64,
    ) -> Result<Stops, Failed> {
        let histories: Vec<ArmHistory> = self
            .histories
            .iter()
            .map(|(treated, history)| ArmHistory {
                customer: Customer {
                    frequency: history.frequency,
                    recency: history.recency / DAYS_PER_UNIT,
                    age: history.age / DAYS_PER_UNIT,
                },
                treated: *treated,
                customers: history.customers,
            })
            .collect();
        let settings = Settings {
            horizon: Horizon::Days(horizon_days),
            ..self.settings()
        };
        Ok(stops(timing, spend, &histories, measured, &settings)?)
    }

    /// Both values within some days; none where customers have been seen for longer.
    fn within(
        &self,
        pareto: &Fitted<ParetoNbd>,
        spend: &SpendArms,
        measured: Measured,
        days: f64,
        reading: Reading,
    ) -> Option<Modelled> {
        let settings = Settings {
            horizon: Horizon::Days(days),
            ..self.settings()
        };
        let on = stays_on(&pareto.timing, spend, &self.windows(), None, &settings).ok()?;
        let off = self.stops(&pareto.timing, spend, measured, days).ok()?;
        Some(Modelled {
            stops: reading.of(&off.total),
            stays_on: reading.of(&on.total.amount),
        })
    }

    /// The same analysis, by Pareto/NBD, of arms of the same sizes drawn at random. What a purchase brings is that of the
    /// generic arm: timing is what is looked at.
    fn placebo(&self, spend: &SpendArms, reading: Reading) -> Vec<Placebo> {
        let count = |arm: bool| -> f64 {
            let rows = self.histories.iter().filter(|(treated, _)| *treated == arm);
            rows.map(|(_, history)| history.customers).sum()
        };
        let share = count(true) / (count(true) + count(false));
        let spend = SpendArms::fixed(spend.generic);
        (1..=PLACEBOS)
            .filter_map(|seed| {
                let key = mix(seed);
                let uniform = |number: u64| (mix(key ^ number) >> 11) as f64 / (1_u64 << 53) as f64;
                let table = self.table(|_, number| uniform(number) < share).ok()?;
                let fit = ParetoNbd::fit_with(&table, &Estimation::all(&table));
                let fitted = self.fitted(fit, &spend, None).ok()?;
                Some(Placebo {
                    seed,
                    total: reading.of(&fitted.stays_on.total.amount),
                })
            })
            .collect()
    }

    fn estimate(&self, value: f64, se: f64) -> Estimate {
        let alpha = self.context.alpha;
        Reading { alpha, df: None }.estimate(value, se)
    }
}
