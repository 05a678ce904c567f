use super::{CeilingsPlan, GivingUp, Limits, Patience};
use crate::simulate::Model;

/// The validated settings of a simulated get.
#[derive(Debug, Clone)]
pub struct SimulatePlan {
    /// The list, the origins, and what the client can do.
    pub model: Model,
    /// How much at once, as for a get.
    pub limits: Limits,
    /// How long to wait, and how often to try again, as for a get.
    pub patience: Patience,
    /// When an origin is down, and when no answer begins. Slow answers
    /// ([`GivingUp::min_rate`]) are not given up.
    pub giving_up: GivingUp,
    /// What is not gone beyond, as for a get. Of two bandwidths, this one and the model's, the lower counts.
    pub ceilings: CeilingsPlan,
    /// Seeds all that is drawn: the same seed gives the same run.
    pub seed: u64,
}

impl SimulatePlan {
    /// The default get of this list.
    pub fn new(model: Model) -> Self {
        Self {
            model,
            limits: Limits::get(),
            patience: Patience::default(),
            giving_up: GivingUp::default(),
            ceilings: CeilingsPlan::default(),
            seed: 0,
        }
    }
}
