//! The rules of the service as pure functions: a state and a wish in, a new state or a refusal out.
pub mod contacts;
pub mod presence;
