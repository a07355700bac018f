//! Findings for people and for programs: terminal tables, JSON, and one self-contained HTML page.
//!
//! All three show the same numbers. [`terminal`] and [`html`] round them as [`format`](mod@format) says; [`json`]
//! keeps them whole. What a finding refuses is shown as its reason, in the place where the number would be.

mod credit;
mod evidence;
mod factorial;
pub mod format;
pub mod html;
mod incremental;
pub mod json;
mod lifetime;
mod overlaps;
mod performance;
mod programmes;
mod scope;
pub mod terminal;
mod words;
mod worth;
