//! WebSocket to mig33 TCP, the page, and the chat service in one program.

pub mod close;
pub mod metrics;
pub mod origin;
pub mod pipe;
pub mod tunnel;
