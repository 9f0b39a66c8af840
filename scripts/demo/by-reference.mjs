/**
 * Prints a store's digest as the reference sees it, as JSON: `node by-reference.mjs DIR MODE`. It is a process of its
 * own, because two SQLite libraries must not have one file open in the same process; see `ask-reference.mjs`, which
 * starts it.
 */
import { digest } from './digest.mjs';
import { load, reference } from './load.mjs';

const [storeDir, artifactMode] = process.argv.slice(2);
const swingStore = await load(reference).catch(() => undefined);
const answer = swingStore ? await digest(swingStore, storeDir, artifactMode) : { notThere: true };
process.stdout.write(JSON.stringify(answer));
