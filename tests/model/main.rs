//! The promises of the pure core, one by one: a table of every state and every event, and what users
//! rely on in starting, stopping, ordering and leaving.

mod black_box;
mod checking;
mod depending;
mod expected;
mod governing;
mod heartbeats;
mod leaving;
mod leftovers;
mod orders;
mod recycling;
mod reloading;
mod rolling;
mod scene;
mod scheduling;
mod starting;
mod stopping;
mod storms;
mod table;
