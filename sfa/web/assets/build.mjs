// Bundle js and css, collect the icons that the templates name, hash every file's name, write manifest.json.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const dist = join("..", "static", "dist");
const work = mkdtempSync(join(tmpdir(), "sfa-assets-"));
const templates = join("..", "templates");
// A server that still runs names the files that it started with.
const SUPERSEDED_MS = 30 * 24 * 3600 * 1000;

function icons() {
    const used = new Set();
    for (const file of readdirSync(templates, { recursive: true })) {
        if (!file.endsWith(".html")) continue;
        for (const match of readFileSync(join(templates, file), "utf8").matchAll(/\bicon\(["']([a-z0-9-]+)["']/g)) used.add(match[1]);
    }
    const found = {};
    for (const name of [...used].sort()) {
        const svg = readFileSync(join("node_modules", "heroicons", "20", "solid", `${name}.svg`), "utf8");
        found[name] = svg.replace(/^<svg[^>]*>/, "").replace(/<\/svg>\s*$/, "").replace(/\s*\n\s*/g, " ").trim();
    }
    return found;
}

// The files of the build before this one.
function before() {
    const named = join(dist, "manifest.json");
    if (!existsSync(named)) return [];
    return Object.values(JSON.parse(readFileSync(named, "utf8"))).filter((name) => existsSync(join(dist, name)));
}

try {
    await build({
        entryPoints: { app: "js/app.js", track: "js/track.js" },
        outdir: work, bundle: true, minify: true, format: "esm", target: "es2022", legalComments: "none", logLevel: "warning",
    });
    execFileSync(process.execPath, [
        join("node_modules", "@tailwindcss", "cli", "dist", "index.mjs"),
        "--input", "css/app.css", "--output", join(work, "app.css"), "--minify",
    ], { stdio: ["ignore", "ignore", "inherit"] });

    mkdirSync(dist, { recursive: true });
    const superseded = before();
    const manifest = {};
    let total = 0;
    for (const name of readdirSync(work).sort()) {
        const body = readFileSync(join(work, name));
        const hash = createHash("sha256").update(body).digest("hex").slice(0, 10);
        manifest[name] = `${name.slice(0, -extname(name).length)}-${hash}${extname(name)}`;
        writeFileSync(join(dist, manifest[name]), body);
        const size = gzipSync(body).length;
        total += size;
        console.log(`${manifest[name]}  ${(body.length / 1024).toFixed(1)} KB, ${(size / 1024).toFixed(1)} KB compressed`);
    }
    console.log(`together ${(total / 1024).toFixed(1)} KB compressed`);
    writeFileSync(join(dist, "icons.json"), JSON.stringify(icons()));
    // The manifest comes last and at once: a server that starts meanwhile finds the old files or the new ones.
    writeFileSync(join(dist, "manifest.json.new"), JSON.stringify(manifest));
    renameSync(join(dist, "manifest.json.new"), join(dist, "manifest.json"));
    const now = new Date();
    for (const name of superseded) utimesSync(join(dist, name), now, now);
    const keep = new Set([...Object.values(manifest), "manifest.json", "icons.json", ".stamp"]);
    for (const name of readdirSync(dist)) {
        const file = join(dist, name);
        if (!keep.has(name) && now - statSync(file).mtime > SUPERSEDED_MS) rmSync(file);
    }
} finally {
    rmSync(work, { recursive: true, force: true });
}
