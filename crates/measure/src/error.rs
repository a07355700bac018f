use lake::{LakeError, WrongColumn};
use stats::moments::MomentsError;

/// Why a measurement could not be made at all.
#[derive(Debug, thiserror::Error)]
pub enum MeasureError {
    /// The lake could not be read.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// Seals cannot be read, or were tampered with.
    #[error(transparent)]
    Seal(#[from] catalog::seal::SealError),
    /// A column is named that is not there.
    #[error("{place}: `{table}` has no column `{column}`{}", suggestion(.meant))]
    UnknownColumn {
        /// Where the catalog names it, such as `experiment email-2008, covariates`.
        place: String,
        table: String,
        column: String,
        /// A column with a similar name.
        meant: Option<String>,
    },
    /// An expression or column cannot be used as the catalog says.
    #[error("{place}: {message}")]
    Unusable { place: String, message: String },
    /// The engine's rows could not be summed up.
    #[error("experiment `{experiment}`: column `{column}` cannot be summed up: {message}")]
    Summary {
        experiment: String,
        column: String,
        message: String,
    },
    /// A limit of the measurement.
    #[error("{place}: {message}")]
    Limit { place: String, message: String },
}

fn suggestion(meant: &Option<String>) -> String {
    meant
        .as_ref()
        .map(|meant| format!("; did you mean `{meant}`?"))
        .unwrap_or_default()
}

impl MeasureError {
    /// Where the catalog says what is wrong, as [`catalog::Catalog::place_of`] reads it; none where that is not known.
    #[must_use]
    pub fn place(&self) -> Option<String> {
        match self {
            Self::UnknownColumn { place, .. }
            | Self::Unusable { place, .. }
            | Self::Limit { place, .. } => Some(place.clone()),
            Self::Summary { experiment, .. } => Some(format!("experiment `{experiment}`")),
            Self::Lake(error) => error.place(),
            Self::Seal(_) => None,
        }
    }

    pub(crate) fn summary_of_columns(experiment: &str, error: &WrongColumn) -> Self {
        Self::Unusable {
            place: format!("experiment `{experiment}`"),
            message: error.to_string(),
        }
    }

    pub(crate) fn summary(experiment: &str, columns: &[String], error: &MomentsError) -> Self {
        let column = match error {
            MomentsError::NotFinite { column } => columns.get(*column).cloned().unwrap_or_default(),
            _ => String::new(),
        };
        Self::Summary {
            experiment: experiment.to_owned(),
            column,
            message: error.to_string(),
        }
    }
}
