//! What personalization is worth: the ledger of increments and costs, and the return on investment.

mod beside;
mod costs;
mod credit;
mod finding;
mod increment;
mod ledger;
mod lifetime;
mod payback;
mod programme;
mod sum;

pub use beside::{Beside, BesideWhat, shares_out_money};
pub use credit::{CountedCredit, CreditedContent};
pub use finding::{
    Agreement, CostLine, Covered, Estimate, Grade, Increment, InitiativeValue, LedgerFinding,
    Money, MoneyEstimate, Payback, ProgrammeValue, Round, Total,
};
pub use ledger::{Findings, check_caveat, ledger};
pub use lifetime::{LifePart, LifetimeIncrement, LifetimePart};
