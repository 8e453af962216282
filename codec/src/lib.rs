//! The mig33 wire protocol.
