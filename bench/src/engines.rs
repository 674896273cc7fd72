//! One adapter per engine.

#[cfg(feature = "fjall")]
pub mod fjall;
