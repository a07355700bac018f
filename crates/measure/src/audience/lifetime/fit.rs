//! Models of purchase timing and of spend, fitted to the customer base.

use catalog::LifetimeModel;
use clv::{
    BgNbd, Boundary, CovarianceKind, Customer, CustomerTable, FitError, GammaGamma, GammaGammaFit,
    InfiniteMeanSpend, LikelihoodRatio, MbgNbd, ParetoNbd, Prediction, SpendTable, TimingFit,
    TimingModel,
};

use super::base::Base;
use super::finding::Parameter;

/// A fitted model of purchase timing.
pub(super) enum Fitted {
    Pareto(TimingFit<ParetoNbd>),
    Bg(TimingFit<BgNbd>),
    Mbg(TimingFit<MbgNbd>),
}

/// The models of a choice, with the least special one first.
pub(super) fn models(choice: LifetimeModel) -> Vec<LifetimeModel> {
    match choice {
        LifetimeModel::Auto => vec![
            LifetimeModel::ParetoNbd,
            LifetimeModel::MbgNbd,
            LifetimeModel::BgNbd,
        ],
        one => vec![one],
    }
}

/// A model's name as the catalog writes it.
pub(super) fn name(model: LifetimeModel) -> &'static str {
    match model {
        LifetimeModel::Auto => "auto",
        LifetimeModel::ParetoNbd => "pareto-nbd",
        LifetimeModel::BgNbd => "bg-nbd",
        LifetimeModel::MbgNbd => "mbg-nbd",
    }
}

/// Evaluates an expression for the fit, whichever model it is.
macro_rules! each {
    ($fitted:expr, $fit:ident => $value:expr) => {
        match $fitted {
            Fitted::Pareto($fit) => $value,
            Fitted::Bg($fit) => $value,
            Fitted::Mbg($fit) => $value,
        }
    };
}

impl Fitted {
    /// Fits a model; `Auto` is Pareto/NBD.
    pub(super) fn new(model: LifetimeModel, table: &CustomerTable) -> Result<Self, FitError> {
        Ok(match model {
            LifetimeModel::BgNbd => Self::Bg(BgNbd::fit(table)?),
            LifetimeModel::MbgNbd => Self::Mbg(MbgNbd::fit(table)?),
            LifetimeModel::ParetoNbd | LifetimeModel::Auto => Self::Pareto(ParetoNbd::fit(table)?),
        })
    }

    pub(super) fn log_likelihood(&self) -> f64 {
        each!(self, fit => fit.log_likelihood)
    }

    pub(super) fn boundaries(&self) -> &[Boundary] {
        each!(self, fit => &fit.boundaries)
    }

    pub(super) fn sees_no_attrition(&self) -> bool {
        each!(self, fit => fit.sees_no_attrition())
    }

    pub(super) fn parameters(&self) -> Vec<Parameter> {
        fn of<M: TimingModel>(fit: &TimingFit<M>) -> Vec<Parameter> {
            let errors = fit.standard_errors(CovarianceKind::Sandwich);
            let values = fit.model.parameters();
            let named = M::PARAMETERS.iter().zip(values).zip(errors);
            named
                .map(|((name, value), se)| Parameter {
                    name: (*name).to_owned(),
                    value,
                    se,
                })
                .collect()
        }
        each!(self, fit => of(fit))
    }

    pub(super) fn attrition_test(
        &self,
        table: &CustomerTable,
    ) -> Result<LikelihoodRatio, FitError> {
        each!(self, fit => fit.attrition_test(table))
    }

    /// The shape of attrition, above which a mean life is finite if it exceeds 1, and the standard error of its
    /// logarithm.
    pub(super) fn attrition_shape(&self) -> (f64, f64) {
        let shape = each!(self, fit => fit.model.parameters()[2]);
        let variance = each!(self, fit => fit.ln_covariance(CovarianceKind::Sandwich)[2][2]);
        (shape, variance.max(0.0).sqrt())
    }

    /// Expected purchases of a customer within a horizon, discounted.
    pub(super) fn discounted(&self, customer: &Customer, discount: f64, horizon: f64) -> f64 {
        each!(self, fit => fit.model.discounted_expected_transactions(customer, discount, horizon))
    }

    /// The same of a customer who buys for the first time.
    pub(super) fn discounted_of_new(&self, discount: f64, horizon: f64) -> f64 {
        each!(self, fit => fit.model.discounted_expected_transactions_of_new(discount, horizon))
    }

    /// Covariance of the logarithms of the parameters.
    pub(super) fn covariance(&self) -> [[f64; 4]; 4] {
        each!(self, fit => fit.ln_covariance(CovarianceKind::Sandwich))
    }

    /// The slope of the logarithm of expected purchases within a horizon in the logarithm of each parameter; zero in
    /// those at an end of their range.
    pub(super) fn slopes(&self, customer: &Customer, horizon: f64) -> [f64; 4] {
        let covariance = self.covariance();
        std::array::from_fn(|i| {
            if covariance[i][i] <= 0.0 {
                return 0.0;
            }
            let ln = |step: f64| match self {
                Self::Pareto(fit) => {
                    let [r, alpha, s, beta] = moved(fit.model.parameters(), i, step);
                    let model = ParetoNbd::new(r, alpha, s, beta);
                    model.map(|model| model.expected_transactions(customer, horizon).ln())
                }
                Self::Bg(fit) => {
                    let [r, alpha, a, b] = moved(fit.model.parameters(), i, step);
                    let model = BgNbd::new(r, alpha, a, b);
                    model.map(|model| model.expected_transactions(customer, horizon).ln())
                }
                Self::Mbg(fit) => {
                    let [r, alpha, a, b] = moved(fit.model.parameters(), i, step);
                    let model = MbgNbd::new(r, alpha, a, b);
                    model.map(|model| model.expected_transactions(customer, horizon).ln())
                }
            };
            match (ln(STEP), ln(-STEP)) {
                (Ok(up), Ok(down)) if up.is_finite() && down.is_finite() => {
                    (up - down) / (2.0 * STEP)
                }
                _ => 0.0,
            }
        })
    }

    pub(super) fn expected(&self, customer: &Customer, horizon: f64) -> f64 {
        each!(self, fit => fit.model.expected_transactions(customer, horizon))
    }

    pub(super) fn alive(&self, customer: &Customer) -> f64 {
        each!(self, fit => fit.model.probability_alive(customer))
    }

    pub(super) fn expected_of_new(&self, horizon: f64) -> f64 {
        each!(self, fit => fit.model.expected_transactions_of_new(horizon))
    }
}

/// Parameters of which one is moved by a step in its logarithm.
fn moved(mut parameters: [f64; 4], place: usize, step: f64) -> [f64; 4] {
    parameters[place] *= step.exp();
    parameters
}

/// A boundary in words.
pub(super) fn in_words(boundary: &Boundary) -> String {
    match boundary {
        Boundary::NoAttrition => "no attrition is visible in this window".to_owned(),
        Boundary::ImmediateAttrition => "everyone leaves at the first opportunity".to_owned(),
        Boundary::EqualAttrition => "all customers are equally likely to leave".to_owned(),
        Boundary::PolarizedAttrition => "some customers leave at once, the others never".to_owned(),
        Boundary::EqualRates => "all customers buy at the same rate".to_owned(),
        Boundary::PolarizedRates => "a few customers make all repeat purchases".to_owned(),
        Boundary::UnlimitedRate => "the rate of purchase has no limit".to_owned(),
        _ => "an effect has no limit".to_owned(),
    }
}

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
    let mut table = SpendTable::new(0);
    for row in base.kept.iter().filter(|row| row.frequency > 0) {
        let purchases = f64::from(row.frequency);
        table.add_mean(
            purchases,
            row.spend / purchases,
            &[],
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

    /// The parameters moved one by one by a small step in their logarithms, up and down, and the covariance of the
    /// logarithms.
    pub(super) fn moved(&self) -> Option<(Vec<[Self; 2]>, &[f64])> {
        let Self::Varies(fit) = self else {
            return None;
        };
        let at = |parameter: usize, step: f64| {
            let mut moved = fit.parameters.clone();
            let GammaGamma { p, q, gamma, .. } = &mut moved;
            *[p, q, gamma][parameter] *= step.exp();
            Self::Varies(Box::new(GammaGammaFit {
                parameters: moved,
                ..(**fit).clone()
            }))
        };
        let moved = (0..3).map(|i| [at(i, STEP), at(i, -STEP)]).collect();
        Some((moved, &fit.covariance))
    }

    /// Expected spend per purchase of a customer, given the number of repeat purchases and what they sum to.
    pub(super) fn conditional(&self, purchases: f64, sum: f64) -> Result<f64, InfiniteMeanSpend> {
        match self {
            Self::Counted => Ok(1.0),
            Self::Same(mean) => Ok(*mean),
            Self::Varies(fit) => {
                let mean = if purchases > 0.0 {
                    sum / purchases
                } else {
                    0.0
                };
                fit.parameters.conditional_mean(purchases, mean, &[])
            }
        }
    }
}

/// The step, in logarithms, of numerical slopes.
pub(super) const STEP: f64 = 1e-4;

/// A sum with its interval as a share of the customers that it is taken over.
pub(super) fn per_customer(
    total: Prediction,
    customers: f64,
    alpha: f64,
) -> crate::audience::Estimate {
    let (low, high) = total.interval(alpha);
    crate::audience::Estimate {
        estimate: total.value / customers,
        se: total.standard_error / customers,
        low: low / customers,
        high: high / customers,
        df: None,
    }
}
