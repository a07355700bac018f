//! What follows from the keys of a document.

use std::fmt;

use super::{
    Absent, Aggregate, Arm, Attribution, Audience, Cap, Channel, Content, Cost, Document,
    Experiment, Fact, Factorial, Format, Initiative, Lifetime, Metric, Performance, Role, Scalar,
    Source, Summaries, Team, Touch,
};

impl Document {
    /// The document's kind, as written.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Source(_) => "source",
            Self::Fact(_) => "fact",
            Self::Metric(_) => "metric",
            Self::Audience(_) => "audience",
            Self::Team(_) => "team",
            Self::Channel(_) => "channel",
            Self::Content(_) => "content",
            Self::Initiative(_) => "initiative",
            Self::Experiment(_) => "experiment",
            Self::Summaries(_) => "summaries",
            Self::Lifetime(_) => "lifetime",
            Self::Cost(_) => "cost",
            Self::Touch(_) => "touch",
            Self::Attribution(_) => "attribution",
            Self::Performance(_) => "performance",
            Self::Factorial(_) => "factorial",
        }
    }

    /// The document's name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Source(Source { name, .. })
            | Self::Fact(Fact { name, .. })
            | Self::Metric(Metric { name, .. })
            | Self::Audience(Audience { name, .. })
            | Self::Team(Team { name, .. })
            | Self::Channel(Channel { name, .. })
            | Self::Content(Content { name, .. })
            | Self::Initiative(Initiative { name, .. })
            | Self::Experiment(Experiment { name, .. })
            | Self::Summaries(Summaries { name, .. })
            | Self::Lifetime(Lifetime { name, .. })
            | Self::Cost(Cost { name, .. })
            | Self::Touch(Touch { name, .. })
            | Self::Attribution(Attribution { name, .. })
            | Self::Performance(Performance { name, .. })
            | Self::Factorial(Factorial { name, .. }) => name,
        }
    }
}

impl Format {
    /// The format that the end of a path tells, compression (`.gz`, `.zst`) and the query part of a URL aside.
    ///
    /// ```
    /// use catalog::Format;
    ///
    /// assert_eq!(Format::of_path("orders/*.csv.gz"), Some(Format::Csv));
    /// assert_eq!(Format::of_path("orders"), None);
    /// ```
    #[must_use]
    pub fn of_path(path: &str) -> Option<Self> {
        let path = if path.contains("://") {
            path.split('?').next().unwrap_or(path)
        } else {
            path
        };
        let path = path.to_ascii_lowercase();
        let path = [".gz", ".zst", ".zstd"]
            .iter()
            .find_map(|end| path.strip_suffix(end))
            .unwrap_or(&path);
        let (_, extension) = path.rsplit_once('.')?;
        match extension {
            "csv" | "txt" => Some(Self::Csv),
            "tsv" | "tab" => Some(Self::Tsv),
            "jsonl" | "ndjson" | "json" => Some(Self::Jsonl),
            "parquet" | "pq" => Some(Self::Parquet),
            "xlsx" => Some(Self::Xlsx),
            _ => None,
        }
    }
}

impl Metric {
    /// Whether customers without rows of the fact have 0, by `absent` or else by the aggregate.
    #[must_use]
    pub fn absent_is_zero(&self) -> bool {
        match self.absent {
            Some(absent) => absent == Absent::Zero,
            None => !matches!(
                self.aggregate,
                Aggregate::Mean | Aggregate::Min | Aggregate::Max
            ),
        }
    }

    /// Whether its rows are put in order by their time, or counted by it.
    #[must_use]
    pub fn needs_time(&self) -> bool {
        self.window.is_some() || matches!(self.aggregate, Aggregate::Days | Aggregate::Funnel)
    }
}

impl Cap {
    /// Whether a bound depends on the values.
    #[must_use]
    pub fn has_percentile(&self) -> bool {
        self.lower_percentile.is_some() || self.upper_percentile.is_some()
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => value.fmt(f),
            Self::Integer(value) => value.fmt(f),
            Self::Number(value) => value.fmt(f),
            Self::Text(value) => value.fmt(f),
        }
    }
}

impl Experiment {
    /// The arm that others are compared with: the generic one, else the holdout.
    #[must_use]
    pub fn reference(&self) -> Option<&Arm> {
        let of_role = |role| self.arms.iter().find(|arm| arm.role == role);
        of_role(Role::Generic).or_else(|| of_role(Role::Holdout))
    }

    /// The metrics that are compared: the primary one, other success metrics, guardrails, secondary ones.
    pub fn metric_names(&self) -> impl Iterator<Item = &str> {
        let guardrails = self.metrics.guardrails.iter();
        self.success_names()
            .chain(guardrails.map(|guardrail| guardrail.metric.as_str()))
            .chain(self.metrics.secondary.iter().map(String::as_str))
    }
}

impl Arm {
    /// What the arm column holds for it: its value, else its name.
    #[must_use]
    pub fn column_value(&self) -> Scalar {
        self.value
            .clone()
            .unwrap_or_else(|| Scalar::Text(self.name.clone()))
    }
}
