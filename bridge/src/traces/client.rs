//! The HTTP client of the exporter: one connection for each batch, with the TLS that upstreams have.
use std::fmt;
use std::io;
use std::time::Duration;

use async_trait::async_trait;
use axum::http::{HeaderValue, Request, Response, Uri, header};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use opentelemetry_http::{HttpClient, HttpError};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;

use crate::tls;

/// How long a batch may take.
const TIME: Duration = Duration::from_secs(10);
/// The most that a collector may answer.
const MAX_ANSWER: usize = 64 * 1024;

/// Sends what it is given from the tasks of a runtime, whatever thread gives it.
#[derive(Clone)]
pub(super) struct Client {
    runtime: Handle,
    /// For collectors at https://.
    tls: Option<TlsConnector>,
}

impl Client {
    pub(super) const fn new(runtime: Handle, tls: Option<TlsConnector>) -> Self {
        Self { runtime, tls }
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let sending = send(self.tls.clone(), request);
        // it is asked for by a thread that has no runtime
        self.runtime.spawn(async move { timeout(TIME, sending).await }).await??
    }
}

async fn send(
    tls: Option<TlsConnector>,
    request: Request<Bytes>,
) -> Result<Response<Bytes>, HttpError> {
    let (mut parts, body) = request.into_parts();
    let stream = connect(tls, &parts.uri).await?;
    let authority = parts.uri.authority().map(|authority| authority.as_str()).unwrap_or_default();
    parts.headers.insert(header::HOST, HeaderValue::from_str(authority)?);
    parts.headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    parts.uri = Uri::try_from(path)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let _driven = AbortOnDropHandle::new(tokio::spawn(connection));
    let answer = sender.send_request(Request::from_parts(parts, Full::new(body))).await?;
    let (parts, body) = answer.into_parts();
    let body = Limited::new(body, MAX_ANSWER).collect().await?.to_bytes();
    Ok(Response::from_parts(parts, body))
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

async fn connect(tls: Option<TlsConnector>, uri: &Uri) -> Result<Box<dyn Stream>, HttpError> {
    let host = uri.host().ok_or(io::ErrorKind::InvalidInput).map_err(io::Error::from)?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let is_secure = uri.scheme_str() == Some("https");
    let port = uri.port_u16().unwrap_or(if is_secure { 443 } else { 80 });
    let stream = TcpStream::connect((host, port)).await?;
    match tls.filter(|_| is_secure) {
        None if is_secure => Err(io::Error::from(io::ErrorKind::Unsupported).into()),
        None => Ok(Box::new(stream)),
        Some(tls) => Ok(Box::new(tls.connect(tls::server_name(host)?, stream).await?)),
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("is_secure", &self.tls.is_some()).finish_non_exhaustive()
    }
}
