// Lone surrogates. Up to Node.js 22, the reference stores each as three bytes, as ours always does. On later versions, the
// engine writes a replacement character instead, so that they can't be compared.
import sqlite3 from 'better-sqlite3';

const database = sqlite3(':memory:');
export const referenceKeepsHalves = database.prepare('SELECT hex(?)').pluck().get('\ud800') === 'EDA080';
database.close();

/** Removes lone surrogates from a text if the reference does not preserve them. */
export const kept = text => (referenceKeepsHalves ? text : text.toWellFormed());
