//! Independent random streams: one for each (seed, purpose, customer).
//!
//! The generator is ChaCha with 8 rounds, which is counter-based: the seed and the purpose are its key, the
//! customer its stream number. A customer's draws therefore depend neither on other customers nor on the
//! thread that makes them, and a new purpose leaves all earlier draws as they were.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// What random numbers are drawn for. The numbers are part of the simulation's definition: never reuse one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// What the company sees of a customer: joining, region, device, how they were won.
    Profile,
    /// What it does not see: purchase rate, lifetime, order value.
    Latent,
    /// Browsing that no experience changes.
    Visits,
    /// Browsing that an experience adds.
    ExtraVisits,
    /// The times of orders.
    Orders,
    /// What is in an order and what it costs.
    Baskets,
    /// Whether the customer is in the universal holdout.
    Holdout,
    /// Something about one experiment.
    Experiment { id: u16, draw: ExperimentDraw },
}

/// What is drawn about one customer in one experiment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExperimentDraw {
    /// Whether, when and to which arm the customer is assigned.
    Enrolment,
    /// The part of the response that no attribute explains.
    Response,
    /// Faults in the assignment's records.
    Faults,
    /// Which content is shown.
    Touches,
    /// What is clicked on, and when.
    Clicks,
}

impl Purpose {
    fn number(self) -> u64 {
        match self {
            Self::Profile => 1,
            Self::Latent => 2,
            Self::Visits => 3,
            Self::ExtraVisits => 4,
            Self::Orders => 5,
            Self::Baskets => 6,
            Self::Holdout => 7,
            Self::Experiment { id, draw } => {
                let draw = match draw {
                    ExperimentDraw::Enrolment => 0,
                    ExperimentDraw::Response => 1,
                    ExperimentDraw::Faults => 2,
                    ExperimentDraw::Touches => 3,
                    ExperimentDraw::Clicks => 4,
                };
                1_000 + u64::from(id) * 100 + draw
            }
        }
    }
}

/// The random numbers of one purpose for one customer.
pub(crate) fn stream(seed: u64, purpose: Purpose, customer: u64) -> ChaCha8Rng {
    let mut key = *b"seed....purpose.simulated-retail";
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&purpose.number().to_le_bytes());
    let mut generator = ChaCha8Rng::from_seed(key);
    generator.set_stream(customer);
    generator
}

#[cfg(test)]
mod tests {
    use rand::Rng;

    use super::*;

    fn first(seed: u64, purpose: Purpose, customer: u64) -> u64 {
        stream(seed, purpose, customer).next_u64()
    }

    #[test]
    fn streams_differ_in_each_of_their_coordinates_and_repeat() {
        let draw = ExperimentDraw::Enrolment;
        let reference = first(1, Purpose::Orders, 7);
        assert_eq!(reference, first(1, Purpose::Orders, 7));
        assert_ne!(reference, first(2, Purpose::Orders, 7));
        assert_ne!(reference, first(1, Purpose::Visits, 7));
        assert_ne!(reference, first(1, Purpose::Orders, 8));
        assert_ne!(
            first(1, Purpose::Experiment { id: 1, draw }, 7),
            first(1, Purpose::Experiment { id: 2, draw }, 7)
        );
    }
}
