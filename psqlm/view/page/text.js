// The text, each token coloured by a number; a panel says what is known of one.

function textView(view, section) {
    const tokens = tokenList(PAGE.tokens, "The text");
    const scale = element("p", { className: "scale" });
    const panel = element("div", { className: "panel", role: "status" });
    const table = tableBox();
    const sql = sqlBox();
    let values = [];
    let picture = view.pictures[0];
    async function show(chosen) {
        picture = chosen;
        values = await unpacked(picture.values);
        const range = picture.high - picture.low || 1;
        tokens.colour((position) => values[position] === null
            ? "transparent" : mixed(view.colours, (values[position] - picture.low) / range));
        const bar = element("i");
        bar.style.background = `linear-gradient(90deg, ${view.colours.map(([stop, colour]) =>
            `${colour} ${stop * 100}%`).join(", ")})`;
        scale.replaceChildren(picture.title, element("span", {}, rounded(picture.low, 3)), bar,
            element("span", {}, rounded(picture.high, 3)));
        sql.say(`${picture.sql}\n\n${view.more_sql}`);
        table.show(() => unpacked(picture.table));
        await tell(tokens.at);
    }
    async function tell(position) {
        const expected = (await unpacked(view.alternatives))[position];
        panel.replaceChildren(
            element("h3", {}, `${position} “${shown(PAGE.tokens[position])}”`),
            element("p", {}, values[position] === null ? "the first token has no prediction"
                : `${picture.title}: ${rounded(values[position])}`),
            ...(expected.length ? [element("p", {}, "what the model expected here"),
                likeliest(expected)] : []));
    }
    tokens.onpoint = tell;
    const side = element("div", { className: "side" },
        element("div", {}, scale, tokens.box), panel);
    section.append(choosers(view, show), side, table, sql);
    show(picture);
}

function likeliest(pairs, className = "") {
    const most = Math.max(...pairs.map(([, share]) => share));
    const table = element("table", { className });
    for (const [token, share] of pairs) {
        const bar = element("i");
        bar.style.width = `${Math.max(1, 100 * share / most)}%`;
        table.append(element("tr", {}, element("td", {}, shown(token)),
            element("td", { className: "number" }, rounded(share, 3)),
            element("td", { className: "bar" }, bar)));
    }
    return table;
}

// Tokens in a row, one of them pointed at: by the pointer, a tap, or the arrow keys.
function tokenList(tokens, label, holds = false) {
    const box = element("p", { className: "tokens", role: "listbox", "aria-label": label,
        tabIndex: 0 });
    const spans = tokens.map((token, position) => element("span", { className: "token",
        role: "option", id: `${label.replaceAll(" ", "-")}-${position}`,
        "data-position": position }, shown(token)));
    spans.forEach((span, position) => {
        box.append(span);
        for (const _ of tokens[position].matchAll("\n")) box.append(element("br"));
    });
    const list = { box, at: tokens.length - 1, held: false, onpoint: () => {} };
    list.colour = (colour) => spans.forEach((span, position) => {
        span.style.background = colour(position);
    });
    list.point = (position) => {
        spans[list.at].classList.remove("at", "held");
        spans[list.at].removeAttribute("aria-selected");
        list.at = position;
        spans[position].classList.add("at");
        spans[position].classList.toggle("held", list.held);
        spans[position].setAttribute("aria-selected", "true");
        box.setAttribute("aria-activedescendant", spans[position].id);
        list.onpoint(position);
    };
    const position = (event) => event.target.dataset.position;
    box.addEventListener("pointerover", (event) => {
        if (position(event) !== undefined && !list.held) list.point(Number(position(event)));
    });
    box.addEventListener("click", (event) => {
        if (position(event) === undefined) return;
        const same = Number(position(event)) === list.at;
        list.held = holds && !(list.held && same);
        list.point(Number(position(event)));
    });
    box.addEventListener("keydown", (event) => {
        const to = { ArrowRight: list.at + 1, ArrowLeft: list.at - 1, Home: 0,
            End: tokens.length - 1 }[event.key];
        if (event.key === "Escape") { list.held = false; list.point(list.at); }
        if (to === undefined) return;
        event.preventDefault();
        list.point(bounded(to, tokens.length));
        spans[list.at].scrollIntoView({ block: "nearest" });
    });
    return list;
}
