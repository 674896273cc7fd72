//! What a correct database would hold: models to compare engines with.
//!
//! * [`change`]: what is written, in words that no engine's types occur in.
//! * [`state`]: what a database holds at one moment.
//! * [`versions`]: every version ever written, read at any bound: for snapshots and differential tests.
//! * [`prefix`]: whether what a recovery found is a prefix of what was committed, with all that was acknowledged.
//!
//! Both models are as plain as can be, and a test holds them against each other.

pub mod change;
pub mod prefix;
pub mod state;
pub mod versions;
