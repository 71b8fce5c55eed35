//! Groups by the time at which photos were taken: those that one camera took one soon after the other.

/// For each photo its burst: photos of one camera, none more than `gap` seconds after the one before. `taken` is the
/// time in seconds with the camera, of those photos that tell. A photo taken by itself is in no burst.
pub fn bursts(taken: &[Option<(i64, u64)>], gap: f64) -> Vec<Option<usize>> {
    let mut order: Vec<(u64, i64, usize)> =
        taken.iter().enumerate().filter_map(|(i, at)| at.map(|(seconds, camera)| (camera, seconds, i))).collect();
    order.sort_unstable();
    let mut of_photo = vec![None; taken.len()];
    let together = |a: &(u64, i64, usize), b: &(u64, i64, usize)| a.0 == b.0 && (b.1 - a.1) as f64 <= gap;
    for burst in order.chunk_by(together).filter(|burst| burst.len() > 1) {
        let name = burst.iter().map(|(.., i)| *i).min();
        for (.., photo) in burst {
            if let Some(of_photo) = of_photo.get_mut(*photo) {
                *of_photo = name;
            }
        }
    }
    of_photo
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_camera_took_in_a_row_is_a_burst() {
        let at = |seconds, camera| Some((seconds, camera));
        let taken = [at(100, 1), at(105, 1), None, at(103, 2), at(111, 1), at(200, 1), at(94, 1)];
        assert_eq!(bursts(&taken, 6.0), [Some(0), Some(0), None, None, Some(0), None, Some(0)]);
        assert_eq!(bursts(&taken, 5.0), [Some(0), Some(0), None, None, None, None, None]);
        assert_eq!(bursts(&[], 5.0), []);
    }
}
