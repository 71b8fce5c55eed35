//! The page as a whole: parsed as a browser parses it.

use std::collections::HashSet;
use std::path::Path;

use scraper::{Html, Selector};

use super::*;
use crate::inspect::Settings;

/// A page on these photos.
fn page(sheets: Vec<Sheet>, cover: &Cover, card: &ModelCard, problems: &[Problem], settings: &Settings) -> String {
    let mut report = Report::of(sheets.len() + problems.len());
    sheets.into_iter().for_each(|sheet| report.add(sheet));
    let with = With { model: Path::new("bundled"), settings, threshold: 0.4, stored: false };
    let made = SystemTime::UNIX_EPOCH;
    html::page(&report.document(&Particulars { cover, with: &with, card, evaluation: None, problems, made }))
}

fn plain(sheets: Vec<Sheet>) -> String {
    page(sheets, &Cover::default(), &ModelCard::default(), &[], &Settings::default())
}

/// The page as a browser reads it; fails where a browser would have to mend it.
fn parsed(html: &str) -> Html {
    let page = Html::parse_document(html);
    assert_eq!(page.errors, Vec::<String>::new());
    page
}

fn texts(page: &Html, selector: &str) -> Vec<String> {
    page.select(&Selector::parse(selector).unwrap()).map(|found| found.text().collect()).collect()
}

/// All values of an attribute, whatever the element.
fn values(page: &Html, attribute: &str) -> Vec<String> {
    let selector = Selector::parse(&format!("[{attribute}]")).unwrap();
    page.select(&selector).filter_map(|element| element.value().attr(attribute).map(str::to_owned)).collect()
}

/// What a browser would have to fetch, or cannot find.
fn assert_self_contained(page: &Html) {
    let ids: HashSet<String> = values(page, "id").into_iter().collect();
    assert_eq!(ids.len(), values(page, "id").len(), "names of places are there once");
    for link in values(page, "href") {
        let place = link.strip_prefix('#').unwrap_or_else(|| panic!("{link} leads out of the page"));
        assert!(ids.contains(place), "{link} leads nowhere");
    }
    for source in values(page, "src") {
        assert!(source.starts_with("data:image/jpeg;base64,"), "{}", &source[..source.len().min(80)]);
    }
    for none in ["script", "link", "iframe", "object", "embed", "base", "form", "[srcset]", "[onload]", "[onerror]"] {
        assert!(texts(page, none).is_empty(), "{none}");
    }
    let styles = [texts(page, "style"), values(page, "style")].concat().concat();
    assert!(!styles.contains("url(") && !styles.contains("@import"));
}

#[test]
fn the_page_is_valid_and_fetches_nothing() {
    let cover = Cover { client: Some("Bauamt".into()), notes: Some("one\ntwo".into()), ..Cover::default() };
    let card = ModelCard { network: Some("ResNet18"), ..card("# Title\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n") };
    let sheets = vec![
        fixture::sheet("short.png", 2, Some(1.0)),
        fixture::sheet("none.png", 0, None),
        fixture::sheet("long.png", 9, Some(1.0)),
    ];
    let problem = Problem { file: "/home/somebody/bad.jpg".into(), reason: "JPEG file cut short".into() };
    let html = page(sheets, &cover, &card, &[problem], &Settings::default());
    assert!(!html.contains("http:") && !html.contains("https:") && !html.contains("/home/"), "names the way to a file");
    let page = parsed(&html);
    assert_self_contained(&page);
    assert_eq!(texts(&page, "h1"), ["Crack inspection"]);
    assert_eq!(texts(&page, ".photo h2"), ["1 · long.png", "2 · short.png", "3 · none.png"]);
    assert_eq!(texts(&page, ".photos tbody a"), ["long.png", "short.png", "none.png"]);
    assert_eq!(texts(&page, ".photo img").len(), 6);
    assert_eq!(texts(&page, ".photo .drawn text"), ["1", "1"]);
    assert_eq!(texts(&page, ".cover dd"), ["Bauamt"]);
    assert_eq!(texts(&page, "header p"), ["one\ntwo"]);
    assert_eq!(texts(&page, ".card td"), ["1", "2"]);
    assert!(texts(&page, "li").iter().any(|item| item == "bad.jpg: JPEG file cut short"));
    assert!(texts(&page, ".method p")[0].contains("Cells of 0.4 or more count as cracked"));
    assert!(texts(&page, ".method td").contains(&"1970-01-01 00:00:00 UTC".to_owned()));
    assert!(texts(&page, ".limits li").len() > 8);
}

#[test]
fn what_the_user_writes_is_text_and_never_markup() {
    let nasty = "<script>alert(1)</script><img src=http://x onerror='y'>\"&";
    let cover = Cover {
        title: Some(nasty.into()),
        site: Some(nasty.into()),
        notes: Some(nasty.into()),
        more: [(nasty.to_owned(), nasty.to_owned())].into(),
        ..Cover::default()
    };
    let card = card(&format!("{nasty}\n\n{nasty} ![a](http://x/p.png) [b](http://x) <http://y>\n\n`{nasty}`\n"));
    let problem = Problem { file: nasty.into(), reason: nasty.into() };
    let sheets = vec![fixture::sheet("<b>&\"'.png", 3, None)];
    let html = page(sheets, &cover, &card, &[problem], &Settings::default());
    let page = parsed(&html);
    assert_self_contained(&page);
    assert_eq!(texts(&page, "h1"), [nasty]);
    assert_eq!(texts(&page, "title"), [nasty]);
    assert_eq!(texts(&page, ".photo h2"), ["1 · <b>&\"'.png"]);
    assert!(texts(&page, ".card")[0].contains("<script>alert(1)</script>"), "{:?}", texts(&page, ".card"));
}

#[test]
fn the_cards_that_the_program_writes_are_rendered_whole() {
    let run = crate::export::fixture::run();
    let metrics = crate::export::fixture::validation_metrics(&run);
    let facts = crate::export::card::CardFacts::of(&run.record, &metrics, &run.epochs, 2);
    for (text, part) in [
        (crate::export::card::card(&facts), "Measured on 4 validation photos"),
        (card::bundled_card().to_owned(), "It knows close-up patches"),
    ] {
        let html =
            page(vec![fixture::sheet("a.png", 1, None)], &Cover::default(), &card(&text), &[], &Settings::default());
        let page = parsed(&html);
        assert_self_contained(&page);
        let said = texts(&page, ".card").concat();
        assert!(said.contains(part) && said.contains("Limits"), "{said}");
        assert!(!said.contains("|---"), "a table is not one: {said}");
    }
}

#[test]
fn a_threshold_is_judged_by_photos_that_were_held_back() {
    let run = crate::export::fixture::run();
    let judged = ModelCard { validation: run.predictions, ..ModelCard::default() };
    let text = |card: &ModelCard| page(vec![], &Cover::default(), card, &[], &Settings::default());
    let said = texts(&parsed(&text(&judged)), ".method p").concat();
    assert!(said.contains("on the 4 photos that were held back") && said.contains("50.0 %"), "{said}");
    assert!(!text(&ModelCard::default()).contains("held back when"));
}

#[test]
fn an_inspection_that_was_stopped_says_what_is_missing() {
    let mut report = Report::of(5);
    report.add(fixture::sheet("a.png", 1, None));
    let settings = Settings::default();
    let with = With { model: Path::new("bundled"), settings: &settings, threshold: 0.5, stored: true };
    let (cover, card) = (Cover::default(), ModelCard::default());
    let particulars = Particulars {
        cover: &cover,
        with: &with,
        card: &card,
        evaluation: None,
        problems: &[],
        made: SystemTime::UNIX_EPOCH,
    };
    let html = html::page(&report.document(&particulars));
    assert!(html.contains("4 photos not looked at, because the inspection was stopped."));
    assert!(!plain(vec![fixture::sheet("a.png", 1, None)]).contains("What was not inspected"));
}

#[test]
fn totals_are_in_millimetres_only_where_all_are() {
    let summary = |scales: [Option<f64>; 2]| {
        let sheets = [("a", scales[0]), ("b", scales[1])].map(|(name, scale)| fixture::sheet(name, 6, scale));
        texts(&parsed(&plain(sheets.into())), ".numbers").concat()
    };
    let both = summary([Some(0.01), Some(0.01)]);
    assert!(both.contains(" m\nlength of all") || both.contains(" mlength of all"), "{both}");
    assert!(summary([Some(0.01), None]).contains(" px"), "millimetres and pixels do not add up");
}

fn card(text: &str) -> ModelCard {
    ModelCard::from_text(text)
}
