'use strict';

const native = require('../addon/native.js');
const { quote } = require('./errors.js');

/**
 * An artifact mode as the addon takes it: the mode, and the words for it in a message.
 *
 * @param {unknown} mode
 * @returns {[unknown, string]}
 */
const modeArguments = mode => [mode, quote(mode)];

/** Throws unless there is such an artifact mode. */
const validateArtifactMode = mode => native.parseArtifactMode(...modeArguments(mode));

module.exports = { modeArguments, validateArtifactMode };
