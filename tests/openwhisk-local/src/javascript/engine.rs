//! The engine of one container: loads the code, runs activations, keeps the limits.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};
use std::{mem, thread};

use hmac::{Hmac, KeyInit, Mac};
use rquickjs::context::EvalOptions;
use rquickjs::promise::PromiseState;
use rquickjs::{CatchResultExt, CaughtError, Context, Ctx, Function, Object, Promise, Runtime};
use sha2::Sha256;
use tokio::sync::oneshot;

use super::log::Log;
use super::{Job, Outcome, Phase, Report, Source};

/// Enough for a thousand nested values in `JSON.parse` and `JSON.stringify`, far below the stack of the thread.
const STACK: usize = 4 * 1024 * 1024;

const PRELUDE: &str = include_str!("prelude.js");

/// What the interrupt handler and the natives share with the loop below.
struct Control {
    born: Instant,
    /// Nothing while the container gets ready, which is not the action's time.
    deadline: Cell<Option<Instant>>,
    interrupted: Cell<bool>,
    exited: Cell<bool>,
    settled: RefCell<Option<Outcome>>,
    log: RefCell<Log>,
}

impl Control {
    /// Asked by the engine every few thousand steps: is it time to stop for good?
    fn should_stop(&self) -> bool {
        let stop = self.exited.get() || self.deadline.get().is_some_and(|deadline| Instant::now() >= deadline);
        if stop {
            self.interrupted.set(true);
        }
        stop
    }

    /// How a stopped script ended. A stop wins over any answer, since scripts may see it as a rejected promise.
    fn stopped(&self, phase: Phase) -> Option<Outcome> {
        if self.exited.get() {
            Some(Outcome::Exited(phase))
        } else if self.interrupted.get() {
            Some(Outcome::TimedOut(phase))
        } else {
            None
        }
    }

    fn allow(&self, time: Duration) {
        let now = Instant::now();
        self.deadline.set(Some(now.checked_add(time).unwrap_or(now)));
    }
}

/// The life of a container's thread: ends with its inbox or with the first developer error.
pub fn serve(source: &Source, inbox: &Receiver<(Job, oneshot::Sender<Report>)>) {
    let control = Rc::new(Control {
        born: Instant::now(),
        deadline: Cell::new(None),
        interrupted: Cell::new(false),
        exited: Cell::new(false),
        settled: RefCell::new(None),
        log: RefCell::new(Log::with_limit(source.logs)),
    });
    let Ok(runtime) = Runtime::new() else { return };
    runtime.set_memory_limit(source.memory);
    runtime.set_max_stack_size(STACK);
    let watched = Rc::clone(&control);
    runtime.set_interrupt_handler(Some(Box::new(move || watched.should_stop())));
    let Ok(context) = Context::full(&runtime) else { return };
    context.with(|ctx| {
        let Ok(script) = Script::prepare(&ctx, &control) else { return };
        let mut loaded = false;
        while let Ok((job, reply)) = inbox.recv() {
            let started = Instant::now();
            let failed = if loaded { None } else { script.load(source, &job) };
            let initialization = (!loaded).then(|| started.elapsed());
            loaded = true;
            let outcome = failed.unwrap_or_else(|| script.run(source.time, &job));
            let reusable = outcome.keeps_container();
            let logs = control.log.borrow_mut().take();
            let report = Report { outcome, initialization, logs, reusable };
            if reply.send(report).is_err() || !reusable {
                return;
            }
        }
    });
}

/// The script side of the contract: what the prelude gave us.
struct Script<'js> {
    ctx: Ctx<'js>,
    contract: Object<'js>,
    control: Rc<Control>,
}

impl<'js> Script<'js> {
    fn prepare(ctx: &Ctx<'js>, control: &Rc<Control>) -> rquickjs::Result<Self> {
        let host = Object::new(ctx.clone())?;
        let shared = Rc::clone(control);
        let log = move |stream: String, text: String| shared.log.borrow_mut().write(&stream, &text);
        host.set("log", Function::new(ctx.clone(), log)?)?;
        let shared = Rc::clone(control);
        let now = move || shared.born.elapsed().as_secs_f64() * 1000.0;
        host.set("now", Function::new(ctx.clone(), now)?)?;
        let shared = Rc::clone(control);
        host.set("exit", Function::new(ctx.clone(), move || shared.exited.set(true))?)?;
        host.set("hmacSha256", Function::new(ctx.clone(), hmac_sha256)?)?;
        let mut options = EvalOptions::default();
        options.filename = Some(String::from("node:internal"));
        let prelude: Function = ctx.eval_with_options(PRELUDE, options)?;
        let contract = prelude.call((host,))?;
        Ok(Self { ctx: ctx.clone(), contract, control: Rc::clone(control) })
    }

    /// Loads the code; `None` if it is ready to run.
    fn load(&self, source: &Source, job: &Job) -> Option<Outcome> {
        self.control.allow(source.time);
        let loaded = self.call_init(source, job).catch(&self.ctx);
        if let Some(stopped) = self.control.stopped(Phase::Initialization) {
            return Some(stopped);
        }
        match loaded {
            Ok(problem) if problem.is_empty() => None,
            Ok(problem) if problem == "memory" => Some(Outcome::Exited(Phase::Initialization)),
            Ok(problem) => Some(Outcome::Failed(problem)),
            Err(error) => Some(broken(&error, Phase::Initialization)),
        }
    }

    fn call_init(&self, source: &Source, job: &Job) -> rquickjs::Result<String> {
        let set_environment: Function = self.contract.get("setEnvironment")?;
        set_environment.call::<_, ()>((job.environment.as_str(),))?;
        let init: Function = self.contract.get("init")?;
        init.call((source.code.as_str(), source.main.as_str()))
    }

    fn run(&self, time: Duration, job: &Job) -> Outcome {
        self.control.allow(time);
        let outcome = match self.call_run(job).catch(&self.ctx) {
            Ok(promise) => self.turn_until_settled(&promise),
            Err(error) => broken(&error, Phase::Run),
        };
        self.control.stopped(Phase::Run).unwrap_or(outcome)
    }

    fn call_run(&self, job: &Job) -> rquickjs::Result<Promise<'js>> {
        let set_environment: Function = self.contract.get("setEnvironment")?;
        set_environment.call::<_, ()>((job.environment.as_str(),))?;
        self.control.settled.replace(None);
        let shared = Rc::clone(&self.control);
        let spent = Cell::new(false);
        let settle = move |kind: String, text: String| {
            if !spent.replace(true) {
                let outcome = match kind.as_str() {
                    "returned" => Outcome::Returned(text),
                    "memory" => Outcome::Exited(Phase::Run),
                    _ => Outcome::Failed(text),
                };
                shared.settled.replace(Some(outcome));
            }
        };
        let run: Function = self.contract.get("run")?;
        run.call((job.arguments.as_str(), Function::new(self.ctx.clone(), settle)?))
    }

    /// The event loop: promise jobs first, then one timer, until the answer is there.
    fn turn_until_settled(&self, promise: &Promise<'js>) -> Outcome {
        loop {
            while !self.control.should_stop() && self.control.settled.borrow().is_none() {
                if !self.ctx.execute_pending_job() {
                    break;
                }
            }
            if let Some(outcome) = mem::take(&mut *self.control.settled.borrow_mut()) {
                return outcome;
            }
            if self.control.should_stop() {
                return Outcome::TimedOut(Phase::Run);
            }
            // The contract's own promise only ends without an answer if there was no memory to give one.
            if promise.state() == PromiseState::Rejected {
                return Outcome::Exited(Phase::Run);
            }
            match self.next_timer() {
                Ok(wait) if wait > 0.0 => {
                    self.sleep(Duration::try_from_secs_f64(wait / 1000.0).unwrap_or(Duration::MAX));
                }
                // No timer and no job: nothing will ever settle it, and the real runtime would wait, too.
                Ok(wait) if wait < 0.0 => self.sleep(Duration::MAX),
                Ok(_) => {}
                Err(error) => {
                    return self.control.stopped(Phase::Run).unwrap_or_else(|| broken(&error, Phase::Run));
                }
            }
        }
    }

    fn next_timer(&self) -> Result<f64, CaughtError<'js>> {
        let turn = self.contract.get::<_, Function>("turn").catch(&self.ctx)?;
        turn.call(()).catch(&self.ctx)
    }

    fn sleep(&self, wanted: Duration) {
        let left = self.control.deadline.get().map(|deadline| deadline.saturating_duration_since(Instant::now()));
        thread::sleep(left.map_or(wanted, |left| wanted.min(left)));
    }
}

/// The code that authenticates bytes with a key.
#[expect(clippy::needless_pass_by_value, reason = "the engine hands arrays over")]
fn hmac_sha256(key: Vec<u8>, bytes: Vec<u8>) -> Option<Vec<u8>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
    mac.update(&bytes);
    Some(mac.finalize().into_bytes().to_vec())
}

/// The contract itself failed, which only a script without memory or stack can bring about. Node ends without memory.
fn broken(error: &CaughtError<'_>, phase: Phase) -> Outcome {
    let text = error.to_string();
    if text.contains("out of memory") || matches!(error, CaughtError::Value(_)) {
        return Outcome::Exited(phase);
    }
    Outcome::Failed(format!("An error has occurred: {text}"))
}
