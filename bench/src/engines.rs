//! One adapter per engine.

#[cfg(feature = "esker")]
pub mod esker;
#[cfg(feature = "fjall")]
pub mod fjall;
