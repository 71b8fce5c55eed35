//! The report: one page of HTML that holds all it shows, for a browser or a printer.

use std::fmt::Write;

use image::RgbImage;

use super::page::{self, escaped};
use super::{Source, figures, plots};
use crate::dataset::split::Part;
use crate::dataset::{Class, Problem};
use crate::error::Result;
use crate::format;
use crate::review::bootstrap::{self, Intervals};
use crate::review::confusion::Confusion;
use crate::review::metrics::{Metrics, RocCurve};
use crate::review::predictions::Prediction;
use crate::review::threshold::Threshold;

/// The most misclassified photos that are shown; the tables have them all.
pub const MOST: usize = 60;
/// The longer side of a thumbnail, in pixels.
pub const THUMBNAIL: u32 = 224;
/// Of thumbnails as JPEG.
const QUALITY: u8 = 85;

const STYLE: &str = include_str!("report.css");

/// The page. `worst`, at most [`MOST`], go with `thumbnails`; `problems` are listed at the end.
///
/// # Errors
/// Where a picture cannot be encoded: it has no pixel.
pub fn page(
    source: &Source<'_>,
    worst: &[Prediction],
    thumbnails: &[Result<RgbImage>],
    problems: &[Problem],
) -> Result<String> {
    let groups = groups(source);
    let mut body = heading(source);
    body += &figures_section(&groups);
    body += &matrices(&groups, &ranking(source, &groups)?);
    body += &course(source)?;
    body += &errors(source, worst, thumbnails)?;
    body += &run_section(source);
    body += &problems_section(problems);
    Ok(page::document(&source.name, STYLE, &body))
}

/// The labelled photos of one side of the split, and their figures.
struct Group {
    part: Option<Part>,
    title: &'static str,
    metrics: Metrics,
    intervals: Intervals,
}

fn groups(source: &Source<'_>) -> Vec<Group> {
    let sides = [
        (Some(Part::Validation), "Validation"),
        (Some(Part::Train), "Training"),
        (None, if source.predictions.iter().any(|p| p.part.is_some()) { "Other photos" } else { "All photos" }),
    ];
    let group = |(part, title)| {
        let photos: Vec<&Prediction> = source.predictions.iter().filter(|p| p.part == part).collect();
        let metrics = Metrics::of(photos.iter().copied(), source.threshold);
        let intervals = || bootstrap::of_predictions(&photos, source.threshold, 0);
        (metrics.photos > 0).then(|| Group { part, title, intervals: intervals(), metrics })
    };
    sides.into_iter().filter_map(group).collect()
}

fn heading(source: &Source<'_>) -> String {
    let cracked = source.predictions.iter().filter(|p| p.said(source.threshold) == Some(Class::Positive)).count();
    let wrong = source.predictions.iter().filter(|p| p.is_wrong(source.threshold)).count();
    let labelled = source.predictions.iter().filter(|p| p.truth.is_some()).count();
    let mut facts = vec![
        format::photos(source.predictions.len()),
        format!("{} called {}", format::count(cracked), Class::Positive.word()),
    ];
    match labelled {
        0 => facts.push("none has a label, so nothing can be counted as right or wrong".to_owned()),
        _ => facts.push(format!("{} of {} labelled ones wrong", format::count(wrong), format::count(labelled))),
    }
    facts.push(format!("threshold {}", figures::probability(source.threshold.at)));
    let unsure = source.predictions.iter().filter(|p| source.threshold.is_unsure(p.p_positive)).count();
    if source.threshold.unsure.is_some() {
        facts.push(format!("{} for a person", format::count(unsure)));
    }
    format!("<h1>{}</h1>\n<p class=\"quiet\">{}</p>\n", escaped(&source.name), facts.join(" · "))
}

fn figures_section(groups: &[Group]) -> String {
    if groups.is_empty() {
        return String::new();
    }
    let mut html = String::from("<section>\n<h2>Figures</h2>\n<table class=\"figures\">\n<thead><tr><th></th>");
    for group in groups {
        let photos = format::photos(group.metrics.photos);
        let _ = write!(html, "<th class=\"number\">{}<br><small>{photos}</small></th>", group.title);
    }
    html += "<th>Meaning</th></tr></thead>\n<tbody>\n";
    let columns: Vec<_> = groups.iter().map(|group| (figures::rows(&group.metrics), &group.intervals)).collect();
    let rows = columns.first().map(|(rows, _)| rows.iter().map(|row| (row.0, row.2)).collect()).unwrap_or(Vec::new());
    for (at, (name, meaning)) in rows.into_iter().enumerate() {
        let _ = write!(html, "<tr><th>{name}</th>");
        for (rows, intervals) in &columns {
            let value = rows.get(at).map_or("", |row| row.1.as_str());
            let interval = figures::KEYS.get(at).and_then(|key| intervals.get(key));
            let interval = interval.map(|i| format!("<br><small>{}</small>", figures::interval(i))).unwrap_or_default();
            let _ = write!(html, "<td class=\"number\">{}{interval}</td>", escaped(value));
        }
        let _ = writeln!(html, "<td class=\"quiet\">{meaning}</td></tr>");
    }
    html += "</tbody>\n</table>\n";
    if let Some(group) = groups.first() {
        let _ = writeln!(html, "<p class=\"quiet\">{}</p>", group.intervals.about());
    }
    let has = |title| groups.iter().any(|group| group.title == title);
    if has("Training") {
        html += "<p class=\"quiet\">The model was trained on the training photos: only figures of other photos say how \
                 well it does on new ones.</p>\n";
    }
    if has("Validation") {
        html += "<p class=\"quiet\">The best epoch was chosen on the validation photos, so their figures are slightly \
                 flattering.</p>\n";
    }
    html + "</section>\n"
}

/// The confusion matrices, and `beside` them.
fn matrices(groups: &[Group], beside: &str) -> String {
    if groups.is_empty() {
        return String::new();
    }
    let tables: String = groups.iter().map(|group| matrix(group.title, &group.metrics.confusion)).collect();
    format!(
        "<section>\n<h2>Label and prediction</h2>\n<div class=\"matrices\">\n{tables}{beside}</div>\n\
         <p class=\"quiet\">Percentages are shares of the row. Colour follows the logarithm of the count.</p>\n\
         </section>\n"
    )
}

fn matrix(title: &str, confusion: &Confusion) -> String {
    let most = Class::ALL.map(|t| Class::ALL.map(|p| confusion.get(t, p))).into_iter().flatten().max().unwrap_or(0);
    let mut html = format!("<table class=\"matrix\">\n<caption>{title}</caption>\n<thead><tr><td></td>");
    for said in Class::ALL {
        let _ = write!(html, "<th>called<br>{}</th>", word(said));
    }
    html += "</tr></thead>\n<tbody>\n";
    for truth in Class::ALL {
        let _ = write!(html, "<tr><th>labelled<br>{}</th>", word(truth));
        for said in Class::ALL {
            let count = confusion.get(truth, said);
            let share = (count as f32).ln_1p() / (most.max(1) as f32).ln_1p();
            let _ = write!(
                html,
                "<td style=\"--share:{:.0}%\"><b>{}</b><br>{}</td>",
                100.0 * share,
                format::count(count),
                escaped(&figures::percent(confusion.rate(truth, said)))
            );
        }
        html += "</tr>\n";
    }
    html + "</tbody>\n</table>\n"
}

fn course(source: &Source<'_>) -> Result<String> {
    if source.epochs.is_empty() {
        return Ok(String::new());
    }
    let name = format!("Loss and accuracy of {} epochs", format::count(source.epochs.len() as u64));
    let plot = plate(&plots::Curves::new(source.epochs, source.best_epoch)?, &name)?;
    Ok(format!("<section>\n<h2>Training</h2>\n{plot}</section>\n"))
}

/// The ROC curve of photos that were not trained on.
fn ranking(source: &Source<'_>, groups: &[Group]) -> Result<String> {
    let Some(group) = groups.iter().find(|group| group.part != Some(Part::Train)) else { return Ok(String::new()) };
    let photos = source.predictions.iter().filter(|p| p.part == group.part);
    let Some(curve) = RocCurve::of(photos, source.threshold) else { return Ok(String::new()) };
    let title = match group.part {
        Some(part) => format!("ROC of the {} photos", part.name()),
        None => "ROC".to_owned(),
    };
    plate(&plots::Roc { title: &title, curve: &curve }, &title)
}

/// A plot as part of the page.
fn plate(plot: &impl plots::Plot, name: &str) -> Result<String> {
    let svg = plots::svg(plot)?;
    // Within HTML an SVG needs no name of its language, and the page names no address at all.
    let open = format!("<svg class=\"plate\" role=\"img\" aria-label=\"{}\"", escaped(name));
    Ok(svg.replacen("<svg", &open, 1).replacen(" xmlns=\"http://www.w3.org/2000/svg\"", "", 1))
}

fn errors(source: &Source<'_>, worst: &[Prediction], thumbnails: &[Result<RgbImage>]) -> Result<String> {
    let wrong = source.predictions.iter().filter(|p| p.is_wrong(source.threshold)).count();
    if !source.predictions.iter().any(|p| p.truth.is_some()) {
        return Ok(String::new());
    }
    let mut html = String::from("<section>\n<h2>Errors</h2>\n");
    match (wrong, worst.len()) {
        (0, _) => html += "<p>No photo is misclassified.</p>\n",
        (wrong, shown) => {
            let which = if shown < wrong {
                format!("The worst {} of {}", format::count(shown), format::count(wrong))
            } else {
                format!("All {}", format::count(wrong))
            };
            let _ = writeln!(
                html,
                "<p class=\"quiet\">{which}, worst first: label → prediction, and the probability of being cracked.</p>"
            );
        }
    }
    html += "<div class=\"errors\">\n";
    for (photo, thumbnail) in worst.iter().zip(thumbnails) {
        html += &error(photo, thumbnail.as_ref().ok(), source.threshold)?;
    }
    Ok(html + "</div>\n</section>\n")
}

fn error(photo: &Prediction, thumbnail: Option<&RgbImage>, threshold: Threshold) -> Result<String> {
    let file = escaped(&photo.file);
    let picture = match thumbnail {
        Some(picture) => page::picture(&page::jpeg(picture, QUALITY)?, picture.dimensions(), &photo.file),
        None => "<span class=\"quiet\">cannot be read</span>".to_owned(),
    };
    let label = photo.truth.map(|truth| format!("{} → ", word(truth))).unwrap_or_default();
    let side = match photo.part {
        Some(Part::Train) => " · training photo",
        Some(Part::Validation) | None => "",
    };
    Ok(format!(
        "<figure><div>{picture}</div><figcaption>{label}{} <b>{}</b><br><span class=\"quiet\">{file}{side}</span>\
         </figcaption></figure>\n",
        word(Class::predicted(photo.p_positive, threshold.at)),
        figures::probability(photo.p_positive),
    ))
}

fn run_section(source: &Source<'_>) -> String {
    let Some(record) = source.record else { return String::new() };
    let train = &record.train;
    let folders: Vec<_> = record.data.folders.iter().map(|folder| folder.to_string_lossy()).collect();
    let epochs = match source.best_epoch {
        Some(best) => format!("{}, the best of them {}", source.epochs.len(), best),
        None => source.epochs.len().to_string(),
    };
    let rows = [
        ("Program", record.program.clone()),
        ("Begun", record.created.clone()),
        ("Device", record.device.clone()),
        ("Trained on", folders.join(", ")),
        ("Photos for training", format::count(record.data.train)),
        ("Photos for validation", format::count(record.data.validation)),
        ("Network", format!("{}, initial weights: {}", train.backbone.name(), record.weights.source)),
        ("Epochs", epochs),
        ("Batch size, learning rate", format!("{}, {}", train.batch_size, train.learning_rate)),
        ("Seed, seed of the split", format!("{}, {}", train.seed, train.split.seed)),
        ("Digest of the data", record.data.digest.clone()),
    ];
    format!("<section>\n<h2>The run</h2>\n{}</section>\n", page::facts(rows))
}

fn problems_section(problems: &[Problem]) -> String {
    if problems.is_empty() {
        return String::new();
    }
    let mut html = String::from("<section>\n<h2>What went wrong while exporting</h2>\n<ul>\n");
    for problem in problems {
        let _ = writeln!(html, "<li>{}: {}</li>", escaped(&problem.file), escaped(&problem.reason));
    }
    html + "</ul>\n</section>\n"
}

fn word(class: Class) -> String {
    let (name, mark) = match class {
        Class::Negative => ("intact", "●"),
        Class::Positive => ("cracked", "▲"),
    };
    format!("<span class=\"{name}\">{mark}&nbsp;{}</span>", class.word())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::error::Error;
    use crate::export::fixture;
    use crate::review::predictions::misclassified;

    #[test]
    fn shows_figures_matrix_curves_and_errors_and_fetches_nothing() {
        let run = fixture::run();
        let source = Source::of_run(&run);
        let worst = misclassified(&run.predictions, 0.5);
        let thumbnails = vec![Ok(RgbImage::new(20, 10)), Err(Error::new("Cannot read it"))];
        let html = page(&source, &worst, &thumbnails, &[]).unwrap();
        for part in [
            "4 photos · 2 called cracked · 2 of 4 labelled ones wrong · threshold 0.50",
            "<th>Accuracy</th><td class=\"number\">0.5000<br><small>0.1500 to 0.8500</small></td>",
            "<svg class=\"plate\" role=\"img\" aria-label=\"Loss and accuracy of 3 epochs\"",
            "<svg class=\"plate\" role=\"img\" aria-label=\"ROC of the validation photos\"",
            "data:image/jpeg;base64,",
            "cannot be read",
            "All 2, worst first",
            "2, the best of them",
        ] {
            let part = part.replace("2, the best of them", "3, the best of them 2");
            assert!(html.contains(&part), "{part} is missing");
        }
        assert!(!html.contains("http://") && !html.contains("https://") && !html.contains("<script"));
    }

    #[test]
    fn names_are_text_and_never_markup() {
        let mut run = fixture::run();
        let nasty = "<img src=x onerror=\"alert('1')\">&.jpg";
        run.predictions.push(fixture::prediction(Path::new(""), nasty, Class::Negative, 1.0));
        run.path = Path::new("/runs").join("<script>x<br>");
        run.record.device = "<b>CPU</b>".into();
        let source = Source::of_run(&run);
        let worst = misclassified(&run.predictions, 0.5);
        let thumbnails: Vec<_> = worst.iter().map(|_| Ok(RgbImage::new(2, 2))).collect();
        let problem = Problem { file: nasty.into(), reason: "<i>no</i>".into() };
        let html = page(&source, &worst, &thumbnails, &[problem]).unwrap();
        assert!(!html.contains("<img src=x") && !html.contains("<script") && !html.contains("<b>CPU"));
        assert!(
            !html.contains("<i>no")
                && html.contains("&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;&amp;.jpg")
        );
    }

    #[test]
    fn training_and_validation_photos_are_never_counted_together() {
        let mut run = fixture::run();
        for prediction in run.predictions.iter_mut().take(1) {
            prediction.part = Some(Part::Train);
        }
        let html = page(&Source::of_run(&run), &[], &[], &[]).unwrap();
        assert!(html.contains("Validation<br><small>3 photos") && html.contains("Training<br><small>1 photo<"));
    }

    #[test]
    fn without_labels_nothing_is_called_right_or_wrong() {
        let mut run = fixture::run();
        run.predictions.iter_mut().for_each(|p| p.truth = None);
        let html = page(&Source { epochs: &[], ..Source::of_run(&run) }, &[], &[], &[]).unwrap();
        assert!(html.contains("none has a label") && !html.contains("<h2>Errors") && !html.contains("<h2>Figures"));
    }
}
