//! What personalization is worth: the ledger of increments and costs, and the return on investment.

mod costs;
mod finding;
mod increment;
mod ledger;
mod programme;

pub use finding::{
    Agreement, CostLine, Covered, Estimate, Grade, Increment, InitiativeValue, LedgerFinding,
    Money, MoneyEstimate, Payback, ProgrammeValue, Round, Total,
};
pub use ledger::ledger;
