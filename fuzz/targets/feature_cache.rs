//! The caches of features and of maps, and segments beside them: records with right checksums, and files as they are.
//! What is added is there afterwards, whatever the file was.

#![no_main]

mod place;

use crackscope::dataset::group::ContentKey;
use crackscope::train::cache::FeatureCache;
use crackscope::train::map_cache::MapCache;
use libfuzzer_sys::fuzz_target;

/// Values of a record.
const VALUES: usize = 3;

fuzz_target!(|data: &[u8]| {
    let key = ContentKey([9; 32]);
    place::file("features/features.bin", &file(data, b"CSFEAT01", 4));
    features("features", data.len());
    // The same beside a file that is not there yet.
    std::fs::remove_file(place::folder().join("features/others.bin")).ok();
    place::file("features/others.part-1", &file(data, b"CSFEAT01", 4));
    features("others", data.len());

    place::file("features/maps.bin", &file(data, b"CSMAPS01", 2));
    MapCache::open(place::folder(), "maps", VALUES).expect("a cache").insert(&[key], &[1.0, 2.0, 3.0]);
    let mut cache = MapCache::open(place::folder(), "maps", VALUES).expect("a cache");
    assert_eq!(cache.get(&key), Some(vec![1.0, 2.0, 3.0]));
});

/// Adds to the cache of this name and reads it again. It holds no more photos than there were bytes, and later on than
/// before.
fn features(name: &str, bytes: usize) {
    let key = ContentKey([9; 32]);
    let mut most = bytes;
    for _ in 0..2 {
        let mut cache = FeatureCache::open(place::folder(), name, VALUES).expect("a cache");
        assert!(cache.len() <= most);
        cache.insert(&[key], &[1.0, 2.0, 3.0]);
        assert!(cache.note().is_none());
        most = cache.len();
    }
    let cache = FeatureCache::open(place::folder(), name, VALUES).expect("a cache");
    assert_eq!(cache.get(&key), Some([1.0, 2.0, 3.0].as_slice()));
}

/// By its first byte: the data as they are, or as records with their checksums under a header.
fn file(data: &[u8], magic: &[u8; 8], bytes: usize) -> Vec<u8> {
    let Some((b'r', data)) = data.split_first() else { return data.to_vec() };
    let mut file = [&magic[..], &(VALUES as u64).to_le_bytes()].concat();
    for body in data.chunks(32 + VALUES * bytes) {
        file.extend_from_slice(body);
        file.extend(crc32fast::hash(body).to_le_bytes());
    }
    file
}
