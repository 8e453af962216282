//! Registration (spec/wire.md section 3).
use mig33_codec::packets::{self, NewRegistration};

use crate::answer::{Answer, Outcome, Refused};
use crate::core::Call;
use crate::names;
use crate::passwords::Password;
use crate::store::NewAccount;

/// NEW_REGISTRATION: makes an account. The same connection may log in with it.
pub(crate) async fn register(call: Call<'_>) -> Outcome {
    let core = call.core;
    let packet: NewRegistration = call.packet()?;
    if let Some(text) = &core.settings.maintenance {
        return Err(Refused::Maintenance(text.clone()));
    }
    let username = packet.username.unwrap_or_default();
    let name = names::username(&username.as_str())?.to_owned();
    let password = packet.password.unwrap_or_default();
    let password = Password::new(names::password(&password.expose().as_str())?.to_owned());
    let mobile_phone = match packet.mobile_phone.as_ref().map(|phone| phone.as_str()) {
        Some(phone) if !phone.trim().is_empty() => Some(names::phone(phone.trim())?.to_owned()),
        Some(_) | None => None,
    };
    core.addresses.register(call.peer, call.instant).map_err(Refused::Registrations)?;
    let sealed = core.sealer.seal(&*core.entropy, &names::key(&name), &password);
    let new = NewAccount { name: name.clone(), password: sealed, mobile_phone, now: core.now() };
    match core.store.create_account(new).await? {
        Some(_) => Ok(Answer::of(packets::Ok {
            text: Some(core.settings.welcome.as_str().into()),
            ..packets::Ok::default()
        })),
        None => Err(Refused::NameTaken(name)),
    }
}
