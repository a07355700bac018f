//! What channels, or components of content, cause alone and together: experiments whose arms are combinations of
//! factors.

mod cells;
mod channels;
mod combinations;
mod designs;
mod effects;
mod evidence;
mod finding;
mod segments;

use catalog::{Catalog, Experiment, Factorial, FactorialOf, Factors, Metric};
use lake::Lake;

use self::cells::{Design, Reading};
pub use self::finding::{
    AddsUp, Aliases, Answer, CellMean, ChannelOrder, ChannelShare, ChannelsFinding,
    ChoiceBySegment, CombinationFinding, CreditedChannel, DesignOfCells, DesignOption,
    DetectableEffects, EffectOfValue, EvidenceLadder, EvidenceRow, FactorBySegment, FactorLevels,
    FactorialFinding, FactorsTogether, LadderStep, LevelBySegment, LevelEffect,
};
use crate::Provenance;
use crate::audience::{Comparison, LiftFinding, Rule, Severity, lift_and};
use crate::error::MeasureError;

/// Measures what the factors of an experiment's arms cause.
///
/// The experiment is measured as [`lift`](crate::audience::lift()) measures it; every effect is a contrast of its arms'
/// means, adjusted where it declares covariates, read by the rule of its plan. Each customer counts in the arm that they
/// were first assigned to, whatever reached them (intention to treat).
///
/// # Errors
///
/// [`MeasureError`] where the lake or the catalog do not allow the measurement at all. What the data or the design do not
/// support is a refusal inside the finding.
pub fn factorial(
    catalog: &Catalog,
    lake: &mut Lake,
    document: &Factorial,
) -> Result<FactorialFinding, MeasureError> {
    let asked = Asked::of(catalog, document)?;
    let (lift, mut finding) = asked.measured(catalog, lake)?;
    let attribution = document.attribution.as_ref();
    let attribution = attribution.and_then(|name| catalog.attribution(name));
    if let (Some(attribution), Some(channels)) = (attribution, &mut finding.channels) {
        let measured = (&lift, &*channels);
        let ladder = evidence::evidence(catalog, lake, &asked, attribution, measured)?;
        channels.evidence = Some(ladder);
        finding.provenance = Provenance::of(catalog, lake)?;
    }
    Ok(finding)
}

/// [`factorial()`] without the credit that stands beside what channels cause.
///
/// # Errors
///
/// As [`factorial()`].
pub(super) fn effects_alone(
    catalog: &Catalog,
    lake: &mut Lake,
    document: &Factorial,
) -> Result<FactorialFinding, MeasureError> {
    let (_, finding) = Asked::of(catalog, document)?.measured(catalog, lake)?;
    Ok(finding)
}

/// What is measured.
struct Asked<'a> {
    document: &'a Factorial,
    experiment: &'a Experiment,
    metric: &'a Metric,
    factors: Factors<'a>,
}

impl<'a> Asked<'a> {
    fn of(catalog: &'a Catalog, document: &'a Factorial) -> Result<Self, MeasureError> {
        let unusable = |message: String| MeasureError::Unusable {
            place: format!("factorial `{}`", document.name),
            message,
        };
        let experiment = catalog
            .experiment(&document.experiment)
            .ok_or_else(|| unusable(format!("there is no experiment `{}`", document.experiment)))?;
        let name = document.metric_of(experiment);
        let metric = catalog
            .metric(name)
            .ok_or_else(|| unusable(format!("there is no metric `{name}`")))?;
        let factors = experiment.factors().ok_or_else(|| {
            unusable(format!("the arms of `{}` have no factors", experiment.name))
        })?;
        Ok(Self {
            document,
            experiment,
            metric,
            factors,
        })
    }

    /// The experiment, and what its factors cause.
    fn measured(
        &self,
        catalog: &Catalog,
        lake: &mut Lake,
    ) -> Result<(LiftFinding, FactorialFinding), MeasureError> {
        lift_and(catalog, lake, self.experiment, |lift, rule| {
            self.finding(catalog, lift, rule)
        })
    }
}

impl Asked<'_> {
    fn finding(&self, catalog: &Catalog, lift: &LiftFinding, rule: &Rule<'_>) -> FactorialFinding {
        let (document, factors) = (self.document, &self.factors);
        let reading = Reading {
            rule,
            better: self.metric.better,
        };
        let of_metric = lift.metrics.iter().filter(|c| c.metric == self.metric.name);
        let comparisons: Vec<&Comparison> = of_metric.collect();
        let design = match &lift.refusal {
            Some(refusal) => Err(refusal.clone()),
            None => Design::new(factors, &comparisons, document.interactions),
        };
        let mut finding = self.empty(catalog, lift);
        let design = match design {
            Ok(design) => design,
            Err(refusal) => {
                finding.designs = designs::options(self.experiment, factors, None, None);
                finding.refusal = Some(refusal);
                return finding;
            }
        };
        finding.cells = self.cells(&design);
        finding.customers = finding.cells.iter().map(|cell| cell.customers).sum();
        finding.design = designs::of_cells(&design);
        finding.effects = effects::effects(&design, factors, &reading);
        finding.interactions = effects::interactions(&design, factors, &reading);
        match document.of {
            FactorialOf::Channels => {
                let channels = design.factorial().map(|f| channels::channels(f, &reading));
                finding.channels = channels;
            }
            FactorialOf::Components => {
                finding.combinations = combinations::combinations(&design, factors, &reading);
            }
        }
        finding.by_segment = segments::by_segment(
            lift,
            factors,
            &self.metric.name,
            document.interactions,
            &reading,
        );
        let baseline = design.cells().sample(0).map(|sample| sample.mean);
        finding.designs = designs::options(self.experiment, factors, Some(&design), baseline);
        finding
    }

    /// What is known whatever the data say.
    fn empty(&self, catalog: &Catalog, lift: &LiftFinding) -> FactorialFinding {
        let (document, factors) = (self.document, &self.factors);
        let named = factors.names.iter().zip(&factors.levels);
        FactorialFinding {
            format: FactorialFinding::FORMAT.to_owned(),
            factorial: document.name.clone(),
            description: document.description.clone(),
            experiment: self.experiment.name.clone(),
            of: document.of,
            metric: self.metric.name.clone(),
            unit: self.metric.unit,
            better: self.metric.better,
            currency: catalog.project().currency.clone(),
            alpha: self.experiment.alpha,
            customers: 0,
            factors: named
                .map(|(name, levels)| FactorLevels {
                    factor: (*name).to_owned(),
                    levels: levels.clone(),
                })
                .collect(),
            cells: Vec::new(),
            design: DesignOfCells {
                run: factors.cells.len() as u64,
                of: factors
                    .levels
                    .iter()
                    .map(|levels| levels.len() as u64)
                    .product(),
                assumed: None,
                regular: None,
                resolution: None,
                aliases: Vec::new(),
            },
            effects: Vec::new(),
            interactions: Vec::new(),
            channels: None,
            combinations: Vec::new(),
            by_segment: Vec::new(),
            designs: Vec::new(),
            checks: lift
                .checks
                .iter()
                .filter(|check| check.severity >= Severity::Warning)
                .cloned()
                .collect(),
            refusal: None,
            provenance: lift.provenance.clone(),
        }
    }

    /// The means of the arms, in the order of their declaration.
    fn cells(&self, design: &Design) -> Vec<CellMean> {
        let cell = |(arm, levels): &(&str, Vec<usize>)| {
            let sample = design.cells().sample(design.grid().place(levels)?)?;
            Some(CellMean {
                arm: (*arm).to_owned(),
                levels: self.factors.named(levels),
                customers: sample.n,
                mean: sample.mean,
                se: (sample.variance / sample.n as f64).sqrt(),
            })
        };
        self.factors.cells.iter().filter_map(cell).collect()
    }

    /// The channel of a factor in the attribution.
    fn channel_of<'c>(&'c self, factor: &'c str) -> &'c str {
        self.document.channel_of(factor)
    }
}
