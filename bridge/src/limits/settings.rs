//! `LimitSettings`: the one table of all limits, with their flags, units, defaults and what happens at each.
use std::time::Duration;

use clap::Args;
use documented::DocumentedFields;
use serde::{Deserialize, Serialize};

use super::admission::Most;
use super::pace::Rate;

/// Makes the settings, what the command line and the environment say of them, and the defaults from one table.
macro_rules! limits {
    ($($name:ident = $default:literal, $flag:literal, $env:literal, $unit:literal: $(#[doc = $doc:literal])+)+) => {
        /// All limits of the page's listener. In a settings file they are the table `[limits]`. 0 is no limit, for each of
        /// them.
        ///
        /// What is counted by address is not counted for loopback, nor for a trusted proxy that names no client: these
        /// stand for everybody. Nor is a client slowed down that is on this machine.
        #[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, DocumentedFields)]
        #[serde(default, deny_unknown_fields)]
        pub struct LimitSettings {
            $($(#[doc = $doc])+ pub $name: u32,)+
        }

        impl Default for LimitSettings {
            fn default() -> Self {
                Self { $($name: $default,)+ }
            }
        }

        /// What the command line and the environment say of the limits.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
        pub struct LimitArguments {
            $(
                $(#[doc = $doc])+
                #[arg(long = $flag, env = $env, value_name = $unit,
                    help = concat!($($doc,)+ " [default: ", $default, "]").trim_start())]
                pub $name: Option<u32>,
            )+
        }

        impl LimitSettings {
            /// These, with what the command line and the environment say over them.
            #[must_use]
            pub fn with_arguments(self, arguments: &LimitArguments) -> Self {
                Self { $($name: arguments.$name.unwrap_or(self.$name),)+ }
            }
        }
    };
}

limits! {
    connections = 10_000, "limit-connections", "MIG33_LIMIT_CONNECTIONS", "COUNT":
        /// Tunnels at a time; one more is answered with 503
    connections_per_address = 100, "limit-connections-per-address", "MIG33_LIMIT_CONNECTIONS_PER_ADDRESS", "COUNT":
        /// Tunnels at a time from one address, and 16 times as many from a /24 of IPv4; one more is answered with 429
    connections_per_network = 200, "limit-connections-per-network", "MIG33_LIMIT_CONNECTIONS_PER_NETWORK", "COUNT":
        /// Tunnels at a time from one /64 of IPv6, and 4 times as many from a /56, 16 times from a /48; one more is answered with 429
    connects_per_s = 10, "limit-connects-per-s", "MIG33_LIMIT_CONNECTS_PER_S", "COUNT":
        /// Tunnels a second from one address, or one /64 of IPv6, and as many times more from the networks around it as above; what comes faster is answered with 429
    connect_burst = 100, "limit-connect-burst", "MIG33_LIMIT_CONNECT_BURST", "COUNT":
        /// Tunnels that may come at once before connects a second count
    requests = 4_000, "limit-requests", "MIG33_LIMIT_REQUESTS", "COUNT":
        /// Connections at a time that are no tunnel (yet); one more is told 503 and closed at once
    requests_per_address = 200, "limit-requests-per-address", "MIG33_LIMIT_REQUESTS_PER_ADDRESS", "COUNT":
        /// The same from one address, or one /64 of IPv6, and as many times more from the networks around it as above
    client_bytes_per_s = 262_144, "limit-client-bytes-per-s", "MIG33_LIMIT_CLIENT_BYTES_PER_S", "BYTES":
        /// Bytes a second that one client may send; one that is ahead is not read for a while, and nothing is lost
    client_burst_bytes = 2_097_152, "limit-client-burst-bytes", "MIG33_LIMIT_CLIENT_BURST_BYTES", "BYTES":
        /// Bytes that it may send at once before bytes a second count
    client_packets_per_s = 100, "limit-client-packets-per-s", "MIG33_LIMIT_CLIENT_PACKETS_PER_S", "COUNT":
        /// Packets a second that one client may send; one that is ahead is not read for a while, and nothing is lost
    client_burst_packets = 1_000, "limit-client-burst-packets", "MIG33_LIMIT_CLIENT_BURST_PACKETS", "COUNT":
        /// Packets that it may send at once before packets a second count
    handshake_s = 5, "limit-handshake-s", "MIG33_LIMIT_HANDSHAKE_S", "SECONDS":
        /// Seconds for a PROXY header, and as long again for the handshake of TLS; then the connection is closed
    header_s = 5, "limit-header-s", "MIG33_LIMIT_HEADER_S", "SECONDS":
        /// Seconds for the header of a request, and between two requests; then the connection is closed
    answer_s = 30, "limit-answer-s", "MIG33_LIMIT_ANSWER_S", "SECONDS":
        /// Seconds in which a client must take 16 KiB of what it is answered, or the rest; then the connection is closed
    first_packet_s = 30, "limit-first-packet-s", "MIG33_LIMIT_FIRST_PACKET_S", "SECONDS":
        /// Seconds that a client may take to send its first packet in a tunnel or a new session; then it is closed with 1008
    login_bytes = 8_201, "limit-login-bytes", "MIG33_LIMIT_LOGIN_BYTES", "BYTES":
        /// Bytes of a message, and of a packet with its 9 of header, before the server has sent LOGIN_OK; a longer one is closed with 1009
    idle_s = 0, "limit-idle-s", "MIG33_LIMIT_IDLE_S", "SECONDS":
        /// Seconds without a packet either way after which a tunnel is closed; pings do not count
}

impl LimitSettings {
    /// How many tunnels there may be, and how fast they may come.
    pub(crate) fn tunnels(&self) -> Most {
        Most {
            in_all: self.connections,
            per_address: self.connections_per_address,
            per_network: self.connections_per_network,
            arrivals: Rate { per_s: self.connects_per_s, burst: self.connect_burst },
        }
    }

    /// How many connections there may be that are no tunnel.
    pub(crate) fn requests(&self) -> Most {
        Most {
            in_all: self.requests,
            per_address: self.requests_per_address,
            per_network: self.requests_per_address,
            arrivals: Rate::UNLIMITED,
        }
    }

    /// How fast one client may send: bytes, and packets.
    #[must_use]
    pub const fn client_rates(&self) -> (Rate, Rate) {
        (
            Rate { per_s: self.client_bytes_per_s, burst: self.client_burst_bytes },
            Rate { per_s: self.client_packets_per_s, burst: self.client_burst_packets },
        )
    }

    /// How long a PROXY header may take, and a handshake of TLS; none: for ever.
    #[must_use]
    pub const fn handshake_time(&self) -> Option<Duration> {
        seconds(self.handshake_s)
    }

    /// How long the header of a request may take; none: for ever.
    #[must_use]
    pub const fn header_time(&self) -> Option<Duration> {
        seconds(self.header_s)
    }

    /// In what time a part of an answer has to be taken; none: it may take for ever.
    #[must_use]
    pub const fn answer_time(&self) -> Option<Duration> {
        seconds(self.answer_s)
    }

    /// How long a tunnel may be without its client's first packet; none: for ever.
    #[must_use]
    pub const fn first_packet_time(&self) -> Option<Duration> {
        seconds(self.first_packet_s)
    }

    /// The most bytes of a message and of a packet before the log-in; none: as after it.
    #[must_use]
    pub fn login_bytes(&self) -> Option<usize> {
        usize::try_from(self.login_bytes).ok().filter(|bytes| *bytes > 0)
    }

    /// How long a tunnel may be without a packet; none: for ever.
    #[must_use]
    pub const fn idle_time(&self) -> Option<Duration> {
        seconds(self.idle_s)
    }
}

const fn seconds(count: u32) -> Option<Duration> {
    if count == 0 { None } else { Some(Duration::from_secs(count as u64)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_goes_over_the_file_and_zero_is_no_limit() {
        let file: LimitSettings = toml::from_str("connections = 5\nheader_s = 0").unwrap();
        let arguments = LimitArguments { connections: Some(7), ..LimitArguments::default() };
        let limits = file.with_arguments(&arguments);
        assert_eq!(limits.connections, 7);
        assert_eq!(limits.header_time(), None);
        assert_eq!(limits.handshake_time(), Some(Duration::from_secs(5)));
        assert!(toml::from_str::<LimitSettings>("conections = 5").is_err());
        assert!(toml::from_str::<LimitSettings>("connections = -1").is_err());
    }

    #[test]
    fn before_the_log_in_a_packet_may_have_what_a_server_takes() {
        let packet = mig33_codec::HEADER_LEN + mig33_codec::MAX_PARAMS_BEFORE_LOGIN;
        assert_eq!(LimitSettings::default().login_bytes(), Some(packet));
    }

    #[test]
    fn a_burst_holds_the_largest_packet() {
        let (bytes, packets) = LimitSettings::default().client_rates();
        assert!(bytes.burst as usize > mig33_codec::MAX_PACKET);
        assert!(packets.burst > packets.per_s);
    }
}
