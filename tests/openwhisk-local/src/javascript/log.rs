//! The log of one activation.

use std::time::SystemTime;

/// Lines in the form of the activation record, up to the action's log limit.
///
/// Source: openwhisk DockerToActivationLogStore.scala (`LogLine`)
#[derive(Debug)]
pub struct Log {
    lines: Vec<String>,
    used: usize,
    allowed: usize,
    truncated: bool,
}

impl Log {
    /// An empty log that takes so many bytes.
    pub fn with_limit(allowed: usize) -> Self {
        Self { lines: Vec::new(), used: 0, allowed, truncated: false }
    }

    /// Adds what was written in one go; each of its lines is a line of the log.
    pub fn write(&mut self, stream: &str, text: &str) {
        for text in text.split('\n') {
            if self.truncated || self.allowed == 0 {
                return;
            }
            // The whole line counts, so that empty ones cannot fill the memory either.
            let line = line(SystemTime::now(), stream, text);
            self.used = self.used.saturating_add(line.len()).saturating_add(1);
            if self.used > self.allowed {
                self.truncated = true;
                let allowed = self.allowed;
                let notice =
                    format!("Logs were truncated because the total bytes size exceeds the limit of {allowed} bytes.");
                self.lines.push(self::line(SystemTime::now(), "stderr", &notice));
            } else {
                self.lines.push(line);
            }
        }
    }

    /// The lines so far; the log is empty afterwards.
    pub fn take(&mut self) -> Vec<String> {
        self.used = 0;
        self.truncated = false;
        std::mem::take(&mut self.lines)
    }
}

/// One line: time stamp padded to 30 characters, stream, text.
pub fn line(time: SystemTime, stream: &str, text: &str) -> String {
    format!("{:<30} {stream}: {text}", humantime::format_rfc3339_nanos(time).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn a_line_has_the_form_of_the_record() {
        let time = UNIX_EPOCH + Duration::from_nanos(1_700_000_000_000_000_001);
        assert_eq!(line(time, "stdout", "hello"), "2023-11-14T22:13:20.000000001Z stdout: hello");
    }

    #[test]
    fn what_is_too_long_is_cut_with_a_notice() {
        let mut log = Log::with_limit(100);
        log.write("stdout", "1\n2");
        log.write("stdout", "3");
        log.write("stdout", "4");
        let lines = log.take();
        assert_eq!(lines.len(), 3, "{lines:?}");
        assert!(
            lines[2]
                .ends_with("stderr: Logs were truncated because the total bytes size exceeds the limit of 100 bytes."),
            "{lines:?}"
        );
    }

    #[test]
    fn a_limit_of_nothing_keeps_nothing() {
        let mut log = Log::with_limit(0);
        log.write("stdout", "x");
        assert!(log.take().is_empty());
    }
}
