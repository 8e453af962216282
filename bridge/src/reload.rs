//! Reload: which settings a running bridge takes over, and which wait for a restart.
use std::sync::{Arc, PoisonError, RwLock};

use crate::limits::LimitSettings;
use crate::origin::Origin;
use crate::settings::Settings;

/// The settings that may change while the bridge runs; each connection has those of when it came.
#[derive(Debug)]
pub(crate) struct Live(RwLock<Arc<LiveSettings>>);

/// What [`Live`] holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LiveSettings {
    /// Pages from elsewhere that may open tunnels.
    pub(crate) allow_origin: Vec<Origin>,
    /// What one client may.
    pub(crate) limits: LimitSettings,
}

impl Live {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self(RwLock::new(Arc::new(LiveSettings::of(settings))))
    }

    /// As they are now.
    pub(crate) fn now(&self) -> Arc<LiveSettings> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set(&self, settings: &Settings) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) =
            Arc::new(LiveSettings::of(settings));
    }
}

impl LiveSettings {
    fn of(settings: &Settings) -> Self {
        Self { allow_origin: settings.allow_origin.clone(), limits: settings.limits.clone() }
    }
}

/// Settings that have changed, by their names in the settings file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Those that the running bridge has taken over.
    pub applied: Vec<&'static str>,
    /// Those that count from the next start on.
    pub at_restart: Vec<&'static str>,
}

impl Changes {
    /// What of `new` differs from `old`.
    pub(crate) fn between(old: &Settings, new: &Settings) -> Self {
        let mut changes = Self::default();
        // named one by one, so that a new setting has to be put in one of the two lists
        macro_rules! compare {
            (applied: $($applied:ident)+, at_restart: $($at_restart:ident)+) => {
                let Settings {
                    $($applied: _,)+ $($at_restart: _,)+
                    #[cfg(feature = "acme")] acme: _,
                    #[cfg(feature = "embedded")] server: _,
                } = old;
                $(if old.$applied != new.$applied {
                    changes.applied.push(stringify!($applied));
                })+
                $(if old.$at_restart != new.$at_restart {
                    changes.at_restart.push(stringify!($at_restart));
                })+
            };
        }
        compare! {
            applied: allow_origin limits drain_timeout log,
            at_restart:
                listen upstream upstream_connect_timeout upstream_ca framing tcp_listen
                admin_listen tls_cert tls_key trusted_proxy forwarded_header proxy_protocol
                upstream_proxy_protocol threads resume_grace resume_buffer resume_detached
                resume_detached_per_address log_format otlp
        }
        #[cfg(feature = "acme")]
        if old.acme != new.acme {
            changes.at_restart.push("acme");
        }
        #[cfg(feature = "embedded")]
        if old.server != new.server {
            changes.at_restart.push("server");
        }
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_changed_is_named_by_when_it_counts() {
        let old = Settings::default();
        assert_eq!(Changes::between(&old, &old), Changes::default());
        let new = Settings {
            drain_timeout: 3,
            limits: LimitSettings { connections: 5, ..LimitSettings::default() },
            resume_grace: 1,
            ..Settings::default()
        };
        let changes = Changes::between(&old, &new);
        assert_eq!(changes.applied, ["limits", "drain_timeout"]);
        assert_eq!(changes.at_restart, ["resume_grace"]);
    }
}
