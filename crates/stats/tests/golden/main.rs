//! The numbers of other tools, case by case: one table a family in `*.json`, which
//! names the tool and version of every case and what of it is compared, and why not
//! the rest. Inputs are moments, rounded once from exact sums; `users.csv` and
//! `skewed.csv` have rows for what needs them.

#[path = "../common/mod.rs"]
mod common;

mod adjusted;
mod bayes;
mod cases;
mod columns;
mod decision;
mod defects;
mod design;
mod means;
mod missing;
mod multiplicity;
mod quantiles;
mod ranks;
mod ratios;
mod sample_ratios;
mod sequential;
mod shares;
mod shrink;
mod strata;
mod tails;
