// A lane's waveform from the server's peaks: a column a pixel, an outline that reads on any ground, beats as ticks.
export function draw(canvas, peaks, grid, duration, scale) {
    const box = canvas.getBoundingClientRect();
    if (!box.width) return;
    const ratio = devicePixelRatio || 1;
    const width = (canvas.width = Math.round(box.width * ratio));
    const height = (canvas.height = Math.round(box.height * ratio));
    const style = getComputedStyle(canvas);
    const ground = style.getPropertyValue("--color-base-content");
    const pen = canvas.getContext("2d");
    const middle = height / 2;

    pen.strokeStyle = ground;
    pen.lineWidth = ratio;
    const { beats } = grid;
    const gap = (beats.length > 1 ? grid.beat : 1) * (width / duration);
    const every = gap > 7 * ratio ? 1 : gap > 2 * ratio ? 4 : 16;
    const marks = (times, alpha, each) => {
        pen.globalAlpha = alpha;
        pen.beginPath();
        for (let i = 0; i < times.length; i += each) {
            const x = Math.round((times[i] / duration) * width) + ratio / 2;
            pen.moveTo(x, 0);
            pen.lineTo(x, height);
        }
        pen.stroke();
        pen.globalAlpha = 1;
    };
    if (every === 1) marks(beats, 0.12, 1);
    // Bars stand out from their beats.
    marks(grid.bars, every === 1 ? 0.3 : 0.14, every === 16 ? 4 : 1);
    if (!peaks?.min?.length) return;

    const { lows, highs } = columns(peaks, width);
    const y = (value) => middle - (value / 127) * scale * (middle - 2 * ratio);
    const shape = new Path2D();
    shape.moveTo(0, y(highs[0]));
    for (let x = 1; x < width; x++) shape.lineTo(x, Math.min(y(highs[x]), middle - ratio / 2));
    for (let x = width - 1; x >= 0; x--) shape.lineTo(x, Math.max(y(lows[x]), middle + ratio / 2));
    shape.closePath();
    pen.fillStyle = style.getPropertyValue("--stem") || style.getPropertyValue("--rest");
    pen.fill(shape);
    pen.globalAlpha = 0.45;
    pen.lineWidth = 0.75 * ratio;
    pen.stroke(shape);
    pen.globalAlpha = 1;
}

function columns({ min, max }, width) {
    const lows = new Float32Array(width);
    const highs = new Float32Array(width);
    for (let x = 0; x < width; x++) {
        const from = Math.floor((x * min.length) / width);
        const to = Math.max(from + 1, Math.floor(((x + 1) * min.length) / width));
        let low = 127;
        let high = -127;
        for (let i = from; i < to; i++) {
            if (min[i] < low) low = min[i];
            if (max[i] > high) high = max[i];
        }
        lows[x] = low;
        highs[x] = high;
    }
    return { lows, highs };
}

// One scale for every lane: a quiet stem looks quiet beside a loud one.
export function commonScale(all) {
    let top = 1;
    for (const { min, max } of all) for (const row of [min, max]) for (const value of row) if (Math.abs(value) > top) top = Math.abs(value);
    return 127 / top;
}
