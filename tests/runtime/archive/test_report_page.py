"""The report in a real browser, opened from a file: 20,000 rows are searched, sorted and scrolled."""

import pytest

from deepbiq.archive.report.grouping import find_groups
from deepbiq.archive.report.records import read_records
from deepbiq.cli.archive_report import page_of
from tests.browser import pages, without_chromium
from tests.runtime.archive.report_material import made_up_rows, real_pictures, write_results

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = without_chromium
expect = sync_api.expect
expect.set_options(timeout=30_000)
ROWS = 20_000
ERRORS = 200


@pytest.fixture(scope="module")
def report(tmp_path_factory, samples):
    """The page on 20,000 rows, and its records."""
    folder = tmp_path_factory.mktemp("report")
    pictures = real_pictures(folder / "pictures", samples)
    rows = pictures + made_up_rows(ROWS - len(pictures), ERRORS)
    records = read_records(write_results(folder / "results", rows), None)
    page = folder / "report.html"
    page.write_bytes(page_of("Summer", records, find_groups(records), 24))
    return page, records


@pytest.fixture
def visit(browser, report):
    """Opens the page; at the end nothing may have been said on the console or asked of anybody."""
    said = []

    def open_page(*size, **options):
        page = make_page(*size, **options)
        page.on("dialog", lambda dialog: said.append(f"dialog: {dialog.message}"))
        page.on("request", lambda request: said.append(request.url) if request.url.startswith("http") else None)
        page.goto(report[0].as_uri())
        expect(page.locator("#table tbody tr").first).to_be_visible()
        return page

    with pages(browser, said) as make_page:
        yield open_page
    assert said == []


def first_cells(page, column):
    """The texts of a column in the first rows in sight."""
    cells = page.locator(f"#table tbody tr:not(.space) td:nth-child({column})")
    return cells.all_inner_texts()[:10]


def test_the_page_is_small_and_its_numbers_add_up(visit, report):
    page, records = visit(), report[1]
    assert report[0].stat().st_size < 10_000_000
    expect(page.get_by_role("heading", level=1)).to_contain_text("19,800 pictures, median")
    expect(page.get_by_role("heading", level=1)).to_contain_text("200 could not be read")
    counts = [int(bar.get_attribute("data-count")) for bar in page.locator(".histogram rect").all()]
    assert sum(counts) == records.scored == ROWS - ERRORS
    shown = [int(text.replace(",", "")) for text in page.locator(".labels b").all_inner_texts()]
    assert sum(shown) == records.scored
    expect(page.locator("#found")).to_have_text("20,000 rows")
    expect(page.locator("#errors b")).to_have_text(["50"] * 4)
    assert len(page.locator("#best .shot").all()) == len(page.locator("#worst .shot").all()) == 24


def test_pictures_are_drawn_and_the_best_of_each_group_is_marked(visit):
    page = visit()
    broken = "[...document.images].filter((image) => !(image.complete && image.naturalWidth > 0)).length"
    assert page.evaluate("document.images.length") > 30
    assert page.evaluate(broken) == 0
    groups = page.locator("#alike article")
    expect(groups).to_have_count(8)
    for group in groups.all():
        expect(group.locator(".is-best")).to_have_count(1)
        expect(group.locator(".shot").first).to_contain_text("best")


def test_rows_are_sorted_by_every_column(visit):
    page = visit()
    scores = [float(text) for text in first_cells(page, 1)]
    assert scores == sorted(scores)
    for column in ("Picture", "Spread", "Pixels", "Size", "Taken", "Camera", "Alike", "Note"):
        heading = page.locator("#table").get_by_role("button", name=column)
        heading.click()
        expect(page.locator("th[aria-sort='ascending']")).to_have_text(column)
        heading.press("Enter")
        expect(page.locator("th[aria-sort='descending']")).to_have_text(column)
    page.locator("#table").get_by_role("button", name="Picture").click()
    names = [text.splitlines()[0] for text in first_cells(page, 2)]
    assert names == sorted(names, key=str.lower)
    page.locator("#table").get_by_role("button", name="Score").click()
    page.locator("#table").get_by_role("button", name="Score").click()
    assert float(first_cells(page, 1)[0]) == 100


def test_rows_are_searched_and_filtered(visit):
    page = visit()
    page.get_by_role("searchbox").fill("IMG_0012 nikon")
    expect(page.locator("#found")).to_have_text("0 of 20,000 rows")
    expect(page.locator("#table tbody")).to_contain_text("No row matches.")
    page.get_by_role("searchbox").fill("img_1234")
    expect(page.locator("#found")).to_have_text("10 of 20,000 rows")
    page.get_by_role("button", name="Show all").click()
    expect(page.locator("#found")).to_have_text("20,000 rows")
    page.get_by_role("combobox").select_option("Errors")
    expect(page.locator("#found")).to_have_text("200 of 20,000 rows")
    expect(page.locator("#table tbody .note").first).to_have_text("the JPEG ends after 0 of 0 bytes")
    page.get_by_role("combobox").select_option("A better one shows the same")
    expect(page.locator("#found")).to_have_text("36 of 20,000 rows")
    page.get_by_role("button", name="Show all").click()
    page.locator(".labels button").first.click()
    expect(page.get_by_role("combobox")).to_have_value("bad")
    page.locator("#alike article button").first.click()
    expect(page.locator("#found")).to_have_text("8 of 20,000 rows")


def test_only_rows_in_sight_are_there_and_the_last_can_be_reached_by_keyboard(visit):
    page = visit()
    scroller = page.locator("#scroller")
    assert page.locator("#table tbody tr").count() < 60
    scroller.focus()
    page.keyboard.press("End")
    expect(page.locator("#table tbody tr[aria-rowindex='20001']")).to_be_visible()
    assert page.locator("#table tbody tr").count() < 60
    expect(page.locator("#table thead")).to_be_visible()
    page.keyboard.press("Home")
    expect(page.locator("#table tbody tr[aria-rowindex='2']")).to_be_visible()
    link = page.locator("#table tbody a").first
    link.focus()
    page.mouse.move(*middle_of(scroller))
    page.mouse.wheel(0, 200)
    expect(page.locator("#table tbody tr[aria-rowindex='2'] a")).to_be_focused()


def middle_of(locator):
    locator.scroll_into_view_if_needed()
    box = locator.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_links_lead_to_the_very_files(visit, report):
    page = visit()
    hrefs = page.locator("#table tbody a[href*='/pictures/']").evaluate_all("links => links.map(link => link.href)")
    assert len(hrefs) == 6
    assert {href.rpartition("/")[2] for href in hrefs} >= {"not%20utf-8%20%FF%FE.jpg", "two%0Alines.jpg"}
    for href in hrefs:
        answer = page.context.new_page().goto(href)
        assert answer.ok


def test_hostile_names_are_text(visit):
    page = visit()
    page.get_by_role("searchbox").fill("onerror")
    expect(page.locator("#found")).to_have_text("1 of 20,000 rows")
    expect(page.locator("#table tbody a")).to_have_text("<img src=x onerror=alert(1)>.jpg")
    expect(page.locator("#cameras")).to_contain_text("</script><script>alert(3)</script>")
    assert page.locator("script").count() == 2


@pytest.mark.parametrize(
    ("width", "height", "scheme"),
    [(320, 640, "dark"), (390, 844, "light"), (800, 1000, "dark"), (1280, 900, "light")],
)
def test_it_fits_every_screen_and_can_be_read_in_light_and_dark(visit, width, height, scheme):
    page = visit(width, height, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    name = page.locator("#table tbody tr:not(.space) td:nth-child(2)").first.bounding_box()
    assert name["width"] >= 100
    assert page.evaluate(CONTRAST) >= 4.5


CONTRAST = """() => {
  const style = getComputedStyle(document.documentElement);
  const light = (name) => {
    const canvas = document.createElement("canvas").getContext("2d");
    canvas.fillStyle = style.getPropertyValue(name);
    canvas.fillRect(0, 0, 1, 1);
    const parts = [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3).map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
  };
  const ratio = (one, other) => {
    const [low, high] = [light(one), light(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const texts = ["--ink", "--muted", "--accent", "--fault"];
  const ratios = texts.flatMap((text) => [ratio(text, "--paper"), ratio(text, "--panel")]);
  return Math.min(...ratios, ratio("--accent", "--accent-wash"), ratio("--muted", "--sunken"));
}"""


def test_it_prints_without_the_table(visit):
    page = visit()
    page.emulate_media(media="print")
    expect(page.locator("#scroller")).to_be_hidden()
    expect(page.locator("#rows .print-only")).to_be_visible()
    expect(page.locator(".histogram")).to_be_visible()
