//! The report on an inspection, from the command to the printed page.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use image::{Rgb, RgbImage};
use scraper::{Html, Selector};

/// How long a browser may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// A folder with two photos, a broken one and a file of facts; the report is written beside them.
struct Job {
    folder: tempfile::TempDir,
}

impl Job {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let photos = folder.path().join("photos");
        fs::create_dir(&photos).unwrap();
        concrete(true).save(photos.join("pier 1.png")).unwrap();
        concrete(false).save(photos.join("pier 2.png")).unwrap();
        fs::write(photos.join("torn.jpg"), "no photo").unwrap();
        fs::write(folder.path().join("job.toml"), "client = \"From the file\"\nsite = \"km 12.4\"\n").unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn inspect(&self, options: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_crackscope"))
            .args(["inspect", "bundled", "photos", "--out", "out", "--json"])
            .args(options)
            .current_dir(self.folder.path())
            .env("HOME", self.folder.path())
            .env("XDG_CACHE_HOME", self.path("cache"))
            .env("XDG_DATA_HOME", self.path("data"))
            .env("XDG_CONFIG_HOME", self.path("config"))
            .output()
            .unwrap()
    }

    fn report(&self) -> String {
        let options =
            ["--report", "report.html", "--facts", "job.toml", "--client", "Müller & <Co>", "--pixels-per-mm", "2"];
        let done = self.inspect(&options);
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let summary: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
        assert_eq!(summary["report"], "report.html");
        fs::read_to_string(self.path("report.html")).unwrap()
    }
}

/// Grey with grain and, where it is wanted, a dark wavering line across.
fn concrete(cracked: bool) -> RgbImage {
    let grain = |x: u32, y: u32| 150 + (x.wrapping_mul(7919) ^ y.wrapping_mul(104_729)).wrapping_mul(2_654_435_761) % 9;
    let mut photo = RgbImage::from_fn(900, 600, |x, y| Rgb([grain(x, y) as u8; 3]));
    if cracked {
        for x in 100..800 {
            let y = 300.0 + 30.0 * (f64::from(x) / 40.0).sin() + 9.0 * (f64::from(x) / 7.0).sin();
            (y as u32..y as u32 + 5).for_each(|y| photo.put_pixel(x, y, Rgb([35; 3])));
        }
    }
    photo
}

fn texts(page: &Html, selector: &str) -> Vec<String> {
    page.select(&Selector::parse(selector).unwrap()).map(|found| found.text().collect()).collect()
}

#[test]
fn an_inspection_ends_in_a_report() {
    let job = Job::new();
    let before = contents(&job.path("photos"));
    let html = job.report();
    let page = Html::parse_document(&html);
    assert_eq!(page.errors, Vec::<String>::new());
    assert_eq!(texts(&page, ".photo h2"), ["1 · pier 1.png", "2 · pier 2.png"], "the cracked one first");
    assert_eq!(texts(&page, ".cover dd"), ["km 12.4", "Müller & <Co>"]);
    let said = texts(&page, ".photo p").concat();
    assert!(said.contains("Scale: 2.000 pixels to a millimetre") && said.contains(" mm ("), "{said}");
    assert!(said.contains("No crack found"), "{said}");
    assert!(texts(&page, "li").iter().any(|item| item.starts_with("torn.jpg: ")));
    assert!(texts(&page, ".card h3").iter().any(|heading| heading == "Limits"), "the bundled model's own card");
    assert!(!html.contains("http:") && !html.contains("https:"), "the page fetches nothing");
    assert_eq!(contents(&job.path("photos")), before);
}

#[test]
fn the_same_report_comes_as_pdf() {
    let job = Job::new();
    let done = job.inspect(&["--report", "report.pdf", "--client", "Müller & <Co>"]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let alone = fs::read(job.path("report.pdf")).unwrap();
    assert!(alone.starts_with(b"%PDF-1.7") && !job.path("report.html").exists());
    // Cover and photos, method, limits, and the model.
    assert!((4..12).contains(&pages(&alone)), "{} pages", pages(&alone));
    let both = job.inspect(&["--report", "report.html", "--report", "again.PDF"]);
    assert!(both.status.success(), "{}", String::from_utf8_lossy(&both.stderr));
    let summary: serde_json::Value = serde_json::from_slice(&both.stdout).unwrap();
    assert_eq!((&summary["report"], &summary["report_pdf"]), (&"report.html".into(), &"again.PDF".into()));
    assert!(fs::read(job.path("again.PDF")).unwrap().starts_with(b"%PDF-"));
    assert!(fs::read_to_string(job.path("report.html")).unwrap().starts_with("<!doctype html>"));
}

#[test]
fn reports_are_refused_before_anything_is_computed() {
    let job = Job::new();
    fs::write(job.path("wrong.toml"), "custommer = \"A\"\n").unwrap();
    for (options, status, part) in [
        (&["--client", "A"][..], 2, "no report was asked for"),
        (&["--report", "photos/report.html"], 2, "lies inside the photos"),
        (&["--report", "nowhere/report.html"], 2, "There is no folder for nowhere/report.html"),
        (&["--report", "photos"], 2, "is a folder"),
        (&["--report", "r.html", "--report", "photos/r.pdf"], 2, "lies inside the photos"),
        (&["--report", "r.PDF", "--report", "r.pdf"], 2, "More than one report was asked for as PDF"),
        (&["--report", "r.html", "--report", "r.htm"], 2, "More than one report was asked for as HTML"),
        (&["--report", "r.html", "--facts", "wrong.toml"], 1, "custommer"),
    ] {
        let refused = job.inspect(options);
        let complaint = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(status), "{complaint}");
        assert!(complaint.contains(part), "{complaint}");
        assert!(!job.path("out").join("cells.csv").exists() && !job.path("r.html").exists());
    }
}

#[test]
fn a_browser_prints_the_report() {
    let Some(browser) = browser() else { return };
    let job = Job::new();
    job.report();
    let pdf = job.path("report.pdf");
    let mut printing = Command::new(&browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--no-pdf-header-footer"])
        .arg(format!("--user-data-dir={}", job.path("browser").display()))
        .arg(format!("--print-to-pdf={}", pdf.display()))
        .arg(job.path("report.html"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    while printing.try_wait().unwrap().is_none() {
        assert!(begun.elapsed() < PATIENCE, "{} takes too long", browser.display());
        std::thread::sleep(Duration::from_millis(50));
    }
    let pdf = fs::read(pdf).unwrap();
    assert!(pdf.starts_with(b"%PDF-"));
    let pages = pages(&pdf);
    // Cover and photos, method, limits, and the model on two or more.
    assert!((4..12).contains(&pages), "{pages} pages");
}

fn pages(pdf: &[u8]) -> usize {
    let text = String::from_utf8_lossy(pdf).replace("/Type /Page", "/Type/Page");
    text.matches("/Type/Page").count() - text.matches("/Type/Pages").count()
}

/// A Chromium; `None`, said once, where there is none.
fn browser() -> Option<OsString> {
    if let Some(named) = std::env::var_os("CRACKSCOPE_CHROMIUM") {
        return Some(named);
    }
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let works = |name: &str| {
        let asked = Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        asked.is_ok_and(|status| status.success())
    };
    let found = names.iter().find(|name| works(name)).map(OsString::from);
    if found.is_none() {
        eprintln!("skipped: there is no Chromium (CRACKSCOPE_CHROMIUM can name one)");
    }
    found
}

/// Files of a folder with their bytes.
fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}
