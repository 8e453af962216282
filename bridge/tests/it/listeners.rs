//! Starting: what cannot be listened on is said.
use mig33_bridge::bridge::Listener;
use mig33_bridge::{Bridge, StartError};

use crate::support::{settings, upstream};

#[tokio::test]
async fn a_port_that_is_taken_is_named_with_its_flag() {
    let (_taken, address) = upstream().await;
    let mut settings = settings(address);
    settings.admin_listen = address.to_string().parse().unwrap();
    let Err(error) = Bridge::start(settings).await else { panic!("two programs on one port") };
    assert!(matches!(&error, StartError::Listen { what: Listener::Admin, .. }));
    let message = error.to_string();
    assert!(
        message.contains(&address.to_string()) && message.contains("--admin-listen"),
        "{message}"
    );
}
