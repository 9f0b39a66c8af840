// Halves of surrogate pairs. Up to Node.js 22 the reference stores each as three bytes of its own, and so does ours
// everywhere; on later ones, whose engine writes a replacement character in its place, they can't be compared.
import sqlite3 from 'better-sqlite3';

const database = sqlite3(':memory:');
export const referenceKeepsHalves = database.prepare('SELECT hex(?)').pluck().get('\ud800') === 'EDA080';
database.close();

/** A text that the reference keeps: as it is, or without halves where it does not keep them. */
export const kept = text => (referenceKeepsHalves ? text : text.toWellFormed());
