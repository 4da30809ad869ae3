# A notebook of marimo: `marimo edit examples/inside_a_model.py` opens it,
# `python examples/inside_a_model.py` runs it. It needs: pip install 'psqlm[notebook]'

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Inside a model")


@app.cell
def _():
    import marimo as mo

    import psqlm

    return mo, psqlm


@app.cell
def _(mo):
    mo.md("""
    # Inside a model

    The model is a database. A cell of SQL asks it, a figure shows a run, and either may
    use what the other made.
    """)


@app.cell
def _(psqlm):
    lm = psqlm.connect(model="demo")
    lm.load("demo", if_missing=True)
    database = lm.connection  # cells of SQL work on this
    return database, lm


@app.cell
def _(mo):
    prompt = mo.ui.text_area("The princess wept bitterly, for", label="A text", full_width=True)
    prompt
    return (prompt,)


@app.cell
def _(mo):
    mo.md("""
    ## What comes next?
    """)


@app.cell
def _(lm, prompt):
    run = lm.forward(prompt.value, capture=["all"])
    return (run,)


@app.cell
def _(database, mo, run):
    likeliest = mo.sql(
        f"""
        SELECT rank, token, logit, probability
        FROM lm.predictions({run.run_id})
        WHERE position = {len(run.tokens) - 1}
        """,
        engine=database,
    )
    return (likeliest,)


@app.cell
def _(lm, run):
    lens = lm.figure.lens(run)
    lens
    return (lens,)


@app.cell
def _(mo):
    mo.md("""
    ## Who looks at whom?

    First which heads look at the token before, then one of them.
    """)


@app.cell
def _(database, mo, run):
    heads = mo.sql(
        f"""
        SELECT layer, head, previous_token, duplicate_token, induction
        FROM lm.head_scores({run.run_id})
        ORDER BY previous_token DESC
        LIMIT 5
        """,
        engine=database,
    )
    return (heads,)


@app.cell
def _(heads, mo, run):
    n_layer, n_head = run.activation("pattern").shape[:2]
    layer = mo.ui.slider(0, n_layer - 1, value=int(heads["layer"][0]), label="layer")
    head = mo.ui.slider(0, n_head - 1, value=int(heads["head"][0]), label="head")
    mo.hstack([layer, head], justify="start")
    return head, layer


@app.cell
def _(head, layer, lm, run):
    pattern = lm.figure.attention(run, layer.value, head.value)
    pattern
    return (pattern,)


@app.cell
def _(mo):
    mo.md("""
    ## Which parts speak for the prediction?
    """)


@app.cell
def _(lm, run):
    bars = lm.figure.attribution(run)
    bars
    return (bars,)


@app.cell
def _(mo):
    mo.md("""
    ## And without that head?

    An intervention is a row; a run takes a set of them.
    """)


@app.cell
def _(database, head, layer, mo):
    changes = mo.sql(
        f"""
        SELECT lm.replace_interventions(
            'notebook',
            lm.make_intervention('z', 'zero', layer => {layer.value}, head => {head.value})
        ) AS changes
        """,
        engine=database,
    )
    return (changes,)


@app.cell
def _(changes, lm, mo, prompt, run):
    mo.stop(len(changes) == 0)
    without = lm.forward(prompt.value, capture=["all"], interventions="notebook")
    difference = lm.figure.difference(without, run)
    difference
    return difference, without


if __name__ == "__main__":
    app.run()
