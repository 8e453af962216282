//! The addresses of pictures: PUT to an upload address, GET to see.
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    REFERRER_POLICY, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use mig33_codec::values::ContentType;
use mig33_picture::PictureError;
use sha2::{Digest, Sha256};
use tokio::time::{Instant, timeout_at};
use tokio_util::io::ReaderStream;

use super::contents::content_at;
use super::{FileError, TOKEN_LEN, Written, keep};
use crate::clock::random_text;
use crate::core::Core;
use crate::service::ClientInfo;
use crate::store::{PictureRefused, StoreError, UploadState};

/// How much of an upload that is refused is read, so that its sender reads the answer: a multiple of a picture's size.
const DRAINED: usize = 8;
/// How long an upload may take to get under way.
const UNHURRIED: Duration = Duration::from_secs(10);
/// How long somebody may keep a picture: it never changes.
const MAX_AGE: &str = "private, max-age=31536000, immutable";

/// `/pictures/{token}`.
pub(crate) fn router(core: Arc<Core>) -> Router {
    Router::new().route("/pictures/{token}", get(show).put(take)).with_state(core)
}

/// Why a request was not done.
#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("There is nothing here.")]
    NotFound,
    #[error("This address is used up.")]
    Gone,
    #[error("This picture is lost.")]
    Lost,
    #[error("You can send pictures to your contacts only.")]
    NotAContact,
    #[error("Too many uploads at the moment. Try again.")]
    Busy,
    #[error("The upload took too long.")]
    TooSlow,
    #[error("The upload broke off.")]
    BrokenOff,
    #[error(transparent)]
    File(#[from] FileError),
    #[error("The server could not do that. Try again.")]
    Store(#[from] StoreError),
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Gone | Self::Lost => StatusCode::GONE,
            Self::NotAContact => StatusCode::FORBIDDEN,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::BrokenOff => StatusCode::BAD_REQUEST,
            Self::File(
                FileError::TooLarge { .. } | FileError::Unfit(PictureError::TooManyPixels),
            ) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::File(FileError::Unfit(PictureError::NoPicture)) => {
                StatusCode::UNSUPPORTED_MEDIA_TYPE
            }
            Self::File(FileError::Io(_)) | Self::Store(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let text = if status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!(error = %self, "a picture was not taken or shown");
            "The server could not do that. Try again.".to_owned()
        } else {
            self.to_string()
        };
        let mut response = (status, [(X_CONTENT_TYPE_OPTIONS, "nosniff")], text).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, axum::http::HeaderValue::from_static("5"));
        }
        response
    }
}

async fn show(
    State(core): State<Arc<Core>>,
    Path(token): Path<String>,
) -> Result<Response, Problem> {
    if let Some(seq) = content_at(&token) {
        let message = core.store.message(seq).await?.ok_or(Problem::NotFound)?;
        if !core.sealer.is_content_of(&token, &message)
            || message.content_type != ContentType::IMAGE
        {
            return Err(Problem::NotFound);
        }
        // what was stored before pictures were checked may be none
        let facts = mig33_picture::check(&message.content).map_err(|_| Problem::NotFound)?;
        let (kind, bytes) = (facts.kind.mime_type(), message.length as u64);
        return Ok(picture(kind, bytes, Body::from(message.content)));
    }
    let found = core.store.picture(&token).await?.ok_or(Problem::NotFound)?;
    let file = match core.pictures.read(&found.file).await {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Problem::Lost),
        Err(error) => return Err(FileError::Io(error).into()),
    };
    Ok(picture(&found.mime_type, found.bytes, Body::from_stream(ReaderStream::new(file))))
}

fn picture(mime_type: &str, bytes: u64, body: Body) -> Response {
    let headers = [
        (CONTENT_TYPE, mime_type),
        (CONTENT_LENGTH, &bytes.to_string()),
        (CONTENT_DISPOSITION, "inline"),
        (CACHE_CONTROL, MAX_AGE),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
    ];
    (headers, body).into_response()
}

async fn take(
    State(core): State<Arc<Core>>,
    client: Option<Extension<ClientInfo>>,
    Path(token): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let limit = Duration::from_secs(core.settings.limits.upload_transfer_s);
    let peer = client.and_then(|Extension(client)| client.peer);
    match tokio::time::timeout(limit, upload(&core, &token, peer, &headers, body)).await {
        Ok(result) => result,
        Err(_) => Err(Problem::TooSlow),
    }
}

async fn upload(
    core: &Core,
    token: &str,
    peer: Option<IpAddr>,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let hash: [u8; 32] = Sha256::digest(token).into();
    let mut body = Paced::new(body.into_data_stream(), core.settings.limits.upload_bytes_per_s);
    let (sender, receiver) = match core.store.upload(&hash, core.now()).await? {
        UploadState::Open { sender, receiver } => (sender, receiver),
        UploadState::Unknown => return Err(Problem::NotFound),
        UploadState::Gone => return Err(Problem::Gone),
    };
    let Some(place) = core.pictures.places.take(hash, sender.id, peer) else {
        return Err(Problem::Busy);
    };
    let most = core.settings.limits.picture_bytes;
    let file = random_text(&*core.entropy, TOKEN_LEN);
    let written = match declared_length(headers) {
        Some(length) if length > most as u64 => Err(FileError::TooLarge { most }.into()),
        Some(_) | None => write(core, &file, &mut body).await,
    };
    let written = match written {
        Ok(written) => written,
        Err(problem) => {
            drop(place); // what is refused takes nobody else's
            if !matches!(problem, Problem::TooSlow) {
                drain(&mut body, most.saturating_mul(DRAINED)).await;
            }
            return Err(problem);
        }
    };
    let bytes = written.bytes;
    match keep(core, hash, sender, receiver, written).await? {
        Ok(added) => {
            tracing::debug!(seq = added.seq.0, bytes, "a picture was taken");
            Ok(StatusCode::CREATED.into_response())
        }
        Err(PictureRefused::Busy) => Err(Problem::Busy),
        Err(PictureRefused::Gone) => Err(Problem::Gone),
        Err(PictureRefused::Receiver) => Err(Problem::NotAContact),
    }
}

async fn write<B: Parts>(core: &Core, file: &str, body: &mut Paced<B>) -> Result<Written, Problem> {
    let mut writing = core.pictures.begin(file).await.map_err(FileError::Io)?;
    while let Some(part) = body.next().await? {
        writing.write(&part).await?;
    }
    Ok(writing.finish().await?)
}

/// The parts of an upload, as they come.
trait Parts: Stream<Item = Result<Bytes, axum::Error>> + Unpin {}
impl<S: Stream<Item = Result<Bytes, axum::Error>> + Unpin> Parts for S {}

/// An upload that has to come with a least speed, after a while in which it need not.
struct Paced<B> {
    body: B,
    bytes_per_s: u32,
    begun: Instant,
    bytes: u64,
}

impl<B: Parts> Paced<B> {
    fn new(body: B, bytes_per_s: u32) -> Self {
        Self { body, bytes_per_s, begun: Instant::now(), bytes: 0 }
    }

    /// The next part; none at the end.
    async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        let next = self.body.next();
        let next = match self.bytes_per_s {
            0 => next.await,
            least => {
                let earned = Duration::from_millis(self.bytes * 1000 / u64::from(least));
                let deadline = self.begun + UNHURRIED + earned;
                timeout_at(deadline, next).await.map_err(|_| Problem::TooSlow)?
            }
        };
        let part = next.transpose().map_err(|_| Problem::BrokenOff)?;
        self.bytes += part.as_ref().map_or(0, |part| part.len() as u64);
        Ok(part)
    }
}

fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Reads on, or the sender would see a broken connection instead of the answer.
async fn drain<B: Parts>(body: &mut Paced<B>, most: usize) {
    let mut read = 0;
    while let Ok(Some(part)) = body.next().await {
        read += part.len();
        if read > most {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    /// When an upload is over that brings so many bytes every so many milliseconds, and whether it was ended.
    async fn lasts(bytes: usize, every_ms: u64, parts: usize, least: u32) -> (Duration, bool) {
        let begun = Instant::now();
        let body = stream::iter(0..parts).then(move |_| async move {
            tokio::time::sleep(Duration::from_millis(every_ms)).await;
            Ok(Bytes::from(vec![0; bytes]))
        });
        let mut paced = Paced::new(Box::pin(body), least);
        let ended = loop {
            match paced.next().await {
                Ok(Some(_)) => {}
                Ok(None) => break false,
                Err(_) => break true,
            }
        };
        (begun.elapsed(), ended)
    }

    #[tokio::test(start_paused = true)]
    async fn an_upload_that_drips_is_ended_and_a_slow_one_is_not() {
        let second = Duration::from_secs(1);
        assert_eq!(lasts(1, 1_000_000, 1, 4096).await, (10 * second, true), "nothing comes");
        let (time, ended) = lasts(1, 1000, 200, 4096).await;
        assert!(ended && time < 11 * second, "{time:?}");
        assert_eq!(lasts(8192, 2000, 50, 4096).await, (100 * second, false), "just fast enough");
        assert_eq!(lasts(40_960, 9000, 4, 4096).await, (36 * second, false), "with pauses");
        assert_eq!(lasts(1, 1000, 200, 0).await, (200 * second, false), "there is no least speed");
    }
}
