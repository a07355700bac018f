//! Customer-base models: who is still a customer, what they will buy, and what that is
//! worth.
//!
//! Numbers in, numbers out. Rules that hold throughout:
//!
//! * **The unit of time does not matter.** Parameters are searched as logarithms of
//!   scale-free quantities; days and weeks give the same answer. Discount rates are
//!   given a year and converted exactly ([`discount`]).
//! * **Nothing overflows.** Likelihoods are computed in logs and by quadrature instead of
//!   hypergeometric functions; every legal customer has a finite likelihood.
//! * **A maximum at the end of the parameter space is a result.** [`Boundary`] says what
//!   it means, such as that no attrition is visible in the window.
//! * **Equal customers are one row** of a [`CustomerTable`], and results depend neither
//!   on merging nor on the number of threads.
//!
//! | question | answered by |
//! | --- | --- |
//! | when do customers buy, and who has left without saying so? | [`ParetoNbd`], [`BgNbd`], [`MbgNbd`] |
//! | and if they buy regularly? | [`BetaGeometric::fit_regularity`] |
//! | what do customer attributes or a treatment change? | [`Estimation`], [`Effect`] |
//! | is a customer still there, what is to be expected, when is the next purchase? | [`TimingModel`], [`Expectation`] |
//! | how sure is that? | [`TimingFit`] |
//! | how much attrition may there be where none is visible? | [`TimingFit::attrition_limit`] |
//! | does one model explain more than another? | [`likelihood_ratio`] |
//! | who gives at fixed occasions? | [`BgBb`] |
//! | who renews a contract? | [`ShiftedBetaGeometric`] |
//! | what does a purchase bring? | [`GammaGamma`] |
//! | what is each customer worth? | [`TimingFit::value`] |
//! | what may change with time? | [`time_varying`] |
//! | what does a treatment add to a customer's value? | [`incremental`] |
//! | what would simple rules say? | [`baselines`] |
//! | how far off were forecasts? | [`backtest`] |
//! | what does a customer cost, and when is it earned back? | [`acquisition`] |

mod attrition_limit;
mod beta;
mod bg_discounted;
mod bg_expectation;
mod bg_forecast;
mod bg_likelihood;
mod bg_nbd;
mod bg_nodes;
mod bgbb;
mod cnbd;
mod error;
mod forecast;
mod gamma_function;
mod gamma_gamma;
mod inference;
mod information;
mod interpolation;
mod linear;
mod optimize;
mod parallel;
mod pareto_forecast;
mod pareto_nbd;
mod profile;
mod quadrature;
mod random;
mod sbg;
mod special;
mod spend;
mod table;
mod timing;
mod value;

pub mod acquisition;
pub mod backtest;
pub mod baselines;
pub mod discount;
pub mod incremental;
pub mod time_varying;

pub use beta::{BetaBoundary, UnboundedLifetime};
pub use bg_nbd::{BetaGeometric, BgNbd, MbgNbd};
pub use bgbb::{BgBb, BgBbFit, Opportunities};
pub use cnbd::MOST_REGULAR;
pub use error::FitError;
pub use forecast::Expectation;
pub use gamma_gamma::{GammaGamma, GammaGammaFit, InfiniteMeanSpend, MeanSpend, SpendBoundary};
pub use inference::{CovarianceKind, LikelihoodRatio, Prediction, Predictions, likelihood_ratio};
pub use linear::quadratic;
pub use pareto_nbd::ParetoNbd;
pub use profile::{ProfileInterval, ProfileParameter};
pub use sbg::{ContractTable, ShiftedBetaGeometric, ShiftedBetaGeometricFit};
pub use spend::{LeftOut, SpendRow, SpendTable};
pub use table::{Customer, CustomerColumns, CustomerTable};
pub use timing::{Boundary, Effect, Estimation, Gradient, TimingFit, TimingModel};
pub use value::{NoValue, Spenders, Values};
