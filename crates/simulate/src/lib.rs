//! A retailer whose truth is known: the oracle of every measurement.
//!
//! [`write_project`] simulates two years of a shop's customers, experiments and costs and writes them as an ordinary
//! project: a catalog, data in Parquet, and beside them the [`Truth`] that a measurement of that project should find.
//!
//! ```
//! use simulate::{Settings, Truth, write_project};
//!
//! let folder = tempfile::tempdir()?;
//! let settings = Settings { customers: 500, ..Settings::default() };
//! let written = write_project(&settings, folder.path(), &mut |_| {})?;
//! assert_eq!(Truth::read(&folder.path().join(Truth::FILE))?, written.truth);
//! let placebo = written.truth.experiment("platform-check").and_then(|e| e.effect("b", "revenue"));
//! assert_eq!(placebo.map(|effect| effect.effect), Some(0.0));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod calendar;
mod claim;
mod company;
mod content;
mod error;
mod generate;
mod history;
mod lifetime;
mod metrics;
mod oracle;
mod population;
mod process;
mod project;
mod settings;
mod shapley;
mod stream;
mod tables;
mod touches;
mod truth;
mod write;

pub use error::SimulateError;
pub use population::{GammaLaw, Population};
pub use settings::{Progress, Settings, Written};
pub use truth::{
    ArmTruth, ClickTruth, ContentTruth, CostTruth, DroppedTruth, EffectTruth, Estimand,
    ExperimentTruth, FaultsTruth, InitiativeTruth, LifetimeDifferenceTruth, LifetimeSplitTruth,
    LifetimeTruth, LifetimeValueTruth, SegmentTruth, ShareTruth, Split, Truth, Worth,
};
pub use write::write_project;
