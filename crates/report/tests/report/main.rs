//! The same findings on all three surfaces.

mod behind;
mod capped;
mod evidence_of_credit;
mod factorial;
mod fixture;
mod json;
mod others;
mod overlaps;
mod page;
mod sections;
mod terminal;
mod worth;
