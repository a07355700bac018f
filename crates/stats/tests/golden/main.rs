//! The numbers of other tools, case by case: one table a family in `*.json`, which
//! names the tool and version of every case and what of it is compared, and why not
//! the rest. Inputs are moments, rounded once from exact sums; `users.csv` has rows
//! for the regressions.

#[path = "../common/mod.rs"]
mod common;

mod adjusted;
mod cases;
mod defects;
mod means;
mod missing;
mod ratios;
mod sample_ratios;
mod shares;
mod tails;
