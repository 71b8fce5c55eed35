//! What a user waits for: listing a folder, reading photos, the network, the epochs.
//!
//!     cargo bench
//!
//! Figures depend on the machine; compare two versions in one sitting, in turn.

#![allow(clippy::unwrap_used)] // A benchmark that cannot run should say so at once.

use std::fs;
use std::sync::Arc;

use candle_core::Device;
use crackscope::dataset::sample::{SampleConfig, concrete, write_samples};
use crackscope::dataset::{Class, scan};
use crackscope::job::{Phase, Progress, Unwatched, Watch};
use crackscope::nn::cpu::{FrozenNetwork, Instructions, Precision};
use crackscope::nn::device;
use crackscope::nn::head::Labelled;
use crackscope::nn::network::Network;
use crackscope::photo::{INPUT_SIZE, decode, thumbnail, transform};
use crackscope::places::Places;
use crackscope::review::map;
use crackscope::train::config::{Backbone, DeviceChoice, TrainConfig, WeightsSource};
use crackscope::train::epochs::EpochLoop;
use crackscope::train::features::Features;
use crackscope::train::learner::HeadLearner;
use crackscope::train::observer::{Event, Observer};
use crackscope::train::run_dir::RunDir;
use crackscope::train::similarity::Similarity;
use divan::Bencher;
use divan::counter::ItemsCount;

fn main() {
    divan::main();
}

struct Silent;

impl Watch for Silent {
    fn progress(&self, _: Progress) {}
}

impl Observer for Silent {
    fn event(&self, _: Event) {}
}

/// The bytes of one sample photo as a file holds them.
fn photo() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    write_samples(folder.path(), &SampleConfig { photos: 2, ..SampleConfig::default() }, &Unwatched).unwrap();
    fs::read(folder.path().join("Positive/00001.jpg")).unwrap()
}

#[divan::bench(sample_count = 5)]
fn list_40_000_files(bencher: Bencher<'_, '_>) {
    let folder = tempfile::tempdir().unwrap();
    for class in Class::ALL {
        let class = folder.path().join(class.name());
        fs::create_dir(&class).unwrap();
        for number in 0..20_000 {
            fs::write(class.join(format!("{number:05}.jpg")), b"").unwrap();
        }
    }
    bencher.bench(|| scan::scan(folder.path(), &Unwatched).unwrap().samples.len());
}

#[divan::bench]
fn decode_227(bencher: Bencher<'_, '_>) {
    let bytes = photo();
    bencher.counter(ItemsCount::new(1usize)).bench(|| decode::decode_bytes(&bytes).unwrap());
}

#[divan::bench]
fn decode_resize_and_normalise_227(bencher: Bencher<'_, '_>) {
    let bytes = photo();
    bencher.counter(ItemsCount::new(1usize)).bench(|| transform::to_input(&decode::decode_bytes(&bytes).unwrap()));
}

#[divan::bench]
fn shrink_to_a_thumbnail(bencher: Bencher<'_, '_>) {
    let picture = decode::decode_bytes(&photo()).unwrap();
    bencher.counter(ItemsCount::new(1usize)).bench(|| thumbnail::shrink(picture.clone(), 128));
}

#[divan::bench]
fn draw_a_sample_photo(bencher: Bencher<'_, '_>) {
    let mut seed = 0;
    bencher.counter(ItemsCount::new(1usize)).bench_local(|| {
        seed += 1;
        concrete(227, Class::Positive, seed)
    });
}

#[divan::bench(args = [(1, Precision::F32), (32, Precision::F32), (32, Precision::Bf16)], sample_count = 5)]
fn features_on_the_cpu(bencher: Bencher<'_, '_>, (batch, precision): (usize, Precision)) {
    let (device, _) = device::open(DeviceChoice::Cpu).unwrap();
    let places = Places::below("unused");
    let network =
        Network::open(Backbone::Resnet18, &WeightsSource::Random, 0, (&device, precision), &places, &Unwatched)
            .unwrap();
    let photos = vec![0.5; batch * transform::INPUT_VALUES];
    bencher.counter(ItemsCount::new(batch)).bench(|| network.features(&photos, batch).unwrap());
}

/// What processors that have less would do, on this one: the network of 32 photos by each set of instructions.
#[divan::bench(args = Instructions::available(), sample_count = 5)]
fn features_by(bencher: Bencher<'_, '_>, instructions: Instructions) {
    let backbone = Backbone::Resnet18;
    let weights = backbone.architecture().random_weights(0, &Device::Cpu).unwrap();
    let network = FrozenNetwork::with_instructions(backbone, &weights, instructions, Precision::F32).unwrap();
    let photos = vec![0.5; 32 * transform::INPUT_VALUES];
    bencher.counter(ItemsCount::new(32usize)).bench(|| network.features(&photos, INPUT_SIZE, INPUT_SIZE));
}

/// Ten epochs of the head, run folder included, on features of 40,000 photos that are there already.
#[divan::bench(sample_count = 5)]
fn ten_epochs_of_40_000_features(bencher: Bencher<'_, '_>) {
    let values: Vec<f32> = (0..40_000 * 512).map(|i| ((i * 7919) % 1000) as f32 / 1000.0).collect();
    let examples: Vec<Labelled<'_>> = values.chunks(512).enumerate().map(|(i, row)| (row, i % 2)).collect();
    let (training, validation) = examples.split_at(32_000);
    let config = TrainConfig { device: DeviceChoice::Cpu, ..TrainConfig::default() };
    bencher.with_inputs(|| tempfile::tempdir().unwrap()).bench_refs(|folder| {
        let run = RunDir::create(&folder.path().join("run")).unwrap();
        let mut learner = HeadLearner::new(&config, training.to_vec(), validation.to_vec()).unwrap();
        EpochLoop::new(&config, &Silent, &mut learner).run(Some(&run)).unwrap().records.len()
    });
}

/// Features of 40,000 photos, as ResNet18 makes them.
fn similarity() -> Similarity {
    let value = |i: usize| ((i * 7919) % 1009) as f32 / 1009.0;
    let values = (0..40_000 * 512).map(value).collect();
    let row_of = (0..40_000).map(Some).collect();
    Similarity::new(Arc::new(Features { columns: 512, values, row_of }))
}

/// The photos most like one, as the key S asks for.
#[divan::bench]
fn similar_among_40_000(bencher: Bencher<'_, '_>) {
    let similarity = similarity();
    let mut photo = 0;
    bencher.bench_local(|| {
        photo = (photo + 7919) % 40_000;
        similarity.nearest(photo, 200)
    });
}

/// The map of 40,000 photos.
#[divan::bench(sample_count = 1)]
fn map_of_40_000(bencher: Bencher<'_, '_>) {
    let similarity = similarity();
    bencher.bench_local(|| map::lay_out(&similarity, 0, &Unwatched).unwrap());
}

/// How often a meter reports does not depend on how often it is told.
#[divan::bench]
fn count_a_photo(bencher: Bencher<'_, '_>) {
    let mut meter = crackscope::job::Meter::new(&Silent, Phase::Features, None);
    bencher.bench_local(|| meter.add(1));
}
