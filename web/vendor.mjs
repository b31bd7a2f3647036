// Copies what the page takes from the locked packages to where it is served from.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";

const TO = new URL("../src/lymphoscope/app/web/page/vendor/", import.meta.url);
const TAKEN = { "niivue.js": "node_modules/@niivue/niivue/dist/index.js" };

mkdirSync(TO, { recursive: true });
for (const [name, from] of Object.entries(TAKEN)) {
  const text = readFileSync(new URL(from, import.meta.url), "utf8");
  writeFileSync(new URL(name, TO), text.replace(/^\/\/# sourceMappingURL=.*$/m, "")); // the map is not served
}
