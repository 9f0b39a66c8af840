'use strict';

const native = require('../addon/native.js');
const { quote } = require('./errors.js');

/**
 * An artifact mode as the addon takes it: the mode, and its quotation for messages.
 *
 * @param {unknown} mode
 * @returns {[unknown, string]}
 */
const modeArguments = mode => [mode, quote(mode)];

/** Throws unless `mode` is an artifact mode. */
const validateArtifactMode = mode => native.parseArtifactMode(...modeArguments(mode));

module.exports = { modeArguments, validateArtifactMode };
