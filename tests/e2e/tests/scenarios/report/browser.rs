//! The report's page in a real browser.

use std::fs::write;
use std::path::Path;
use std::process::Command;

use super::past::pasts;
use super::{page, wave};

/// If this environment variable is set, the test fails instead of being skipped when no browser is installed.
const REQUIRED: &str = "RDS_HANDOFF_BROWSER";
const BROWSER: &str = "chromium";

/// The DOM of an opened page, and the browser's console messages.
struct Seen {
    dom: String,
    console: Vec<String>,
}

fn open(folder: &Path, html: &str) -> Seen {
    let file = folder.join("page.html");
    write(&file, html).unwrap();
    // The browser resolves no host names: its own requests to its vendor are not part of this test.
    let opened = Command::new("timeout")
        .args(["120", BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr", "--dump-dom"])
        .arg(format!("--user-data-dir={}", folder.join("profile").display()))
        .arg(format!("file://{}", file.display()))
        .output()
        .unwrap();
    let log = String::from_utf8_lossy(&opened.stderr).into_owned();
    assert!(opened.status.success(), "{log}");
    let console = log.lines().filter(|line| line.contains(":CONSOLE")).map(str::to_owned).collect();
    Seen { dom: String::from_utf8(opened.stdout).unwrap(), console }
}

/// The page's content security policy forbids all loads, and a browser logs each load that it refuses. An empty console
/// therefore shows that the page tries to load nothing.
#[tokio::test(start_paused = true)]
async fn browser_shows_every_row_and_loads_nothing() {
    if let Err(error) = Command::new(BROWSER).arg("--version").output() {
        assert!(std::env::var_os(REQUIRED).is_none(), "{BROWSER}: {error}");
        println!("skipped: there is no {BROWSER} to open the page in");
        return;
    }
    let page = page(&wave().await).await;
    let folder = tempfile::tempdir().unwrap();
    let seen = open(folder.path(), &page);
    assert_eq!(seen.console, Vec::<String>::new());
    assert_eq!(seen.dom.matches("<g class=\"row\"").count(), pasts().len());
    assert_eq!(seen.dom.matches("<th scope=\"row\">orders/wave-1<br>").count(), 1);
    assert!(seen.dom.contains("</footer>"), "{}", seen.dom);

    // Elements that got into the page by mistake would not be loaded either.
    let injected =
        page.replace("</main>", "<img src=http://127.0.0.1:9/x.png><script>document.title = 'x'</script></main>");
    let seen = open(folder.path(), &injected);
    let refused =
        |what: &str| seen.console.iter().any(|line| line.contains(what) && line.contains("default-src 'none'"));
    assert!(refused("http://127.0.0.1:9/x.png") && refused("inline script"), "{:?}", seen.console);
    assert!(seen.dom.contains("<title>Handoffs of wave-1"), "{}", seen.dom);
}
