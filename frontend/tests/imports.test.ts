import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { expect, test } from "vitest";

const SOURCES = fileURLToPath(new URL("../src", import.meta.url));

type Graph = ReadonlyMap<string, readonly string[]>;

/** What each file of the studio imports of the studio: types and what is loaded late, too. */
function imports(): Graph {
  const files = readdirSync(SOURCES, { recursive: true, encoding: "utf8" }).filter((path) => /\.tsx?$/.test(path));
  const known = new Set(files.map((path) => join(SOURCES, path)));
  return new Map(
    [...known].map((file) => {
      const { importedFiles } = ts.preProcessFile(readFileSync(file, "utf8"), true, true);
      return [file, importedFiles.flatMap(({ fileName }) => resolved(file, fileName, known))];
    }),
  );
}

function resolved(from: string, name: string, known: ReadonlySet<string>): string[] {
  if (!/^(\.|@\/)/.test(name)) return [];
  const path = name.startsWith("@/") ? join(SOURCES, name.slice(2)) : join(dirname(from), name);
  // The audio thread's modules name what they become.
  const stem = path.replace(/\.js$/, "");
  const found = [`${stem}.ts`, `${stem}.tsx`].filter((file) => known.has(file));
  // Styles, words, and what is generated at build time.
  const other = existsSync(path) || name.endsWith("/schema");
  expect(found.length || other, `${relative(SOURCES, from)} imports ${name}`).toBeTruthy();
  return found;
}

/** The first circle that somebody finds who follows every import. */
function circle(graph: Graph): string[] {
  const done = new Set<string>();
  const follow = (file: string, way: readonly string[]): string[] => {
    if (way.includes(file)) return [...way.slice(way.indexOf(file)), file];
    if (done.has(file)) return [];
    for (const next of graph.get(file) ?? []) {
      const found = follow(next, [...way, file]);
      if (found.length) return found;
    }
    done.add(file);
    return [];
  };
  for (const file of graph.keys()) {
    const found = follow(file, []);
    if (found.length) return found;
  }
  return [];
}

test("no file of the studio imports itself by way of others", () => {
  expect(circle(imports()).map((file) => relative(SOURCES, file))).toEqual([]);
});

test("a circle of imports is found", () => {
  const graph = { page: ["list", "button"], list: ["row"], row: ["button", "menu"], menu: ["list"], button: [] };
  expect(circle(new Map(Object.entries(graph)))).toEqual(["list", "row", "menu", "list"]);
});
