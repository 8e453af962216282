//! Limits: how many connections there may be, how fast they may come, and how fast each of them may send.
//!
//! All of it is without I/O; time comes in as a parameter. [`LimitSettings`] is the table of what can be set.

mod admission;
mod idle;
mod pace;
mod settings;
mod throttle;

pub(crate) use self::admission::{Admission, Admitted, Over};
pub use self::idle::Idle;
pub use self::pace::{Pace, Rate};
pub use self::settings::{LimitArguments, LimitSettings};
pub use self::throttle::Throttle;
