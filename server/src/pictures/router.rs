//! The addresses of pictures: PUT to an upload address, GET to see.
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    REFERRER_POLICY, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::StreamExt;
use mig33_codec::values::ContentType;
use mig33_picture::PictureError;
use sha2::{Digest, Sha256};
use tokio_util::io::ReaderStream;

use super::{FileError, TOKEN_LEN, Written, keep};
use crate::clock::random_text;
use crate::core::Core;
use crate::store::{PictureRefused, StoreError, UploadState};

/// How much of an upload that is refused is read, so that its sender reads the answer: a multiple of a picture's size.
const DRAINED: usize = 8;
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
    if let Some(seq) = core.sealer.content_at(&token) {
        let message = core.store.message(seq).await?.ok_or(Problem::NotFound)?;
        if message.content_type != ContentType::IMAGE {
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
    Path(token): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let limit = Duration::from_secs(core.settings.limits.upload_transfer_s);
    match tokio::time::timeout(limit, upload(&core, &token, &headers, body)).await {
        Ok(result) => result,
        Err(_) => Err(Problem::TooSlow),
    }
}

async fn upload(
    core: &Core,
    token: &str,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let hash: [u8; 32] = Sha256::digest(token).into();
    let mut body = body.into_data_stream();
    let (sender, receiver) = match core.store.upload(&hash, core.now()).await? {
        UploadState::Open { sender, receiver } => (sender, receiver),
        UploadState::Unknown => return Err(Problem::NotFound),
        UploadState::Gone => return Err(Problem::Gone),
    };
    let Some(_place) = core.pictures.places.take(hash, sender.id) else {
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
            drain(&mut body, most.saturating_mul(DRAINED)).await;
            return Err(problem);
        }
    };
    let bytes = written.bytes;
    match keep(core, hash, sender, receiver, written).await? {
        Ok(added) => {
            tracing::debug!(seq = added.seq.0, bytes, "a picture was taken");
            Ok(StatusCode::CREATED.into_response())
        }
        Err(PictureRefused::Gone) => Err(Problem::Gone),
        Err(PictureRefused::Receiver) => Err(Problem::NotAContact),
    }
}

async fn write(
    core: &Core,
    file: &str,
    body: &mut axum::body::BodyDataStream,
) -> Result<Written, Problem> {
    let mut writing = core.pictures.begin(file).await.map_err(FileError::Io)?;
    while let Some(chunk) = body.next().await {
        writing.write(&chunk.map_err(|_| Problem::BrokenOff)?).await?;
    }
    Ok(writing.finish().await?)
}

fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Reads on, or the sender would see a broken connection instead of the answer.
async fn drain(body: &mut axum::body::BodyDataStream, most: usize) {
    let mut read = 0;
    while let Some(Ok(chunk)) = body.next().await {
        read += chunk.len();
        if read > most {
            return;
        }
    }
}
