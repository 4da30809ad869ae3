// Attention: thumbnails of a layer's heads, one of them large, and the text beside it.

function attentionView(view, section) {
    const tokens = tokenList(PAGE.tokens, "Tokens and their attention", true);
    const heads = element("div", { className: "heads", role: "group", "aria-label": "Heads" });
    const place = element("div", { className: "figure" });
    const spoken = element("p", { className: "spoken", role: "status" });
    const panel = element("div", { className: "panel", role: "status" });
    const sql = sqlBox();
    const table = tableBox();
    const n = PAGE.tokens.length;
    const select = element("select", { name: "attention-layer" });
    view.layers.forEach((_, layer) => select.append(element("option", {}, String(layer))));
    const steps = Array.from({ length: 256 }, (_, step) =>
        mixed(view.colours, step / 255).match(/\d+/g).map(Number));
    let weights = null;
    let chosen = 0;
    let walks = false;

    // Of a head row after row, each with the keys up to its query.
    const of = (head, query, key) =>
        weights[head * n * (n + 1) / 2 + query * (query + 1) / 2 + key] / view.full;

    async function showLayer() {
        const layer = view.layers[Number(select.value)];
        weights = new Uint16Array(await bytes(layer.weights));
        sql.say(layer.sql);
        heads.replaceChildren(...Array.from({ length: view.n_head }, (_, head) => thumbnail(head)));
        await showHead(Math.min(chosen, view.n_head - 1));
    }

    function thumbnail(head) {
        const canvas = element("canvas", { width: n, height: n });
        if (n < 76) canvas.style.imageRendering = "pixelated";
        const context = canvas.getContext("2d");
        const image = context.createImageData(n, n);
        image.data.fill(255);
        for (let query = 0; query < n; query++) {
            for (let key = 0; key <= query; key++) {
                const step = Math.round(255 * Math.sqrt(of(head, query, key)));
                image.data.set(steps[step], 4 * (query * n + key));
            }
        }
        context.putImageData(image, 0, 0);
        const button = element("button", { type: "button", className: "head",
            "aria-label": `head ${head}` }, canvas, `${select.value}.${head}`);
        button.addEventListener("click", () => showHead(head));
        return button;
    }

    async function showHead(head) {
        chosen = head;
        [...heads.children].forEach((button, number) =>
            button.setAttribute("aria-pressed", String(number === head)));
        await drawn(place, view.figure, (figure) => {
            figure.data[0].z = Array.from({ length: n }, (_, query) =>
                Array.from({ length: n }, (_, key) => key <= query ? of(head, query, key) : null));
            figure.layout.title = { text: `layer ${select.value}, head ${head}` };
            figure.layout.height = Math.min(540, place.clientWidth);
            return figure;
        });
        if (!walks) walk(place, spoken);
        walks = true;
        table.show(async () => ({
            columns: ["query", "token", "attends most to", "token", "weight"],
            rows: PAGE.tokens.map((token, query) => {
                const [key, weight] = strongest(seenBy(query), 1)[0];
                return [query, token, key, PAGE.tokens[key], weight];
            }),
        }));
        tell(tokens.at);
    }

    const seenBy = (query) =>
        Array.from({ length: query + 1 }, (_, key) => [key, of(chosen, query, key)]);
    const seers = (key) =>
        Array.from({ length: n - key }, (_, more) => [key + more, of(chosen, key + more, key)]);
    const strongest = (pairs, count) => pairs.sort((a, b) => b[1] - a[1]).slice(0, count);
    const named = (pairs) => pairs.map(([position, weight]) =>
        [`${position} ${PAGE.tokens[position]}`, weight]);

    function tell(position) {
        tokens.colour((other) => {
            if (other < position) return mixed(view.colours, Math.sqrt(of(chosen, position, other)));
            if (other > position) return mixed(view.warm, Math.sqrt(of(chosen, other, position)));
            return "transparent";
        });
        const later = strongest(seers(position).slice(1), 5);
        panel.replaceChildren(
            element("h3", {}, `${position} “${shown(PAGE.tokens[position])}”`),
            element("p", {}, "attends to"), likeliest(named(strongest(seenBy(position), 5))),
            ...(later.length ? [element("p", {}, "what attends to it"),
                likeliest(named(later), "from")] : []));
    }

    tokens.onpoint = tell;
    select.addEventListener("change", showLayer);
    section.append(
        element("div", { className: "choosers" },
            element("label", { className: "chooser" }, "layer", select)),
        heads,
        element("div", { className: "pair" }, element("div", {}, place, spoken),
            element("div", {}, tokens.box, panel)),
        table, sql);
    showLayer();
}
