/**
 * Prints a store's digest as the reference sees it, as JSON: `node by-reference.mjs DIR MODE`. `ask-reference.mjs` starts
 * this as a separate process, because two SQLite libraries in one process must not open the same file.
 */
import { digest } from './digest.mjs';
import { load, reference } from './load.mjs';

const [storeDir, artifactMode] = process.argv.slice(2);
const swingStore = await load(reference).catch(() => undefined);
const answer = swingStore ? await digest(swingStore, storeDir, artifactMode) : { notThere: true };
process.stdout.write(JSON.stringify(answer));
