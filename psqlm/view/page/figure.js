// Figures of Plotly: one of several at a time, and a cursor for the keyboard.

const LOOK = {
    responsive: true, displaylogo: false,
    modeBarButtons: [["toImage"]], displayModeBar: "hover",
};

async function drawn(place, packed, change = (figure) => figure) {
    const figure = change(await unpacked(packed));
    figure.layout.dragmode = false;
    for (const axis of [figure.layout.xaxis, figure.layout.yaxis]) {
        // a narrow window has no room for all names
        if (place.clientWidth >= 480 || !(axis?.tickvals?.length > 12)) continue;
        const few = (_, number) => number % 4 === 0;
        axis.tickvals = axis.tickvals.filter(few);
        axis.ticktext = axis.ticktext?.filter(few);
    }
    if (place.data) Plotly.Fx.unhover(place);
    await Plotly.react(place, figure.data, figure.layout, LOOK);
}

function figureView(view, section) {
    if (!view.pictures.length) {
        if (view.example) section.append(sqlBox(view.example));
        return;
    }
    const place = element("div", { className: "figure" });
    const scroll = element("div", { className: "scroll" }, place);
    const spoken = element("p", { className: "spoken", role: "status" });
    const table = tableBox();
    const sql = sqlBox();
    async function show(picture) {
        place.style.minWidth = picture.width ? `${picture.width}px` : "";
        sql.say(picture.sql);
        table.show(() => unpacked(picture.table));
        await drawn(place, picture.figure);
        place.setAttribute("aria-label", `${view.title} ${picture.choice.join(", ")}`);
    }
    section.append(choosers(view, show), scroll, spoken, table, sql);
    show(view.pictures[0]).then(() => walk(place, spoken));
}

// Arrow keys go from point to point, as a pointer would, and what is there is said.
function walk(place, spoken) {
    let at = null;
    place.tabIndex = 0;
    place.setAttribute("role", "application");
    place.setAttribute("aria-roledescription", "figure; arrow keys walk through it");
    place.on("plotly_hover", () => {
        spoken.textContent = hoverText(place);
    });
    place.addEventListener("keydown", (event) => {
        const step = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1],
            Home: [-Infinity, 0], End: [Infinity, 0] }[event.key];
        if (event.key === "Escape") Plotly.Fx.unhover(place);
        if (!step) return;
        event.preventDefault();
        const [columns, rows] = extent(place);
        at = at || [step[0] < 0 ? columns : -1, 0];
        const upwards = place._fullLayout.yaxis.range[1] < place._fullLayout.yaxis.range[0] ? -1 : 1;
        at = [bounded(at[0] + step[0], columns), bounded(at[1] + step[1] * upwards, rows)];
        hoverAt(place, at);
        // such a call is no event, and Plotly draws at most every 50 ms
        setTimeout(() => { spoken.textContent = hoverText(place); }, 80);
    });
}

function bounded(value, count) {
    return Math.min(Math.max(value, 0), count - 1);
}

function extent(place) {
    const trace = place._fullData[0];
    return trace.type === "heatmap" ? [trace.z[0].length, trace.z.length] : [trace.x.length, 1];
}

function hoverAt(place, [column, row]) {
    const trace = place._fullData[0];
    const { xaxis, yaxis } = place._fullLayout;
    if (trace.type === "heatmap") {
        const along = (axis, values, number) =>
            axis.type === "category" ? number : values[number];
        const xval = along(xaxis, trace.x, column);
        Plotly.Fx.hover(place, { xval, yval: along(yaxis, trace.y, row) }, "xy");
    } else {
        Plotly.Fx.hover(place, [{ curveNumber: 0, pointNumber: column }], "xy");
    }
}

function hoverText(place) {
    const lines = [...place.querySelectorAll(".hoverlayer .hovertext")].map((box) =>
        [...box.querySelectorAll("tspan.line")].map((line) => line.textContent).join(" · ")
            || box.textContent);
    return lines.join(" · ");
}
