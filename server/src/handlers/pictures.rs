//! Sending a picture by link, or in one packet (spec/wire.md section 4).
use mig33_codec::Command;
use mig33_codec::packets::{self, GetUrl, UploadFile};
use mig33_codec::values::FileType;
use sha2::{Digest, Sha256};

use super::messages::{BUSY, DAY_S, NOT_A_CONTACT, TOO_MANY_PICTURES};
use crate::answer::{Answer, Outcome, Refused};
use crate::clock::random_text;
use crate::core::{Call, Core};
use crate::fanout::PICTURES;
use crate::names;
use crate::pictures::{FileError, TOKEN_LEN, Written, keep};
use crate::session::Member;
use crate::store::{NewUpload, PictureRefused, Receiver};

/// The one kind of address that is served: a picture for somebody.
const SEND_PICTURE: u8 = 20;

/// GET_URL: an address that takes one picture, by HTTP.
pub(crate) async fn upload_address(call: Call<'_>) -> Outcome {
    let packet: GetUrl = call.packet()?;
    if packet.url_type != Some(SEND_PICTURE) {
        return Err(Refused::value(Command::GET_URL, 1, "20 asks where to send a picture."));
    }
    let (core, member) = call.member()?;
    let key = names::key(packet.profile_name.unwrap_or_default().as_str().trim());
    let open = core.settings.open_messages;
    let receiver = core.store.receiver(member.seat.user, &key, open).await?.ok_or(NOT_A_CONTACT)?;
    let (token, _) = reserve(core, member, &receiver).await?;
    let url = format!("{}{PICTURES}{token}", member.seat.mailbox.base_url());
    Ok(Answer::of(packets::Ok { text: Some(url.into()), ..packets::Ok::default() }))
}

/// A new address that takes one picture: its token, and the token's hash.
async fn reserve(
    core: &Core,
    member: &Member,
    receiver: &Receiver,
) -> Result<(String, [u8; 32]), Refused> {
    let token = random_text(&*core.entropy, TOKEN_LEN);
    let hash = Sha256::digest(&token).into();
    let now = core.now();
    let new = NewUpload {
        hash,
        sender: member.seat.user,
        receiver: receiver.id,
        now,
        expires: now.plus_seconds(core.settings.limits.upload_s),
    };
    let most = core.settings.limits.pictures_per_day;
    if core.store.add_upload(new, now.minus_seconds(DAY_S), most).await? {
        Ok((token, hash))
    } else {
        Err(TOO_MANY_PICTURES)
    }
}

/// UPLOAD_FILE: a picture in one packet.
pub(crate) async fn upload(call: Call<'_>) -> Outcome {
    let packet: UploadFile = call.packet()?;
    if packet.file_type != Some(FileType::IMAGE) {
        return Err(Refused::value(Command::UPLOAD_FILE, 1, "only pictures (1) can be sent."));
    }
    let (core, member) = call.member()?;
    let key = names::key(packet.destination.unwrap_or_default().as_str().trim());
    let open = core.settings.open_messages;
    let receiver = core.store.receiver(member.seat.user, &key, open).await?.ok_or(NOT_A_CONTACT)?;
    let sender = Receiver { id: member.seat.user, name: member.seat.name.to_string() };
    let content = packet.file_content.unwrap_or_default();
    core.pictures.check(&content).map_err(refused)?;
    // before anything is written: who may not send has nothing put on the disk
    let (_, upload) = reserve(core, member, &receiver).await?;
    let written = write(core, &content).await.map_err(refused)?;
    match keep(core, upload, sender, receiver, written).await? {
        Ok(added) => Ok(Answer::of(packets::Ok {
            text: Some(added.guid.into()),
            value: Some(added.time.0),
            ..packets::Ok::default()
        })),
        Err(PictureRefused::Busy) => Err(BUSY),
        Err(PictureRefused::Gone | PictureRefused::Receiver) => Err(NOT_A_CONTACT),
    }
}

async fn write(core: &Core, content: &[u8]) -> Result<Written, FileError> {
    let mut writing = core.pictures.begin(&random_text(&*core.entropy, TOKEN_LEN)).await?;
    writing.write(content).await?;
    writing.finish().await
}

fn refused(error: FileError) -> Refused {
    match error {
        FileError::Unfit(unfit) => Refused::picture(Command::UPLOAD_FILE, 2, unfit),
        FileError::TooLarge { .. } => {
            Refused::value(Command::UPLOAD_FILE, 2, "the picture is too large.")
        }
        FileError::Io(error) => {
            tracing::error!(%error, "a picture was not written");
            Refused::Rule("The server could not do that. Try again.")
        }
    }
}
