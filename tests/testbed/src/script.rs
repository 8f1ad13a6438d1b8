//! What scripted upstreams do.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use corpus::Call;

use crate::PATIENCE;
use crate::upstream::Connection;

/// What an upstream does with a call; an error closes the connection.
pub type Script = Arc<dyn Fn(&Call, &mut Connection) -> io::Result<()> + Send + Sync>;

/// What an upstream does with its first connection before it reads a call from it; an error closes the connection.
pub type Greeting = Arc<dyn Fn(&mut Connection) -> io::Result<()> + Send + Sync>;

/// An answer with these headers.
pub fn answer(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut answer = Vec::new();
    let mut line = |text: String| answer.extend(text.into_bytes());
    line(format!("HTTP/1.1 {status} scripted\r\n"));
    for (name, value) in headers {
        line(format!("{name}: {value}\r\n"));
    }
    if !matches!(status, 204 | 304) {
        line(format!("content-length: {}\r\n", body.len()));
    }
    line("\r\n".to_owned());
    answer.extend(body);
    answer
}

/// Sends these bytes, and waits for the next call.
pub fn sends(bytes: Vec<u8>) -> Script {
    Arc::new(move |_, connection| connection.send(&bytes))
}

/// Answers with a result of an action.
pub fn result(json: impl AsRef<[u8]>) -> Script {
    sends(answer(
        200,
        &[("content-type", "application/json"), ("x-openwhisk-activation-id", "44794bd6aab74415b4e42a308d880e5b")],
        json.as_ref(),
    ))
}

/// Sends these bytes, then closes the connection.
pub fn breaks_off_after(bytes: Vec<u8>) -> Script {
    Arc::new(move |_, connection| {
        connection.send(&bytes)?;
        Err(io::ErrorKind::ConnectionAborted.into())
    })
}

/// Takes the call, and resets the connection.
pub fn resets() -> Script {
    Arc::new(|_, connection| connection.reset())
}

/// Takes the call and says nothing.
pub fn silent() -> Script {
    Arc::new(|_, connection| connection.wait_for_close())
}

/// Sends these bytes, then a byte a second, as long as somebody listens.
pub fn drips(start: Vec<u8>) -> Script {
    Arc::new(move |_, connection| {
        connection.send(&start)?;
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            connection.send(b"1")?;
            thread::sleep(Duration::from_secs(1));
        }
        Ok(())
    })
}

/// Sends these bytes, then others as often as somebody takes them.
pub fn floods(start: Vec<u8>, more: Vec<u8>) -> Script {
    Arc::new(move |_, connection| {
        connection.send(&start)?;
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            connection.send(&more)?;
        }
        Ok(())
    })
}

/// Sends these bytes, and nothing more, but leaves the connection open.
pub fn stalls_after(bytes: Vec<u8>) -> Script {
    Arc::new(move |_, connection| {
        connection.send(&bytes)?;
        connection.wait_for_close()
    })
}

/// Does one thing with the first call, and another with all that follow.
pub fn once(first: Script, then: Script) -> Script {
    let was_called = AtomicBool::new(false);
    Arc::new(move |call, connection| {
        let script = if was_called.swap(true, Ordering::SeqCst) { &then } else { &first };
        script(call, connection)
    })
}

/// Answers when it has received this many calls.
pub fn answers_after(count: usize, json: &'static str) -> Script {
    let answer = result(json);
    Arc::new(move |call, connection| {
        connection.wait_for_calls(count)?;
        answer(call, connection)
    })
}
