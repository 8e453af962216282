//! Other tabs of this browser: each has a session of its own, and tabs of one account share the token that logs them in. It
//! is new at each log-in, so the one that a tab has may be older than what the browser keeps.
use std::mem;
use std::rc::Rc;

use bytes::Bytes;
use mig33_client::Account;

use super::{App, surroundings};
use crate::part::Context;

impl App {
    /// The person leaves: no tab is to be logged in by what this one has kept.
    pub(super) fn forget_token(&mut self) {
        if let Some(account) = &self.account {
            self.store.set_token(&account.username, None);
        }
    }

    /// The server does not take the session's token any more. A newer one, which another tab has got, may still be good.
    pub(super) fn token_is_dead(&mut self, username: &str) {
        self.refused = self.token.take();
        if self.store.token(username) == self.refused {
            self.store.set_token(username, None);
        }
    }

    /// The server has put this tab out: whether another tab's token takes it in again at once. If it was for its token, it
    /// waits for the person to log in anywhere.
    pub(super) fn goes_on(&mut self, ctx: &Context<Self>, account: &Rc<Account>) -> bool {
        if self.token.is_some() {
            return false;
        }
        let Some(token) = self.newer_token(&account.username) else {
            self.put_out = Some(account.username.clone());
            return false;
        };
        // it is the same person: pictures that are being sent are sent
        let transfers = mem::take(&mut self.transfers);
        self.start_anew();
        self.transfers = transfers;
        self.come_back_with(ctx, &account.username, token);
        true
    }

    /// What the browser keeps may have changed: comes back as who was put out, where another tab has got a token for it. Not
    /// while somebody fills the form in: what is typed next would go into a chat. True when the page has to be drawn anew.
    pub(super) fn come_along(&mut self, ctx: &Context<Self>) -> bool {
        if self.account.is_some() || self.is_logging_in() {
            return false;
        }
        let Some(username) = self.put_out.clone() else { return false };
        let Some(token) = self.newer_token(&username) else { return false };
        if surroundings::form_is_being_filled() {
            return false;
        }
        // somebody else may have tried to log in here meanwhile
        self.start_anew();
        self.log_in_error = None;
        self.come_back_with(ctx, &username, token);
        self.refresh(ctx);
        true
    }

    /// The token that the browser keeps for an account, unless the server has refused just that.
    fn newer_token(&self, username: &str) -> Option<Bytes> {
        self.store.token(username).filter(|token| self.refused.as_ref() != Some(token))
    }
}
