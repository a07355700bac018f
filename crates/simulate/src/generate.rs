//! Simulates all customers, on several threads and in a fixed order.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use arrow::array::RecordBatch;

use crate::SimulateError;
use crate::history::Simulator;
use crate::oracle::Oracle;
use crate::tables::{FILES, Names, Tables};
use crate::touches::Showcase;

/// Customers that are simulated together.
const CHUNK: u64 = 1_024;

/// What became of some customers.
pub(crate) struct Chunk {
    pub(crate) customers: u64,
    pub(crate) batches: [RecordBatch; FILES.len()],
    pub(crate) oracle: Oracle,
}

/// Simulates customers `0..customers` and hands them to `consume` in their order, some at a time.
///
/// Thread `t` of `threads` makes the chunks `t`, `t + threads`, ..., and never has more than two ready that are not
/// consumed: memory does not grow with the number of customers, and what is consumed does not depend on `threads`.
pub(crate) fn generate(
    simulator: &Simulator,
    customers: u64,
    threads: usize,
    mut consume: impl FnMut(Chunk) -> Result<(), SimulateError>,
) -> Result<(), SimulateError> {
    let showcase = Showcase::new();
    let names = Names::new(&showcase);
    let chunks = customers.div_ceil(CHUNK);
    thread::scope(|scope| {
        let receivers: Vec<Receiver<Result<Chunk, SimulateError>>> = (0..threads as u64)
            .map(|worker| {
                let (sender, receiver) = sync_channel(1);
                let (names, showcase) = (&names, &showcase);
                scope.spawn(move || {
                    let numbers = (worker..chunks).step_by(threads);
                    send_all(
                        &sender,
                        numbers.map(|number| chunk(simulator, customers, number, names, showcase)),
                    );
                });
                receiver
            })
            .collect();
        for number in 0..chunks {
            let receiver = &receivers[(number % threads as u64) as usize];
            consume(receiver.recv().map_err(|_| SimulateError::Interrupted)??)?;
        }
        Ok(())
    })
}

/// Sends until the receiver is gone, which is how a failed consumer stops the workers.
fn send_all<T>(sender: &SyncSender<T>, values: impl Iterator<Item = T>) {
    for value in values {
        if sender.send(value).is_err() {
            return;
        }
    }
}

fn chunk(
    simulator: &Simulator,
    customers: u64,
    number: u64,
    names: &Names,
    showcase: &Showcase,
) -> Result<Chunk, SimulateError> {
    let calendar = &simulator.calendar;
    let (mut tables, mut oracle) = (Tables::default(), Oracle::new());
    let indices = number * CHUNK..((number + 1) * CHUNK).min(customers);
    for index in indices.clone() {
        let history = simulator.history(index);
        tables.add(calendar, names, &history);
        oracle.add(calendar, &history);
        let touches = showcase.touches(simulator.seed, &history);
        tables.add_touches(calendar, names, &history.customer, &touches);
        oracle.add_touches(&touches);
    }
    Ok(Chunk {
        customers: indices.end - indices.start,
        batches: tables.into_batches(names)?,
        oracle,
    })
}
