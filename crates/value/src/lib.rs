//! What personalization is worth: the ledger of increments and costs, and the return on investment.

mod costs;
mod finding;
mod increment;
mod ledger;

pub use finding::{
    CostLine, Estimate, Grade, Increment, InitiativeValue, LedgerFinding, Money, Payback, Round,
    Total,
};
pub use ledger::ledger;
