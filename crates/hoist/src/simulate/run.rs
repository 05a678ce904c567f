use std::num::NonZeroU64;

use super::attempt::Network;
use super::drive::Drive;
use super::line::Line;
use super::list::List;
use super::origins::Origins;
use super::{Order, SimulationReport};
use crate::error::Error;
use crate::plan::SimulatePlan;
use crate::report::Report;
use crate::schedule::{Policy, Schedule};

impl SimulatePlan {
    /// Simulates the run, to its end, on this thread. `report` counts while it goes on.
    ///
    /// # Errors
    ///
    /// [`Error::Stopped`] when the schedule comes to a halt before every item has its outcome. A fault
    /// in hoist.
    pub fn run(self, report: &Report) -> Result<SimulationReport, Error> {
        let Self { model, limits, patience, giving_up, ceilings, seed } = self;
        let (patience, giving_up) = (patience.bounded(), giving_up.bounded());
        let policy = Policy::of(&patience, &giving_up);
        let slow = match model.population.order {
            Order::SlowFirst(_, slow) => Some(slow),
            _ => None,
        };
        let origins = Origins::new(&model, seed);
        let list = List::new(seed, model.items, model.origins.get(), &model.population);
        let mut schedule = Schedule::seeded(limits, policy, seed);
        schedule.set_retries(ceilings.retries);
        if let Some(rate) = ceilings.rate {
            schedule.set_rate(rate);
        }
        let own = ceilings.bandwidth.map(NonZeroU64::get);
        let bandwidth = model.client.bandwidth.into_iter().chain(own).min();
        report.start();
        let drive = Drive::new(
            schedule,
            Network { origins, seed, patience, giving_up, slow },
            list,
            model.items,
            model.client.cpu,
            bandwidth.map(Line::new),
            fastrand::Rng::with_seed(seed),
            report,
        );
        let mut result = drive.run();
        report.end();
        result.origins = model.origins.get();
        if result.done() == result.items { Ok(result) } else { Err(Error::Stopped) }
    }
}
