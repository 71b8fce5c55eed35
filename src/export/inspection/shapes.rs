//! Lines and boxes for other programs: GeoJSON (RFC 7946, but in pixels) and COCO.

use serde_json::{Value, json};

use super::Entry;
use crate::inspect::Rect;

/// What the numbers in the files are.
const COORDINATES: &str = "pixels of the upright photo, from its upper left corner, y downwards";

/// The lines along cracks and the boxes around regions as one collection. Coordinates are pixels, which RFC 7946 does not
/// foresee; programs for maps take them as a plane.
pub fn geojson(entries: &[Entry]) -> Value {
    let features: Vec<Value> = entries.iter().flat_map(features).collect();
    json!({ "type": "FeatureCollection", "coordinates_are": COORDINATES, "features": features })
}

/// The boxes as a COCO data set with scores.
pub fn coco(entries: &[Entry]) -> Value {
    let images = entries.iter().enumerate().map(|(index, entry)| {
        let grid = entry.inspected.map.grid;
        json!({ "id": index + 1, "file_name": entry.name, "width": grid.width, "height": grid.height })
    });
    let boxes = entries
        .iter()
        .enumerate()
        .flat_map(|(image, entry)| entry.inspected.findings.regions.iter().map(move |region| (image + 1, region)));
    let annotations = boxes.enumerate().map(|(index, (image, region))| {
        let Rect { x, y, width, height } = region.bounds;
        json!({
            "id": index + 1,
            "image_id": image,
            "category_id": 1,
            "bbox": [x, y, width, height],
            "area": u64::from(width) * u64::from(height),
            "segmentation": [],
            "iscrowd": 0,
            "score": region.p_max,
        })
    });
    json!({
        "info": { "description": "Cracks found by CrackScope", "version": env!("CARGO_PKG_VERSION") },
        "images": images.collect::<Vec<_>>(),
        "annotations": annotations.collect::<Vec<_>>(),
        "categories": [{ "id": 1, "name": "crack", "supercategory": "damage" }],
    })
}

fn features(entry: &Entry) -> Vec<Value> {
    let (findings, scale) = (&entry.inspected.findings, entry.inspected.scale);
    let lines = findings.cracks.iter().map(|crack| {
        let length = f64::from(crack.length());
        json!({
            "type": "Feature",
            "geometry": { "type": "LineString", "coordinates": crack.points },
            "properties": {
                "kind": "crack",
                "photo": entry.name,
                "region": crack.region,
                "length_px": length,
                "length_mm": scale.map(|scale| scale.mm(length)),
            },
        })
    });
    let boxes = findings.regions.iter().enumerate().map(|(number, region)| {
        let Rect { x, y, width, height } = region.bounds;
        let (right, bottom) = (x + width, y + height);
        json!({
            "type": "Feature",
            "geometry": {
                "type": "Polygon",
                // Against the clock, as RFC 7946 asks, where y grows upwards.
                "coordinates": [[[x, y], [right, y], [right, bottom], [x, bottom], [x, y]]],
            },
            "properties": {
                "kind": "box",
                "photo": entry.name,
                "region": number,
                "p_max": region.p_max,
                "cells": region.cells.len(),
            },
        })
    });
    lines.chain(boxes).collect()
}
