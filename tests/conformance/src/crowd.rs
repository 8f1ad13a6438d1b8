//! Several questions at a time.

use std::sync::Mutex;
use std::thread;

use crate::report::Outcome;

/// How many calls there are at a time, far less than any `OpenWhisk` allows.
pub const AT_ONCE: usize = 4;

/// Asks all, and gives the outcomes in their order. An error ends it.
pub fn ask<T: Sync>(all: &[T], ask: impl Fn(&T) -> Result<Outcome, String> + Sync) -> Result<Vec<Outcome>, String> {
    let rest = Mutex::new(all.iter().enumerate());
    let worker = || {
        let mut outcomes = Vec::new();
        let next = || rest.lock().expect("not poisoned").next();
        while let Some((index, one)) = next() {
            let outcome = ask(one).inspect_err(|_| rest.lock().expect("not poisoned").by_ref().for_each(drop))?;
            outcomes.push((index, outcome));
        }
        Ok::<_, String>(outcomes)
    };
    let mut outcomes = Vec::new();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(worker)).collect();
        for worker in workers {
            outcomes.extend(worker.join().map_err(|_| "a question stopped with a panic".to_owned())??);
        }
        Ok::<_, String>(())
    })?;
    outcomes.sort_by_key(|(index, _)| *index);
    Ok(outcomes.into_iter().map(|(_, outcome)| outcome).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_asked_in_some_order_and_told_in_theirs() {
        let all: Vec<_> = (0..100).collect();
        let outcomes = ask(&all, |one| Ok(Outcome { question: one.to_string(), lines: Vec::new() })).expect("asked");
        let names: Vec<_> = outcomes.into_iter().map(|outcome| outcome.question).collect();
        assert_eq!(names, all.iter().map(ToString::to_string).collect::<Vec<_>>());
        let failed = ask(&all, |one| if *one == 7 { Err("gone".to_owned()) } else { Ok(Outcome::default()) });
        assert_eq!(failed.expect_err("it ends"), "gone");
    }
}
