//! Which experiment measured what of a channel, so that its credit can be held against it.

use super::{
    Aggregate, Arm, Attribution, Calibrating, Conversion, Document, Experiment, Initiative, Metric,
    Name, Unit,
};

/// What an experiment measured that a channel brings.
#[derive(Debug, Clone, Copy)]
pub struct Calibrator<'a> {
    pub channel: &'a str,
    pub experiment: &'a Experiment,
    /// The arm that has the channel; the arm that it is compared with does not.
    pub arm: &'a Arm,
    /// A metric that adds up the conversions, or their value, per customer.
    pub metric: &'a Metric,
    pub measures: Measures,
}

/// What a metric of an experiment adds up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measures {
    Conversions,
    Value,
}

/// Why an experiment does not say what a channel brings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CalibratorError {
    /// There is no experiment of this name.
    #[error("there is no experiment `{0}`")]
    NoExperiment(Name),
    /// The arms' initiatives do not name one channel.
    #[error(
        "the arms of `{experiment}` show initiatives in {channels} channels, so that it does not say which one it measured"
    )]
    NotOneChannel { experiment: Name, channels: usize },
    /// Several arms could have the channel.
    #[error("`{experiment}` has {arms} arms that may have the channel `{channel}`")]
    NotOneArm {
        experiment: Name,
        channel: String,
        arms: usize,
    },
    /// No metric adds up what is shared out.
    #[error("no metric of `{experiment}` adds up the conversions of `{fact}`, or their value")]
    NoMetric { experiment: Name, fact: Name },
}

impl Attribution {
    /// The experiments that its credit is held against, each with its place among the keys of the document.
    pub fn calibrators<'a, D>(
        &'a self,
        documents: D,
    ) -> Vec<(String, Result<Calibrator<'a>, CalibratorError>)>
    where
        D: Iterator<Item = &'a Document> + Clone,
    {
        let of = |path: String, name: &str, channel: Option<&'a str>| {
            (path, self.calibrator(documents.clone(), name, channel))
        };
        match &self.experiments {
            None => Vec::new(),
            Some(Calibrating::Experiments(names)) => names
                .iter()
                .enumerate()
                .map(|(place, name)| of(format!("experiments/{place}"), name, None))
                .collect(),
            Some(Calibrating::ByChannel(by_channel)) => by_channel
                .iter()
                .map(|(channel, name)| of(format!("experiments/{channel}"), name, Some(channel)))
                .collect(),
        }
    }

    fn calibrator<'a, D>(
        &'a self,
        documents: D,
        name: &str,
        channel: Option<&'a str>,
    ) -> Result<Calibrator<'a>, CalibratorError>
    where
        D: Iterator<Item = &'a Document> + Clone,
    {
        let experiment = documents.clone().find_map(|document| match document {
            Document::Experiment(experiment) if experiment.name == name => Some(experiment),
            _ => None,
        });
        let experiment =
            experiment.ok_or_else(|| CalibratorError::NoExperiment(name.to_owned()))?;
        let reference = experiment.reference().map(|arm| arm.name.as_str());
        let treated = |arm: &&'a Arm| Some(arm.name.as_str()) != reference;
        let arms: Vec<&Arm> = experiment.arms.iter().filter(treated).collect();
        let initiative = |arm: &Arm| -> Option<&'a Initiative> {
            let wanted = arm.initiative.as_ref()?;
            documents.clone().find_map(|document| match document {
                Document::Initiative(initiative) if initiative.name == *wanted => Some(initiative),
                _ => None,
            })
        };
        let channel =
            match channel {
                Some(channel) => channel,
                None => only_channel(arms.iter().filter_map(|arm| initiative(arm))).map_err(
                    |channels| CalibratorError::NotOneChannel {
                        experiment: name.to_owned(),
                        channels,
                    },
                )?,
            };
        let shows = |arm: &&Arm| {
            initiative(arm).is_some_and(|shown| shown.channels.iter().any(|own| own == channel))
        };
        let with_channel: Vec<&Arm> = arms.iter().copied().filter(shows).collect();
        let arm = match (with_channel.as_slice(), arms.as_slice()) {
            ([only], _) | ([], [only]) => *only,
            _ => {
                return Err(CalibratorError::NotOneArm {
                    experiment: name.to_owned(),
                    channel: channel.to_owned(),
                    arms: with_channel.len().max(arms.len()),
                });
            }
        };
        let (metric, measures) = self
            .conversion
            .metric_of(documents, experiment)
            .ok_or_else(|| CalibratorError::NoMetric {
                experiment: name.to_owned(),
                fact: self.conversion.fact.clone(),
            })?;
        Ok(Calibrator {
            channel,
            experiment,
            arm,
            metric,
            measures,
        })
    }
}

/// The one channel that initiatives have among them, or how many they have.
fn only_channel<'a>(initiatives: impl Iterator<Item = &'a Initiative>) -> Result<&'a str, usize> {
    let mut channels: Vec<&str> = initiatives
        .flat_map(|initiative| &initiative.channels)
        .map(String::as_str)
        .collect();
    channels.sort_unstable();
    channels.dedup();
    match channels.as_slice() {
        [only] => Ok(only),
        other => Err(other.len()),
    }
}

impl Conversion {
    /// Whether what is shared out is money: conversions have a value, and its unit is money.
    #[must_use]
    pub fn is_of_money(&self) -> bool {
        self.value.is_some() && self.unit == Unit::Money
    }

    /// The metric of an experiment that adds up what is shared out: the value if there is such a metric, else the
    /// conversions.
    fn metric_of<'a>(
        &self,
        documents: impl Iterator<Item = &'a Document> + Clone,
        experiment: &Experiment,
    ) -> Option<(&'a Metric, Measures)> {
        let metric = |name: &str| {
            documents.clone().find_map(|document| match document {
                Document::Metric(metric) if metric.name == name => Some(metric),
                _ => None,
            })
        };
        let metrics: Vec<&Metric> = experiment.metric_names().filter_map(metric).collect();
        let first = |measures: Measures| {
            let mut fitting = metrics.iter().copied();
            fitting
                .find(|metric| self.measured_by(metric) == Some(measures))
                .map(|metric| (metric, measures))
        };
        first(Measures::Value).or_else(|| first(Measures::Conversions))
    }

    /// What a metric adds up of the conversions; none if it is of something else, of a part of them, or of those customers
    /// only who have any.
    #[must_use]
    pub fn measured_by(&self, metric: &Metric) -> Option<Measures> {
        let whole = metric.filter.is_none() && metric.cap.is_none() && metric.absent_is_zero();
        if metric.fact.as_ref() != Some(&self.fact) || !whole {
            return None;
        }
        match metric.aggregate {
            Aggregate::Sum if metric.value.is_some() && metric.value == self.value => {
                Some(Measures::Value)
            }
            Aggregate::Count if self.order.is_none() => Some(Measures::Conversions),
            Aggregate::CountDistinct if metric.value.is_some() && metric.value == self.order => {
                Some(Measures::Conversions)
            }
            _ => None,
        }
    }
}
