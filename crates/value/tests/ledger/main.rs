//! The ledger of findings whose amounts can be worked out by hand.

mod credit;
mod fixture;
mod lifts;
mod lives;
mod sums;
