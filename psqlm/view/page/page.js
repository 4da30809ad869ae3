"use strict";
// What all views share: packed data, choosers, tables, statements to copy.

const PAGE = JSON.parse(document.getElementById("page-views").textContent);
const CACHE = new Map();

function element(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
        if (name in made && name !== "list") made[name] = value;
        else made.setAttribute(name, value);
    }
    made.append(...children);
    return made;
}

// Data lie gzipped on the page, and are unpacked when they are first looked at.
function bytes(number) {
    if (!CACHE.has(number)) {
        const packed = atob(document.getElementById(`packed-${number}`).textContent);
        const raw = Uint8Array.from(packed, (letter) => letter.charCodeAt(0));
        const stream = new Blob([raw]).stream().pipeThrough(new DecompressionStream("gzip"));
        CACHE.set(number, new Response(stream).arrayBuffer());
    }
    return CACHE.get(number);
}

async function unpacked(number) {
    return JSON.parse(new TextDecoder().decode(await bytes(number)));
}

function shown(token) {
    return token.replaceAll("\n", "⏎").replaceAll("\t", "⇥");
}

function rounded(value, digits = 4) {
    if (value === null || value === undefined || Number.isNaN(value)) return "";
    if (Number.isInteger(value)) return String(value);
    return String(Number(value.toPrecision(digits)));
}

// A row of choosers: the options of each are those that the choices before it leave.
function choosers(view, change) {
    const box = element("div", { className: "choosers" });
    const chosen = [...view.pictures[0].choice];
    const fits = (picture, depth) =>
        picture.choice.slice(0, depth).every((word, number) => word === chosen[number]);
    function draw(from) {
        while (box.children.length > from) box.lastChild.remove();
        for (let depth = from; depth < view.choosers.length; depth++) {
            const options = [...new Set(view.pictures.filter((p) => fits(p, depth))
                .map((p) => p.choice[depth]).filter((word) => word !== undefined))];
            if (!options.length) { chosen.length = depth; break; }
            if (!options.includes(chosen[depth])) chosen[depth] = options[0];
            if (options.length > 1) box.append(chooser(depth, options));
        }
    }
    function choose(depth, word) {
        chosen[depth] = word;
        const place = [...box.children].findIndex((child) => Number(child.dataset.depth) > depth);
        const before = chosen.slice();
        if (place >= 0 || chosen.length < view.choosers.length) {
            draw(0);
            const kept = box.querySelector(`[data-depth="${depth}"]`);
            (kept.querySelector("select") || kept.querySelector("input:checked")).focus();
        }
        change(view.pictures.find((p) => fits(p, p.choice.length)), before);
    }
    function chooser(depth, options) {
        const name = view.choosers[depth];
        if (options.length <= 5 && options.join("").length < 64) {
            const segments = element("span", { className: "segments" });
            for (const word of options) {
                const input = element("input", { type: "radio", name: `${view.name}-${name}`,
                    value: word, checked: word === chosen[depth] });
                input.addEventListener("change", () => choose(depth, word));
                segments.append(element("label", {}, input, word));
            }
            return element("fieldset", { className: "chooser", "data-depth": depth },
                element("span", {}, name), segments);
        }
        const select = element("select", { name: `${view.name}-${name}` });
        for (const word of options) select.append(element("option", { value: word }, word));
        select.value = chosen[depth];
        select.addEventListener("change", () => choose(depth, select.value));
        return element("label", { className: "chooser", "data-depth": depth }, name, select);
    }
    draw(0);
    return box;
}

function sqlBox(text = "") {
    const code = element("code");
    const button = element("button", { type: "button" }, "Copy");
    button.addEventListener("click", async () => {
        await copied(code.textContent);
        button.textContent = "Copied";
        setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
    const box = element("div", { className: "sql" },
        element("pre", { tabIndex: 0, "aria-label": "The SQL of this picture" }, code), button);
    box.say = (sql) => { code.textContent = sql; };
    box.say(text);
    return box;
}

async function copied(text) {
    try {
        await navigator.clipboard.writeText(text);
    } catch {  // a page that is opened from a file may not
        const area = element("textarea", { value: text });
        document.body.append(area);
        area.select();
        document.execCommand("copy");
        area.remove();
    }
}

// The rows of a picture, made when they are first unfolded.
function tableBox() {
    const place = element("div", { className: "table", tabIndex: 0,
        "aria-label": "The rows of this picture" });
    const box = element("details", {}, element("summary", {}, "As a table"), place);
    let rows = null;
    async function fill() {
        if (!box.open || rows === null) return;
        const { columns, rows: cells } = await rows();
        const table = element("table", {}, element("thead", {}, element("tr", {},
            ...columns.map((name) => element("th", { scope: "col" }, name)))));
        const body = element("tbody");
        for (const row of cells) {
            body.append(element("tr", {}, ...row.map((value) => typeof value === "number"
                ? element("td", { className: "number" }, rounded(value, 6))
                : element("td", {}, value === null ? "" : Array.isArray(value)
                    ? value.map((each) => rounded(each) || each).join("  ") : shown(String(value))))));
        }
        table.append(body);
        place.replaceChildren(table);
    }
    box.addEventListener("toggle", fill);
    box.show = (promise) => { rows = promise; fill(); };
    return box;
}

// Draw a view when it comes near the window.
function whenNear(section, draw) {
    const observer = new IntersectionObserver((entries) => {
        if (!entries.some((entry) => entry.isIntersecting)) return;
        observer.disconnect();
        draw();
    }, { rootMargin: "800px" });
    observer.observe(section);
}

function mixed(colours, share) {
    const at = Math.min(Math.max(share, 0), 1);
    const next = Math.max(1, colours.findIndex(([stop]) => stop >= at));
    const [low, from] = colours[next - 1];
    const [high, to] = colours[next];
    const part = (at - low) / (high - low);
    const channel = (colour, start) => parseInt(colour.slice(start, start + 2), 16);
    const mix = (start) =>
        Math.round(channel(from, start) * (1 - part) + channel(to, start) * part);
    return `rgb(${mix(1)}, ${mix(3)}, ${mix(5)})`;
}

addEventListener("DOMContentLoaded", () => {
    const kinds = { text: textView, attention: attentionView, figures: figureView };
    for (const view of PAGE.views) {
        const title = element("h2", {}, view.title);
        const section = element("section", { id: view.name }, title,
            element("p", { className: "lead" }, view.lead));
        document.getElementById("views").append(section);
        document.getElementById("contents").append(
            element("a", { href: `#${view.name}` }, view.title));
        whenNear(section, () => kinds[view.kind](view, section));
    }
});
