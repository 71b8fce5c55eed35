//! What happened, to what, and what to do about it.
//!
//! Every error that a user can meet has this one shape, so that the window and the command line say the same thing,
//! once. It is plain data: it crosses channels and can be kept in a list of messages.

use std::fmt;
use std::path::Path;

/// The result of anything that can fail before the user's eyes.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a job ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Something went wrong.
    Failed,
    /// The request makes no sense as it stands: wrong arguments.
    Usage,
    /// The user stopped it.
    Cancelled,
}

/// An error as the user sees it: one line that says what happened, details, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    kind: Kind,
    title: String,
    details: Vec<String>,
    hint: Option<String>,
}

impl Error {
    /// An error that says what happened, in one sentence without a full stop.
    pub fn new(title: impl Into<String>) -> Self {
        Self { kind: Kind::Failed, title: title.into(), details: Vec::new(), hint: None }
    }

    /// A request that cannot be carried out as it was put.
    pub fn usage(title: impl Into<String>) -> Self {
        Self { kind: Kind::Usage, ..Self::new(title) }
    }

    /// The user stopped the job.
    pub fn cancelled() -> Self {
        Self { kind: Kind::Cancelled, ..Self::new("Cancelled") }
    }

    /// An error about one file: `Cannot read photos/a.jpg`, and why.
    pub fn file(action: &str, path: &Path, cause: impl fmt::Display) -> Self {
        Self::new(format!("Cannot {action} {}", path.display())).detail(cause.to_string())
    }

    /// Adds a line of detail.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.details.push(detail.into());
        self
    }

    /// Adds what the user can do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Why it ended.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether the user stopped it.
    pub fn is_cancelled(&self) -> bool {
        self.kind == Kind::Cancelled
    }

    /// What happened, in one line.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// More lines on what happened.
    pub fn details(&self) -> &[String] {
        &self.details
    }

    /// What to do about it.
    pub fn advice(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Why, without what: the details, for lists where the file's name stands beside them.
    pub fn reason(&self) -> String {
        if self.details.is_empty() { self.title.clone() } else { self.details.join("; ") }
    }

    /// Title and details on one line, for tables and lists.
    pub fn one_line(&self) -> String {
        if self.details.is_empty() {
            self.title.clone()
        } else {
            format!("{}: {}", self.title, self.details.join("; "))
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.title)?;
        for detail in &self.details {
            write!(f, "\n  {detail}")?;
        }
        match &self.hint {
            Some(hint) => write!(f, "\n  → {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

/// Turns any error into ours, with what was being done.
pub trait Context<T> {
    /// `Cannot {action} {path}`, with the cause as detail.
    fn on_file(self, action: &str, path: &Path) -> Result<T>;
    /// `title`, with the cause as detail.
    fn context(self, title: &str) -> Result<T>;
}

impl<T, E: fmt::Display> Context<T> for std::result::Result<T, E> {
    fn on_file(self, action: &str, path: &Path) -> Result<T> {
        self.map_err(|cause| Error::file(action, path, cause))
    }

    fn context(self, title: &str) -> Result<T> {
        self.map_err(|cause| Error::new(title).detail(cause.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_says_what_why_and_what_to_do() {
        let error = Error::file("read", Path::new("a.jpg"), "end of file").hint("copy the file again");
        assert_eq!(error.to_string(), "Cannot read a.jpg\n  end of file\n  → copy the file again");
        assert_eq!(error.one_line(), "Cannot read a.jpg: end of file");
    }
}
