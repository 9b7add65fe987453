// A lane's waveform from the server's peaks: a column a pixel, an outline that reads on any ground, beats as ticks.
const LEVELS = 127;

export function draw(canvas, sources, grid, view, scale) {
    const { pen, width, height, ratio, style } = paper(canvas);
    if (!pen) return;
    pen.strokeStyle = style.getPropertyValue("--color-base-content");
    pen.lineWidth = ratio;
    ticks(pen, grid, view, width, height, ratio);
    const outline = together(sources.map((pieces) => columns(pieces, view, width)));
    if (outline) fill(pen, outline, style.getPropertyValue("--stem") || style.getPropertyValue("--rest"), height, ratio, scale);
}

// A canvas as large as it is seen, in the screen's own pixels; no pen where it is not seen at all.
export function paper(canvas) {
    const box = canvas.getBoundingClientRect();
    if (!box.width) return {};
    const ratio = devicePixelRatio || 1;
    const width = (canvas.width = Math.round(box.width * ratio));
    const height = (canvas.height = Math.round(box.height * ratio));
    return { pen: canvas.getContext("2d"), width, height, ratio, style: getComputedStyle(canvas) };
}

function ticks(pen, grid, view, width, height, ratio) {
    const gap = (grid.beats.length > 1 ? grid.beat : 1) * (width / view.span);
    const every = gap > 7 * ratio ? 1 : gap > 2 * ratio ? 4 : 16;
    const marks = (times, alpha, each) => {
        pen.globalAlpha = alpha;
        pen.beginPath();
        for (let i = 0; i < times.length; i += each) {
            if (!view.holds(times[i])) continue;
            const x = Math.round(view.share(times[i]) * width) + ratio / 2;
            pen.moveTo(x, 0);
            pen.lineTo(x, height);
        }
        pen.stroke();
        pen.globalAlpha = 1;
    };
    if (every === 1) marks(grid.beats, 0.12, 1);
    // Bars stand out from their beats.
    marks(grid.bars, every === 1 ? 0.3 : 0.14, every === 16 ? 4 : 1);
}

export function fill(pen, { lows, highs }, colour, height, ratio, scale) {
    const middle = height / 2;
    const y = (value) => middle - (value / LEVELS) * scale * (middle - 2 * ratio);
    const width = lows.length;
    const shape = new Path2D();
    shape.moveTo(0, y(highs[0]));
    for (let x = 1; x < width; x++) shape.lineTo(x, Math.min(y(highs[x]), middle - ratio / 2));
    for (let x = width - 1; x >= 0; x--) shape.lineTo(x, Math.max(y(lows[x]), middle + ratio / 2));
    shape.closePath();
    pen.fillStyle = colour;
    pen.fill(shape);
    pen.globalAlpha = 0.45;
    pen.lineWidth = 0.75 * ratio;
    pen.stroke(shape);
    pen.globalAlpha = 1;
}

// The extremes of every pixel of the view from pieces [{from, to, min, max}], of which a later one overwrites what it covers.
export function columns(pieces, view, width) {
    if (!pieces.length) return null;
    const lows = new Float32Array(width);
    const highs = new Float32Array(width);
    for (const { from, to, min, max } of pieces) {
        // Pixel x is columns start + x * step to start + (x + 1) * step of the piece.
        const dense = min.length / (to - from);
        const step = (view.span / width) * dense;
        const start = (view.from - from) * dense;
        const [first, last] = [Math.max(0, Math.ceil(-start / step - 1e-6)), Math.min(width, Math.ceil((min.length - start) / step - 1e-6))];
        for (let x = first; x < last; x++) {
            const place = start + x * step;
            if (step < 1) {
                // Several pixels a column: from the middle of one to the middle of the next in a straight line.
                [lows[x], highs[x]] = [between(min, place + step / 2 - 0.5), between(max, place + step / 2 - 0.5)];
                continue;
            }
            const a = Math.floor(place + 1e-6);
            const b = Math.min(min.length, Math.max(a + 1, Math.floor(place + step + 1e-6)));
            let low = LEVELS;
            let high = -LEVELS;
            for (let i = a; i < b; i++) {
                if (min[i] < low) low = min[i];
                if (max[i] > high) high = max[i];
            }
            lows[x] = low;
            highs[x] = high;
        }
    }
    return { lows, highs };
}

function between(row, place) {
    const last = row.length - 1;
    const at = Math.min(Math.max(0, place), last);
    const before = Math.floor(at);
    return row[before] + (row[Math.min(before + 1, last)] - row[before]) * (at - before);
}

// Several stems in one lane: their outlines together.
function together(outlines) {
    const [first, ...others] = outlines.filter(Boolean);
    for (const { lows, highs } of others) {
        for (let x = 0; x < first.lows.length; x++) {
            first.lows[x] += lows[x];
            first.highs[x] += highs[x];
        }
    }
    return first;
}

// One scale for every lane: a quiet stem looks quiet beside a loud one.
export function commonScale(all) {
    let top = 1;
    for (const { min, max } of all) for (const row of [min, max]) for (const value of row) if (Math.abs(value) > top) top = Math.abs(value);
    return LEVELS / top;
}
