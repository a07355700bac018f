//! The same findings on all three surfaces.

mod fixture;
mod json;
mod others;
mod page;
mod sections;
mod terminal;
