//! What `std` lacks, by platform: one set of functions, of which the build takes one implementation.
//!
//! Functions that a platform does not have answer `Unsupported`.

#[cfg(any(target_os = "linux", target_os = "android"))]
mod linux;
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) use linux::{
    advise, capabilities, map_log, preallocate, punch_hole, reflink, space, sync_dir, write_in_place,
};

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod portable;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) use portable::{
    advise, capabilities, map_log, preallocate, punch_hole, reflink, space, sync_dir, write_in_place,
};
