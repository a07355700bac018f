//! Whether an experiment is measured as it was sealed.

use catalog::seal::{Definition, Seal, seals};
use catalog::{Catalog, Experiment};

use super::finding::PlanDeviation;
use crate::error::MeasureError;

/// The seal that an experiment is held to.
pub(crate) struct Held {
    pub(crate) seal: Seal,
    /// Whether it was made before the first exposure; none where that is not known.
    pub(crate) in_time: Option<bool>,
    pub(crate) deviations: Vec<PlanDeviation>,
}

/// The last seal made before the first exposure, else the first one; none where the experiment was never sealed.
///
/// # Errors
///
/// Seals that cannot be read or were tampered with.
pub(crate) fn held(
    catalog: &Catalog,
    experiment: &Experiment,
    first_exposure: Option<i64>,
) -> Result<Option<Held>, MeasureError> {
    let seals: Vec<Seal> = seals(catalog.root())?
        .into_iter()
        .filter(|seal| seal.experiment == experiment.name)
        .collect();
    let time_zone = &catalog.project().time_zone;
    let is_before = |seal: &Seal| {
        let sealed_at = seal.local_microseconds(time_zone);
        Some(sealed_at? < first_exposure?)
    };
    let in_time = seals
        .iter()
        .rev()
        .find(|seal| is_before(seal) == Some(true));
    let Some(seal) = in_time.or(seals.first()) else {
        return Ok(None);
    };
    let deviations = Definition::of(catalog, experiment).deviations_from(&seal.definition);
    Ok(Some(Held {
        seal: seal.clone(),
        in_time: is_before(seal),
        deviations: deviations
            .into_iter()
            .map(|deviation| PlanDeviation {
                path: deviation.path,
                sealed: deviation.sealed.map(|value| value.to_string()),
                current: deviation.current.map(|value| value.to_string()),
            })
            .collect(),
    }))
}
