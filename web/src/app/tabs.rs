//! Other tabs of this browser: each has a session of its own, and tabs of one account share the token that logs them in. It
//! is new at each log-in, so the one that a tab has may be older than what the browser keeps.
use std::mem;
use std::rc::Rc;

use bytes::Bytes;
use mig33_client::Account;

use super::{App, surroundings};
use crate::clock;
use crate::part::Context;
use crate::storage::Store;

impl App {
    /// The person leaves this browser: all tabs of the account, and nothing that was typed stays in it.
    pub(super) fn log_out(&mut self, ctx: &Context<Self>) {
        if let Some(account) = &self.account {
            self.store.forget_all(&account.username);
        }
        self.leave(ctx);
    }

    fn leave(&mut self, ctx: &Context<Self>) {
        self.session.log_out(clock::now());
        self.pump(ctx);
    }

    /// The account's person may have logged out in another tab. True when the page has to be drawn anew.
    pub(super) fn leave_with_others(&mut self, ctx: &Context<Self>) -> bool {
        let (Some(account), Some(sign)) = (&self.account, &self.sign) else { return false };
        match self.store.kept_sign(&account.username) {
            Some(kept) if kept == *sign => return false,
            // what is kept now is of a log-in after that
            Some(_) => self.leave(ctx),
            None => self.log_out(ctx),
        }
        true
    }

    /// Another tab took this away from the storage: a draft that it has sent goes from here, too, unless there is more of
    /// it here. True when the page has to be drawn anew.
    pub(super) fn forget_draft(&mut self, ctx: &Context<Self>, name: &str, text: &str) -> bool {
        let Some(account) = &self.account else { return false };
        let Some(chat) = Store::chat_of_draft(&account.username, name) else { return false };
        if self.drafts.get(&chat).is_none_or(|draft| **draft != *text) {
            return false;
        }
        self.drafts.set(&chat, "");
        if self.route.chat() == Some(&chat) {
            surroundings::clear_composer(text);
        }
        self.refresh(ctx);
        true
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
