//! `OtlpSettings`: where traces go, and how many there are.
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use axum::http::Uri;
use clap::Args;
use documented::DocumentedFields;
use serde::{Deserialize, Serialize, Serializer};

/// Traces by OTLP over HTTP. In a settings file this is the table `[otlp]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, DocumentedFields)]
#[serde(default, deny_unknown_fields)]
pub struct OtlpSettings {
    /// The collector of OpenTelemetry that traces are sent to, by OTLP over HTTP in protobuf; `/v1/traces` is put behind it.
    /// Without it, what OTEL_EXPORTER_OTLP_ENDPOINT says; without that there are no traces.
    pub endpoint: Option<Endpoint>,
    /// The part of connections that are traced, 0 to 1, unless a trusted proxy has decided. Without it, what
    /// OTEL_TRACES_SAMPLER says, or all.
    pub sample: Option<Ratio>,
    /// Certificates (PEM) of those that vouch for a collector at https://; without it, what OTEL_EXPORTER_OTLP_CERTIFICATE
    /// names, or those that the system knows.
    pub ca: Option<PathBuf>,
}

/// What the command line and the environment say of traces.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct OtlpArguments {
    /// Collector of OpenTelemetry that traces are sent to: http://HOST:4318 [default: OTEL_EXPORTER_OTLP_ENDPOINT, or none]
    #[arg(long, env = "MIG33_OTLP_ENDPOINT", value_name = "URL")]
    pub otlp_endpoint: Option<Endpoint>,
    /// The part of connections that are traced, 0 to 1 [default: OTEL_TRACES_SAMPLER, or all]
    #[arg(long, env = "MIG33_OTLP_SAMPLE", value_name = "RATIO")]
    pub otlp_sample: Option<Ratio>,
    /// Who vouches for a collector at https:// (PEM) [default: OTEL_EXPORTER_OTLP_CERTIFICATE, or the system's]
    #[arg(long, env = "MIG33_OTLP_CA", value_name = "FILE")]
    pub otlp_ca: Option<PathBuf>,
}

impl OtlpSettings {
    /// These, with what the command line and the environment say over them.
    #[must_use]
    pub fn with_arguments(self, arguments: OtlpArguments) -> Self {
        let OtlpArguments { otlp_endpoint, otlp_sample, otlp_ca } = arguments;
        Self {
            endpoint: otlp_endpoint.or(self.endpoint),
            sample: otlp_sample.or(self.sample),
            ca: otlp_ca.or(self.ca),
        }
    }
}

/// Where a collector is: `http://HOST:PORT` or `https://HOST:PORT`, with a path or without.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Endpoint(String);

/// A text that is no place of a collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a collector's endpoint is http://HOST:PORT or https://HOST:PORT; a password for it goes into OTEL_EXPORTER_OTLP_HEADERS"
)]
pub struct BadEndpoint;

impl Endpoint {
    /// Where it takes traces.
    #[must_use]
    pub fn traces(&self) -> String {
        format!("{}/v1/traces", self.0.trim_end_matches('/'))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Endpoint {
    type Err = BadEndpoint;

    fn from_str(text: &str) -> Result<Self, BadEndpoint> {
        let uri: Uri = text.parse().map_err(|_| BadEndpoint)?;
        let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
        // what stands before an @ would be seen in logs and lists of settings
        let has_host = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
        if is_http && has_host && uri.query().is_none() {
            Ok(Self(text.to_owned()))
        } else {
            Err(BadEndpoint)
        }
    }
}

impl TryFrom<String> for Endpoint {
    type Error = BadEndpoint;

    fn try_from(text: String) -> Result<Self, BadEndpoint> {
        text.parse()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Endpoint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A part of a whole, 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Deserialize, Serialize)]
#[serde(try_from = "f64")]
pub struct Ratio(f64);

/// A number that is no part of a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a part is a number from 0 to 1")]
pub struct BadRatio;

impl Ratio {
    /// It as a number from 0 to 1.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Ratio {
    type Error = BadRatio;

    fn try_from(number: f64) -> Result<Self, BadRatio> {
        if (0.0..=1.0).contains(&number) { Ok(Self(number)) } else { Err(BadRatio) }
    }
}

impl FromStr for Ratio {
    type Err = BadRatio;

    fn from_str(text: &str) -> Result<Self, BadRatio> {
        text.parse::<f64>().map_err(|_| BadRatio)?.try_into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_is_somewhere_and_has_no_password_in_its_name() {
        for (text, traces) in [
            ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
            ("https://[::1]:4318/", "https://[::1]:4318/v1/traces"),
            ("https://otel.example/tenant/a", "https://otel.example/tenant/a/v1/traces"),
        ] {
            assert_eq!(text.parse::<Endpoint>().unwrap().traces(), traces);
        }
        for bad in ["", "otel:4318", "grpc://otel:4317", "/v1", "http://me:pw@otel", "http://o?a=b"]
        {
            assert_eq!(bad.parse::<Endpoint>(), Err(BadEndpoint), "{bad}");
        }
    }

    #[test]
    fn a_part_is_from_0_to_1() {
        for (text, part) in [("0", Some(0.0)), ("0.25", Some(0.25)), ("1", Some(1.0))] {
            assert_eq!(text.parse::<Ratio>().ok().map(Ratio::get), part);
        }
        for bad in ["-0.1", "1.1", "NaN", "half", "10%"] {
            assert!(bad.parse::<Ratio>().is_err(), "{bad}");
        }
        assert!(toml::from_str::<OtlpSettings>("sample = 0.5").is_ok());
        assert!(toml::from_str::<OtlpSettings>("sample = 5.0").is_err());
    }
}
