//! Log-in by challenge or token, keep-alive, log-out (spec/wire.md sections 3 and 8).
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use mig33_codec::packets::{Avatar, Login, LoginChallenge, LoginOk, LoginResponse, Pong};
use mig33_codec::values::{AlertContentType, Presence, UserType};
use mig33_codec::{Command, Secret};
use mig33_peer::Prefix;
use sha2::{Digest, Sha256};

use super::rooms::named;
use crate::answer::{Answer, Outcome, Refused};
use crate::clock::random_text;
use crate::core::{Call, Core, NOBODY};
use crate::fanout::{Ending, Seat};
use crate::guard;
use crate::ids::{Seq, TokenId, UserId};
use crate::names;
use crate::rules::presence;
use crate::session::{Challenge, Member, Phase, Wish};
use crate::store::{Account, NewToken, Redeem, StoreError};
use crate::written::Written;

/// Characters of a challenge, and of a session's public id: 80 and 125 random bits.
const CHALLENGE_LEN: usize = 16;
const PUBLIC_ID_LEN: usize = 25;
/// What LOGIN_OK says of a service that takes private messages from who is no contact.
const STRANGERS: &str = "strangers";
/// Bytes of a token.
const TOKEN_LEN: usize = 32;
/// Contact requests that come by themselves after log-in; the rest on request.
const REQUESTS_AT_LOGIN: u32 = 100;
/// The feature of a client that fetches large contents, and of a session that has an address to fetch them from.
const CONTENT_ADDRESSES: &str = "content-addresses";
/// Places that an account's owner is known at, and for how many seconds.
const PLACES: u32 = 16;
const PLACE_S: u64 = 90 * 24 * 60 * 60;

/// PING: the client is there.
pub(crate) async fn ping(_: Call<'_>) -> Outcome {
    Ok(Answer::of(Pong::default()))
}

/// LOGOUT: ends the session, and the tokens that belong to it.
pub(crate) async fn logout(call: Call<'_>) -> Outcome {
    if let Phase::Member(member) = &call.session.phase
        && !member.tokens.is_empty()
    {
        call.core.store.drop_tokens(member.seat.user, &member.tokens).await?;
    }
    Ok(Answer { ending: Some(Ending::Logout), ..Answer::default() })
}

/// LOGIN: asks for a proof, or lets in at once whoever brings a good token.
pub(crate) async fn login(call: Call<'_>) -> Outcome {
    let core = call.core;
    let packet: Login = call.packet()?;
    if let Some(text) = &core.settings.maintenance {
        return Err(Refused::Maintenance(text.clone()));
    }
    let presence = packet.initial_presence.unwrap_or(Presence::AVAILABLE);
    if !presence::is_known(presence) {
        return Err(Refused::value(Command::LOGIN, 9, "there is no such presence."));
    }
    // what cannot be a name is nobody's, like any name that nobody has
    let name = packet.username.unwrap_or_default();
    let name_key =
        names::username(&name.as_str()).map(names::key).unwrap_or_else(|_| NOBODY.to_owned());
    let take_over =
        packet.session_id.map(|id| id.as_str().into_owned()).filter(|id| !id.is_empty());
    let token = packet.resume_token.map(Secret::into_inner);
    let features = packet.features.map(|features| features.entries()).unwrap_or_default();
    let by_address = features.iter().any(|name| name == CONTENT_ADDRESSES);
    let wish = Wish { presence, take_over, token: token.is_some(), by_address };
    if let Some(token) = token.filter(|token| token.len() == TOKEN_LEN) {
        let (secret, successor) = new_token(core);
        let redeem = Redeem {
            name_key: name_key.clone(),
            hash: Sha256::digest(&token).into(),
            successor,
            keep: core.settings.limits.tokens,
        };
        if let Some(redeemed) = core.store.redeem_token(redeem).await? {
            // the client knows no other id for this session than the one that it gave
            let public_id = wish
                .take_over
                .clone()
                .unwrap_or_else(|| random_text(&*core.entropy, PUBLIC_ID_LEN));
            let tokens = vec![redeemed.used, redeemed.issued];
            return enter(call, redeemed.account, public_id.into(), wish, Some(secret), tokens)
                .await;
        }
    }
    let challenge = Challenge {
        text: random_text(&*core.entropy, CHALLENGE_LEN),
        account: core.store.account(&name_key).await?,
        name_key,
        public_id: random_text(&*core.entropy, PUBLIC_ID_LEN).into(),
        wish,
    };
    let answer = LoginChallenge {
        challenge: Some(challenge.text.as_str().into()),
        session_id: Some((&*challenge.public_id).into()),
        ..LoginChallenge::default()
    };
    call.session.phase = Phase::Challenged(Box::new(challenge));
    Ok(Answer::of(answer))
}

/// LOGIN_RESPONSE: the proof. Right or wrong, the challenge is used up.
pub(crate) async fn prove(call: Call<'_>) -> Outcome {
    let core = call.core;
    let packet: LoginResponse = call.packet()?;
    let Phase::Challenged(challenge) = std::mem::replace(&mut call.session.phase, Phase::Open)
    else {
        return Err(Refused::NoChallenge);
    };
    let Challenge { text, name_key, account, public_id, wish } = *challenge;
    let user = account.as_ref().map_or(UserId(0), |account| account.id);
    let place = known_place(core, user, call.peer).await;
    let from = guard::Place { peer: call.peer, is_known: place.is_some_and(|place| place.seen) };
    if !core.guard.may_answer(&name_key, from, call.instant) {
        return Err(Refused::TooManyWrong);
    }
    let answer = packet.password_hash.map(Secret::into_inner).unwrap_or_default();
    let (bound_to, sealed) = match &account {
        Some(account) => (name_key.as_str(), &account.password),
        None => (NOBODY, &core.nobody),
    };
    let password = core.sealer.open(bound_to, sealed)?;
    let kinds = core.settings.hashes.iter().map(|name| name.kind());
    let proven = password.proves(&text, answer, kinds);
    let Some(account) = account.filter(|_| proven) else {
        core.metrics.wrong_answers.inc();
        return Err(Refused::Credentials(core.guard.wrong(&name_key, from, call.instant)));
    };
    core.guard.right(&name_key, call.peer);
    if let Some(place) = place
        && let Err(error) = core.store.add_place(user, place.hash, core.now(), PLACES).await
    {
        log_store_error(&error); // it is a place like any other then
    }
    if wish.token {
        let (secret, new) = new_token(core);
        let id = core.store.add_token(account.id, new, core.settings.limits.tokens).await?;
        return enter(call, account, public_id, wish, Some(secret), vec![id]).await;
    }
    enter(call, account, public_id, wish, None, Vec::new()).await
}

/// Where somebody logs in from.
#[derive(Clone, Copy, Debug)]
struct LoginPlace {
    hash: [u8; 32],
    /// Whether this account's owner has logged in from there before.
    seen: bool,
}

/// The place that an answer comes from; none for everybody's. It is looked up as long for a name that nobody has.
async fn known_place(core: &Core, user: UserId, peer: Option<IpAddr>) -> Option<LoginPlace> {
    let network = peer.and_then(Prefix::of)?;
    // keyed: there are too few addresses for a hash without a secret to hide them
    let user_id = user.0.to_be_bytes();
    let hash = core.sealer.mac(&[&b"place"[..], &user_id, &network.to_bytes()].concat());
    match core.store.knows_place(user, hash, core.now().minus_seconds(PLACE_S)).await {
        Ok(seen) => Some(LoginPlace { hash, seen }),
        Err(error) => {
            log_store_error(&error); // it is a place like any other then
            None
        }
    }
}

fn new_token(core: &Core) -> (Secret<Bytes>, NewToken) {
    let mut token = [0; TOKEN_LEN];
    core.entropy.fill(&mut token);
    let now = core.now();
    let expires = now.plus_seconds(core.settings.limits.token_life().as_secs());
    let new = NewToken { hash: Sha256::digest(token).into(), now, expires };
    (Bytes::copy_from_slice(&token).into(), new)
}

/// Takes a session in, where it was or anew.
async fn enter(
    call: Call<'_>,
    account: Account,
    public_id: Arc<str>,
    wish: Wish,
    token: Option<Secret<Bytes>>,
    tokens: Vec<TokenId>,
) -> Outcome {
    let core = call.core;
    let requests = core.store.contact_requests(account.id, REQUESTS_AT_LOGIN).await?;
    let seat = Seat {
        session: call.number,
        user: account.id,
        name: account.name.as_str().into(),
        public_id,
        mailbox: Arc::clone(call.mailbox),
    };
    // what happens from here on comes behind LOGIN_OK
    call.mailbox.hold();
    if wish.by_address {
        call.mailbox.send_by_address();
    }
    call.mailbox.start_catching_up();
    let taken = match &wish.take_over {
        Some(id) => core.fanout.take_over(id, seat.clone()).await,
        None => None,
    };
    // a client that knows our extension says itself what it has, and so does one that has said it before in this session
    let receipts = wish.token || taken.as_ref().is_some_and(|taken| taken.receipts);
    let (shown, rooms) = match taken {
        Some(taken) => (taken.presence, named(core, &taken.rooms).await),
        None => {
            core.fanout
                .attach(seat.clone(), wish.presence, core.settings.limits.sessions_per_account)
                .await;
            (wish.presence, Vec::new())
        }
    };
    if receipts {
        core.fanout.set_receipts(account.id, call.number).await;
    }
    call.session.phase = Phase::Member(Box::new(Member {
        seat,
        rooms,
        tokens,
        backlog: Some(Seq(0)),
        written: Written::default(),
        receipts,
        received: Vec::new(),
        used: core.accounts.of(account.id, call.instant),
        free_events: 0,
    }));
    core.metrics.sessions.inc();
    super::presence::announce(core, account.id).await;
    let served = [
        (!call.mailbox.base_url().is_empty(), CONTENT_ADDRESSES),
        (core.settings.open_messages, STRANGERS),
    ];
    let features: Vec<&str> =
        served.into_iter().filter_map(|(served, name)| served.then_some(name)).collect();
    let alert = Some(core.settings.motd.as_str()).filter(|motd| !motd.is_empty());
    let mut answer = Answer::of(LoginOk {
        mobile_phone: account.mobile_phone.map(Into::into),
        alert: alert.map(Into::into),
        alert_content_type: alert.map(|_| AlertContentType::TEXT),
        contact_list_version: Some(account.contacts.version),
        user_type: Some(UserType::STANDARD),
        presence: Some(shown),
        user_id: Some(account.id.0),
        username: Some(account.name.into()),
        supports_chat_sync: Some(true),
        server_time: Some(core.now().0),
        resume_token: token,
        features: (!features.is_empty()).then(|| features.iter().collect()),
        ..LoginOk::default()
    });
    if !account.status_message.is_empty() {
        answer = answer.unasked(Avatar {
            status_message: Some(account.status_message.into()),
            ..Avatar::default()
        });
    }
    for name in requests {
        answer = answer.unasked(super::contacts::request(&name));
    }
    Ok(answer)
}

/// A store's failure where the request itself has been done.
pub(crate) fn log_store_error(error: &StoreError) {
    tracing::error!(%error, "the store failed");
}
