//! How a request is served: its body is read, the action invoked, and the answer becomes the reply.

use std::rc::Rc;
use std::time::Duration;

use crate::answer::{Outcome, Timing};
use crate::call::Call;
use crate::call::open_calls::OpenCall;
use crate::call::parameters::parameters;
use crate::call::request::{BodyEnd, Request};
use crate::config::settings::{ActionErrors, Mode, Parameters, RequestBody, Whole};
use crate::error::Error;
use crate::exchange::step::{Progress, Step};
use crate::proxy::Proxy;
use crate::target::Target;

/// A request that is served.
#[derive(Debug)]
pub struct Serving {
    target: Rc<Target>,
    proxy: Proxy,
    request_id: String,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Reading { request: Request, end: BodyEnd, body_size: usize },
    Calling { open_call: Option<OpenCall> },
    Over,
}

impl Serving {
    /// Serves a request at a target.
    pub fn new(target: Rc<Target>, proxy: Proxy, request: &Request) -> Self {
        Self { target, proxy, request_id: request.id().to_owned(), stage: Stage::Over }
    }

    pub fn target(&self) -> &Target {
        &self.target
    }

    pub fn request_id(&self) -> &str {
        &self.request_id
    }

    pub fn on_headers(&mut self, request: Request, read_clock: impl FnOnce() -> Duration, progress: Progress) -> Step {
        let end = match self.admit(&request) {
            Ok(end) => end,
            Err(error) => return self.fail(error),
        };
        self.stage = Stage::Reading { request, end, body_size: 0 };
        match self.target.settings().request_body() {
            _ if progress == Progress::Complete || end == BodyEnd::After(0) => self.invoke(read_clock, |_| None),
            RequestBody::Pause => Step::Wait,
            RequestBody::BufferFilter => Step::PassHeaders,
        }
    }

    /// Whether an action may be invoked for a request, and where its body ends.
    fn admit(&self, request: &Request) -> Result<BodyEnd, Error> {
        if request.is_grpc() {
            return Err(Error::Grpc);
        }
        if let Some(method) = request.refused_method() {
            return Err(Error::MethodNotAllowed { method });
        }
        if self.target.settings().mode() == Mode::Poll {
            if !request.only_reads() {
                return Err(Error::ReadOnly);
            }
            request.activation_id().ok_or(Error::NoActivationId)?;
        }
        if let Parameters::Whole(Whole { path_template: Some(template), .. }) = self.target.settings().parameters()
            && template.parameters(request.path_and_query().0).is_none()
        {
            return Err(Error::NoSuchPath);
        }
        let limit = self.target.settings().body_limit();
        if request.content_length().is_some_and(|size| size > limit) {
            return Err(Error::RequestTooLarge { limit });
        }
        request.body_end(self.proxy)
    }

    pub fn on_body(
        &mut self,
        read_clock: impl FnOnce() -> Duration,
        size: usize,
        progress: Progress,
        read: impl FnOnce(usize) -> Option<Vec<u8>>,
    ) -> Step {
        let Stage::Reading { end, body_size, .. } = &mut self.stage else {
            return Step::Wait;
        };
        let (size, progress) = match *end {
            BodyEnd::Told => (size, progress),
            BodyEnd::After(length) => match usize::try_from(length).unwrap_or(usize::MAX) {
                length if size >= length => (length, Progress::Complete),
                _ => (size, progress),
            },
        };
        *body_size = size;
        let limit = self.target.settings().body_limit();
        if u64::try_from(size).unwrap_or(u64::MAX) > limit {
            return self.fail(Error::RequestTooLarge { limit });
        }
        match progress {
            Progress::Complete => self.invoke(read_clock, read),
            Progress::Partial => Step::Wait,
        }
    }

    /// The body is complete.
    pub fn invoke(
        &mut self,
        read_clock: impl FnOnce() -> Duration,
        read: impl FnOnce(usize) -> Option<Vec<u8>>,
    ) -> Step {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Reading { request, end, body_size } => {
                let called = self.call(request, end, body_size, read_clock, read);
                called.unwrap_or_else(|error| self.fail(error))
            }
            stage => {
                self.stage = stage;
                Step::Wait
            }
        }
    }

    fn call(
        &mut self,
        request: Request,
        end: BodyEnd,
        body_size: usize,
        read_clock: impl FnOnce() -> Duration,
        read: impl FnOnce(usize) -> Option<Vec<u8>>,
    ) -> Result<Step, Error> {
        if let BodyEnd::After(length) = end
            && u64::try_from(body_size).is_ok_and(|size| size < length)
        {
            return Err(Error::IncompleteBody);
        }
        // Never an action with half of its parameters, or with none where there are some.
        let body = if body_size == 0 { Some(Vec::new()) } else { read(body_size) };
        let body = body.filter(|body| body.len() == body_size).ok_or(Error::UnreadableBody)?;
        let settings = self.target.settings();
        let body = parameters(settings, &request, body)?;
        let activation_id =
            (settings.mode() == Mode::Poll).then(|| request.activation_id().map(str::to_owned)).flatten();
        self.stage = Stage::Calling { open_call: self.open_call(read_clock)? };
        let call = Call::new(Rc::clone(self.target.template()), self.proxy, request, body);
        Ok(Step::Invoke(match activation_id {
            Some(id) => call.of_activation(&id),
            None => call,
        }))
    }

    /// Counts a call as open, if there is a limit of them.
    fn open_call(&self, read_clock: impl FnOnce() -> Duration) -> Result<Option<OpenCall>, Error> {
        let settings = self.target.settings();
        let Some(most) = settings.max_concurrency() else {
            return Ok(None);
        };
        let now = read_clock();
        let deadline = now.saturating_add(settings.deadline());
        self.target.open_calls().open(most, now, deadline).map(Some).ok_or(Error::TooManyCalls { most })
    }

    pub fn on_outcome(&mut self, outcome: Outcome) -> Step {
        let Stage::Calling { open_call } = &mut self.stage else {
            return Step::Wait;
        };
        if let Some(open_call) = open_call.take() {
            open_call.end();
        }
        self.stage = Stage::Over;
        let settings = self.target.settings();
        let has_record = matches!(settings.mode(), Mode::Activation | Mode::Poll);
        let mut timing = if settings.server_timing() { outcome.timing(has_record) } else { None };
        let activation = outcome.into_activation(settings, self.proxy);
        if let Err(Error::ActivationOfAnother) = activation {
            // As if it were not there.
            timing = timing.map(|timing| Timing::of(timing.call, None));
        }
        let reply = activation
            .and_then(|activation| activation.into_reply(self.target.settings().location()))
            .and_then(|reply| reply.fit_for(self.proxy, &self.request_id))
            .map_err(|error| if self.hides_errors() { error.hidden() } else { error })
            .map_err(|error| error.fit_for(self.proxy));
        let mut step = reply.map_or_else(|error| self.fail(error), Step::Send);
        if let Some(timing) = timing {
            step.tell(&timing);
        }
        step
    }

    fn hides_errors(&self) -> bool {
        let settings = self.target.settings();
        settings.action_errors() == ActionErrors::Hide && settings.mode() != Mode::Metadata
    }

    fn fail(&mut self, error: Error) -> Step {
        self.stage = Stage::Over;
        Step::fail(error, &self.request_id)
    }
}
