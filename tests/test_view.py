"""psqlm view in a real browser: hover, click, keyboard, and numbers that are the database's."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lens
import numpy as np
import page as pages
import psycopg
import pytest
import torch
from differences import assert_close
from page import cells, choose, come_to, opened, trace
from typer.testing import CliRunner, Result

import psqlm
from psqlm.cli import app
from psqlm.interface import LanguageModel
from psqlm.view.answer import ask
from psqlm.view.complete import complete_run, run_text

TEXT = "The king had three daughters.\nThe princess wept bitterly, for <b>she</b> had lost"
CLEAN, CORRUPT = "The princess wept bitterly, for", "The prince wept bitterly, for"


@pytest.fixture(scope="module")
def lm(scratch_dsn: str) -> Iterator[LanguageModel]:
    with psqlm.connect(scratch_dsn, model="demo") as connected:
        connected.query(
            "SELECT lm.replace_interventions("
            "'silent', lm.make_intervention('z', 'zero', layer => 5, head => 0))"
        )
        yield connected


def _view(lm: LanguageModel, out: Path, *arguments: str) -> Result:
    dsn = lm.connection.info.dsn
    return CliRunner().invoke(app, ["view", *arguments, "--out", str(out), "--dsn", dsn])


def _run_id(page: Path) -> int:
    """The run that a page shows."""
    return int(re.findall(r"<h1>run (\d+)", page.read_text(encoding="utf-8"))[0])


@pytest.fixture(scope="module")
def text_page(lm: LanguageModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a text that was run by the command."""
    out = tmp_path_factory.mktemp("view") / "text.html"
    result = _view(lm, out, "--prompt", TEXT)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == f"{out}\n"
    return out


@pytest.fixture(scope="module")
def changed_page(lm: LanguageModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a run with interventions that kept little, and a sweep of its text."""
    lm.query("SELECT * FROM lm.patching_sweep(%s, %s, 'z', ' she', ' he')", CLEAN, CORRUPT)
    run = lm.forward(CLEAN, interventions="silent")
    out = tmp_path_factory.mktemp("view") / "changed.html"
    result = _view(lm, out, str(run.run_id))
    assert result.exit_code == 0, result.stderr
    assert re.search(rf"run {run.run_id} did not keep all .* run again, as run", result.stderr)
    assert "without interventions" in result.stderr
    return out


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with pages.browser() as running:
        yield running


@pytest.fixture(scope="module")
def window(browser: Any, text_page: Path) -> Iterator[Any]:
    with opened(browser, text_page) as page:
        yield page


def _cache() -> Any:
    return lens.reference(TEXT).cache


# Every picture is a query -------------------------------------------------------------------------


def _pictures(page: Any) -> list[dict[str, Any]]:
    """All pictures of a page: their statements, and the tables beside them."""
    found: list[dict[str, Any]] = page.evaluate(
        """async () => {
            const found = [];
            for (const view of PAGE.views) {
                for (const picture of view.pictures || []) {
                    const table = await unpacked(picture.table);
                    found.push({ view: view.name, ...picture, table });
                }
            }
            return found;
        }"""
    )
    return found


def _same(ours: Any, theirs: Any) -> bool:
    if isinstance(theirs, float):
        return bool(ours == pytest.approx(theirs, rel=1e-5, abs=1e-12))
    return bool(ours == theirs)


def test_every_picture_is_its_statement(window: Any, lm: LanguageModel) -> None:
    found = _pictures(window)
    assert {each["view"] for each in found} == {"text", "lens", "attribution", "lags"}
    _check(found, lm)


def _check(found: list[dict[str, Any]], lm: LanguageModel) -> None:
    """Run the statements, and compare the rows with the tables."""
    asked: dict[str, tuple[list[str], list[tuple[Any, ...]]]] = {}
    # as a reader's psql has it: no search_path of ours
    with psycopg.connect(lm.connection.info.dsn) as connection:
        for picture in found:
            if picture["sql"] not in asked:
                cursor = connection.execute(picture["sql"])
                names = [column.name for column in cursor.description or []]
                asked[picture["sql"]] = names, cursor.fetchall()
            names, rows = asked[picture["sql"]]
            table = picture["table"]
            assert len(table["rows"]) == len(rows)
            common = [name for name in table["columns"] if name in names]
            assert len(common) >= 3
            for shown, row in zip(table["rows"], rows, strict=True):
                for name in common:
                    ours, theirs = shown[table["columns"].index(name)], row[names.index(name)]
                    assert _same(ours, theirs), (picture["choice"], name, ours, theirs)


def test_a_statement_is_copied(window: Any) -> None:
    come_to(window, "attribution").locator(".sql button").click()
    copied = window.evaluate("navigator.clipboard.readText()")
    assert copied == window.locator("#attribution .sql code").inner_text()
    assert "lm.logit_attribution(" in copied


def test_a_list_of_runs_is_of_their_type(lm: LanguageModel) -> None:
    """As a person would write it: run_id is a bigint, however small the numbers are."""
    runs = [lm.forward(text).run_id for text in (TEXT, f"{TEXT} it all.")]
    answer = ask(lm.connection, "lag_ols", run_id=runs[1], run_ids=runs)
    assert f"WHERE r.run_id = ANY ('{{{runs[0]},{runs[1]}}}'::bigint[])" in answer.sql
    assert answer.rows["run_id"].unique().tolist() == runs[::-1]


# The text -----------------------------------------------------------------------------------------


def test_a_token_tells_its_numbers(window: Any) -> None:
    position = 3
    logits = lens.reference(TEXT).logits[position - 1].log_softmax(-1)
    token_id = lens.reference(TEXT).token_ids[position]
    come_to(window, "text").locator(".token").nth(position).hover()
    panel = window.locator("#text .panel")
    assert panel.locator("h3").inner_text() == "3 “ three”"
    surprise = float(panel.locator("p").first.inner_text().split()[-1])
    assert surprise == pytest.approx(-float(logits[token_id]), rel=1e-3)
    expected = logits.exp().topk(5)
    rows = cells(panel.locator("table"))
    tokens = lens.model().tokenizer.batch_decode(expected.indices[:, None])
    assert [row[0] for row in rows] == tokens
    assert_close(
        "panel of the text", [float(row[1]) for row in rows], expected.values, absolute=1e-3
    )


def test_the_text_is_walked_by_keyboard(window: Any) -> None:
    section = come_to(window, "text")
    section.locator(".tokens").focus()
    heading = section.locator(".panel h3")
    for key, said in [("Home", "0 “The”"), ("ArrowRight", "1 “ king”"), ("ArrowLeft", "0 “The”")]:
        window.keyboard.press(key)
        assert heading.inner_text() == said
    assert "no prediction" in section.locator(".panel").inner_text()
    assert section.locator("[aria-selected]").inner_text() == "The"
    window.keyboard.press("End")
    assert heading.inner_text() == f"{len(lens.reference(TEXT).token_ids) - 1} “ lost”"


def test_the_text_takes_colour_from_any_number(window: Any, lm: LanguageModel) -> None:
    section = come_to(window, "text")
    choose(window, "text", "residual stream")
    section.locator("select").select_option("6")
    section.locator(".token").nth(5).hover()
    said = section.locator(".panel p").first.inner_text()
    norm = float(_cache()["resid_post", 6][0, 5].norm())
    assert said.startswith("norm of the residual stream, layer 6: ")
    assert float(said.split()[-1]) == pytest.approx(norm, rel=1e-3)
    colours = section.locator(".token").evaluate_all(
        "all => all.map((each) => each.style.background)"
    )
    norms = _cache()["resid_post", 6][0].norm(dim=-1)
    darkness = [sum(map(int, re.findall(r"\d+", colour))) for colour in colours[1:]]
    assert np.argmin(darkness) == int(norms[1:].argmax())
    assert np.argmax(darkness) == int(norms[1:].argmin())


def test_what_looks_like_html_is_text(window: Any) -> None:
    tokens = come_to(window, "text").locator(".token").all_inner_texts()
    assert "<b>" in "".join(tokens)
    assert any("⏎" in token for token in tokens)


# Attention ----------------------------------------------------------------------------------------


def test_a_head_is_enlarged(window: Any, lm: LanguageModel) -> None:
    section = come_to(window, "attention")
    section.locator("select").select_option("5")
    window.wait_for_selector("#attention .head:has-text('5.3')")
    section.locator(".head").nth(2).click()
    window.wait_for_selector("#attention .gtitle:has-text('layer 5, head 2')")
    assert section.locator(".head[aria-pressed=true]").inner_text() == "5.2"
    ours = np.array(trace(window, "attention")["z"], dtype=float)
    theirs = _cache()["pattern", 5][0, 2].numpy()
    seen = np.tril(np.ones_like(theirs, dtype=bool))
    assert np.isnan(ours[~seen]).all()
    assert_close("attention on the page", ours[seen], theirs[seen], absolute=2e-5)
    asked = section.locator(".sql code").inner_text()
    assert "layer = 5" in asked
    rows = lm.query(asked)
    values = rows["value"][rows["head"] == 2]
    assert_close("attention by SQL", ours[seen], np.concatenate(values.tolist()), absolute=1e-5)


def test_a_token_shows_both_directions(window: Any) -> None:
    section = come_to(window, "attention")
    section.locator("select").select_option("3")
    section.locator(".head").nth(1).click()
    window.wait_for_selector("#attention .gtitle:has-text('layer 3, head 1')")
    pattern = _cache()["pattern", 3][0, 1]
    at = 6
    section.locator(".token").nth(at).hover()
    tables = section.locator(".panel table")
    to, by = cells(tables.nth(0)), cells(tables.nth(1))
    for rows, theirs in ((to, pattern[at]), (by, pattern[at + 1 :, at])):
        top = theirs.topk(len(rows))
        shift = 0 if rows is to else at + 1
        assert [int(row[0].split()[0]) - shift for row in rows] == top.indices.tolist()
        assert_close("panel of attention", [float(r[1]) for r in rows], top.values, absolute=1e-3)
    colours = section.locator(".token").evaluate_all(
        "all => all.map((each) => getComputedStyle(each).backgroundColor)"
    )
    before, after = (tuple(map(int, re.findall(r"\d+", colours[n])))[:3] for n in (0, at + 1))
    assert before[2] > before[0] and after[0] > after[2]  # blue, vermilion


def test_a_click_holds_and_lets_go(window: Any) -> None:
    section = come_to(window, "attention")
    tokens, heading = section.locator(".token"), section.locator(".panel h3")
    tokens.nth(4).click()
    tokens.nth(2).hover()
    assert heading.inner_text().startswith("4 ")
    tokens.nth(4).click()
    tokens.nth(2).hover()
    assert heading.inner_text().startswith("2 ")
    tokens.nth(4).click()
    section.locator(".tokens").press("Escape")
    tokens.nth(2).hover()
    assert heading.inner_text().startswith("2 ")


# Figures ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("colour", ["probability", "rank", "entropy", "divergence"])
def test_the_lens_grid_is_that_of_the_model(window: Any, colour: str) -> None:
    come_to(window, "lens")
    if colour != "probability":
        choose(window, "lens", colour)
    ours = np.array(trace(window, "lens")["z"])
    model = lens.model()
    with torch.no_grad():
        stream = torch.stack([_cache()["resid_post", n][0] for n in range(lens.N_LAYER)])
        log_p = torch.stack([model.unembed(model.ln_final(x[None]))[0] for x in stream])
        log_p = log_p.log_softmax(-1)
    final = log_p[-1]
    at_end = log_p.gather(-1, final.argmax(-1).expand(log_p.shape[:2])[..., None])
    theirs = {
        "probability": log_p.max(-1).values.exp(),
        "rank": ((log_p > at_end).sum(-1) + 1).log10(),
        "entropy": -(log_p.exp() * log_p).sum(-1),
        "divergence": (final.exp() * (final - log_p)).sum(-1),
    }[colour]
    assert_close(f"lens on the page: {colour}", ours, theirs[:, :32], absolute=1e-4)


def test_the_lens_is_walked_by_keyboard(window: Any) -> None:
    section = come_to(window, "lens")
    section.locator(".figure").focus()
    for key in ["ArrowRight", "ArrowRight", "ArrowUp"]:
        window.keyboard.press(key)
    window.wait_for_selector("#lens .spoken:has-text('layer 1, after 1 ·king')")
    said = section.locator(".spoken").inner_text()
    model = lens.model()
    with torch.no_grad():
        logits = model.unembed(model.ln_final(_cache()["resid_post", 1]))[0, 1]
    top = logits.softmax(-1).topk(5)
    told = [float(number) for number in re.findall(r"0\.\d{4}", said)[:5]]
    assert_close("told of a cell", told, top.values, absolute=1e-4)


def test_a_pointer_is_told_a_cell(window: Any) -> None:
    section = come_to(window, "lens")
    box = section.locator(".figure .nsewdrag").first.bounding_box()
    window.mouse.move(box["x"] + 20, box["y"] + box["height"] - 10)
    window.wait_for_selector("#lens .hovertext")
    assert "layer 0, after 0 The" in section.locator(".hovertext").first.text_content()


def test_bars_add_up_to_the_logit(window: Any) -> None:
    section = come_to(window, "attribution")
    last = lens.reference(TEXT).logits[-1].topk(5)
    labels = section.locator(".segments").first.locator("label")
    assert labels.count() == 5
    for number, logit in enumerate(last.values.tolist()):
        for by in ("layer", "head and MLP"):
            labels.nth(number).locator("input").check(force=True)
            choose(window, "attribution", by)
            word = labels.nth(number).inner_text()
            window.wait_for_function(
                "word => document.querySelector('#attribution .figure')"
                ".getAttribute('aria-label').includes(word)",
                arg=word,
            )
            bars = trace(window, "attribution")
            assert sum(bars["y"][:-1]) == pytest.approx(logit, abs=1e-3)
            assert bars["y"][-1] == pytest.approx(logit, abs=1e-3)
            assert bars["x"][-1].startswith("logit of ")
    choose(window, "attribution", "map")
    assert np.array(trace(window, "attribution")["z"]).shape == (lens.N_LAYER, lens.N_HEAD + 2)


def test_sweeps_and_interventions(browser: Any, changed_page: Path, lm: LanguageModel) -> None:
    effect = lm.query("SELECT * FROM lm.patching_effect ORDER BY layer, head")
    sweep = lm.query("SELECT * FROM lm.patching_sweep").iloc[0]
    corrupt, clean = sweep["corrupt_difference"], sweep["clean_difference"]
    recovered = (effect["logit_difference"] - corrupt) / (clean - corrupt)
    with opened(browser, changed_page) as page:
        _check([each for each in _pictures(page) if each["view"] == "changes"], lm)
        section = come_to(page, "changes")
        z = np.array(trace(page, "changes")["z"])
        assert_close("sweep on the page", z.ravel(), recovered, absolute=1e-5)
        choose(page, "changes", "surprise")
        theirs = lens.reference(CLEAN)
        plain = -theirs.logits.log_softmax(-1)[range(5), theirs.token_ids[1:]]

        def silence(z: torch.Tensor, hook: Any) -> torch.Tensor:
            z[:, :, 0] = 0
            return z

        tokens = torch.tensor([theirs.token_ids])
        changed = lens.model().run_with_hooks(
            tokens, fwd_hooks=[("blocks.5.attn.hook_z", silence)]
        )[0]
        silent = -changed.log_softmax(-1)[range(5), theirs.token_ids[1:]]
        ours = trace(page, "changes")["y"]
        assert_close("surprise, changed less plain", ours, silent - plain, absolute=1e-4)
        choose(page, "changes", "attention adjustments")
        below = np.array(trace(page, "changes")["z"])
        assert (below[:5] == 0).all() and (below[5] != 0).any()
        assert "without interventions" not in section.inner_text()


def test_model_beside_model(
    browser: Any, lm: LanguageModel, text_page: Path, tmp_path: Path
) -> None:
    lm.load("demo-llama", if_missing=True)
    lm.query("SELECT lm.set_default_model('demo')")
    other = lm.forward(TEXT, model="demo-llama").run_id
    pair = [str(_run_id(text_page)), "--versus", str(other)]
    assert _view(lm, tmp_path / "both.html", *pair).exit_code == 0
    with opened(browser, tmp_path / "both.html") as page:
        come_to(page, "lags")
        names = page.locator("#lags .legendtext").all_text_contents()
        slopes = trace(page, "lags", 2)["y"]
    assert names == ["demo, lag 1", "demo, lag 2", "demo-llama, lag 1", "demo-llama, lag 2"]
    theirs = lm.query("SELECT beta_lag1 FROM lm.lag_ols(ARRAY[%s])", other)["beta_lag1"]
    assert_close("slopes of the other model", slopes, theirs, absolute=1e-9)


# The page -----------------------------------------------------------------------------------------


def test_a_phone_has_room_for_it(browser: Any, text_page: Path) -> None:
    with opened(browser, text_page, pages.NARROW) as page:
        for view in ("text", "attention", "lens", "attribution", "lags"):
            section = come_to(page, view)
            assert section.bounding_box()["width"] <= pages.NARROW[0]
        assert page.evaluate("document.documentElement.scrollWidth") == pages.NARROW[0]


def test_a_text_of_one_token(browser: Any, lm: LanguageModel, tmp_path: Path) -> None:
    assert _view(lm, tmp_path / "one.html", "--prompt", "a").exit_code == 0
    with opened(browser, tmp_path / "one.html") as page:
        for view in ("text", "attention", "lens", "attribution"):
            come_to(page, view)
        assert page.locator("#text .panel").inner_text().endswith("no prediction")
        assert "too few tokens" in page.locator("#lags").inner_text()


def test_tables_unfold(window: Any) -> None:
    section = come_to(window, "lags")
    section.locator("summary").click()
    window.wait_for_selector("#lags .table td")
    assert section.locator(".table tbody tr").count() == lens.N_LAYER
    section = come_to(window, "attention")
    section.locator("summary").click()
    window.wait_for_selector("#attention .table td")
    first = cells(section.locator(".table tbody"))[0]
    assert [first[0], first[2], float(first[4])] == ["0", "0", 1.0]


def test_everything_that_is_reached_has_a_name(window: Any) -> None:
    for view in ("attention", "lens", "attribution", "lags"):
        come_to(window, view)
    nameless = window.evaluate(
        """() => [...document.querySelectorAll("button, select, input, [tabindex]")].filter(
            (each) => !(each.ariaLabel || each.labels?.length || each.textContent.trim())
        ).map((each) => each.outerHTML.slice(0, 80))"""
    )
    assert nameless == []


@pytest.mark.large
def test_a_page_of_gpt2_is_not_too_large(
    gpt2: tuple[psycopg.Connection, Path], tmp_path: Path
) -> None:
    with psqlm.connect(gpt2[0].info.dsn) as lm:
        run = lm.forward(token_ids=range(1000, 1100))
        result = _view(lm, tmp_path / "gpt2.html", str(run.run_id))
    assert result.exit_code == 0, result.stderr
    assert (tmp_path / "gpt2.html").stat().st_size < 12e6


# The command --------------------------------------------------------------------------------------


def test_the_newest_run_is_shown_and_opened(
    lm: LanguageModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = lm.forward("a wood")
    launched: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda url: not launched.append(url))
    result = _view(lm, tmp_path / "deep" / "page.html", "--open", "--model", "demo")
    assert result.exit_code == 0, result.stderr
    assert launched == [(tmp_path / "deep" / "page.html").as_uri()]
    assert f"run {run.run_id} did not keep all" in result.stderr
    assert "no browser" not in result.stderr
    monkeypatch.setattr("webbrowser.open", lambda url: False)
    result = _view(lm, tmp_path / "page.html", "--open", "--model", "demo")
    assert result.exit_code == 0
    assert "there is no browser here: open the page by hand" in result.stderr
    said: list[str] = []
    assert complete_run(lm.connection, run.run_id, said.append) == run.run_id + 1
    assert said[0].endswith(f"run {run.run_id + 1} serves")


def test_a_text_is_run_once(lm: LanguageModel, text_page: Path) -> None:
    assert run_text(lm.connection, TEXT) == _run_id(text_page)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["99999"], "there is no run 99999"),
        (["--prompt", "a", "--model", "nobody"], 'no model "nobody" is loaded'),
        (["--prompt", ""], "empty"),
    ],
)
def test_what_cannot_be_shown(
    lm: LanguageModel, tmp_path: Path, arguments: list[str], said: str
) -> None:
    result = _view(lm, tmp_path / "page.html", *arguments)
    assert result.exit_code == 1
    assert said in result.stderr and len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "page.html").exists()


def test_changed_interventions_cannot_be_run_again(lm: LanguageModel, tmp_path: Path) -> None:
    make = "SELECT lm.replace_interventions('moody', lm.make_intervention('z', %s, layer => 1))"
    lm.query(make.replace("%s", "'zero'"))
    run = lm.forward("a wood", interventions="moody")
    lm.query(make.replace("layer => 1", "layer => 2").replace("%s", "'zero'"))
    result = _view(lm, tmp_path / "page.html", str(run.run_id))
    assert result.exit_code == 1
    assert "moody have changed since" in result.stderr


def test_without_plotly_the_command_is_named(
    lm: LanguageModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("psqlm.view")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "plotly.graph_objects", None)
    result = _view(lm, tmp_path / "page.html", "--prompt", "a")
    assert result.exit_code == 1
    assert result.stderr == "psqlm: pictures need plotly: pip install 'psqlm[view]'\n"
