//! Customer-base models.

mod error;
mod linear;
mod optimize;

pub use error::FitError;
