//! What stands beside effects on a page: whether experiments disturb each other, whether analyses are valid on their
//! data, and how large experiments have to be.

use catalog::Catalog;
use lake::Lake;
use measure::audience::{self, DesignFinding, LiftFinding, OverlapsFinding, ReplayFinding};

use crate::cli::Replay;
use crate::failure::Failure;
use crate::progress::Spinner;

/// Whether experiments on the same customers disturb each other; none where there are fewer than two experiments.
pub(crate) fn overlaps(
    catalog: &Catalog,
    lake: &mut Lake,
) -> Result<Option<OverlapsFinding>, Failure> {
    let _spinner = Spinner::new("measuring experiments on the same customers");
    Ok(audience::overlaps(catalog, lake)?)
}

/// The replays of all experiments, where they are asked for.
pub(crate) fn replays(
    catalog: &Catalog,
    lake: &mut Lake,
    asked: &Replay,
) -> Result<Vec<ReplayFinding>, Failure> {
    let Some(splits) = asked.replay else {
        return Ok(Vec::new());
    };
    let spinner = Spinner::new("replaying");
    let mut replays = Vec::new();
    for experiment in catalog.experiments() {
        spinner.say(&format!("replaying {}", experiment.name));
        let replay = audience::replay(catalog, lake, experiment, splits, asked.seed)?;
        replays.push(replay);
    }
    Ok(replays)
}

/// The designs of the experiments that declare a plan, from what was measured of them; and why there is none.
pub(crate) fn designs(
    catalog: &Catalog,
    lifts: &[LiftFinding],
) -> (Vec<DesignFinding>, Vec<String>) {
    let (mut designs, mut left_out) = (Vec::new(), Vec::new());
    for lift in lifts {
        let experiment = catalog.experiment(&lift.experiment);
        let Some(experiment) = experiment.filter(|experiment| experiment.plan.is_some()) else {
            continue;
        };
        match audience::design_of(catalog, experiment, lift) {
            Ok(design) => designs.push(design),
            Err(error) => left_out.push(format!("There is no design: {error}.")),
        }
    }
    (designs, left_out)
}
