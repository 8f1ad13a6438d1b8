//! How an `OpenWhisk` is spared: who may not ask now waits for the next minute.

use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use corpus::Reply;

/// How often a question waits for a minute before it is given up.
const MINUTES: usize = 15;

/// How often a question is asked again because a container did not start.
const STARTS: usize = 3;

/// What `OpenWhisk` says of a container that did not start, in the result of an activation.
const NO_START: &[u8] = b"did not initialize and exited unexpectedly";

/// What all who ask have in common.
#[derive(Debug, Default)]
pub struct Patience {
    /// When the last wait was over.
    resumed: Mutex<Option<Instant>>,
    waits: AtomicUsize,
    starts: AtomicUsize,
}

impl Patience {
    /// Asks until there is an answer that is one. A throttle is none unless it was recorded: then a new minute begins
    /// first. Neither is a container that did not start, as happens on busy hosts of containers.
    pub fn ask<E>(&self, expected: u16, mut ask: impl FnMut() -> Result<Reply, E>) -> Result<Reply, E> {
        let (mut minutes, mut starts) = (0, 0);
        loop {
            let asked = Instant::now();
            let reply = ask()?;
            if reply.status == 429 && expected != 429 && minutes < MINUTES {
                minutes += 1;
                self.wait(asked);
            } else if reply.status == 502 && contains(&reply.body, NO_START) && starts < STARTS {
                starts += 1;
                self.starts.fetch_add(1, Ordering::Relaxed);
            } else {
                return Ok(reply);
            }
        }
    }

    /// Waits for the next minute, unless somebody else has done so since.
    fn wait(&self, asked: Instant) {
        let mut resumed = self.resumed.lock().expect("not poisoned");
        if resumed.is_some_and(|resumed| resumed > asked) {
            return;
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let rest = until_next_minute(now);
        println!("OpenWhisk allows no more calls in this minute: going on in {} s", rest.as_secs());
        thread::sleep(rest);
        self.waits.fetch_add(1, Ordering::Relaxed);
        *resumed = Some(Instant::now());
    }
}

impl fmt::Display for Patience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (waits, starts) = (self.waits.load(Ordering::Relaxed), self.starts.load(Ordering::Relaxed));
        write!(f, "waited for another minute {waits} times, asked again {starts} times as a container did not start")
    }
}

/// The minutes are those of the server's clock, which may be a second behind.
fn until_next_minute(now: Duration) -> Duration {
    Duration::from_secs(61 - now.as_secs() % 60)
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_begins_at_the_full_one() {
        for (now, rest) in [(0, 61), (59, 2), (60, 61), (90, 31)] {
            assert_eq!(until_next_minute(Duration::from_secs(now)), Duration::from_secs(rest), "{now}");
        }
    }

    #[test]
    fn what_is_no_answer_is_asked_again() {
        let reply = |status, body: &str| Reply { status, headers: Vec::new(), body: body.as_bytes().to_vec() };
        let no_start = r#"{"error":"The action did not initialize and exited unexpectedly."}"#;
        for (bodies, asked) in [(&["{}"][..], 1), (&[no_start, "{}"], 2), (&[no_start; 9], 1 + STARTS)] {
            let (mut replies, mut count) = (bodies.iter(), 0);
            let answer = Patience::default().ask(200, || {
                count += 1;
                replies.next().map(|body| reply(502, body)).ok_or(())
            });
            assert_eq!((answer.is_ok(), count), (true, asked), "{bodies:?}");
        }
        let throttled = Patience::default().ask(429, || Ok::<_, ()>(reply(429, "")));
        assert_eq!(throttled, Ok(reply(429, "")));
    }

    #[test]
    fn who_asked_before_the_minute_began_does_not_wait_again() {
        let asked = Instant::now();
        let patience =
            Patience { resumed: Mutex::new(Some(Instant::now() + Duration::from_secs(1))), ..<_>::default() };
        patience.wait(asked);
        assert_eq!(patience.waits.load(Ordering::Relaxed), 0);
    }
}
