//! The same findings on all three surfaces.

mod fixture;
mod json;
mod page;
mod terminal;
