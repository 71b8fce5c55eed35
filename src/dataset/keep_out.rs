//! Nothing is ever written into the user's photo folders.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Refuses to write to `path` if it lies inside one of the opened folders `roots`, by a roundabout way of links and `..`
/// as well. `path` need not exist.
///
/// # Errors
/// A usage error that names both.
pub fn keep_out(path: &Path, roots: &[PathBuf]) -> Result<()> {
    let target = resolved(path);
    match roots.iter().find(|root| target.starts_with(resolved(root))) {
        Some(root) => Err(Error::usage(format!("{} lies inside the photos", path.display()))
            .detail(format!("nothing is written into {}", root.display()))
            .hint("choose a folder elsewhere")),
        None => Ok(()),
    }
}

/// The absolute path with links resolved, as far as it exists.
fn resolved(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let known = absolute.ancestors().find_map(|ancestor| Some((ancestor, ancestor.canonicalize().ok()?)));
    match known {
        Some((ancestor, real)) => absolute
            .strip_prefix(ancestor)
            .map_or(real.clone(), |rest| if rest.as_os_str().is_empty() { real } else { real.join(rest) }),
        None => absolute,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_beside_is_fine_and_one_inside_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let (photos, beside) = (folder.path().join("photos"), folder.path().join("photos of runs"));
        std::fs::create_dir(&photos).unwrap();
        let roots = [photos.clone()];
        assert_eq!(keep_out(&beside.join("run"), &roots), Ok(()));
        assert!(keep_out(&photos, &roots).is_err());
        assert!(keep_out(&photos.join("not/there/yet"), &roots).is_err());
        assert!(keep_out(&photos.join("../photos/run"), &roots).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_into_the_photos_is_found_out() {
        let folder = tempfile::tempdir().unwrap();
        let (photos, link) = (folder.path().join("photos"), folder.path().join("link"));
        std::fs::create_dir(&photos).unwrap();
        std::os::unix::fs::symlink(&photos, &link).unwrap();
        assert!(keep_out(&link.join("run"), &[photos]).is_err());
    }
}
