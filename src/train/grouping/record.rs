//! What remains of the groups of a run.

use serde::{Deserialize, Serialize};

/// The groups of a run, as `config.toml` has them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupsRecord {
    /// Groups of two photos and more.
    pub groups: usize,
    /// Photos in these.
    pub photos: usize,
    /// Photos in the largest.
    pub largest: usize,
    /// BLAKE3 digest of the table of groups, `groups.csv` of the run.
    pub digest: String,
    /// What each source that counted says by itself.
    #[serde(default)]
    pub sources: Vec<SourceRecord>,
}

/// What one source says, as `config.toml` has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SourceRecord {
    /// The source.
    pub by: String,
    /// Groups of two photos and more.
    pub groups: usize,
    /// Photos in these.
    pub photos: usize,
}
