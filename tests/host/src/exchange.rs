//! One request and what became of it.

use std::collections::VecDeque;
use std::time::Duration;

use crate::answers::End;
use crate::calls::{Call, Pending};
use crate::cost::Cost;
use crate::headers::Headers;
use crate::personality::Personality;
use crate::replies::Reply;
use crate::request::{Piece, Request};

/// What the filter has done with a request so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing<'a> {
    /// It waits for more of the request.
    Waiting,
    /// It waits for the answer to this call.
    Called(&'a Call),
    /// It is over, with this reply.
    Replied(&'a Reply),
    /// It is with the route's upstream, at least in part.
    PassedOn,
    /// It is over, and nobody is there to reply to.
    Gone,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fate {
    Open,
    PassedOn,
    Replied(Reply),
    Gone,
}

/// Where a request is on APISIX, which knows two phases before the upstream's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Headers,
    AwaitingBody,
    Body,
}

#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) request: Request,
    /// What the filter sees, and may change.
    pub(crate) headers: Headers,
    pub(crate) trailers: Headers,
    pub(crate) reply_headers: Headers,
    pub(crate) root: u32,
    pub(crate) context: u32,
    pub(crate) unsent: VecDeque<Piece>,
    /// What came of the body.
    pub(crate) body: Vec<u8>,
    pub(crate) wants_body: bool,
    pub(crate) stage: Stage,
    /// The end of the call whose callback runs.
    pub(crate) answer: Option<End>,
    pub(crate) calls: Vec<Call>,
    /// Calls that the host refused to make.
    pub(crate) refused: Vec<Call>,
    pub(crate) client_is_gone: bool,
    pub(crate) cost: Cost,
    pending: VecDeque<Pending>,
    /// How many refused calls were noticed by the host.
    noticed: usize,
    fate: Fate,
    is_ended: bool,
}

impl Exchange {
    pub(crate) fn new(request: Request, headers: Headers, root: u32, context: u32) -> Self {
        Self {
            unsent: request.pieces(),
            request,
            headers,
            trailers: Headers::new(),
            reply_headers: Headers::new(),
            root,
            context,
            body: Vec::new(),
            wants_body: false,
            stage: Stage::Headers,
            answer: None,
            calls: Vec::new(),
            refused: Vec::new(),
            client_is_gone: false,
            cost: Cost::default(),
            pending: VecDeque::new(),
            noticed: 0,
            fate: Fate::Open,
            is_ended: false,
        }
    }

    pub(crate) fn standing(&self) -> Standing<'_> {
        match &self.fate {
            Fate::Gone => Standing::Gone,
            Fate::Replied(reply) => Standing::Replied(reply),
            Fate::PassedOn => Standing::PassedOn,
            Fate::Open => match self.pending.front().and_then(|pending| self.calls.get(pending.call)) {
                Some(call) => Standing::Called(call),
                None => Standing::Waiting,
            },
        }
    }

    pub(crate) const fn is_replied(&self) -> bool {
        matches!(self.fate, Fate::Replied(_))
    }

    pub(crate) const fn is_passed_on(&self) -> bool {
        matches!(self.fate, Fate::PassedOn)
    }

    pub(crate) fn is_calling(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Whether the last callback made a call that the host refused.
    pub(crate) fn take_was_refused(&mut self) -> bool {
        let noticed = std::mem::replace(&mut self.noticed, self.refused.len());
        noticed < self.refused.len()
    }

    pub(crate) fn refuse(&mut self, call: Call) {
        self.refused.push(call);
    }

    pub(crate) fn call(&mut self, token: u32, since: Duration, call: Call) {
        self.pending.push_back(Pending { token, call: self.calls.len(), since });
        self.calls.push(call);
    }

    /// Takes the oldest call whose answer is still to come.
    pub(crate) fn take_pending(&mut self) -> Option<(Pending, Call)> {
        let pending = self.pending.pop_front()?;
        self.calls.get(pending.call).cloned().map(|call| (pending, call))
    }

    pub(crate) fn reply(&mut self, reply: Reply) {
        self.fate = Fate::Replied(reply);
    }

    /// Makes the reply what the client gets, before the callbacks of the response, and tells the size of its body.
    pub(crate) fn prepare_reply(&mut self, personality: Personality) -> usize {
        let Fate::Replied(reply) = &mut self.fate else { return 0 };
        *reply = reply.clone().sent(&self.request.method, personality);
        self.reply_headers = [(":status", reply.status.to_string())].into_iter().collect();
        self.reply_headers.extend(reply.headers.iter());
        reply.body.len()
    }

    /// Takes over what those callbacks made of its headers.
    pub(crate) fn conclude_reply(&mut self) {
        if let Fate::Replied(reply) = &mut self.fate {
            reply.headers = self.reply_headers.iter().filter(|(name, _)| !name.starts_with(b":")).collect();
        }
    }

    /// The body of the reply.
    pub(crate) fn reply_body(&self) -> Vec<u8> {
        match &self.fate {
            Fate::Replied(reply) => reply.body.clone(),
            Fate::Open | Fate::PassedOn | Fate::Gone => Vec::new(),
        }
    }

    pub(crate) fn pass_on(&mut self) {
        self.fate = Fate::PassedOn;
    }

    /// Nobody waits for it any more. What it called is cancelled.
    pub(crate) fn abandon(&mut self) {
        self.fate = Fate::Gone;
        self.pending.clear();
    }

    /// Whether this is the first time it ends.
    pub(crate) fn end(&mut self) -> bool {
        self.pending.clear();
        self.unsent.clear();
        !std::mem::replace(&mut self.is_ended, true)
    }
}
